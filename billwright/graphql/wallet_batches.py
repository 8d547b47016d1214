"""What DataLoaders load for wallets; see ``batches``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.wallets.models import Wallet, WalletRule, WalletTransaction
from billwright.billing.wallets.queries import metrics_of
from billwright.billing.wallets.rules import rules_of

RECENTLY: Final = timedelta(days=30)


async def wallets(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Wallet]:
    rows = await ctx.session.scalars(
        select(Wallet).where(col(Wallet.organization_id) == ctx.organization_id, col(Wallet.id).in_(ids))
    )
    return {row.id: row for row in rows}


async def rule_of_wallet(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, WalletRule]:
    """Active rules by wallet."""
    return await rules_of(ctx, ids)


async def metrics_of_wallet(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[BillableMetric]]:
    """The metrics that wallets are limited to, by wallet."""
    return await metrics_of(ctx, ids)


async def recently_consumed(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Minor units that invoices took of wallets in the last 30 days, less what voided invoices gave back."""
    since, line = ctx.now() - RECENTLY, WalletTransaction
    taken = func.sum(col(line.amount_cents)).filter(col(line.transaction_status) == "invoiced")
    returned = func.sum(col(line.amount_cents)).filter(col(line.voided_invoice_id).is_not(None))
    rows = await ctx.session.execute(
        select(col(line.wallet_id), func.coalesce(taken, 0) - func.coalesce(returned, 0))
        .where(
            col(line.organization_id) == ctx.organization_id,
            col(line.wallet_id).in_(ids),
            col(line.status) == "settled",
            col(line.created_at) > since,
        )
        .group_by(col(line.wallet_id))
    )
    return {wallet_id: max(int(cents), 0) for wallet_id, cents in rows}


async def active_wallets_by_customer(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many active wallets customers have."""
    rows = await ctx.session.execute(
        select(col(Wallet.customer_id), func.count())
        .where(
            col(Wallet.organization_id) == ctx.organization_id,
            col(Wallet.customer_id).in_(ids),
            col(Wallet.status) == "active",
        )
        .group_by(col(Wallet.customer_id))
    )
    return {row[0]: row[1] for row in rows}
