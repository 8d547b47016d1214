"""Recording a payment by hand (spec 06 §12). The sums on the invoice follow its payments here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.activity_logs.service import record
from billwright.billing.customers.locking import lock_customer
from billwright.billing.invoicing.models import VISIBLE_STATUSES, Invoice
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.invoicing.updates import set_payment_status
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.errors import Forbidden, NotFound, ValidationFailed
from billwright.billing.kernel.ids import new_id, parse_id
from billwright.billing.kernel.inputs import MAX_INT, whole_number
from billwright.billing.payments.models import INVOICE, Payment
from billwright.billing.payments.queries import paid_cents
from billwright.billing.payments.schemas import PaymentInput

PAYABLE_STATUSES = ("finalized", "open")
"""Invoices that can be paid; ``open`` ones are purchases of credits that only their payment makes visible."""
MAX_REFERENCE = 40
REGROUPED = "Fees paid in advance"
"""Reference of the payment that an invoice of paid fees has from the start."""


@dataclass(frozen=True, slots=True)
class _Received:
    amount_cents: int
    reference: str
    at: datetime | None


async def create_manual_payment(ctx: Context, inp: PaymentInput) -> Payment:
    """Record money received for an invoice; once nothing is due any more, the invoice's payment has succeeded.

    Two payments at once never pay more than is due: the second one waits for the first. Raises, in this order,
    ``ValidationFailed`` (``invoice_id: value_is_mandatory``, ``amount_cents: invalid_value``), ``NotFound("invoice")``,
    ``Forbidden("feature_unavailable")`` for invoices that are neither finalized nor open, and ``ValidationFailed``:
    ``paid_at: invalid_date``; ``reference: value_is_mandatory | value_is_too_long``; ``amount_cents:
    value_is_out_of_range`` above what is due, ``invalid_amount`` for a part of a purchase of credits.
    """
    if inp.invoice_id is None or not str(inp.invoice_id).strip():
        raise ValidationFailed(invoice_id="value_is_mandatory")
    amount_cents = _amount(inp.amount_cents)
    invoice = await _locked(ctx, parse_id(str(inp.invoice_id).strip()))
    if invoice.status not in PAYABLE_STATUSES:
        raise Forbidden("feature_unavailable")
    received = _Received(amount_cents, at=_paid_at(inp.paid_at), reference=_reference(inp.reference))
    if amount_cents > invoice.total_due_amount_cents:
        raise ValidationFailed(amount_cents="value_is_out_of_range")
    if invoice.invoice_type == "credit" and amount_cents != invoice.total_amount_cents:
        raise ValidationFailed(amount_cents="invalid_amount")
    payment = _manual(ctx, invoice, received)
    ctx.session.add(payment)
    await ctx.session.flush()
    record(ctx, "payment.recorded", "payment", payment.id)
    await settle(ctx, invoice)
    return payment


async def settle(ctx: Context, invoice: Invoice) -> None:
    """Make a locked invoice's paid amount the sum of its payments, and its status succeeded once nothing is due.

    The customer is locked too. A payment that is set aside by hand stays so: amounts alone never take a success back.
    """
    invoice.total_paid_amount_cents = await paid_cents(ctx, invoice.id)
    invoice.updated_at = ctx.now()
    if invoice.total_due_amount_cents <= 0:
        await set_payment_status(ctx, invoice, "succeeded")
    await ctx.session.flush()


def record_paid_fees(ctx: Context, invoice: Invoice, at: datetime) -> None:
    """Note that the fees of a new invoice of type ``advance_charges`` were paid before (spec 02 §10.5, 04 §2.4).

    One manual payment of the total, dated ``at``; a total of 0 has none. Nothing is announced.
    """
    invoice.total_paid_amount_cents = invoice.total_amount_cents
    if invoice.total_amount_cents > 0:
        ctx.session.add(_manual(ctx, invoice, _Received(invoice.total_amount_cents, REGROUPED, at)))


def _manual(ctx: Context, invoice: Invoice, received: _Received) -> Payment:
    now = ctx.now()
    return Payment(
        id=new_id(),
        created_at=received.at or now,
        updated_at=now,
        organization_id=ctx.organization_id,
        customer_id=invoice.customer_id,
        payable_type=INVOICE,
        payable_id=invoice.id,
        amount_cents=received.amount_cents,
        currency=invoice.currency,
        payment_type="manual",
        status="succeeded",
        payable_payment_status="succeeded",
        reference=received.reference,
    )


async def _locked(ctx: Context, invoice_id: UUID | None) -> Invoice:
    """The invoice, locked after its customer (spec 00 rule 18). Raises ``NotFound("invoice")``."""
    if invoice_id is None:
        raise NotFound("invoice")
    found = await find_invoice(ctx, invoice_id, visible_only=False)
    await lock_customer(ctx, found.customer_id)
    invoice = await find_invoice(ctx, invoice_id, lock=True, visible_only=False)
    if invoice.status not in (*VISIBLE_STATUSES, *PAYABLE_STATUSES):
        raise NotFound("invoice")
    return invoice


def _amount(value: Any) -> int:
    number = whole_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        raise ValidationFailed(amount_cents="invalid_value")
    if not 0 < number <= MAX_INT or number != int(number):  # also refuses NaN, which is in no range
        raise ValidationFailed(amount_cents="invalid_value")
    return int(number)


def _paid_at(value: Any) -> datetime | None:
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else parse_instant(value) if isinstance(value, str) else None
    if moment is None:
        raise ValidationFailed(paid_at="invalid_date")
    return moment


def _reference(value: str | None) -> str:
    if value is None or not value.strip():
        raise ValidationFailed(reference="value_is_mandatory")
    if len(value) > MAX_REFERENCE:
        raise ValidationFailed(reference="value_is_too_long")
    return value
