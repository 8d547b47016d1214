"""Usage thresholds of plans, overrides and subscriptions (spec 02 §13.1, 03 §2.5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.progressive.steps import progressive, sell, set_thresholds, threshold, use
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox


def amounts(listed: list[Any]) -> list[tuple[int, bool]]:
    return [(item["amount_cents"], item["recurring"]) for item in listed]


async def show(sandbox: Sandbox) -> Any:
    return (await sandbox.call("GET", "subscriptions/s1"))["subscription"]


async def edit(sandbox: Sandbox, **attributes: Any) -> Any:
    return (await sandbox.call("PUT", "subscriptions/s1", {"subscription": attributes}))["subscription"]


async def test_a_plan_with_thresholds(sandbox: Sandbox) -> None:
    body = {
        "name": "P",
        "code": "p",
        "interval": "monthly",
        "amount_cents": 0,
        "amount_currency": "EUR",
        "pay_in_advance": False,
        "usage_thresholds": [
            threshold(900, recurring=True, name="Each further"),
            threshold(500, name="  "),
            {"amount_cents": "100", "threshold_display_name": "First"},
        ],
    }
    plan = (await sandbox.call("POST", "plans", {"plan": body}))["plan"]
    assert problems("Plan", {"plan": plan}) == []
    shown = [
        (item["amount_cents"], item["recurring"], item["threshold_display_name"]) for item in plan["usage_thresholds"]
    ]
    assert shown == [(100, False, "First"), (500, False, None), (900, True, "Each further")]
    assert plan["applicable_usage_thresholds"] == [
        {name: item[name] for name in ("threshold_display_name", "amount_cents", "recurring")}
        for item in plan["usage_thresholds"]
    ]
    assert (await sandbox.call("GET", "plans/p"))["plan"] == plan


async def test_a_list_replaces_the_one_before(sandbox: Sandbox) -> None:
    """What stays the same keeps its id, an absent or null list changes nothing, an empty one removes all."""
    await sandbox.plan()
    before = (await set_thresholds(sandbox, threshold(100), threshold(200)))["usage_thresholds"]
    after = (await set_thresholds(sandbox, threshold(300), threshold(200, name="Two")))["usage_thresholds"]
    assert amounts(after) == [(200, False), (300, False)]
    assert (after[0]["lago_id"], after[0]["threshold_display_name"]) == (before[1]["lago_id"], "Two")
    for body in ({"name": "Other"}, {"usage_thresholds": None}):
        plan = (await sandbox.call("PUT", "plans/p", {"plan": body}))["plan"]
        assert plan["usage_thresholds"] == after
    assert (await set_thresholds(sandbox))["usage_thresholds"] == []


@pytest.mark.parametrize(
    ("thresholds", "details"),
    [
        ([{}], {"usage_thresholds": "missing_amount_cents"}),
        ([threshold(5), threshold(5)], {"usage_thresholds": "duplicated_values"}),
        (
            [threshold(5, recurring=True), threshold(6, recurring=True)],
            {"usage_thresholds": "multiple_recurring_thresholds"},
        ),
        ([threshold(0)], {"amount_cents": "value_is_out_of_range"}),
        ([threshold(2**63)], {"amount_cents": "value_is_out_of_range"}),
        ("x", {"usage_thresholds": "value_is_invalid"}),
    ],
)
async def test_02_13_1_refused(sandbox: Sandbox, thresholds: Any, details: dict[str, str]) -> None:
    await sandbox.plan()
    await sandbox.subscribe()
    sent = {"usage_thresholds": thresholds}
    for path, body in (
        ("plans/p", {"plan": sent}),
        ("subscriptions/s1", {"subscription": sent}),
        ("subscriptions/s1", {"subscription": {"plan_overrides": sent}}),
    ):
        answer = await sandbox.rest.put(path, body)
        assert (answer.status_code, answer.json()) == (422, validation(**details)), path
    assert (await sandbox.call("GET", "plans/p"))["plan"]["usage_thresholds"] == []
    assert (await show(sandbox))["applicable_usage_thresholds"] == []


async def test_the_same_amount_may_be_a_step_and_recurring(sandbox: Sandbox) -> None:
    await sandbox.plan()
    plan = await set_thresholds(sandbox, threshold(5), threshold(5, recurring=True))
    assert amounts(plan["usage_thresholds"]) == [(5, False), (5, True)]


async def test_which_thresholds_apply(sandbox: Sandbox) -> None:
    """Its own, else its overridden plan's, else the parent's; none when progressive billing is disabled."""
    await sandbox.plan()
    await set_thresholds(sandbox, threshold(100))
    shown = await sandbox.subscribe()
    assert amounts(shown["applicable_usage_thresholds"]) == [(100, False)]
    shown = await edit(sandbox, plan_overrides={"amount_cents": 5})
    assert shown["plan"]["usage_thresholds"] == []
    assert amounts(shown["plan"]["applicable_usage_thresholds"]) == [(100, False)]
    assert amounts(shown["applicable_usage_thresholds"]) == [(100, False)]
    shown = await edit(sandbox, plan_overrides={"usage_thresholds": [threshold(200)]})
    assert amounts(shown["plan"]["usage_thresholds"]) == [(200, False)]
    assert amounts(shown["applicable_usage_thresholds"]) == [(200, False)]
    shown = await edit(sandbox, usage_thresholds=[threshold(300), threshold(50, recurring=True)])
    assert shown["plan"]["usage_thresholds"] == []
    assert amounts(shown["applicable_usage_thresholds"]) == [(300, False), (50, True)]
    assert amounts((await edit(sandbox, progressive_billing_disabled=True))["applicable_usage_thresholds"]) == []
    shown = await edit(sandbox, progressive_billing_disabled=False, usage_thresholds=[])
    assert amounts(shown["applicable_usage_thresholds"]) == [(100, False)]
    assert amounts((await sandbox.call("GET", "plans/p"))["plan"]["usage_thresholds"]) == [(100, False)]


async def test_both_at_once_are_refused(sandbox: Sandbox) -> None:
    await sandbox.plan()
    await sandbox.subscribe()
    sent = {"usage_thresholds": [threshold(1)], "plan_overrides": {"usage_thresholds": []}}
    answer = await sandbox.rest.put("subscriptions/s1", {"subscription": sent})
    details = validation(usage_thresholds="incompatible_params", plan_overrides="incompatible_params")
    assert (answer.status_code, answer.json()) == (422, details)


@pytest.mark.parametrize("where", ["subscription", "override", "plan"])
async def test_usage_already_past_a_new_step_is_invoiced_at_once(sandbox: Sandbox, where: str) -> None:
    await sell(sandbox)
    await use(sandbox, "02-06", 700)
    if where == "plan":
        await set_thresholds(sandbox, threshold(500))
    elif where == "override":
        await edit(sandbox, plan_overrides={"usage_thresholds": [threshold(500)]})
    else:
        await edit(sandbox, usage_thresholds=[threshold(500)])
    await sandbox.advance("2024-02-06T12:00:00Z")
    [invoice] = await progressive(sandbox)
    assert (invoice["issuing_date"], invoice["total_amount_cents"]) == ("2024-02-06", 700)
    # Of another plan on the way to the closing invoice, the credit is found all the same.
    await sandbox.advance("2024-03-01T00:00:00Z")
    closing = await sandbox.invoices(invoice_type="subscription")
    assert [item["progressive_billing_credit_amount_cents"] for item in closing] == [700]


async def test_prices_overridden_between_the_progressive_and_the_closing_invoice(sandbox: Sandbox) -> None:
    """The child plan's charge is another one; what its parent's billed is credited on it."""
    plan = await sell(sandbox, threshold(500))
    await use(sandbox, "02-06", 700)
    charges = (await sandbox.call("GET", f"plans/{plan.code}"))["plan"]["charges"]
    override = {"charges": [{"id": charges[0]["lago_id"], "properties": {"amount": "0.02"}}]}
    await edit(sandbox, plan_overrides=override)
    await sandbox.advance("2024-03-01T00:00:00Z")
    [closing] = await sandbox.invoices(invoice_type="subscription")
    assert (closing["fees_amount_cents"], closing["progressive_billing_credit_amount_cents"]) == (1400, 700)


async def test_nothing_is_invoiced_when_disabled(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(500))
    await edit(sandbox, progressive_billing_disabled=True)
    await use(sandbox, "02-06", 700)
    assert await progressive(sandbox) == []
    await edit(sandbox, progressive_billing_disabled=False)
    await sandbox.advance("2024-02-06T12:00:00Z")
    assert len(await progressive(sandbox)) == 1


async def test_thresholds_of_a_subscription_from_its_creation_and_of_its_next_plan(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    for code, cents in (("less", 100), ("p", 1000), ("more", 9000)):
        plan = await sandbox.plan(code, cents)
        await sandbox.charge(plan, f"calls_{code}", properties={"amount": "0.01"})
    shown = await sandbox.subscribe(usage_thresholds=[threshold(500)])
    assert amounts(shown["applicable_usage_thresholds"]) == [(500, False)]
    shown = await sandbox.subscribe(plan="more", usage_thresholds=[threshold(800)])
    assert amounts(shown["applicable_usage_thresholds"]) == [(800, False)]
    await sandbox.subscribe(plan="less", usage_thresholds=[threshold(50)])
    assert amounts((await show(sandbox))["applicable_usage_thresholds"]) == [(800, False)]
    await sandbox.advance("2024-02-01T00:00:00Z")
    shown = await show(sandbox)
    assert (shown["plan_code"], amounts(shown["applicable_usage_thresholds"])) == ("less", [(50, False)])
