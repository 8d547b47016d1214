"""Taxes."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import paginate
from billwright.billing.taxes.queries import TaxFilters, tax_by_id, taxes_statement
from billwright.graphql.permissions import IsMember
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
from billwright.graphql.types.taxes import Tax


@strawberry.type
class TaxQueries:
    @strawberry.field(description="Taxes, by name.", permission_classes=[IsMember])
    async def taxes(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        applied_to_organization: Annotated[
            bool | None, strawberry.argument(description="Default taxes of all customers, or the others.")
        ] = None,
        auto_generated: Annotated[
            bool | None, strawberry.argument(description="Those of EU tax management, or the others.")
        ] = None,
        order: Annotated[str | None, strawberry.argument(description="By rate with rate; by name otherwise.")] = None,
    ) -> Collection[Tax]:
        filters = TaxFilters(
            search=search_term,
            applied_to_organization=applied_to_organization,
            auto_generated=auto_generated,
            by_rate=order == "rate",
        )
        async with info.context.reading() as ctx:
            return collection(await paginate(ctx.session, taxes_statement(ctx, filters), page_request(page, limit)))

    @strawberry.field(description="One tax.", permission_classes=[IsMember])
    async def tax(self, info: Inf, id: IdArgument) -> Tax | None:
        tax_id = parse_id(id)
        if tax_id is None:
            raise NotFound("tax")
        async with info.context.reading() as ctx:
            return shown(await tax_by_id(ctx, tax_id))
