"""What DataLoaders load for wallets; see ``batches``."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.wallets.models import Wallet, WalletRule
from billwright.billing.wallets.queries import metrics_of
from billwright.billing.wallets.rules import rules_of


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
