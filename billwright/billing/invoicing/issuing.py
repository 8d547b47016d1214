"""Issuing an invoice: its number, its parties as printed, and what follows after commit (spec 04 §2.4, §4)."""

from __future__ import annotations

from datetime import datetime

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import display_name
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.numbering import next_number
from billwright.billing.invoicing.overdue import await_payment
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.mailing.scenarios import INVOICE, announce
from billwright.billing.notifications.service import emit

_ADDRESS = ("address_line1", "address_line2", "zipcode", "city", "state", "country")
_SELLER = ("name", "legal_name", "legal_number", "tax_identification_number", "email", *_ADDRESS)
_ISSUED = {"one_off": "invoice.one_off_created", "credit": "invoice.paid_credit_added"}
"""Webhook of an issue by type, where it is not ``invoice.created`` (spec 04 §2.4)."""
_BUYER = ("legal_number", "tax_identification_number", "email", *_ADDRESS)


async def issue(ctx: Context, customer: Customer, invoice: Invoice, at: datetime) -> None:
    """Finalize ``invoice`` in the running transaction. ``customer`` must be locked.

    ``at`` is the instant of issue: the billing instant at generation (however late the run), else the present.
    """
    now = ctx.now()
    number = await next_number(ctx, customer, at)
    invoice.status = "finalized"
    invoice.number = number.number
    invoice.sequential_id = number.sequential_id
    invoice.organization_sequential_id = number.organization_sequential_id
    invoice.finalized_at = now
    invoice.updated_at = now
    invoice.finalization_due_at = None
    invoice.ready_to_be_refreshed = False
    await_payment(invoice, now)
    invoice.issued_parties = {"seller": seller_of(ctx.organization), "buyer": buyer_of(customer)}
    await emit(ctx, _ISSUED.get(invoice.invoice_type, "invoice.created"), "invoice", invoice.id, item=invoice)
    await queue_document(ctx, invoice)
    if invoice.invoice_type != "advance_charges":
        await announce(ctx, INVOICE, invoice.id)


async def queue_document(ctx: Context, invoice: Invoice) -> None:
    """Ask for the PDF; equal requests collapse while one is unfinished (spec 04 §18: up to 6 attempts)."""
    await enqueue(
        ctx.session,
        ctx.organization_id,
        "invoice.document",
        {"invoice_id": str(invoice.id)},
        unique_key=f"invoice.document:{invoice.id}",
        max_attempts=6,
    )


def seller_of(organization: Organization) -> dict[str, str | None]:
    """The organization as documents print it, at this moment."""
    return {name: getattr(organization, name) for name in _SELLER}


def buyer_of(customer: Customer) -> dict[str, str | None]:
    """The customer as documents print it, at this moment."""
    return {"display_name": display_name(customer), **{name: getattr(customer, name) for name in _BUYER}}
