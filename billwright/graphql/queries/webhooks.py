"""Webhook endpoints, the log of deliveries, types of events (spec 07 §6.2)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.notifications.endpoints import find_endpoint, list_endpoints
from billwright.billing.notifications.event_types import EVENT_TYPES
from billwright.billing.notifications.log import DeliveryFilters, find_delivery, list_deliveries
from billwright.graphql.enums import WebhookStatusEnum
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import ISO8601DateTime
from billwright.graphql.types.common import (
    Collection,
    IdArgument,
    Inf,
    Limit,
    PageNumber,
    SearchTerm,
    collection,
    page_request,
    shown,
)
from billwright.graphql.types.webhooks import EventType, Webhook, WebhookEndpoint

MANAGE = HasPermission("developers:manage")
Statuses = Annotated[list[WebhookStatusEnum] | None, strawberry.argument(description="In any of these states.")]
Types = Annotated[list[str] | None, strawberry.argument(description="Of any of these types.")]
HttpStatuses = Annotated[
    list[str] | None,
    strawberry.argument(description='With any of these answers: "404", "4xx", "200-204", "timeout" (none came).'),
]
From = Annotated[ISO8601DateTime | None, strawberry.argument(description="Last touched at this instant or later.")]
To = Annotated[ISO8601DateTime | None, strawberry.argument(description="Last touched at this instant or earlier.")]


@strawberry.type
class WebhookQueries:
    @strawberry.field(description="Webhook endpoints, newest first.", permission_classes=[MANAGE])
    async def webhook_endpoints(
        self, info: Inf, page: PageNumber = None, limit: Limit = None, search_term: SearchTerm = None
    ) -> Collection[WebhookEndpoint]:
        async with info.context.reading() as ctx:
            return collection(await list_endpoints(ctx, page_request(page, limit), search=search_term))

    @strawberry.field(description="One webhook endpoint.", permission_classes=[MANAGE])
    async def webhook_endpoint(self, info: Inf, id: IdArgument) -> WebhookEndpoint | None:
        async with info.context.reading() as ctx:
            return shown(await find_endpoint(ctx, id))

    @strawberry.field(
        description="Deliveries to one endpoint, last touched first; searched by id, their own or their object's.",
        permission_classes=[MANAGE],
    )
    async def webhooks(
        self,
        info: Inf,
        webhook_endpoint_id: IdArgument,
        page: PageNumber = None,
        limit: Limit = None,
        statuses: Statuses = None,
        event_types: Types = None,
        http_statuses: HttpStatuses = None,
        from_date: From = None,
        to_date: To = None,
        search_term: SearchTerm = None,
    ) -> Collection[Webhook]:
        filters = DeliveryFilters(
            statuses=[item.value for item in statuses] if statuses else None,
            event_types=event_types,
            http_statuses=http_statuses,
            since=from_date,
            until=to_date,
            search=search_term,
        )
        async with info.context.reading() as ctx:
            endpoint = await find_endpoint(ctx, webhook_endpoint_id)
            return collection(await list_deliveries(ctx, endpoint.id, filters, page_request(page, limit)))

    @strawberry.field(description="One delivery.", permission_classes=[MANAGE])
    async def webhook(self, info: Inf, id: IdArgument) -> Webhook | None:
        delivery_id = parse_id(id)
        if delivery_id is None:
            raise NotFound("webhook")
        async with info.context.reading() as ctx:
            return shown(await find_delivery(ctx, delivery_id))

    @strawberry.field(description="Every type that an endpoint may list.", permission_classes=[MANAGE])
    async def event_types(self, info: Inf) -> list[EventType]:
        return [EventType(name=name, category=name.partition(".")[0]) for name in EVENT_TYPES]
