"""Features (spec 07 §9.3). What is granted stands at plans and subscriptions."""

from __future__ import annotations

import strawberry

from billwright.billing.entitlements.queries import feature_by_id, list_features
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import (
    Collection,
    IdArgument,
    Inf,
    Limit,
    PageNumber,
    SearchTerm,
    collection,
    id_of,
    page_request,
    shown,
)
from billwright.graphql.types.entitlements import Feature


@strawberry.type
class EntitlementQueries:
    @strawberry.field(
        description="Features, newest first; also for those who may give one to a subscription.",
        permission_classes=[HasPermission("features:view", "subscriptions:update")],
    )
    async def features(
        self, info: Inf, page: PageNumber = None, limit: Limit = None, search_term: SearchTerm = None
    ) -> Collection[Feature]:
        async with info.context.reading() as ctx:
            found = await list_features(ctx, page_request(page, limit), search=search_term)
            return collection(found, [view.feature for view in found.items])

    @strawberry.field(description="One feature.", permission_classes=[HasPermission("features:view")])
    async def feature(self, info: Inf, id: IdArgument) -> Feature | None:
        async with info.context.reading() as ctx:
            return shown(await feature_by_id(ctx, id_of("feature", id)))
