"""Money back: what a refund part waits for, and what becomes of it (spec 05 C5, 06 §11).

No payment provider can refund yet: a refund stays ``pending`` until a person reports it. A provider's room calls
``report_refund`` with what it hears; ``start_refund`` is where it will be asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.invoicing.models import Invoice
from billwright.billing.notifications.service import emit

REFUND_STATUSES = ("pending", "succeeded", "failed")

Refunder = Callable[[Context, Invoice, CreditNote], Awaitable[None]]
"""Queues the provider call for ``refund_amount_cents`` of a final note, with the note's id as idempotency key."""
_refunders: list[Refunder] = []


def refund_through(refunder: Refunder) -> Refunder:
    """Register who refunds; one that has no payment of the invoice to refund does nothing."""
    _refunders.append(refunder)
    return refunder


async def start_refund(ctx: Context, invoice: Invoice, note: CreditNote) -> None:
    """Ask for the money of a note that became final, unless the invoice's dispute is lost. Called once per note."""
    if note.refund_status != "pending" or invoice.payment_dispute_lost_at is not None:
        return
    for refunder in _refunders:
        await refunder(ctx, invoice, note)


async def report_refund(
    ctx: Context, note: CreditNote, status: str, *, failure: Mapping[str, Any] | None = None
) -> bool:
    """Give a locked note's refund a status; returns whether it changed. What has succeeded stays so.

    ``failure``: the body of the failure's webhook (``lago_credit_note_id``, ``provider_error``, ...), sent with a
    status of ``failed``.
    """
    if not note.refund_amount_cents or note.refund_status in (status, "succeeded"):
        return False
    now = ctx.now()
    note.refund_status = status
    note.refunded_at = now if status == "succeeded" else None
    note.updated_at = now
    await ctx.session.flush()
    if status == "failed" and failure is not None:
        await emit(
            ctx, "credit_note.refund_failure", "credit_note_payment_provider_refund_error", note.id, dict(failure)
        )
    return True
