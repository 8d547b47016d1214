"""Deleting a draft (spec 04 §8.4)."""

from __future__ import annotations

from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.drafts import delete_notes
from billwright.billing.invoicing.drafts import locked_invoice
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import NotAllowed
from billwright.billing.notifications.service import emit
from billwright.billing.progressive.marks import mark_usage_of_invoice
from billwright.billing.wallets.marks import mark_wallets


async def delete_draft(ctx: Context, invoice_id: UUID) -> Invoice:
    """Hide a draft for good; its rows stay, so that its periods are not billed again.

    Raises ``NotFound("invoice")``; ``NotAllowed("not_deletable")`` unless it is a draft.
    """
    invoice, _ = await locked_invoice(ctx, invoice_id)
    if invoice.status != "draft":
        raise NotAllowed("not_deletable")
    invoice.status = "deleted"
    invoice.finalization_due_at = None
    invoice.ready_to_be_refreshed = False
    invoice.updated_at = ctx.now()
    await delete_notes(ctx, invoice)
    await emit(ctx, "invoice.deleted", "invoice", invoice.id)
    await ctx.session.flush()
    await mark_usage_of_invoice(ctx, invoice.id)
    await mark_wallets(ctx, invoice.customer_id)
    return invoice
