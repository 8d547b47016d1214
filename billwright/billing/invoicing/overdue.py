"""Overdue invoices: when they are looked at, and what makes them overdue (spec 04 §13, 06 §13).

A slot pass: an unpaid invoice is overdue from 00:25 UTC of the day after its due date. A payment, a void or a lost
dispute clears ``overdue_due_at``; what begins the wait anew (a payment status set back) sets the next slot.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.notifications.service import emit

OVERDUE_SLOT = time(0, 25, tzinfo=UTC)
_HOUR = timedelta(hours=1)


def overdue_instant(payment_due_date: date, now: datetime) -> datetime:
    """The first :25 slot at which an invoice unpaid at ``now`` is overdue: on the day after the due date, or later."""
    slot = now.astimezone(UTC).replace(minute=OVERDUE_SLOT.minute, second=0, microsecond=0)
    if slot < now:
        slot += _HOUR
    return max(datetime.combine(payment_due_date + timedelta(days=1), OVERDUE_SLOT), slot)


def await_payment(invoice: Invoice, now: datetime) -> None:
    """Set or clear when the pass takes ``invoice``; call after every change of status, payment status or due date."""
    waits = (
        invoice.status == "finalized"
        and invoice.payment_status != "succeeded"
        and not invoice.payment_overdue
        and invoice.payment_dispute_lost_at is None
    )
    invoice.overdue_due_at = overdue_instant(invoice.payment_due_date, now) if waits else None


async def flag_overdue(ctx: Context, customer: Customer, t: datetime) -> None:
    """Flag and announce those of a locked customer's invoices that are overdue at slot ``t``; each once."""
    invoices = await ctx.session.scalars(
        select(Invoice)
        .where(
            col(Invoice.organization_id) == ctx.organization_id,
            col(Invoice.customer_id) == customer.id,
            col(Invoice.overdue_due_at) <= t,
        )
        .order_by(col(Invoice.created_at), col(Invoice.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for invoice in invoices.all():
        invoice.overdue_due_at = None
        unpaid = invoice.status == "finalized" and invoice.payment_status != "succeeded"
        if unpaid and not invoice.payment_overdue and invoice.payment_dispute_lost_at is None:
            invoice.payment_overdue = True
            invoice.updated_at = ctx.now()
            await emit(ctx, "invoice.payment_overdue", "invoice", invoice.id)
