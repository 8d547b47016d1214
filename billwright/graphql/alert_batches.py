"""What DataLoaders load about alerts; see ``batches``."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.alerts.models import Alert, TriggeredAlert
from billwright.billing.alerts.queries import alerts_of_subscriptions, alerts_of_wallets, latest_triggers
from billwright.billing.subscriptions.models import Subscription


async def of_subscription(ctx: Context, external_ids: Sequence[str]) -> dict[str, list[Alert]]:
    return await alerts_of_subscriptions(ctx, external_ids)


async def of_wallet(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[Alert]]:
    return await alerts_of_wallets(ctx, ids)


async def last_triggers(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, TriggeredAlert]:
    return await latest_triggers(ctx, ids)


async def subscriptions(ctx: Context, external_ids: Sequence[str]) -> dict[str, Subscription]:
    """By external id the running one, else the newest."""
    rows = await ctx.session.scalars(
        select(Subscription)
        .where(
            col(Subscription.organization_id) == ctx.organization_id, col(Subscription.external_id).in_(external_ids)
        )
        .ext(distinct_on(col(Subscription.external_id)))
        .order_by(
            col(Subscription.external_id),
            col(Subscription.status) != "active",
            col(Subscription.created_at).desc(),
            col(Subscription.id),
        )
    )
    return {row.external_id: row for row in rows}
