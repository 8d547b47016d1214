"""What a change of a plan does to overridden plans (spec 03 §2.6)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from billwright.billing.background.jobs import run_job
from billwright.billing.catalog.cascading_charges import followed
from billwright.billing.kernel.db import Database
from billwright.billing.pricing.properties import same_properties
from tests.billing.subscriptions.lives import (
    change_plan,
    edit,
    life,
    metric,
    priced,
    run_jobs,
    shop_plan,
    show,
    statuses,
)
from tests.support.sandbox import Sandbox


def region(value: str, amount: str, **more: Any) -> dict[str, Any]:
    return {"values": {"region": [value]}, "properties": {"amount": amount}, **more}


async def subscribe(sandbox: Sandbox, external_id: str, **overrides: Any) -> Any:
    return (await sandbox.subscribe(external_id, "pro", plan_overrides=overrides))["plan"]


async def plan_of(sandbox: Sandbox, external_id: str, status: str = "active") -> Any:
    return (await show(sandbox, status, external_id))["plan"]


async def charge_of(sandbox: Sandbox, external_id: str) -> Any:
    [charge] = (await plan_of(sandbox, external_id))["charges"]
    return charge


async def edit_parent(sandbox: Sandbox, *, cascade: bool = True, **attributes: Any) -> Any:
    changed = await change_plan(sandbox, "pro", **attributes, cascade_updates=cascade)
    await run_jobs(sandbox)
    return changed


async def company(sandbox: Sandbox, *, amount: str = "10", **more: Any) -> tuple[Any, str]:
    """Plan ``pro`` of 1000 with one charge; the plan and the metric."""
    calls = await metric(sandbox, filters=[{"key": "region", "values": ["eu", "asia", "us"]}])
    return await shop_plan(sandbox, "pro", 1000, priced(calls, amount, **more)), calls


async def test_03_2_6_example(sandbox: Sandbox) -> None:
    """Fee 1000, charge "10". X overrides the fee (800), Y the charge ("7"). Then 1200 and "12"."""
    plan, calls = await company(sandbox)
    charge_id = plan["charges"][0]["lago_id"]
    await subscribe(sandbox, "x", amount_cents=800)
    await subscribe(sandbox, "y", charges=[{"id": charge_id, "properties": {"amount": "7"}}])
    await edit_parent(sandbox, amount_cents=1200, charges=[{"id": charge_id, **priced(calls, "12")}])
    found = {name: await plan_of(sandbox, name) for name in "xy"}
    assert {
        name: (item["amount_cents"], item["charges"][0]["properties"]["amount"]) for name, item in found.items()
    } == {
        "x": (800, "12"),
        "y": (1200, "7"),
    }


async def test_03_2_6_only_when_it_is_asked_for(sandbox: Sandbox) -> None:
    plan, calls = await company(sandbox)
    before = await subscribe(sandbox, "x")
    entry = {"id": plan["charges"][0]["lago_id"], **priced(calls, "12")}
    await edit_parent(sandbox, cascade=False, amount_cents=1200, charges=[entry])
    assert await plan_of(sandbox, "x") == before


async def test_03_2_6_numbers_compare_as_numbers(sandbox: Sandbox) -> None:
    plan, calls = await company(sandbox, amount="1")
    charge_id = plan["charges"][0]["lago_id"]
    await subscribe(sandbox, "x", charges=[{"id": charge_id, "properties": {"amount": "1.0"}}])
    await edit_parent(sandbox, charges=[{"id": charge_id, **priced(calls, "2")}])
    assert (await charge_of(sandbox, "x"))["properties"] == {"amount": "2"}


async def test_03_2_6_a_charge_added_and_removed(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20", applied_to_organization=False)
    plan, calls = await company(sandbox)
    charge_id = plan["charges"][0]["lago_id"]
    disk = await metric(sandbox, "disk")
    await subscribe(sandbox, "x", charges=[{"id": charge_id, "properties": {"amount": "7"}}])
    added = priced(
        calls, "3", code="more", filters=[region("eu", "2", invoice_display_name="Europe")], tax_codes=["vat"]
    )
    added |= {"min_amount_cents": 9, "invoice_display_name": "More"}
    changed = await edit_parent(sandbox, charges=[{"id": charge_id, **priced(calls, "10")}, added, priced(disk, "4")])
    child = (await plan_of(sandbox, "x"))["charges"]
    own = {"lago_id", "lago_parent_id", "created_at", "filters", "taxes"}
    assert [{name: value for name, value in item.items() if name not in own} for item in child[1:]] == [
        {name: value for name, value in item.items() if name not in own} for item in changed["charges"][1:]
    ]
    assert [item["lago_parent_id"] for item in child] == [item["lago_id"] for item in changed["charges"]]
    assert [item["values"] for item in child[1]["filters"]] == [{"region": ["eu"]}]
    assert [tax["code"] for tax in child[1]["taxes"]] == ["vat"]
    await edit_parent(sandbox, charges=[])
    assert (await plan_of(sandbox, "x"))["charges"] == [], "even when customised"


async def test_03_2_6_a_charge_is_not_added_twice(sandbox: Sandbox) -> None:
    await company(sandbox)
    await subscribe(sandbox, "x")
    disk = await metric(sandbox, "disk")
    body = {"charge": {**priced(disk), "cascade_updates": True}}
    await sandbox.call("POST", "plans/pro/charges", body)
    await run_jobs(sandbox)
    async with sandbox.context() as ctx:  # the job runs again after a crash
        await ctx.session.execute(text("update jobs set status = 'queued' where name = 'catalog.cascade'"))
    await run_jobs(sandbox)
    assert [item["code"] for item in (await plan_of(sandbox, "x"))["charges"]] == ["calls", "disk"]


async def test_03_2_6_charges_reach_only_children_in_use(sandbox: Sandbox) -> None:
    """The fee reaches all of them."""
    plan, calls = await company(sandbox)
    for name in ("active", "ended"):
        await subscribe(sandbox, name)
    await sandbox.subscribe("later", "pro", subscription_at="2024-06-01", plan_overrides={})
    await sandbox.terminate("ended")
    entry = {"id": plan["charges"][0]["lago_id"], **priced(calls, "12")}
    await edit_parent(sandbox, amount_cents=1200, charges=[entry])
    found = [
        await plan_of(sandbox, "active"),
        await plan_of(sandbox, "later", "pending"),
        await plan_of(sandbox, "ended", "terminated"),
    ]
    assert [(item["amount_cents"], item["charges"][0]["properties"]["amount"]) for item in found] == [
        (1200, "12"),
        (1200, "12"),
        (1200, "10"),
    ]


async def test_03_2_6_group_keys_always_follow(sandbox: Sandbox) -> None:
    plan, calls = await company(sandbox)
    charge_id = plan["charges"][0]["lago_id"]
    await subscribe(sandbox, "x", charges=[{"id": charge_id, "properties": {"amount": "7"}}])
    grouped = {"amount": "10", "pricing_group_keys": ["region"]}
    await edit_parent(sandbox, charges=[{"id": charge_id, **priced(calls), "properties": grouped}])
    found = (await charge_of(sandbox, "x"))["properties"]
    assert found == {"amount": "7", "pricing_group_keys": ["region"], "grouped_by": ["region"]}
    await edit_parent(sandbox, charges=[{"id": charge_id, **priced(calls)}])
    assert (await charge_of(sandbox, "x"))["properties"] == {"amount": "7"}


async def test_03_2_6_another_model_is_left_alone(sandbox: Sandbox) -> None:
    """The parent, used through children only, may change its model; the child does not."""
    plan, calls = await company(sandbox, filters=[region("eu", "5")])
    charge_id = plan["charges"][0]["lago_id"]
    before = await subscribe(sandbox, "x")
    package = {"amount": "9", "package_size": 10, "free_units": 0}
    entry = {"id": charge_id, "billable_metric_id": calls, "charge_model": "package", "properties": package}
    await edit_parent(sandbox, charges=[{**entry, "filters": []}])
    assert await plan_of(sandbox, "x") == before


async def test_03_2_6_codes_follow(sandbox: Sandbox) -> None:
    plan, calls = await company(sandbox)
    disk = await metric(sandbox, "disk")
    first = plan["charges"][0]["lago_id"]
    changed = await edit_parent(sandbox, charges=[{"id": first, **priced(calls)}, priced(disk)])
    second = changed["charges"][1]["lago_id"]
    await subscribe(sandbox, "x")
    entries = [{"id": first, **priced(calls), "code": "disk"}, {"id": second, **priced(disk), "code": "calls"}]
    await edit_parent(sandbox, charges=entries)
    child = (await plan_of(sandbox, "x"))["charges"]
    assert [(item["billable_metric_code"], item["code"]) for item in child] == [("calls", "disk"), ("disk", "calls")]


async def test_03_2_6_filters(sandbox: Sandbox) -> None:
    plan, calls = await company(sandbox, filters=[region("eu", "5"), region("asia", "6")])
    charge_id = plan["charges"][0]["lago_id"]
    await subscribe(sandbox, "same")
    mine = [region("eu", "1"), region("asia", "6"), region("us", "2")]
    await subscribe(sandbox, "mine", charges=[{"id": charge_id, "filters": mine}])
    filters = [
        region("eu", "50", invoice_display_name="Europe"),
        region("us", "70", invoice_display_name="America"),
    ]
    await edit_parent(sandbox, charges=[{"id": charge_id, **priced(calls), "filters": filters}])

    async def shown(external_id: str) -> list[Any]:
        found = (await charge_of(sandbox, external_id))["filters"]
        return sorted(
            (*item["values"]["region"], item["properties"]["amount"], item["invoice_display_name"]) for item in found
        )

    assert await shown("same") == [("eu", "50", "Europe"), ("us", "70", "America")]
    assert await shown("mine") == [("eu", "1", None), ("us", "2", None)]


async def test_03_2_6_group_keys_of_filters_follow(sandbox: Sandbox) -> None:
    plan, calls = await company(sandbox, filters=[region("eu", "5")])
    charge_id = plan["charges"][0]["lago_id"]
    await subscribe(sandbox, "mine", charges=[{"id": charge_id, "filters": [region("eu", "1")]}])
    grouped = region("eu", "6") | {"properties": {"amount": "6", "pricing_group_keys": ["team"]}}
    await edit_parent(sandbox, charges=[{"id": charge_id, **priced(calls), "filters": [grouped]}])
    [item] = (await charge_of(sandbox, "mine"))["filters"]
    assert item["properties"] == {"amount": "1", "pricing_group_keys": ["team"], "grouped_by": ["team"]}


async def test_03_2_6_what_never_cascades(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20", applied_to_organization=False)
    plan, calls = await company(sandbox)
    before = await subscribe(sandbox, "x")
    entry = priced(calls) | {"min_amount_cents": 5, "invoice_display_name": "C", "tax_codes": ["vat"]}
    changed = {"name": "N", "description": "D", "invoice_display_name": "I", "trial_period": 3, "tax_codes": ["vat"]}
    entries = [{"id": plan["charges"][0]["lago_id"], **entry}]
    await edit_parent(sandbox, **changed, metadata={"a": "b"}, charges=entries)
    assert await plan_of(sandbox, "x") == before


async def test_03_2_6_edits_take_their_turn(sandbox: Sandbox) -> None:
    """Two edits queued one behind the other end at the second, in whatever order the jobs are taken."""
    plan, calls = await company(sandbox)
    charge_id = plan["charges"][0]["lago_id"]
    await subscribe(sandbox, "x")
    for amount in ("11", "12", "13"):
        body = {"cascade_updates": True, "charges": [{"id": charge_id, **priced(calls, amount)}]}
        await change_plan(sandbox, "pro", amount_cents=int(amount) * 100, **body)
    async with sandbox.context() as ctx:
        ids = [
            row[0]
            for row in await ctx.session.execute(
                text("select id from jobs where name = 'catalog.cascade' order by created_at desc")
            )
        ]
    assert [await run_job(sandbox.runtime, job_id, immediate=True) for job_id in ids] == [
        "postponed",
        "postponed",
        "succeeded",
    ]
    await run_jobs(sandbox)
    child = await plan_of(sandbox, "x")
    assert (child["amount_cents"], child["charges"][0]["properties"]["amount"]) == (1300, "13")


async def test_03_2_6_a_dearer_child_makes_its_pending_downgrade_an_upgrade(database: Database) -> None:
    """Rule 2.2(b) is applied to the child."""
    async with life(database, "2024-01-15T10:00Z") as sandbox:
        await company(sandbox)
        await shop_plan(sandbox, "max", 3100)
        await sandbox.subscribe(plan="max")
        await sandbox.subscribe(plan="pro", plan_overrides={"name": "Deal"})
        await edit_parent(sandbox, amount_cents=3100)
        assert await statuses(sandbox) == [("max", "terminated"), ("pro", "canceled"), ("pro", "active")]
        assert (await plan_of(sandbox, "s1"))["name"] == "Deal"


async def test_03_2_6_sub_resources_cascade(sandbox: Sandbox) -> None:
    """Spec 03 §2.7: charges and filters by themselves."""
    plan, _ = await company(sandbox)
    await subscribe(sandbox, "x")
    flag = {"cascade_updates": True}
    base = "plans/pro/charges/calls"
    await sandbox.call("PUT", base, {"charge": {"properties": {"amount": "11"}, **flag}})
    await run_jobs(sandbox)
    assert (await charge_of(sandbox, "x"))["properties"] == {"amount": "11"}
    made = (await sandbox.call("POST", f"{base}/filters", {"filter": region("eu", "1") | flag}))["filter"]
    await run_jobs(sandbox)
    assert [item["properties"] for item in (await charge_of(sandbox, "x"))["filters"]] == [{"amount": "1"}]
    await sandbox.call("PUT", f"{base}/filters/{made['lago_id']}", {"filter": {"properties": {"amount": "2"}, **flag}})
    await run_jobs(sandbox)
    assert [item["properties"] for item in (await charge_of(sandbox, "x"))["filters"]] == [{"amount": "2"}]
    await sandbox.call("DELETE", f"{base}/filters/{made['lago_id']}", {"filter": flag})
    await run_jobs(sandbox)
    assert (await charge_of(sandbox, "x"))["filters"] == []
    await sandbox.call("DELETE", base, params={"cascade_updates": "true"})
    await run_jobs(sandbox)
    assert (await plan_of(sandbox, "x"))["charges"] == []
    assert plan["charges"]


@pytest.mark.parametrize("path", ["", "/filters/{id}"])
async def test_03_2_6_deletions_without_the_flag_stay(sandbox: Sandbox, path: str) -> None:
    await company(sandbox, filters=[region("eu", "5")])
    before = await subscribe(sandbox, "x")
    [found] = (await sandbox.call("GET", "plans/pro/charges/calls/filters"))["filters"]
    await sandbox.call("DELETE", "plans/pro/charges/calls" + path.format(id=found["lago_id"]))
    await run_jobs(sandbox)
    assert await plan_of(sandbox, "x") == before


async def test_03_2_6_many_children(sandbox: Sandbox) -> None:
    """More than one batch."""
    plan, calls = await company(sandbox)
    for number in range(23):
        await subscribe(sandbox, f"s{number}")
    await edit(sandbox, "s7", plan_overrides={"amount_cents": 1})
    await edit_parent(
        sandbox, amount_cents=2000, charges=[{"id": plan["charges"][0]["lago_id"], **priced(calls, "12")}]
    )
    found = [await plan_of(sandbox, f"s{number}") for number in range(23)]
    assert [item["amount_cents"] for item in found] == [1 if number == 7 else 2000 for number in range(23)]
    assert {item["charges"][0]["properties"]["amount"] for item in found} == {"12"}


properties = st.fixed_dictionaries(
    {"amount": st.sampled_from(["1", "1.0", "2", "3"])},
    optional={"pricing_group_keys": st.sampled_from([["a"], ["a", "b"]])},
)


@given(child=properties, before=properties, after=properties)
def test_03_2_6_a_child_follows_or_keeps_its_price(child: Any, before: Any, after: Any) -> None:
    result = followed(child, before, after)
    assert result.get("pricing_group_keys") == after.get("pricing_group_keys")
    shared = same_properties(child, before)
    assert result["amount"] == (after["amount"] if shared else child["amount"])
    assert same_properties(followed(result, after, after), result), "a second run changes nothing"
