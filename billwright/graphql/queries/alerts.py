"""Alerts; those of a subscription or wallet are its field ``alerts`` as well."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.alerts.queries import Watched, alert_by_id, list_alerts
from billwright.billing.wallets.queries import find_wallet
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.alerts import Alert
from billwright.graphql.types.common import (
    Collection,
    IdArgument,
    Inf,
    Limit,
    PageNumber,
    collection,
    id_of,
    page_request,
    shown,
)

VIEW = HasPermission("subscriptions:view", "customers:view")


@strawberry.type
class AlertQueries:
    @strawberry.field(
        description="Alerts, newest first: of one subscription, of one wallet, or all.", permission_classes=[VIEW]
    )
    async def alerts(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        subscription_external_id: Annotated[
            str | None, strawberry.argument(description="On the subscription with this external id.")
        ] = None,
        wallet_id: Annotated[strawberry.ID | None, strawberry.argument(description="On this wallet.")] = None,
    ) -> Collection[Alert]:
        async with info.context.reading() as ctx:
            wallet = await find_wallet(ctx, id_of("wallet", wallet_id)) if wallet_id else None
            return collection(
                await list_alerts(ctx, Watched(subscription_external_id, wallet), page_request(page, limit))
            )

    @strawberry.field(description="One alert.", permission_classes=[VIEW])
    async def alert(self, info: Inf, id: IdArgument) -> Alert | None:
        async with info.context.reading() as ctx:
            return shown(await alert_by_id(ctx, id_of("alert", id)))
