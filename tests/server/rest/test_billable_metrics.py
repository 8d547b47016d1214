"""``/billable_metrics`` in wire format (spec 01 §1.2, §3.6)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.server.rest.client import RestClient, validation

METRIC = {"name": "Storage", "code": "storage", "aggregation_type": "sum_agg", "field_name": "gb"}


async def _create(rest: RestClient, **attributes: Any) -> dict[str, Any]:
    answer = await rest.post("billable_metrics", {"billable_metric": {**METRIC, **attributes}})
    assert answer.status_code == 200, answer.text
    return answer.json()["billable_metric"]


async def test_create_and_show(rest: RestClient) -> None:
    metric = await _create(
        rest,
        description="GB",
        rounding_function="ceil",
        rounding_precision=-1,
        expression="event.properties.mb / 1000",
        filters=[{"key": "tier", "values": ["gold"]}, {"key": "region", "values": ["us", "eu", "us", 5]}],
    )
    assert (await rest.get("billable_metrics/storage")).json() == {"billable_metric": metric}
    assert metric.pop("lago_id")
    assert metric.pop("created_at").endswith("Z")
    assert metric == {
        "name": "Storage",
        "code": "storage",
        "description": "GB",
        "aggregation_type": "sum_agg",
        "field_name": "gb",
        "recurring": False,
        "weighted_interval": None,
        "expression": "event.properties.mb / 1000",
        "rounding_function": "ceil",
        "rounding_precision": -1,
        "filters": [{"key": "region", "values": ["5", "eu", "us"]}, {"key": "tier", "values": ["gold"]}],
    }


async def test_explicit_nulls_of_a_creation_are_absent(rest: RestClient) -> None:
    metric = await _create(rest, recurring=None, filters=None, weighted_interval=None, expression=None)
    assert (metric["recurring"], metric["filters"], metric["expression"]) == (False, [], None)


async def test_the_custom_source_is_never_on_the_wire(rest: RestClient) -> None:
    body = {**METRIC, "aggregation_type": "custom_agg", "custom_aggregator": "def aggregate(e, s, p):\n return s"}
    answer = await rest.post("billable_metrics", {"billable_metric": body})
    assert (answer.status_code, answer.json()) == (422, validation(custom_aggregator="value_is_mandatory"))
    assert "custom_aggregator" not in await _create(rest)


async def test_codes_hold_slashes_dots_and_reserved_words(rest: RestClient) -> None:
    for code in ("a/b.c", "evaluate_expression", "x y+z", "100%"):
        await _create(rest, code=code)
        assert (await rest.get(f"billable_metrics/{quote(code, safe='')}")).json()["billable_metric"]["code"] == code
    assert (await rest.get("billable_metrics/a/b.c")).json()["billable_metric"]["code"] == "a/b.c"
    changed = await rest.put("billable_metrics/a/b.c", {"billable_metric": {"name": "Other"}})
    assert changed.json()["billable_metric"]["name"] == "Other"
    assert (await rest.delete("billable_metrics/a/b.c")).json()["billable_metric"]["code"] == "a/b.c"
    assert (await rest.get("billable_metrics/a/b.c")).status_code == 404


async def test_list(rest: RestClient) -> None:
    assert (await rest.get("billable_metrics")).json()["billable_metrics"] == []
    for code in ("a", "b", "c"):
        await _create(rest, code=code, filters=[{"key": code, "values": ["1"]}])
    first = (await rest.get("billable_metrics?per_page=2")).json()
    assert [(item["code"], item["filters"][0]["key"]) for item in first["billable_metrics"]] == [("c", "c"), ("b", "b")]
    assert first["meta"] == {
        "current_page": 1,
        "next_page": 2,
        "prev_page": None,
        "total_pages": 2,
        "total_count": 3,
    }


async def test_update_and_delete(rest: RestClient) -> None:
    metric = await _create(rest, description="GB")
    changed = (
        await rest.put("billable_metrics/storage", {"billable_metric": {"code": "disk", "description": None}})
    ).json()
    assert changed["billable_metric"] == {**metric, "code": "disk", "description": None}
    gone = await rest.delete("billable_metrics/disk")
    assert (gone.status_code, gone.json()["billable_metric"]["lago_id"]) == (200, metric["lago_id"])
    for answer in (
        await rest.get("billable_metrics/disk"),
        await rest.delete("billable_metrics/disk"),
        await rest.put("billable_metrics/disk", {"billable_metric": {"aggregation_type": 3, "recurring": "?"}}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "billable_metric_not_found")


@pytest.mark.parametrize(
    "body", [None, {}, {"billable_metric": None}, {"billable_metric": []}, {"billable_metric": "x"}]
)
async def test_missing_root(rest: RestClient, body: Any) -> None:
    answer = await rest.post("billable_metrics", body)
    assert (answer.status_code, answer.json()) == (
        400,
        {"status": 400, "error": "BadRequest: param is missing or the value is empty or invalid: billable_metric"},
    )


async def test_refused(rest: RestClient) -> None:
    answer = await rest.post("billable_metrics", {"billable_metric": {"filters": [{"key": "", "values": ["a"]}]}})
    assert answer.json() == validation(
        name="value_is_mandatory",
        code="value_is_mandatory",
        aggregation_type="value_is_invalid",
        key="value_is_mandatory",
    )
    await _create(rest)
    taken = await rest.post("billable_metrics", {"billable_metric": METRIC})
    assert (taken.status_code, taken.json()) == (422, validation(code="value_already_exist"))


async def test_permissions_and_other_organizations(rest: RestClient) -> None:
    await _create(rest)
    reader = await rest.with_key({"billable_metric": ["read"]})
    assert (await reader.get("billable_metrics/storage")).status_code == 200
    for answer in (
        await reader.delete("billable_metrics/storage"),
        await reader.post("billable_metrics/evaluate_expression", {"expression": "1", "event": {}}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "write_action_not_allowed_for_billable_metric")
    stranger = await rest.another()
    assert (await stranger.get("billable_metrics/storage")).status_code == 404
    assert (await stranger.delete("billable_metrics/storage")).status_code == 404
    assert (await stranger.get("billable_metrics")).json()["billable_metrics"] == []


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        (None, 422, validation(expression="value_is_mandatory")),
        ({}, 422, validation(expression="value_is_mandatory")),
        ({"expression": "1 +", "event": {}}, 422, validation(expression="invalid_expression")),
        ({"expression": "event.properties.a", "event": {}}, 422, validation(event="invalid_event")),
        (
            {"expression": "event.properties.a * 2", "event": {"code": "x", "timestamp": 1, "properties": {"a": 1.25}}},
            200,
            {"expression_result": {"value": "2.5"}},
        ),
        (
            {"expression": "event.properties.a", "event": {"code": "x", "timestamp": "1.5", "properties": {"a": "eu"}}},
            200,
            {"expression_result": {"value": "eu"}},
        ),
    ],
)
async def test_evaluate_expression(rest: RestClient, body: Any, status: int, answer: dict[str, Any]) -> None:
    got = await rest.post("billable_metrics/evaluate_expression", body)
    assert (got.status_code, got.json()) == (status, answer)
