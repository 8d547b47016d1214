"""Lost payment disputes (spec 04 §13, 06 §9.5)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.overdue import await_payment
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.kernel.errors import NotAllowed
from billwright.billing.notifications.service import emit

DISPUTABLE = ("finalized", "voided")


async def lose_dispute(
    ctx: Context, invoice_id: UUID, *, at: datetime | None = None, reason: str | None = None
) -> Invoice:
    """Note that the payer won the money back at ``at`` (default: now); the first value is kept and announced once.

    Such an invoice is never overdue, voided or collected again; its payment status stays. ``reason``: the provider's
    words. Raises ``NotFound("invoice")``, ``NotAllowed("not_disputable")``.
    """
    invoice = await find_invoice(ctx, invoice_id, lock=True)
    if invoice.status not in DISPUTABLE:
        raise NotAllowed("not_disputable")
    if invoice.payment_dispute_lost_at is not None:
        return invoice
    now = ctx.now()
    invoice.payment_dispute_lost_at = at or now
    invoice.payment_overdue = False
    invoice.updated_at = now
    await_payment(invoice, now)
    details = {"provider_error": reason} if reason else {}
    await emit(ctx, "invoice.payment_dispute_lost", "payment_dispute_lost", invoice.id, details)
    await ctx.session.flush()
    return invoice
