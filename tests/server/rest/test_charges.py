"""``/plans/{code}/charges`` and their filters in wire format (spec 02 §2.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.rest.client import RestClient, validation
from tests.server.rest.contract import problems
from tests.server.rest.test_plans import create_metric, create_plan

CHARGES = "plans/startup/charges"
FILTERS = f"{CHARGES}/storage/filters"


async def _prepare(rest: RestClient) -> dict[str, Any]:
    metric = await create_metric(rest, filters=[{"key": "region", "values": ["eu", "us"]}])
    await create_plan(rest)
    return {"billable_metric_id": metric, "charge_model": "standard", "properties": {"amount": "0.10"}}


async def test_charges(rest: RestClient) -> None:
    body = await _prepare(rest)
    made = await rest.post(CHARGES, {"charge": {**body, "cascade_updates": True, "code": None}})
    assert made.status_code == 200, made.text
    charge = made.json()["charge"]
    assert (charge["code"], charge["properties"]) == ("storage", {"amount": "0.10"})
    second = (await rest.post(CHARGES, {"charge": body})).json()["charge"]
    assert second["code"] == "storage_2"
    listed = (await rest.get(CHARGES)).json()
    assert [item["code"] for item in listed["charges"]] == ["storage_2", "storage"]
    assert listed["meta"]["total_count"] == 2
    assert (await rest.get(f"{CHARGES}/storage")).json() == {"charge": charge}
    sent = {"charge_model": "percentage", "properties": {"rate": "1.2"}, "invoice_display_name": "Disk"}
    changed = (await rest.put(f"{CHARGES}/storage", {"charge": sent})).json()["charge"]
    assert changed == {**charge, **sent}
    gone = await rest.delete(f"{CHARGES}/storage", {"charge": {"cascade_updates": False}})
    assert (gone.status_code, gone.json()) == (200, {"charge": changed})
    assert [item["code"] for item in (await rest.get("plans/startup")).json()["plan"]["charges"]] == ["storage_2"]


async def test_filters(rest: RestClient) -> None:
    body = await _prepare(rest)
    await rest.post(CHARGES, {"charge": body})
    assert (await rest.get(FILTERS)).json()["filters"] == []
    made = await rest.post(
        FILTERS,
        {"filter": {"invoice_display_name": "Europe", "properties": {"amount": "1"}, "values": {"region": ["eu"]}}},
    )
    item = made.json()["filter"]
    assert item.pop("lago_id")
    assert item.pop("created_at").endswith("Z")
    assert item == {
        "charge_code": "storage",
        "invoice_display_name": "Europe",
        "properties": {"amount": "1"},
        "values": {"region": ["eu"]},
    }
    path = f"{FILTERS}/{made.json()['filter']['lago_id']}"
    assert (await rest.get(path)).json() == made.json()
    changed = (await rest.put(path, {"filter": {"properties": {"amount": "2", "grouped_by": ["host"]}}})).json()[
        "filter"
    ]
    assert changed["properties"] == {"amount": "2", "grouped_by": ["host"], "pricing_group_keys": ["host"]}
    assert (changed["values"], changed["invoice_display_name"]) == ({"region": ["eu"]}, "Europe")
    listed = (await rest.get(FILTERS)).json()
    assert (listed["filters"], listed["meta"]["total_count"]) == ([changed], 1)
    assert (await rest.get(f"{CHARGES}/storage")).json()["charge"]["filters"] == [changed]
    assert (await rest.delete(path)).json() == {"filter": changed}
    assert (await rest.get(path)).json()["code"] == "charge_filter_not_found"


async def test_unknown(rest: RestClient) -> None:
    body = await _prepare(rest)
    for path, name in (
        ("plans/nope/charges", "plan_not_found"),
        ("plans/nope/charges/storage", "plan_not_found"),
        (f"{CHARGES}/storage", "charge_not_found"),
        (FILTERS, "charge_not_found"),
    ):
        answer = await rest.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, name)
    await rest.post(CHARGES, {"charge": body})
    for answer in (
        await rest.get(f"{FILTERS}/nonsense"),
        await rest.put(
            f"{FILTERS}/{body['billable_metric_id']}", {"filter": {"values": 1, "invoice_display_name": []}}
        ),
        await rest.delete(f"{FILTERS}/{body['billable_metric_id']}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "charge_filter_not_found")
    missing = await rest.post(CHARGES, {"charge": {"charge_model": "standard"}})
    assert (missing.status_code, missing.json()["code"]) == (404, "billable_metric_not_found")
    invalid = await rest.put(f"{CHARGES}/nope", {"charge": {"min_amount_cents": "x"}})
    assert (invalid.status_code, invalid.json()["code"]) == (404, "charge_not_found")


async def test_answers_have_the_types_of_the_contract(rest: RestClient) -> None:
    body = await _prepare(rest)
    own = {"properties": {"amount": "1", "grouped_by": ["host"]}, "values": {"region": ["eu"]}}
    await rest.post(CHARGES, {"charge": {**body, "filters": [own]}})
    given = {"description": "d", "invoice_display_name": "Start", "trial_period": "2.5", "metadata": {"a": None}}
    plan = (await rest.put("plans/startup", {"plan": given})).json()["plan"]
    assert problems("PlanObject", plan) == []
    (charge,) = (await rest.get(CHARGES)).json()["charges"]
    assert problems("ChargeObject", charge) == []
    (shown,) = (await rest.get(FILTERS)).json()["filters"]
    assert problems("ChargeFilterObject", shown) == []


@pytest.mark.parametrize("path", [CHARGES, FILTERS])
async def test_missing_root(rest: RestClient, path: str) -> None:
    await rest.post(CHARGES, {"charge": await _prepare(rest)})
    answer = await rest.post(path, {})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith("charge" if path == CHARGES else "filter")


async def test_refused(rest: RestClient) -> None:
    body = await _prepare(rest)
    answer = await rest.post(
        CHARGES, {"charge": {**body, "invoiceable": False, "filters": [{"values": {}, "properties": {"amount": "1"}}]}}
    )
    assert (answer.status_code, answer.json()) == (
        422,
        validation(invoiceable="must_be_true_unless_pay_in_advance", values="value_is_mandatory"),
    )
