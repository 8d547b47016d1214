"""Prices of a single subscription (spec 03 §2.5, with §6.3 and §6.10)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from billwright.billing.catalog.models import Charge, Plan
from billwright.billing.in_advance.models import UnitMark
from billwright.billing.invoicing.models import CustomAggregationState
from billwright.billing.kernel.db import Database
from tests.billing.subscriptions.lives import (
    announced,
    cents,
    change_plan,
    edit,
    life,
    lines,
    metric,
    priced,
    run_jobs,
    shop_plan,
    show,
    statuses,
)
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox

EUROPE = {"values": {"region": ["eu"]}, "properties": {"amount": "7"}, "invoice_display_name": "Europe"}
ASIA = {"values": {"region": ["asia"]}, "properties": {"amount": "8"}, "invoice_display_name": None}


async def full_plan(sandbox: Sandbox, **more: Any) -> Any:
    await sandbox.tax("vat", "20", applied_to_organization=False)
    await sandbox.tax("low", "5", applied_to_organization=False)
    calls = await metric(sandbox, filters=[{"key": "region", "values": ["eu", "asia"]}])
    disk = await metric(sandbox, "disk")
    return await shop_plan(
        sandbox,
        "pro",
        3100,
        priced(calls, filters=[EUROPE, ASIA], tax_codes=["low"], min_amount_cents=50, invoice_display_name="Calls"),
        priced(disk, "3"),
        **{"tax_codes": ["vat"], "description": "All in", "trial_period": 5, "metadata": {"a": "1"}, **more},
    )


def comparable(plan: Any) -> Any:
    """A plan without what every copy has of its own."""
    own = {"lago_id", "created_at", "parent_id", "lago_parent_id"}
    if isinstance(plan, dict):
        return {name: comparable(value) for name, value in plan.items() if name not in own}
    return [comparable(item) for item in plan] if isinstance(plan, list) else plan


async def test_03_2_5_an_empty_override_copies_everything(sandbox: Sandbox) -> None:
    parent = await full_plan(sandbox)
    shown = await sandbox.subscribe(plan="pro", plan_overrides={})
    child = shown["plan"]
    assert child["parent_id"] == parent["lago_id"] != child["lago_id"]
    assert comparable(child) == comparable(parent)
    assert [item["lago_parent_id"] for item in child["charges"]] == [item["lago_id"] for item in parent["charges"]]
    assert problems("SubscriptionExtended", {"subscription": shown}) == []


async def test_03_2_5_what_is_given_differs(sandbox: Sandbox) -> None:
    parent = await full_plan(sandbox, trial_period=0)
    calls, _ = parent["charges"]
    shown = await sandbox.subscribe(
        plan="pro",
        plan_overrides={
            "amount_cents": 2480,
            "name": "Agreed",
            "description": "By hand",
            "invoice_display_name": "Deal",
            "trial_period": 0,
            "tax_codes": ["low"],
            "interval": "yearly",
            "pay_in_advance": True,
            "charges": [
                {
                    "id": calls["lago_id"],
                    "properties": {"amount": "6"},
                    "filters": [{**EUROPE, "properties": {"amount": "5"}}],
                    "min_amount_cents": 70,
                    "invoice_display_name": "Agreed calls",
                    "tax_codes": ["vat"],
                    "charge_model": "package",
                },
                {"id": "3f1e9f8e-0000-4000-8000-000000000000", "properties": {"amount": "0"}},
            ],
        },
    )
    child = shown["plan"]
    assert (shown["plan_code"], shown["plan_amount_cents"]) == ("pro", 2480)
    expected = comparable(parent) | {
        "amount_cents": 2480,
        "name": "Agreed",
        "description": "By hand",
        "invoice_display_name": "Deal",
    }
    expected["taxes"] = calls["taxes"]
    [vat] = parent["taxes"]
    expected["charges"][0] |= {
        "properties": {"amount": "6"},
        "min_amount_cents": 70,
        "invoice_display_name": "Agreed calls",
    }
    expected["charges"][0]["filters"] = [comparable(calls["filters"][0]) | {"properties": {"amount": "5"}}]
    found = comparable(child)
    assert [tax["code"] for tax in found["charges"][0].pop("taxes")] == [vat["code"]]
    expected["charges"][0].pop("taxes")
    found.pop("taxes")
    expected.pop("taxes")
    assert [tax["code"] for tax in child["taxes"]] == ["low"]
    assert found == expected
    after = (await sandbox.call("GET", "plans/pro"))["plan"]
    assert after == parent


async def test_03_2_5_overridden_plans_are_invisible(sandbox: Sandbox) -> None:
    await full_plan(sandbox)
    await sandbox.subscribe(plan="pro", plan_overrides={"name": "Secret"})
    assert [item["name"] for item in (await sandbox.call("GET", "plans"))["plans"]] == ["Pro"]
    assert (await sandbox.call("GET", "plans/pro"))["plan"]["name"] == "Pro"
    for query in ({"plan_code": "pro"}, {"overridden": "true"}):
        found = (await sandbox.call("GET", "subscriptions", params=query))["subscriptions"]
        assert [item["external_id"] for item in found] == ["s1"]
    assert (await sandbox.call("GET", "subscriptions", params={"overridden": "false"}))["subscriptions"] == []


async def test_03_2_5_billed_at_its_own_prices(database: Database) -> None:
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        calls = await metric(sandbox)
        plan = await shop_plan(sandbox, "pro", 3100, priced(calls))
        await sandbox.subscribe("s1", "pro")
        overrides = {
            "amount_cents": 1000,
            "invoice_display_name": "Deal",
            "charges": [{"id": plan["charges"][0]["lago_id"], "properties": {"amount": "7"}}],
        }
        await sandbox.subscribe("s2", "pro", plan_overrides=overrides)
        for external_id in ("s1", "s2"):
            await sandbox.send(("2024-01-10T00:00:00Z", 2), subscription=external_id)
        await sandbox.advance("2024-02-01")
        assert sorted(await lines(sandbox)) == [
            ("2024-02-01", "calls", 1400),
            ("2024-02-01", "calls", 2000),
            ("2024-02-01", "pro", 1000),
            ("2024-02-01", "pro", 3100),
        ]
        usage = await sandbox.call(
            "GET", "customers/c1/current_usage", params={"external_subscription_id": "s2", "apply_taxes": "false"}
        )
        assert usage["customer_usage"]["total_amount_cents"] == 0


async def test_03_2_5_other_currency_of_a_first_subscription(sandbox: Sandbox) -> None:
    """The check uses the overridden currency (spec 03 §1.2)."""
    await shop_plan(sandbox, "pro", 3100)
    shown = await sandbox.subscribe(plan="pro", plan_overrides={"amount_currency": "usd"})
    assert shown["plan_amount_currency"] == "USD"
    assert (await sandbox.call("GET", "customers/c1"))["customer"]["currency"] == "USD"
    body = {"external_customer_id": "c1", "plan_code": "pro", "external_id": "s2"}
    answer = await sandbox.rest.post("subscriptions", {"subscription": body})
    assert (answer.status_code, answer.json()) == (422, validation(currency="currencies_does_not_match"))


async def test_03_2_5_only_units_of_fixed_charges_make_no_child(sandbox: Sandbox) -> None:
    plan = await shop_plan(sandbox, "pro", 3100)
    fixed = {"fixed_charges": [{"id": plan["lago_id"], "units": 5, "apply_units_immediately": True}]}
    assert (await sandbox.subscribe(plan="pro", plan_overrides=fixed))["plan"]["parent_id"] is None


@pytest.mark.parametrize(
    ("charge", "details"),
    [
        ({"properties": {"amount": "-1"}}, {"properties": "invalid_amount"}),
        ({"properties": 3}, {"properties": "invalid_type"}),
        ({"min_amount_cents": -1}, {"min_amount_cents": "value_is_out_of_range"}),
        ({"min_amount_cents": "x"}, {"min_amount_cents": "value_is_invalid"}),
        (
            {"filters": [{"values": {"nope": ["x"]}, "properties": {"amount": "1"}}]},
            {"billable_metric_filter": "relation_must_exist", "values": "value_is_invalid"},
        ),
        ({"filters": [{"values": {"region": ["eu"]}, "properties": {}}]}, {"properties": "invalid_amount"}),
    ],
)
async def test_03_2_5_refusals(sandbox: Sandbox, charge: dict[str, Any], details: dict[str, str]) -> None:
    plan = await full_plan(sandbox)
    overrides = {"charges": [{"id": plan["charges"][0]["lago_id"], **charge}]}
    body = {"external_customer_id": "c1", "plan_code": "pro", "external_id": "s1", "plan_overrides": overrides}
    answer = await sandbox.rest.post("subscriptions", {"subscription": body})
    assert (answer.status_code, answer.json()) == (422, validation(**details))
    assert (await sandbox.call("GET", "subscriptions"))["subscriptions"] == []


async def test_03_2_5_an_unknown_tax(sandbox: Sandbox) -> None:
    await full_plan(sandbox)
    body = {"external_customer_id": "c1", "plan_code": "pro", "external_id": "s1"}
    answer = await sandbox.rest.post(
        "subscriptions", {"subscription": {**body, "plan_overrides": {"tax_codes": ["x"]}}}
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "tax_not_found")


async def test_03_6_10_an_override_of_a_running_subscription(database: Database) -> None:
    """Not an upgrade: it applies from the next invoice, to the whole period (spec 03 §2.2, §2.5)."""
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        calls = await metric(sandbox)
        await shop_plan(sandbox, "pro", 3100, priced(calls))
        first = await sandbox.subscribe(plan="pro")
        await sandbox.send(("2024-01-10T00:00:00Z", 2))
        await sandbox.advance("2024-01-20T00:00:00Z")
        shown = await edit(sandbox, plan_overrides={"amount_cents": 9300})
        assert (shown["lago_id"], shown["plan_amount_cents"], shown["previous_plan_code"]) == (
            first["lago_id"],
            9300,
            None,
        )
        assert await sandbox.invoices() == []
        await sandbox.advance("2024-02-01")
        assert await lines(sandbox) == [("2024-02-01", "pro", 9300), ("2024-02-01", "calls", 2000)]
        assert await announced(sandbox) == ["started", "updated"]


async def test_03_2_5_a_child_is_edited_in_place(sandbox: Sandbox) -> None:
    parent = await full_plan(sandbox)
    calls, disk = parent["charges"]
    child = (await sandbox.subscribe(plan="pro", plan_overrides={"amount_cents": 2000}))["plan"]
    own_calls, own_disk = child["charges"]
    shown = await edit(
        sandbox,
        plan_overrides={
            "amount_cents": 1900,
            "trial_period": 30,
            "charges": [
                {"id": calls["lago_id"], "properties": {"amount": "1"}},
                {"id": own_disk["lago_id"], "properties": {"amount": "2"}},
            ],
        },
    )
    changed = shown["plan"]
    assert changed["lago_id"] == child["lago_id"]
    assert (changed["amount_cents"], changed["trial_period"]) == (1900, 5)
    assert [(item["lago_id"], item["properties"]) for item in changed["charges"]] == [
        (own_calls["lago_id"], {"amount": "1"}),
        (own_disk["lago_id"], {"amount": "2"}),
    ]
    assert changed["charges"][0]["filters"] == own_calls["filters"]
    again = (await edit(sandbox, plan_overrides={"charges": [{"id": disk["lago_id"], "min_amount_cents": 9}]}))["plan"]
    assert [item["min_amount_cents"] for item in again["charges"]] == [50, 9]
    assert again["amount_cents"] == 1900


async def test_03_2_5_drafts_follow_an_override(database: Database) -> None:
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 5})
        await shop_plan(sandbox, "pro", 3100)
        await sandbox.subscribe(plan="pro")
        await sandbox.advance("2024-02-01")
        assert await lines(sandbox) == [("2024-02-06", "pro", 3100)]
        await edit(sandbox, plan_overrides={"amount_cents": 1000})
        await run_jobs(sandbox)
        assert await lines(sandbox) == [("2024-02-06", "pro", 1000)]
        await edit(sandbox, plan_overrides={"amount_cents": 2000})
        await run_jobs(sandbox)
        assert await lines(sandbox) == [("2024-02-06", "pro", 2000)]


async def test_03_6_3_the_overridden_price_decides(sandbox: Sandbox) -> None:
    """Re-posting the parent is a plan change; an equal price an upgrade (trap 11)."""
    await shop_plan(sandbox, "pro", 3100)
    await sandbox.subscribe(plan="pro", plan_overrides={"amount_cents": 4000})
    assert (await sandbox.subscribe(plan="pro"))["downgrade_plan_date"] == "2024-02-01"
    assert (await sandbox.subscribe(plan="pro", plan_overrides={"amount_cents": 4000}))["next_plan_code"] is None
    assert await statuses(sandbox) == [("pro", "terminated"), ("pro", "canceled"), ("pro", "active")]
    assert (await sandbox.subscribe(plan="pro", plan_overrides={"amount_cents": 4001}))["plan_amount_cents"] == 4001


async def test_03_6_3_a_scheduled_one_gets_another_plan_in_place(sandbox: Sandbox) -> None:
    for code, price in (("pro", 3100), ("max", 9900), ("tiny", 1)):
        await shop_plan(sandbox, code, price)
    first = await sandbox.subscribe(
        plan="pro", subscription_at="2024-03-01T00:00:00Z", name="Main", plan_overrides={"amount_cents": 5}
    )
    for code, price in (("max", 9900), ("tiny", 1), ("pro", 3100)):
        shown = await sandbox.subscribe(plan=code, subscription_at="2025-01-01")
        assert (shown["lago_id"], shown["plan_amount_cents"], shown["name"]) == (first["lago_id"], price, "Main")
        assert shown["subscription_at"] == "2024-03-01T00:00:00Z"
    shown = await sandbox.subscribe(plan="pro", plan_overrides={"amount_cents": 6})
    assert shown["plan_amount_cents"] == 3100, "posting the current plan changes nothing"
    shown = await sandbox.subscribe(plan="max", plan_overrides={"amount_cents": 6}, name="Other")
    assert (shown["plan_code"], shown["plan_amount_cents"], shown["name"]) == ("max", 6, "Other")
    async with sandbox.context() as ctx:
        children = (await ctx.session.scalars(select(Plan).where(col(Plan.parent_id).is_not(None)))).all()
        assert sorted((plan.amount_cents, plan.deleted_at is None) for plan in children) == [(5, False), (6, True)]


async def test_03_6_10_override_of_a_scheduled_one_that_starts_today(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await shop_plan(sandbox, "pro", 3100, pay_in_advance=True)
        await sandbox.subscribe(plan="pro", subscription_at="2024-03-01T00:00:00Z")
        shown = await edit(sandbox, subscription_at="2024-01-15T12:00:00Z", plan_overrides={"amount_cents": 6200})
        assert (shown["status"], shown["plan_amount_cents"]) == ("active", 6200)
        assert await lines(sandbox) == [("2024-01-15", "pro", 3400)]
        assert await announced(sandbox) == ["started", "updated"]


async def test_03_2_2_an_override_decides_about_the_downgrade_again(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await shop_plan(sandbox, "pro", 3100)
        await shop_plan(sandbox, "basic", 1000)
        await sandbox.subscribe(plan="pro")
        await sandbox.subscribe(plan="basic")
        assert (await edit(sandbox, plan_overrides={"amount_cents": 1000}))["next_plan_code"] == "basic"
        assert (await edit(sandbox, plan_overrides={"amount_cents": 999}))["next_plan_code"] is None
        assert await statuses(sandbox) == [("pro", "active"), ("basic", "canceled")]


async def test_03_2_2_a_dearer_pending_plan_starts_at_once(database: Database) -> None:
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await shop_plan(sandbox, "pro", 3100)
        await shop_plan(sandbox, "basic", 1000)
        await sandbox.subscribe(plan="pro")
        await sandbox.subscribe(plan="basic")
        shown = await edit(sandbox, "s1?status=pending", plan_overrides={"amount_cents": 3100})
        assert (shown["status"], shown["plan_code"], shown["plan_amount_cents"]) == ("active", "basic", 3100)
        assert await statuses(sandbox) == [("pro", "terminated"), ("basic", "canceled"), ("basic", "active")]


async def test_03_2_3_no_child_of_a_plan_that_is_being_deleted(sandbox: Sandbox) -> None:
    await shop_plan(sandbox, "pro", 3100)
    await sandbox.subscribe(plan="pro")
    await sandbox.call("DELETE", "plans/pro")
    answer = await sandbox.rest.put("subscriptions/s1", {"subscription": {"plan_overrides": {}}})
    assert (answer.status_code, answer.json()["code"]) == (404, "plan_not_found")


async def test_03_2_3_children_go_with_their_plan(database: Database) -> None:
    async with life(database, "2024-01-01T00:00Z") as sandbox:
        await shop_plan(sandbox, "pro", 3100)
        await sandbox.subscribe("s1", "pro", plan_overrides={"amount_cents": 6200})
        await sandbox.subscribe("s2", "pro")
        await sandbox.advance("2024-01-10T00:00:00Z")
        await sandbox.call("DELETE", "plans/pro")
        await run_jobs(sandbox)
        assert sorted(await lines(sandbox)) == [("2024-01-10", "pro", 1000), ("2024-01-10", "pro", 2000)]
        assert {status for _, status in await statuses(sandbox)} == {"terminated"}
        assert (await show(sandbox, "terminated"))["plan"]["name"] == "Pro"
        async with sandbox.context() as ctx:
            assert all(plan.deleted_at for plan in await ctx.session.scalars(select(Plan)))


async def test_03_2_5_a_second_override_races_with_the_first(sandbox: Sandbox) -> None:
    """Two edits at once make one child."""
    await shop_plan(sandbox, "pro", 3100)
    await sandbox.subscribe(plan="pro")
    answers = await asyncio.gather(
        *(
            sandbox.rest.put("subscriptions/s1", {"subscription": {"plan_overrides": overrides}})
            for overrides in ({"amount_cents": 1}, {"name": "Deal"}, {"description": "Deal"})
        )
    )
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    shown = await show(sandbox)
    assert (shown["plan_amount_cents"], shown["plan"]["name"], shown["plan"]["description"]) == (1, "Deal", "Deal")
    async with sandbox.context() as ctx:
        assert len((await ctx.session.scalars(select(Plan).where(col(Plan.parent_id).is_not(None)))).all()) == 1


async def test_03_2_5_counted_states_follow_to_the_child(sandbox: Sandbox) -> None:
    """High-water marks and folds of the period are kept per charge: the copies take them along."""
    plan = await full_plan(sandbox)
    await sandbox.subscribe(plan="pro")
    calls = plan["charges"][0]
    async with sandbox.context() as ctx:
        now = ctx.now()
        charge = await ctx.session.get_one(Charge, calls["lago_id"])
        for number in (1, 2):
            ctx.session.add(
                CustomAggregationState(
                    organization_id=ctx.organization_id,
                    external_subscription_id="s1",
                    charge_id=charge.id,
                    charge_filter_id=calls["filters"][0]["lago_id"],
                    period_end=now.replace(hour=number),
                    state={"n": number},
                    updated_at=now,
                )
            )
    child = (await edit(sandbox, plan_overrides={}))["plan"]
    async with sandbox.context() as ctx:
        rows = (await ctx.session.scalars(select(CustomAggregationState))).all()
        own = [row for row in rows if str(row.charge_id) == child["charges"][0]["lago_id"]]
        assert [(row.state, str(row.charge_filter_id)) for row in own] == [
            ({"n": 2}, child["charges"][0]["filters"][0]["lago_id"])
        ]
        assert (await ctx.session.scalars(select(UnitMark))).all() == []


async def test_03_2_2_a_parent_used_through_children_only_is_editable(sandbox: Sandbox) -> None:
    """Trap 17: its interval change does not reach them."""
    await shop_plan(sandbox, "pro", 3100)
    await sandbox.subscribe(plan="pro", plan_overrides={})
    changed = await change_plan(sandbox, "pro", **cents(3100, interval="yearly"), cascade_updates=True)
    assert changed["interval"] == "yearly"
    assert (await show(sandbox))["plan"]["interval"] == "monthly"
