"""Asking for the payment of one invoice: another attempt, or a link to pay (spec 04 §13, 06 §5.6, §10).

No payment provider can be connected yet: customers may name one, but its account is never there.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col
from typing_extensions import TypedDict

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.kernel.errors import NotAllowed, ValidationFailed
from billwright.billing.kernel.outputs import Id
from billwright.billing.notifications.service import emit

LINKLESS_PROVIDERS = ("gocardless",)
"""Providers that have no payment page."""


class PaymentLinkOut(TypedDict):
    """``invoice_payment_details`` of the contract."""

    lago_customer_id: Id
    external_customer_id: str
    payment_provider: str
    lago_invoice_id: Id
    payment_url: str


async def retry_payment(ctx: Context, invoice_id: UUID) -> None:
    """Announce that the invoice is to be collected: ``invoice.payment_failure`` says what the customer lacks.

    Raises ``NotFound("invoice")``; ``NotAllowed("invalid_status")`` unless it is finalized, unpaid and undisputed.
    """
    invoice = await find_invoice(ctx, invoice_id, lock=True)
    unpaid = invoice.status == "finalized" and invoice.payment_status != "succeeded"
    if not unpaid or invoice.payment_dispute_lost_at is not None:
        raise NotAllowed("invalid_status")
    customer = await ctx.session.get_one(Customer, invoice.customer_id)
    missing = "payment_method" if customer.payment_provider else "payment_provider"
    await _announce_failure(ctx, customer, invoice, f"customer_must_have_{missing}")


async def retry_all_payments(ctx: Context) -> list[Invoice]:
    """The same for every invoice that can be collected: finalized, unpaid and undisputed; oldest first."""
    unpaid = await ctx.session.scalars(
        select(Invoice)
        .where(
            col(Invoice.organization_id) == ctx.organization_id,
            col(Invoice.status) == "finalized",
            col(Invoice.payment_status) != "succeeded",
            col(Invoice.payment_dispute_lost_at).is_(None),
        )
        .order_by(col(Invoice.issuing_date), col(Invoice.created_at), col(Invoice.id))
    )
    found = list(unpaid)
    for invoice in found:
        await retry_payment(ctx, invoice.id)
    return found


async def _announce_failure(ctx: Context, customer: Customer, invoice: Invoice, code: str) -> None:
    linked: dict[str, Any] = customer.payment_provider or {}
    await emit(
        ctx,
        "invoice.payment_failure",
        "payment_provider_invoice_payment_error",
        invoice.id,
        {
            "lago_invoice_id": str(invoice.id),
            "lago_customer_id": str(customer.id),
            "external_customer_id": customer.external_id,
            "provider_customer_id": linked.get("provider_customer_id"),
            "payment_provider": linked.get("payment_provider"),
            "payment_provider_code": linked.get("payment_provider_code"),
            "provider_error": None,
            "error_details": {"code": code},
        },
    )


async def payment_url(ctx: Context, invoice_id: UUID) -> PaymentLinkOut:
    """A page on which the invoice can be paid.

    Raises ``NotFound("invoice")`` and ``ValidationFailed`` on ``base``: ``no_linked_payment_provider``,
    ``invalid_payment_provider``, ``invalid_invoice_status_or_payment_status``, ``missing_payment_provider``.
    """
    invoice = await find_invoice(ctx, invoice_id)
    customer = await ctx.session.get_one(Customer, invoice.customer_id)
    provider = (customer.payment_provider or {}).get("payment_provider")
    if provider is None:
        raise ValidationFailed(base="no_linked_payment_provider")
    if provider in LINKLESS_PROVIDERS:
        raise ValidationFailed(base="invalid_payment_provider")
    if invoice.status in ("draft", "voided") or invoice.payment_status == "succeeded":
        raise ValidationFailed(base="invalid_invoice_status_or_payment_status")
    raise ValidationFailed(base="missing_payment_provider")
