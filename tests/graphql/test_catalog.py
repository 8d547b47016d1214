"""Billable metrics over GraphQL, custom aggregators among them (spec 07 §6.3, 01 §9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.metering.custom_aggregation.programs import EX_18
from tests.billing.metering.custom_aggregation.programs import EX_18_PROPERTIES as RANGES
from tests.graphql.support import World

CREATE = """mutation($input: CreateBillableMetricInput!) { createBillableMetric(input: $input) {
    id code aggregationType customAggregator recurring filters { key values } } }"""
UPDATE = """mutation($input: UpdateBillableMetricInput!) { updateBillableMetric(input: $input) {
    name recurring filters { key values } customAggregator } }"""
DESTROY = "mutation($input: DestroyBillableMetricInput!) { destroyBillableMetric(input: $input) { id } }"
TRY = """mutation($input: TestCustomAggregatorInput!) { testCustomAggregator(input: $input) {
    states { totalUnits amount memo } problems { line message } failure } }"""
EVALUATE = """query($expression: String!, $event: SampleEventInput!) {
    evaluateBillableMetricExpression(expression: $expression, event: $event) { value } }"""


def _metric(**more: Any) -> dict[str, Any]:
    return {"name": "Gigabytes", "code": "gb", "aggregationType": "custom_agg", "customAggregator": EX_18, **more}


async def test_a_metric_is_made_changed_and_deleted(world: World) -> None:
    made = (await world.data(CREATE, input=_metric(filters=[{"key": "region", "values": ["eu", "us"]}])))[
        "createBillableMetric"
    ]
    assert made["customAggregator"] == EX_18
    assert made["filters"] == [{"key": "region", "values": ["eu", "us"]}]
    changed = await world.data(UPDATE, input={"id": made["id"], "name": "GB", "recurring": True})
    assert changed["updateBillableMetric"] == {
        "name": "GB",
        "recurring": True,
        "filters": [{"key": "region", "values": ["eu", "us"]}],
        "customAggregator": EX_18,
    }
    await world.data(DESTROY, input={"id": made["id"]})
    for gone in (
        await world.error(DESTROY, input={"id": made["id"]}),
        await world.error(UPDATE, input={"id": made["id"], "name": "?"}),
    ):
        assert gone["extensions"]["code"] == "not_found"


@pytest.mark.parametrize("source", ["import os", "e.__class__", "while True: pass", "(lambda: 1)()", "2**9999", ""])
async def test_01_9_2_forbidden_sources_are_refused_at_save(world: World, source: str) -> None:
    refused = await world.error(CREATE, input=_metric(customAggregator=source))
    code = "invalid_custom_aggregator" if source else "value_is_mandatory"
    assert refused["extensions"]["details"] == {"customAggregator": [code]}


async def test_01_9_ex_18_a_trial_shows_the_state_after_each_event(world: World) -> None:
    events = [
        {"code": "gb", "timestamp": str(1_700_000_000 + n), "properties": {"gb": units, "zone": zone}}
        for n, (units, zone) in enumerate([(4, "eu"), (10, "asia"), (16, "us")])
    ]
    sent = {"customAggregator": EX_18, "events": events[::-1], "customProperties": RANGES}
    tried = (await world.data(TRY, input=sent))["testCustomAggregator"]
    assert [(state["totalUnits"], state["amount"]) for state in tried["states"]] == [
        ("4.0", "0.0"),
        ("14.0", "1.2"),
        ("30.0", "5.4"),
    ]
    assert tried["problems"] == []
    assert tried["failure"] is None


async def test_a_trial_says_where_the_source_is_wrong(world: World) -> None:
    source = "def aggregate(event, state, properties):\n    import os\n    return {}\n"
    tried = (await world.data(TRY, input={"customAggregator": source, "events": []}))["testCustomAggregator"]
    assert [problem["line"] for problem in tried["problems"]] == [2]
    source = 'def aggregate(event, state, properties):\n    return {"total_units": 1 / 0, "amount": 0}\n'
    tried = await world.data(TRY, input={"customAggregator": source, "events": [{"code": "x"}]})
    assert "line 2" in tried["testCustomAggregator"]["failure"]


async def test_a_trial_is_bounded_and_its_events_are_checked(world: World) -> None:
    refused = await world.error(TRY, input={"customAggregator": EX_18, "events": [{"code": "x"}] * 101})
    assert refused["extensions"]["details"] == {"events": ["too_many_events"]}
    refused = await world.error(TRY, input={"customAggregator": EX_18, "events": [{"timestamp": "soon"}]})
    assert refused["extensions"]["details"] == {"events": ["invalid_event"]}


async def test_an_expression_is_tried(world: World) -> None:
    event = {"code": "vm", "properties": {"a": 10, "b": "4"}}
    found = await world.data(EVALUATE, expression="event.properties.a * event.properties.b", event=event)
    assert found["evaluateBillableMetricExpression"]["value"] == "40.0"
    refused = await world.error(EVALUATE, expression="event.properties.a *", event=event)
    assert refused["extensions"]["details"] == {"expression": ["invalid_expression"]}


@pytest.mark.parametrize("role", ["manager", "finance"])
async def test_only_administrators_touch_metrics(world: World, role: str) -> None:
    assert (await world.error(CREATE, role=role, input=_metric()))["extensions"]["code"] == "forbidden"
    trial = {"customAggregator": EX_18, "events": []}
    assert (await world.error(TRY, role=role, input=trial))["extensions"]["code"] == "forbidden"
