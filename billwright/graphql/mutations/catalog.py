"""Writing billable metrics, and trying custom aggregators."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.catalog.aggregator_trial import try_aggregator
from billwright.billing.catalog.metric_deletion import delete_metric
from billwright.billing.catalog.metrics import create_metric, update_metric
from billwright.billing.catalog.queries import metric_by_id
from billwright.billing.catalog.schemas import AdministeredMetricInput
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.graphql.mutations.inputs import (
    CreateBillableMetricInput,
    DestroyBillableMetricInput,
    TestCustomAggregatorInput,
    UpdateBillableMetricInput,
    sent,
)
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.catalog import BillableMetric, CustomAggregatorTrial
from billwright.graphql.types.common import Inf, shown

NewMetric = Annotated[CreateBillableMetricInput, strawberry.argument(description="Attributes of the metric.")]
ChangedMetric = Annotated[UpdateBillableMetricInput, strawberry.argument(description="Attributes to change.")]
GoneMetric = Annotated[DestroyBillableMetricInput, strawberry.argument(description="Which metric.")]
Trial = Annotated[TestCustomAggregatorInput, strawberry.argument(description="What to try, and on what.")]


async def _code_of(ctx: Context, id: str) -> str:
    metric_id = parse_id(id)
    if metric_id is None:
        raise NotFound("billable_metric")
    return (await metric_by_id(ctx, metric_id)).code


@strawberry.type
class CatalogMutations:
    @strawberry.mutation(
        description="Make a billable metric.", permission_classes=[HasPermission("billable_metrics:create")]
    )
    async def create_billable_metric(self, info: Inf, input: NewMetric) -> BillableMetric | None:
        async with info.context.writing() as ctx:
            view = await create_metric(ctx, AdministeredMetricInput.parse(sent(input)))
            return shown(view.metric)

    @strawberry.mutation(
        description="Change a billable metric.", permission_classes=[HasPermission("billable_metrics:update")]
    )
    async def update_billable_metric(self, info: Inf, input: ChangedMetric) -> BillableMetric | None:
        async with info.context.writing() as ctx:
            changes = AdministeredMetricInput.parse(sent(input, "id"))
            return shown((await update_metric(ctx, await _code_of(ctx, input.id), changes)).metric)

    @strawberry.mutation(
        description="Delete a billable metric with its charges.",
        permission_classes=[HasPermission("billable_metrics:delete")],
    )
    async def destroy_billable_metric(self, info: Inf, input: GoneMetric) -> BillableMetric | None:
        async with info.context.writing() as ctx:
            return shown((await delete_metric(ctx, await _code_of(ctx, input.id))).metric)

    @strawberry.mutation(
        description="Try a custom aggregator on sample events; nothing is stored.",
        permission_classes=[HasPermission("billable_metrics:create")],
    )
    async def test_custom_aggregator(self, info: Inf, input: Trial) -> CustomAggregatorTrial | None:
        given = sent(input)
        async with info.context.reading() as ctx:
            return shown(
                await try_aggregator(ctx, given["custom_aggregator"], given["events"], given.get("custom_properties"))
            )
