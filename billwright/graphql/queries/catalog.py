"""Plans and billable metrics."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.catalog.expression_trial import evaluate_expression
from billwright.billing.catalog.plan_templates import plan_templates
from billwright.billing.catalog.queries import (
    MetricFilters,
    PlanFilters,
    metrics_statement,
    plan_by_id,
    plans_statement,
)
from billwright.billing.catalog.schemas import ExpressionTrial
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import paginate
from billwright.graphql import batches
from billwright.graphql.enums import BillableMetricAggregationTypeEnum
from billwright.graphql.mutations.inputs import SampleEventInput, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.catalog import BillableMetric, ExpressionResult, Plan, PlanTemplate
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


@strawberry.type
class CatalogQueries:
    @strawberry.field(
        description="Plans, newest first; overrides are not listed.", permission_classes=[HasPermission("plans:view")]
    )
    async def plans(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        with_deleted: Annotated[bool | None, strawberry.argument(description="Deleted ones too.")] = None,
    ) -> Collection[Plan]:
        async with info.context.reading() as ctx:
            statement = plans_statement(ctx, PlanFilters(search=search_term, with_deleted=bool(with_deleted)))
            return collection(await paginate(ctx.session, statement, page_request(page, limit)))

    @strawberry.field(
        description="Plans that a new one can begin with.", permission_classes=[HasPermission("plans:create")]
    )
    async def plan_templates(self, info: Inf) -> list[PlanTemplate]:
        return shown(list(plan_templates().values()))

    @strawberry.field(description="One plan.", permission_classes=[HasPermission("plans:view")])
    async def plan(self, info: Inf, id: IdArgument) -> Plan | None:
        plan_id = parse_id(id)
        if plan_id is None:
            raise NotFound("plan")
        async with info.context.reading() as ctx:
            return shown(await plan_by_id(ctx, plan_id))

    @strawberry.field(
        description="Billable metrics, newest first.", permission_classes=[HasPermission("billable_metrics:view")]
    )
    async def billable_metrics(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        aggregation_types: Annotated[
            list[BillableMetricAggregationTypeEnum] | None, strawberry.argument(description="Any of these.")
        ] = None,
        recurring: Annotated[bool | None, strawberry.argument(description="Recurring or metered ones only.")] = None,
        plan_id: Annotated[strawberry.ID | None, strawberry.argument(description="Used by this plan.")] = None,
    ) -> Collection[BillableMetric]:
        filters = MetricFilters(
            search=search_term,
            recurring=recurring,
            aggregation_types=[item.value for item in aggregation_types] if aggregation_types else None,
            plan_id=parse_id(plan_id) if plan_id else None,
        )
        async with info.context.reading() as ctx:
            statement = metrics_statement(ctx, filters)
            return collection(await paginate(ctx.session, statement, page_request(page, limit)))

    @strawberry.field(description="One billable metric.", permission_classes=[HasPermission("billable_metrics:view")])
    async def billable_metric(self, info: Inf, id: IdArgument) -> BillableMetric | None:
        metric_id = parse_id(id)
        found = await info.context.load(batches.metrics, metric_id) if metric_id else None
        if found is None or found.deleted_at is not None:
            raise NotFound("billable_metric")
        return found

    @strawberry.field(
        description="What an expression makes of a sample event; nothing is stored.",
        permission_classes=[HasPermission("billable_metrics:view")],
    )
    async def evaluate_billable_metric_expression(
        self,
        info: Inf,
        expression: Annotated[str, strawberry.argument(description="The expression.")],
        event: Annotated[SampleEventInput, strawberry.argument(description="What to try it on.")],
    ) -> ExpressionResult:
        async with info.context.reading() as ctx:
            value = evaluate_expression(ctx, ExpressionTrial.parse({"expression": expression, "event": sent(event)}))
        return ExpressionResult(value=value)
