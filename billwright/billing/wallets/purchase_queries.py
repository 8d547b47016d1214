"""The purchase that an invoice of type ``credit`` bills."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.wallets.models import WalletTransaction


def _statement(ctx: Context, invoice_id: UUID) -> Any:
    return select(WalletTransaction).where(
        col(WalletTransaction.organization_id) == ctx.organization_id,
        col(WalletTransaction.invoice_id) == invoice_id,
        col(WalletTransaction.transaction_status) == "purchased",
    )


async def purchase_of(ctx: Context, invoice_id: UUID) -> WalletTransaction | None:
    """The purchase, or ``None``."""
    found: WalletTransaction | None = await ctx.session.scalar(_statement(ctx, invoice_id))
    return found


async def locked_purchase(ctx: Context, invoice_id: UUID) -> WalletTransaction | None:
    """The same, locked and read afresh; the ``prepaid_credit`` lock is held."""
    statement = _statement(ctx, invoice_id).with_for_update().execution_options(populate_existing=True)
    found: WalletTransaction | None = await ctx.session.scalar(statement)
    return found
