"""``/subscriptions/{external_id}/charges`` and their filters (spec 03 §2.5, spec 00 rule 30)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.subscriptions.lives import announced, metric, priced, shop_plan, show
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox

EUROPE = {"values": {"region": ["eu"]}, "properties": {"amount": "7"}, "invoice_display_name": "Europe"}
CHARGES = "subscriptions/s.1/charges"
CALLS = f"{CHARGES}/calls"


async def subscribed(sandbox: Sandbox, **more: Any) -> Any:
    """A subscription to a plan with one charge in two regions; the plan."""
    calls = await metric(sandbox, filters=[{"key": "region", "values": ["eu", "asia"]}])
    asia = {"values": {"region": ["asia"]}, "properties": {"amount": "8"}}
    plan = await shop_plan(sandbox, "pro", 3100, priced(calls, filters=[EUROPE, asia]))
    await sandbox.subscribe("s.1", "pro", **more)
    await sandbox.subscribe("other", "pro")
    return plan


async def plan_charge(sandbox: Sandbox) -> Any:
    return (await sandbox.call("GET", "plans/pro/charges/calls"))["charge"]


async def test_reading_before_any_override(sandbox: Sandbox) -> None:
    plan = await subscribed(sandbox)
    found = await sandbox.call("GET", CHARGES)
    assert found["charges"] == plan["charges"]
    assert found["meta"]["total_count"] == 1
    one = await sandbox.call("GET", CALLS)
    assert (one["charge"], problems("ChargeObject", one["charge"])) == (plan["charges"][0], [])
    filters = await sandbox.call("GET", f"{CALLS}/filters")
    assert [problems("ChargeFilterObject", item) for item in filters["filters"]] == [[], []]
    [europe, _] = filters["filters"]
    assert (await sandbox.call("GET", f"{CALLS}/filters/{europe['lago_id']}"))["filter"] == europe
    assert (await show(sandbox, "active", "s.1"))["plan"]["parent_id"] is None


async def test_pricing_a_charge(sandbox: Sandbox) -> None:
    plan = await subscribed(sandbox)
    await sandbox.tax("vat", "20", applied_to_organization=False)
    body = {"properties": {"amount": "6"}, "min_amount_cents": 9, "tax_codes": ["vat"], "charge_model": "package"}
    answer = await sandbox.call("PUT", CALLS, {"charge": body})
    made = answer["charge"]
    assert problems("ChargeObject", made) == []
    assert (made["lago_parent_id"], made["properties"], made["min_amount_cents"], made["charge_model"]) == (
        plan["charges"][0]["lago_id"],
        {"amount": "6"},
        9,
        "standard",
    )
    assert [item["values"] for item in made["filters"]] == [{"region": ["eu"]}, {"region": ["asia"]}]
    again = (await sandbox.call("PUT", CALLS, {"charge": {"invoice_display_name": "Agreed", "filters": []}}))["charge"]
    assert (again["lago_id"], again["properties"], again["invoice_display_name"], again["filters"]) == (
        made["lago_id"],
        {"amount": "6"},
        "Agreed",
        [],
    )
    assert [item["lago_id"] for item in (await sandbox.call("GET", CHARGES))["charges"]] == [made["lago_id"]]
    assert await plan_charge(sandbox) == plan["charges"][0]
    assert (await show(sandbox, "active", "other"))["plan"]["lago_id"] == plan["lago_id"]


async def test_adding_a_filter_makes_the_child(sandbox: Sandbox) -> None:
    plan = await subscribed(sandbox)
    both = {"values": {"region": ["eu", "asia"]}, "properties": {"amount": "1"}}
    answer = await sandbox.call("POST", f"{CALLS}/filters", {"filter": both})
    assert problems("ChargeFilterObject", answer["filter"]) == []
    assert (answer["filter"]["charge_code"], answer["filter"]["values"]) == ("calls", both["values"])
    assert len((await sandbox.call("GET", f"{CALLS}/filters"))["filters"]) == 3
    assert (await show(sandbox, "active", "s.1"))["plan"]["parent_id"] == plan["lago_id"]
    assert len((await plan_charge(sandbox))["filters"]) == 2


async def test_changing_and_deleting_filters_by_the_plans_ids(sandbox: Sandbox) -> None:
    """A caller knows the ids that the list gave before the child existed."""
    await subscribed(sandbox)
    [europe, asia] = (await sandbox.call("GET", f"{CALLS}/filters"))["filters"]
    changed = await sandbox.call(
        "PUT", f"{CALLS}/filters/{europe['lago_id']}", {"filter": {"properties": {"amount": "2"}}}
    )
    assert changed["filter"]["lago_id"] != europe["lago_id"]
    assert (changed["filter"]["properties"], changed["filter"]["values"]) == ({"amount": "2"}, {"region": ["eu"]})
    gone = await sandbox.call("DELETE", f"{CALLS}/filters/{asia['lago_id']}")
    assert gone["filter"]["values"] == {"region": ["asia"]}
    [left] = (await sandbox.call("GET", f"{CALLS}/filters"))["filters"]
    assert left == changed["filter"]
    answer = await sandbox.rest.delete(f"{CALLS}/filters/{asia['lago_id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "charge_filter_not_found")
    own = (await sandbox.call("GET", f"{CALLS}/filters/{europe['lago_id']}"))["filter"]
    assert own == left
    assert len((await plan_charge(sandbox))["filters"]) == 2


async def test_usage_is_priced_at_once(sandbox: Sandbox) -> None:
    await subscribed(sandbox)
    await sandbox.send(("2024-01-15T11:00:00Z", 2), subscription="s.1")
    await sandbox.send(("2024-01-15T11:00:00Z", 2), subscription="other")
    await sandbox.call("PUT", CALLS, {"charge": {"properties": {"amount": "6"}}})
    await sandbox.advance("2024-01-16T00:00:00Z")
    amounts: dict[str, int] = {}
    for external_id in ("s.1", "other"):
        query = {"external_subscription_id": external_id}
        usage = (await sandbox.call("GET", "customers/c1/current_usage", params=query))["customer_usage"]
        amounts[external_id] = usage["amount_cents"]
    assert amounts == {"s.1": 1200, "other": 2000}


async def test_a_scheduled_subscription(sandbox: Sandbox) -> None:
    await subscribed(sandbox, subscription_at="2024-03-01")
    assert (await sandbox.rest.get(CHARGES)).status_code == 404
    query = {"subscription_status": "pending"}
    assert len((await sandbox.call("GET", CHARGES, params=query))["charges"]) == 1
    body = {"charge": {"properties": {"amount": "6"}}}
    changed = await sandbox.call("PUT", CALLS, body, params=query)
    assert changed["charge"]["properties"] == {"amount": "6"}


async def test_writes_are_announced(sandbox: Sandbox) -> None:
    await subscribed(sandbox)
    async with sandbox.context() as ctx:
        ctx.organization.webhook_event_types = ["*"]
    await sandbox.call("PUT", CALLS, {"charge": {"properties": {"amount": "6"}}})
    await sandbox.call("POST", f"{CALLS}/filters", {"filter": EUROPE})
    assert await announced(sandbox) == ["updated", "updated"]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "subscriptions/nope/charges", "subscription_not_found"),
        ("GET", "subscriptions/nope/charges/calls", "subscription_not_found"),
        ("GET", f"{CHARGES}/nope", "charge_not_found"),
        ("GET", f"{CHARGES}/nope/filters", "charge_not_found"),
        ("GET", f"{CALLS}/filters/nope", "charge_filter_not_found"),
        ("PUT", "subscriptions/nope/charges/calls", "subscription_not_found"),
        ("PUT", f"{CHARGES}/nope", "charge_not_found"),
        ("POST", f"{CHARGES}/nope/filters", "charge_not_found"),
        ("PUT", f"{CALLS}/filters/nope", "charge_filter_not_found"),
        ("DELETE", f"{CALLS}/filters/nope", "charge_filter_not_found"),
    ],
)
async def test_unknown(sandbox: Sandbox, method: str, path: str, code: str) -> None:
    await subscribed(sandbox)
    body = {"charge": {"properties": {"amount": "1"}}, "filter": EUROPE} if method != "GET" else None
    answer = await sandbox.rest.request(method, path, body)
    assert (answer.status_code, answer.json()) == (404, {"status": 404, "error": "Not Found", "code": code})
    assert (await show(sandbox, "active", "s.1"))["plan"]["parent_id"] is None


async def test_refusals(sandbox: Sandbox) -> None:
    await subscribed(sandbox)
    for method, path, body, details in (
        ("PUT", CALLS, {"charge": {"properties": {"amount": "x"}}}, {"properties": "invalid_amount"}),
        ("POST", f"{CALLS}/filters", {"filter": {"properties": {"amount": "1"}}}, {"values": "value_is_mandatory"}),
    ):
        answer = await sandbox.rest.request(method, path, body)
        assert (answer.status_code, answer.json()) == (422, validation(**details))
    assert (await sandbox.rest.put(CALLS, {})).status_code == 400
    await sandbox.terminate("s.1")
    query = {"subscription_status": "terminated"}
    assert (await sandbox.call("GET", CALLS, params=query))["charge"]["code"] == "calls"
    answer = await sandbox.rest.put(CALLS, {"charge": {"properties": {"amount": "1"}}}, params=query)
    assert (answer.status_code, answer.json()["code"]) == (404, "subscription_not_found")
