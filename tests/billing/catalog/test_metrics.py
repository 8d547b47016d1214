"""Billable metrics: attributes, edit restrictions (spec 01 §1.1-§1.3), trying expressions (§3.6)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from billwright.billing.catalog import metrics
from billwright.billing.catalog.expression_trial import evaluate_expression
from billwright.billing.catalog.queries import MetricFilters, find_metric, list_metrics
from billwright.billing.catalog.schemas import AdministeredMetricInput, ExpressionTrial, MetricInput
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.models import Job
from billwright.billing.kernel.pagination import PageRequest
from tests.billing.catalog.shop import METRIC, Shop, charge, codes

AGGREGATIONS = ("count_agg", "sum_agg", "max_agg", "unique_count_agg", "weighted_sum_agg", "latest_agg")
SOURCE = """
def aggregate(event, state, properties):
    return {"total_units": state["total_units"] + 1, "amount": 0}
"""


@pytest.mark.parametrize(
    ("attributes", "details"),
    [
        ({"name": None}, {"name": ["value_is_mandatory"]}),
        ({"name": "  "}, {"name": ["value_is_mandatory"]}),
        ({"code": ""}, {"code": ["value_is_mandatory"]}),
        ({"code": "c" * 256}, {"code": ["value_is_too_long"]}),
        ({"aggregation_type": None}, {"aggregation_type": ["value_is_invalid"]}),
        ({"aggregation_type": "avg_agg"}, {"aggregation_type": ["value_is_invalid"]}),
        ({"field_name": None}, {"field_name": ["value_is_mandatory"]}),
        ({"field_name": ""}, {"field_name": ["value_is_mandatory"]}),
        ({"weighted_interval": "hours"}, {"weighted_interval": ["value_is_invalid"]}),
        (
            {"aggregation_type": "weighted_sum_agg", "weighted_interval": "day"},
            {"weighted_interval": ["value_is_invalid"]},
        ),
        ({"expression": "1 +"}, {"expression": ["invalid_expression"]}),
        ({"rounding_function": "truncate"}, {"rounding_function": ["value_is_invalid"]}),
        ({"rounding_precision": "many"}, {"rounding_precision": ["value_is_invalid"]}),
        ({"rounding_precision": 2**31}, {"rounding_precision": ["value_is_out_of_range"]}),
        ({"recurring": "perhaps"}, {"recurring": ["value_is_invalid"]}),
        ({"aggregation_type": "custom_agg"}, {"custom_aggregator": ["value_is_mandatory"]}),
        (
            {"name": None, "aggregation_type": "max_agg", "recurring": True},
            {"name": ["value_is_mandatory"], "recurring": ["not_compatible_with_aggregation_type"]},
        ),
    ],
)
async def test_01_1_1_refused(shop: Shop, attributes: dict[str, Any], details: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationFailed) as failure:
        await shop.metric(**attributes)
    assert codes(failure) == details
    assert await shop.revision() == 0


@pytest.mark.parametrize("kind", AGGREGATIONS)
async def test_01_1_1_recurring(shop: Shop, kind: str) -> None:
    """Count, max and latest cannot recur; the others can."""
    if kind in ("count_agg", "max_agg", "latest_agg"):
        with pytest.raises(ValidationFailed) as failure:
            await shop.metric(aggregation_type=kind, recurring=True)
        assert codes(failure) == {"recurring": ["not_compatible_with_aggregation_type"]}
    else:
        assert (await shop.metric(aggregation_type=kind, recurring=True)).metric.recurring


async def test_01_1_1_stored_forms(shop: Shop) -> None:
    counted = await shop.metric(code="a", aggregation_type="count_agg", field_name="ignored", expression="  ")
    assert (counted.metric.field_name, counted.metric.expression) == (None, None)
    weighted = await shop.metric(code="b", aggregation_type="weighted_sum_agg")
    assert weighted.metric.weighted_interval == "seconds"
    precise = await shop.metric(code="c", rounding_precision=-2)
    assert (precise.metric.rounding_function, precise.metric.rounding_precision) == (None, -2)


async def test_01_1_1_code_is_unique_among_live_metrics_and_case_sensitive(shop: Shop) -> None:
    await shop.metric(code="a/b.c")
    await shop.metric(code="A/b.c")
    with pytest.raises(ValidationFailed) as failure:
        await shop.metric(code="a/b.c", name="")
    assert codes(failure) == {"name": ["value_is_mandatory"], "code": ["value_already_exist"]}
    with pytest.raises(ValidationFailed) as failure:
        await shop.change_metric("A/b.c", code="a/b.c")
    assert codes(failure) == {"code": ["value_already_exist"]}
    other = await Shop.open(shop.runtime, "Other")
    await other.metric(code="a/b.c")
    async with other.context() as ctx:
        with pytest.raises(NotFound, match="billable_metric_not_found"):
            await find_metric(ctx, "A/b.c")


async def test_of_two_concurrent_creations_one_is_told_that_the_code_is_taken(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.metric(name=str(number)) for number in range(4)), return_exceptions=True)
    losers = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(losers) == 3
    assert all(isinstance(loser, ValidationFailed) for loser in losers)
    assert {str(loser) for loser in losers} == {str({"code": ["value_already_exist"]})}


async def test_01_9_2_custom_aggregator_is_for_administrators(shop: Shop) -> None:
    attributes = {"name": "Own", "code": "own", "aggregation_type": "custom_agg", "custom_aggregator": SOURCE}
    async with shop.context() as ctx:
        made = await metrics.create_metric(ctx, AdministeredMetricInput.parse(attributes))
    assert made.metric.custom_aggregator == SOURCE
    kept = await shop.change_metric("own", name="Mine", custom_aggregator="import os")
    assert (kept.metric.name, kept.metric.custom_aggregator) == ("Mine", SOURCE)
    async with shop.context() as ctx:
        with pytest.raises(ValidationFailed) as failure:
            await metrics.update_metric(ctx, "own", AdministeredMetricInput.parse({"custom_aggregator": "import os"}))
    assert codes(failure) == {"custom_aggregator": ["invalid_custom_aggregator"]}
    dropped = await shop.change_metric("own", aggregation_type="sum_agg", field_name="gb")
    assert dropped.metric.custom_aggregator is None


async def test_01_1_2_absent_keys_stay_and_nulls_clear(shop: Shop) -> None:
    await shop.metric(description="GB", rounding_function="ceil", rounding_precision=2, expression="1 + 1")
    untouched = (await shop.change_metric("storage", name="Disk")).metric
    assert (untouched.name, untouched.description, untouched.rounding_precision) == ("Disk", "GB", 2)
    cleared = (await shop.change_metric("storage", description=None, rounding_function=None, expression=None)).metric
    assert (cleared.description, cleared.rounding_function, cleared.expression) == (None, None, None)
    with pytest.raises(ValidationFailed) as failure:
        await shop.change_metric("storage", name=None, field_name=None)
    assert codes(failure) == {"name": ["value_is_mandatory"], "field_name": ["value_is_mandatory"]}


async def test_01_1_3_in_use_only_name_description_and_filters_change(shop: Shop) -> None:
    metric = await shop.metric()
    await shop.plan(charge(metric))
    changed = await shop.change_metric(
        "storage",
        name="Disk",
        description="GB",
        code="disk",
        aggregation_type="count_agg",
        field_name="mb",
        recurring=True,
        expression="1 +",
        rounding_function="nonsense",
        filters=[{"key": "region", "values": ["eu"]}],
    )
    assert (changed.metric.name, changed.metric.description) == ("Disk", "GB")
    assert changed.filter_values == {"region": ["eu"]}
    assert (changed.metric.code, changed.metric.aggregation_type, changed.metric.field_name) == (
        "storage",
        "sum_agg",
        "gb",
    )
    assert (changed.metric.recurring, changed.metric.expression, changed.metric.rounding_function) == (
        False,
        None,
        None,
    )


async def test_01_1_3_a_deleted_charge_unlocks_the_metric(shop: Shop) -> None:
    metric = await shop.metric()
    await shop.plan(charge(metric))
    await shop.change_plan("startup", charges=[])
    assert (await shop.change_metric("storage", field_name="mb")).metric.field_name == "mb"


async def test_every_write_bumps_the_revision_and_redefines_the_codes(shop: Shop) -> None:
    await shop.metric()
    assert await shop.revision() == 1
    await shop.change_metric("storage", code="disk")
    assert await shop.revision() == 2
    jobs = await shop.rows(select(Job).where(Job.name == "metering.define").order_by(Job.created_at, Job.id))
    assert [job.arguments for job in jobs] == [{"codes": ["storage"]}, {"codes": ["disk", "storage"]}]


async def test_list_search_and_filters(shop: Shop) -> None:
    disk = await shop.metric(name="Disk 100%", code="disk", recurring=True)
    await shop.metric(name="Calls", code="calls_v2", aggregation_type="count_agg")
    plan = await shop.plan(charge(disk))

    async def found(**filters: Any) -> list[str]:
        async with shop.context() as ctx:
            page = await list_metrics(ctx, MetricFilters(**filters), PageRequest())
        return [view.metric.code for view in page.items]

    assert await found() == ["disk", "calls_v2"]
    assert await found(search="CALL") == ["calls_v2"]
    assert await found(search="0%") == ["disk"]
    assert await found(search="s_v") == ["calls_v2"]
    assert await found(search="sxv") == []
    assert await found(recurring=False) == ["calls_v2"]
    assert await found(aggregation_types=["sum_agg", "max_agg"]) == ["disk"]
    assert await found(plan_id=plan.plan.id) == ["disk"]


async def test_duplicate_empties_name_and_code(shop: Shop) -> None:
    await shop.metric(rounding_function="ceil", filters=[{"key": "region", "values": ["eu"]}])
    async with shop.context() as ctx:
        form = await metrics.duplicate_input(ctx, "storage")
    assert (form.name, form.code, form.field_name, form.rounding_function) == (None, None, "gb", "ceil")
    async with shop.context() as ctx:
        copy = await metrics.create_metric(ctx, form.model_copy(update={"name": "Copy", "code": "copy"}))
    assert copy.filter_values == {"region": ["eu"]}


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({}, {"expression": ["value_is_mandatory"]}),
        ({"expression": "  ", "event": {}}, {"expression": ["value_is_mandatory"]}),
        ({"expression": "1 +"}, {"expression": ["invalid_expression"]}),
        ({"expression": "event.properties.a", "event": {"properties": {}}}, {"event": ["invalid_event"]}),
        ({"expression": "1", "event": "no object"}, {"event": ["invalid_event"]}),
        ({"expression": "event.timestamp", "event": {"timestamp": "soon"}}, {"event": ["invalid_event"]}),
        ({"expression": "event.timestamp", "event": {"timestamp": 10**13}}, {"event": ["invalid_event"]}),
        ({"expression": "1 / 0", "event": {}}, {"event": ["invalid_event"]}),
        ({"expression": "event.properties.a + 1", "event": {"properties": {"a": 1}}}, "2.0"),
        ({"expression": "event.properties.s", "event": {"properties": {"s": "eu"}}}, "eu"),
        ({"expression": "event.timestamp", "event": {"timestamp": "1700000000.9"}}, "1700000000.0"),
        ({"expression": "event.timestamp", "event": {"code": "vm"}}, "1705312800.0"),
        ({"expression": "concat(event.code, '!')", "event": {"code": "vm"}}, "vm!"),
    ],
)
async def test_01_3_6_evaluate_expression(shop: Shop, body: dict[str, Any], outcome: Any) -> None:
    async with shop.context() as ctx:
        if isinstance(outcome, str):
            assert evaluate_expression(ctx, ExpressionTrial.parse(body)) == outcome
            return
        with pytest.raises(ValidationFailed) as failure:
            evaluate_expression(ctx, ExpressionTrial.parse(body))
    assert codes(failure) == outcome


async def test_unknown_codes_are_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound, match="billable_metric_not_found"):
        await shop.change_metric("nope", **METRIC)
    assert MetricInput.parse(METRIC).given("name")
