"""What DataLoaders load about alerts; see ``batches``."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.alerts.models import Alert, TriggeredAlert
from billwright.billing.alerts.queries import alerts_of_subscriptions, alerts_of_wallets, latest_triggers


async def of_subscription(ctx: Context, external_ids: Sequence[str]) -> dict[str, list[Alert]]:
    return await alerts_of_subscriptions(ctx, external_ids)


async def of_wallet(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[Alert]]:
    return await alerts_of_wallets(ctx, ids)


async def last_triggers(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, TriggeredAlert]:
    return await latest_triggers(ctx, ids)
