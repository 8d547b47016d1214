"""The log of changes (spec 07 §9.1, §6.2)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.activity_logs.queries import ActivityFilters, find_activity, list_activities
from billwright.billing.kernel.ids import some_id
from billwright.graphql.enums import ActivitySourceEnum
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.activity_logs import ActivityLog
from billwright.graphql.types.common import (
    Collection,
    ExternalCustomerFilter,
    FromDay,
    Inf,
    Limit,
    PageNumber,
    ToDay,
    collection,
    id_of,
    page_request,
    shown,
)

VIEW = HasPermission("audit_logs:view")
Types = Annotated[list[str] | None, strawberry.argument(description="Of any of these types, such as plan.updated.")]
Sources = Annotated[list[ActivitySourceEnum] | None, strawberry.argument(description="Through any of these doors.")]
Emails = Annotated[list[str] | None, strawberry.argument(description="Done by any of these members.")]
ExternalSubscription = Annotated[
    str | None, strawberry.argument(description="Of the subscription with this external id.")
]
Resources = Annotated[list[strawberry.ID] | None, strawberry.argument(description="Logged on any of these objects.")]
ResourceTypes = Annotated[
    list[str] | None, strawberry.argument(description="Logged on objects of any of these kinds, such as Plan.")
]
ActivityId = Annotated[strawberry.ID, strawberry.argument(description="Internal id.")]


@strawberry.type
class ActivityLogQueries:
    @strawberry.field(
        description="Changes of objects and settings, newest first.",
        permission_classes=[VIEW],
    )
    async def activity_logs(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        from_date: FromDay = None,
        to_date: ToDay = None,
        activity_types: Types = None,
        activity_sources: Sources = None,
        user_emails: Emails = None,
        external_customer_id: ExternalCustomerFilter = None,
        external_subscription_id: ExternalSubscription = None,
        resource_ids: Resources = None,
        resource_types: ResourceTypes = None,
    ) -> Collection[ActivityLog]:
        filters = ActivityFilters(
            from_date=from_date,
            to_date=to_date,
            activity_types=activity_types,
            activity_sources=[item.value for item in activity_sources] if activity_sources else None,
            user_emails=user_emails,
            external_customer_id=external_customer_id,
            external_subscription_id=external_subscription_id,
            resource_ids=[some_id(item) for item in resource_ids] if resource_ids else None,
            resource_types=resource_types,
        )
        async with info.context.reading() as ctx:
            return collection(await list_activities(ctx, filters, page_request(page, limit), with_settings=True))

    @strawberry.field(description="One change.", permission_classes=[VIEW])
    async def activity_log(self, info: Inf, activity_id: ActivityId) -> ActivityLog | None:
        async with info.context.reading() as ctx:
            return shown(await find_activity(ctx, id_of("activity_log", activity_id), with_settings=True))
