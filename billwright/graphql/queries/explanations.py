"""Explanations of amounts (spec 09 §2)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.explaining.service import explain_charge_usage, explain_fee
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import IdArgument, Inf
from billwright.graphql.types.explanations import Explanation, explanation


@strawberry.type
class ExplanationQueries:
    @strawberry.field(
        description="How the amount of a fee came about.", permission_classes=[HasPermission("invoices:view")]
    )
    async def fee_explanation(self, info: Inf, id: IdArgument) -> Explanation:
        async with info.context.reading() as ctx:
            return explanation(await explain_fee(ctx, id))

    @strawberry.field(
        description="How the amount of a charge in the current usage of a subscription comes about.",
        permission_classes=[HasPermission("customers:view")],
    )
    async def usage_explanation(
        self,
        info: Inf,
        subscription_id: Annotated[strawberry.ID, strawberry.argument(description="Internal id of the subscription.")],
        charge_id: Annotated[strawberry.ID, strawberry.argument(description="Internal id of the charge.")],
    ) -> Explanation:
        async with info.context.reading() as ctx:
            return explanation(await explain_charge_usage(ctx, subscription_id, charge_id))
