"""What DataLoaders load of features and entitlements; see ``batches``."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.entitlements.models import Privilege
from billwright.billing.entitlements.queries import (
    SubscriptionSets,
    plan_counts,
    privileges_by_feature,
    sets_of_subscriptions,
    subscription_counts,
)
from billwright.graphql.batches import subscriptions


async def privileges_of_feature(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[Privilege]]:
    """Oldest first."""
    return await privileges_by_feature(ctx, ids)


async def plans_by_feature(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Live plans that grant it."""
    return await plan_counts(ctx, ids)


async def subscriptions_by_feature(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Subscriptions that have something of it as their own."""
    return await subscription_counts(ctx, ids)


async def sets_of_subscription(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, SubscriptionSets]:
    """What subscriptions are entitled to."""
    return await sets_of_subscriptions(ctx, list((await subscriptions(ctx, ids)).values()))
