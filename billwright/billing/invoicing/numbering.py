"""Invoice numbers, given only in the transaction that finalizes (spec 04 §4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.subscriptions.calendar.timezones import local_date


@dataclass(frozen=True, slots=True)
class InvoiceNumber:
    """``sequential_id`` counts per customer; ``organization_sequential_id`` only in ``per_organization`` mode."""

    number: str
    sequential_id: int
    organization_sequential_id: int | None


def draft_number(prefix: str) -> str:
    """Number shown before an invoice is finalized."""
    return f"{prefix}-DRAFT"


async def next_number(ctx: Context, customer: Customer, at: datetime) -> InvoiceNumber:
    """Take the next number. ``customer`` must be locked; the organization's counter locks its row.

    ``at`` decides the month of ``per_organization`` numbers, in the organization's zone.
    """
    customer.invoice_sequence += 1
    organization = ctx.organization
    prefix = organization.document_number_prefix
    if organization.document_numbering == "per_customer":
        number = f"{prefix}-{customer.sequential_id:03d}-{customer.invoice_sequence:03d}"
        return InvoiceNumber(number, customer.invoice_sequence, None)
    counter = (
        await ctx.session.execute(
            text(
                "update organizations set invoice_sequence = invoice_sequence + 1 where id = :id"
                " returning invoice_sequence"
            ),
            {"id": organization.id},
        )
    ).scalar_one()
    month = local_date(at, organization.timezone).strftime("%Y%m")
    return InvoiceNumber(f"{prefix}-{month}-{counter:03d}", customer.invoice_sequence, counter)


async def continue_organization_counter(ctx: Context) -> None:
    """On the switch to ``per_organization``: the counter continues from the count of issued invoices."""
    issued = (
        await ctx.session.execute(
            select(func.count())
            .select_from(Invoice)
            .where(
                col(Invoice.organization_id) == ctx.organization_id, col(Invoice.status).in_(("finalized", "voided"))
            )
        )
    ).scalar_one()
    taken = (
        await ctx.session.execute(
            select(func.max(col(Invoice.organization_sequential_id))).where(
                col(Invoice.organization_id) == ctx.organization_id
            )
        )
    ).scalar_one()
    ctx.organization.invoice_sequence = max(issued, taken or 0)
