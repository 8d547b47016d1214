"""Reads of invoices, scoped by organization (spec 04 §16)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.invoicing.models import VISIBLE_STATUSES, Invoice
from billwright.billing.kernel.errors import NotFound


async def find_invoice(ctx: Context, invoice_id: UUID, *, lock: bool = False, visible_only: bool = True) -> Invoice:
    """The invoice; raises ``NotFound("invoice")`` for unknown and invisible ones (spec 04 §2.1)."""
    statement = select(Invoice).where(
        col(Invoice.id) == invoice_id, col(Invoice.organization_id) == ctx.organization_id
    )
    if visible_only:
        statement = statement.where(col(Invoice.status).in_(VISIBLE_STATUSES))
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    invoice = (await ctx.session.scalars(statement)).first()
    if invoice is None:
        raise NotFound("invoice")
    return invoice
