"""The organization's one billing entity (spec 07 §9.6)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.access.models import Organization
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.pagination import Page
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.billing_entities import BillingEntity
from billwright.graphql.types.common import Collection, Inf, Limit, PageNumber, collection, page_request, shown

VIEW = HasPermission("billing_entities:view")
Code = Annotated[str, strawberry.argument(description="Code of the billing entity.")]


def found_entity(organization: Organization, code: str) -> Organization:
    """The organization as its entity ``code``. Raises ``NotFound("billing_entity")``."""
    if code != billing_entity_code(organization):
        raise NotFound("billing_entity")
    return organization


@strawberry.type
class BillingEntityQueries:
    @strawberry.field(description="Billing entities: there is one, the default.", permission_classes=[VIEW])
    async def billing_entities(
        self, info: Inf, page: PageNumber = None, limit: Limit = None
    ) -> Collection[BillingEntity]:
        asked = page_request(page, limit)
        entities = [(await info.context.principal()).organization]
        return collection(Page(entities[asked.offset :], len(entities), asked))

    @strawberry.field(description="One billing entity.", permission_classes=[VIEW])
    async def billing_entity(self, info: Inf, code: Code) -> BillingEntity | None:
        return shown(found_entity((await info.context.principal()).organization, code))
