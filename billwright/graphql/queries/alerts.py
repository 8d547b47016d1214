"""Alerts; those of a subscription or wallet are its field ``alerts``."""

from __future__ import annotations

import strawberry

from billwright.billing.alerts.queries import alert_by_id
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.alerts import Alert
from billwright.graphql.types.common import IdArgument, Inf, id_of, shown


@strawberry.type
class AlertQueries:
    @strawberry.field(
        description="One alert.", permission_classes=[HasPermission("subscriptions:view", "customers:view")]
    )
    async def alert(self, info: Inf, id: IdArgument) -> Alert | None:
        async with info.context.reading() as ctx:
            return shown(await alert_by_id(ctx, id_of("alert", id)))
