"""``/billable_metrics`` (spec 01 §1.2, §3.6). Codes may hold any character, slashes included."""

from __future__ import annotations

from billwright.billing.catalog import expression_trial, metric_deletion, metrics, queries
from billwright.billing.catalog.queries import MetricFilters
from billwright.billing.catalog.schemas import (
    ExpressionTrial,
    ExpressionValue,
    MetricInput,
    MetricOut,
    billable_metric_object,
)
from billwright.billing.kernel.pagination import Page
from billwright.server.rest.envelope import many, one, presented
from billwright.server.rest.operations import Call, operation


async def create_billable_metric(call: Call, inp: MetricInput) -> MetricOut:
    return billable_metric_object(await metrics.create_metric(call.context, inp))


async def find_all_billable_metrics(call: Call) -> Page[MetricOut]:
    return presented(await queries.list_metrics(call.context, MetricFilters(), call.page), billable_metric_object)


async def find_billable_metric(call: Call, code: str) -> MetricOut:
    metric = await queries.find_metric(call.context, code)
    return billable_metric_object((await queries.metric_views(call.context, [metric]))[0])


async def update_billable_metric(call: Call, code: str, inp: MetricInput) -> MetricOut:
    return billable_metric_object(await metrics.update_metric(call.context, code, inp))


async def destroy_billable_metric(call: Call, code: str) -> MetricOut:
    return billable_metric_object(await metric_deletion.delete_metric(call.context, code))


async def evaluate_billable_metric_expression(call: Call, inp: ExpressionTrial) -> ExpressionValue:
    return {"value": expression_trial.evaluate_expression(call.context, inp)}


async def _exists(call: Call, code: str) -> None:
    await queries.find_metric(call.context, code)


_ONE = one("billable_metric", MetricOut)

OPERATIONS = [
    operation(
        "POST",
        "/billable_metrics",
        permission="billable_metric:write",
        body=MetricInput,
        root="billable_metric",
        answer=_ONE,
        summary="Create a billable metric",
        description="A metric turns the events of its code into units.",
        example={
            "name": "Storage",
            "code": "storage",
            "description": "GB stored by customers",
            "aggregation_type": "sum_agg",
            "field_name": "gb",
            "recurring": False,
            "rounding_function": "round",
            "rounding_precision": 2,
            "expression": "round(event.properties.mb / 1000)",
            "filters": [{"key": "region", "values": ["usa", "europe"]}],
        },
    )(create_billable_metric),
    operation(
        "GET",
        "/billable_metrics",
        permission="billable_metric:read",
        answer=many("billable_metrics", MetricOut),
        summary="List billable metrics, newest first",
    )(find_all_billable_metrics),
    operation(
        "POST",
        "/billable_metrics/evaluate_expression",
        permission="billable_metric:write",
        body=ExpressionTrial,
        answer=one("expression_result", ExpressionValue),
        summary="Evaluate an expression on a sample event",
        example={
            "expression": "round(event.properties.value * event.properties.units)",
            "event": {"code": "storage", "timestamp": 1651240791, "properties": {"value": 10, "units": 2}},
        },
    )(evaluate_billable_metric_expression),
    operation(
        "GET",
        "/billable_metrics/{code:path}",
        permission="billable_metric:read",
        answer=_ONE,
        summary="Show a billable metric",
    )(find_billable_metric),
    operation(
        "PUT",
        "/billable_metrics/{code:path}",
        permission="billable_metric:write",
        body=MetricInput,
        root="billable_metric",
        answer=_ONE,
        exists=_exists,
        summary="Change a billable metric",
        description=(
            "While a plan uses the metric only name, description and filters change; other keys are ignored. "
            "Filters replace the whole set and narrow the filters of charges."
        ),
        example={"name": "Storage", "filters": [{"key": "region", "values": ["europe"]}]},
    )(update_billable_metric),
    operation(
        "DELETE",
        "/billable_metrics/{code:path}",
        permission="billable_metric:write",
        answer=_ONE,
        summary="Delete a billable metric",
        description="Its charges go with it on every plan; its events are hidden and never physically deleted.",
    )(destroy_billable_metric),
]
