"""Events as they were received (spec 07 §6.2, §7.9)."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types.nodes import SelectedField

from billwright.billing.kernel.pagination import Page
from billwright.billing.metering.recent_events import count_events, recent_events, seen_event
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import (
    Collection,
    Inf,
    Limit,
    PageNumber,
    collection,
    page_request,
    shown,
)
from billwright.graphql.types.events import Event


@strawberry.type
class EventQueries:
    @strawberry.field(
        description="Events in the order in which they were received, latest first. Go far down with the cursor of the "
        "last event seen, not with pages; the metadata counts up to 10,000.",
        permission_classes=[HasPermission("developers:manage")],
    )
    async def events(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        after: Annotated[
            str | None, strawberry.argument(description="Cursor of an event: those that were received before it.")
        ] = None,
        transaction_id: Annotated[str | None, strawberry.argument(description="With exactly this id.")] = None,
    ) -> Collection[Event]:
        request = page_request(page, limit)
        async with info.context.reading() as ctx:
            found = await recent_events(
                ctx, limit=request.per_page, page=request.page, after=after, transaction_id=transaction_id
            )
            total = await count_events(ctx) if _asks_for_metadata(info) else 0
        return collection(Page(found, total, request))

    @strawberry.field(
        description="The first event received with this id.", permission_classes=[HasPermission("developers:manage")]
    )
    async def event(
        self,
        info: Inf,
        transaction_id: Annotated[str, strawberry.argument(description="Your id of the event.")],
        external_subscription_id: Annotated[
            str | None, strawberry.argument(description="The subscription, where several have an event with this id.")
        ] = None,
    ) -> Event | None:
        async with info.context.reading() as ctx:
            return shown(await seen_event(ctx, transaction_id, external_subscription_id))


def _asks_for_metadata(info: Inf) -> bool:
    """Whether the count is wanted: it is the only part that grows with the number of events."""
    parts = [part for field in info.selected_fields for part in field.selections]
    return any(not isinstance(part, SelectedField) or part.name == "metadata" for part in parts)
