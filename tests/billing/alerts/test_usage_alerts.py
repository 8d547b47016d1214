"""Alerts on usage, evaluated as the sandbox clock walks (spec 07 §9.4, 03 §8.1)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.alerts import usage_watch
from billwright.billing.progressive.processing import check_marked
from tests.billing.alerts.steps import SUBSCRIPTION, alert, told, told_at
from tests.billing.progressive.steps import sell, settle, use
from tests.support.sandbox import Sandbox

CURRENT = "current_usage_amount"
FEBRUARY = "2024-02-06T12:00:00Z"


async def figures(sandbox: Sandbox, path: str = SUBSCRIPTION) -> dict[str, float]:
    """The previous value of each alert."""
    return {item["code"]: item["previous_value"] for item in (await sandbox.call("GET", path))["alerts"]}


async def test_07_9_4_the_worked_example_of_usage(sandbox: Sandbox) -> None:
    await sell(sandbox, tax="20")
    made = await alert(sandbox, "spend", CURRENT, 1000, 5000, every=2000)
    assert (made["previous_value"], made["last_processed_at"], made["direction"]) == (0, None, "increasing")
    await use(sandbox, "02-06", 900)
    assert await told(sandbox) == []
    await use(sandbox, "02-07", 4300)
    await use(sandbox, "02-08", 3900)
    assert await told(sandbox) == [("spend", [1000, 5000], 900, 5200), ("spend", [7000, 9000], 5200, 9100)]
    assert await told_at(sandbox) == ["2024-02-07T12:00:00Z", "2024-02-08T12:00:00Z"]
    shown = (await sandbox.call("GET", f"{SUBSCRIPTION}/spend"))["alert"]
    assert (shown["previous_value"], shown["last_processed_at"]) == (9100, "2024-02-08T12:00:00Z")


async def test_a_new_period_starts_at_nothing_however_much_is_used_at_once(sandbox: Sandbox) -> None:
    await sell(sandbox)
    await alert(sandbox, "spend", CURRENT, 1000)
    await use(sandbox, "02-06", 1200)
    await use(sandbox, "03-02", 5000)
    assert await told(sandbox) == [("spend", [1000], 0, 1200), ("spend", [1000], 0, 5000)]


async def test_a_walk_over_periods_moves_the_figure_down(sandbox: Sandbox) -> None:
    await sell(sandbox)
    await alert(sandbox, "spend", CURRENT, 1000)
    await use(sandbox, "02-06", 1200)
    await sandbox.advance("2024-03-15T00:00:00Z")
    assert await figures(sandbox) == {"spend": 0}


async def test_a_metric_s_amount_and_units(sandbox: Sandbox) -> None:
    plan = await sell(sandbox)
    await sandbox.charge(plan, "storage", properties={"amount": "0.5"})
    await alert(sandbox, "money", "billable_metric_current_usage_amount", 100, billable_metric_code="storage")
    await alert(sandbox, "units", "billable_metric_current_usage_units", "2.5", billable_metric_code="storage")
    await alert(sandbox, "calls", "billable_metric_current_usage_units", 1000, billable_metric_code="calls")
    await sandbox.advance(FEBRUARY)
    await sandbox.send(("2024-02-06T12:00:00+00:00", "2.25"), code="storage")
    await settle(sandbox, FEBRUARY)
    assert await told(sandbox) == [("money", [100], 0, 113)]
    assert await figures(sandbox) == {"money": 113, "units": 2.25, "calls": 0}
    await sandbox.send(("2024-02-06T12:00:00+00:00", "0.25"), code="storage")
    await settle(sandbox, FEBRUARY)
    assert (await told(sandbox))[1:] == [("units", [2.5], 2.25, 2.5)]


async def test_lifetime_usage_goes_on_over_periods_and_plans(sandbox: Sandbox) -> None:
    await sell(sandbox)
    await alert(sandbox, "life", "lifetime_usage_amount", 1000, 3000)
    await alert(sandbox, "spend", CURRENT, 800)
    await use(sandbox, "02-06", 900)
    await use(sandbox, "03-06", 900)
    more = await sandbox.plan("more", 9000)
    await sandbox.charge(more, "other")
    metric = (await sandbox.call("GET", "billable_metrics/calls"))["billable_metric"]["lago_id"]
    charge = {"billable_metric_id": metric, "charge_model": "standard", "properties": {"amount": "0.01"}}
    await sandbox.call("POST", "plans/more/charges", {"charge": charge})
    await sandbox.advance("2024-03-07T00:00:00Z")
    await sandbox.subscribe("s1", "more")
    await use(sandbox, "03-08", 1300)
    assert await told(sandbox) == [
        ("spend", [800], 0, 900),
        ("spend", [800], 0, 900),
        ("life", [1000], 900, 1800),
        ("spend", [800], 0, 1300),
        ("life", [3000], 1800, 3100),
    ]


async def test_after_the_end_there_is_silence_and_another_one_of_the_id_starts_at_nothing(sandbox: Sandbox) -> None:
    await sell(sandbox)
    await alert(sandbox, "life", "lifetime_usage_amount", 500, 1000)
    await alert(sandbox, "spend", CURRENT, 500, 1000)
    await use(sandbox, "02-06", 900)
    assert len(await told(sandbox)) == 2
    await sandbox.terminate()
    await sandbox.send(("2024-02-06T11:00:00+00:00", "700"))
    await settle(sandbox, FEBRUARY)
    assert len(await told(sandbox)) == 2
    assert await figures(sandbox, f"{SUBSCRIPTION}?subscription_status=terminated") == {"spend": 900, "life": 900}
    assert (await sandbox.rest.request("GET", SUBSCRIPTION)).status_code == 404
    await sandbox.advance("2024-02-07T00:00:00Z")
    await sandbox.subscribe("s1", "p")
    await use(sandbox, "02-08", 950)
    assert sorted((await told(sandbox))[2:]) == [("life", [500], 0, 950), ("spend", [500], 0, 950)]


async def test_what_is_used_already_is_told_when_the_alert_is_made(sandbox: Sandbox) -> None:
    await sell(sandbox)
    await use(sandbox, "02-06", 900)
    await alert(sandbox, "spend", CURRENT, 500, 2000)
    await settle(sandbox, FEBRUARY)
    assert await told(sandbox) == [("spend", [500], 0, 900)]


async def test_other_thresholds_count_from_where_the_figure_is(sandbox: Sandbox) -> None:
    await sell(sandbox)
    await alert(sandbox, "spend", CURRENT, 2000)
    await use(sandbox, "02-06", 900)
    changed = {"alert": {"thresholds": [{"value": 500}, {"value": 1000, "code": "second"}]}}
    shown = (await sandbox.call("PUT", f"{SUBSCRIPTION}/spend", changed))["alert"]
    assert [item["value"] for item in shown["thresholds"]] == ["500.0", "1000.0"]
    await use(sandbox, "02-07", 200)
    assert await told(sandbox) == [("spend", [1000], 900, 1100)]


async def test_01_1_5_alerts_go_with_their_metric(sandbox: Sandbox) -> None:
    await sell(sandbox)
    await alert(sandbox, "units", "billable_metric_current_usage_units", 5, billable_metric_code="calls")
    await alert(sandbox, "spend", CURRENT, 500)
    await sandbox.call("DELETE", "billable_metrics/calls")
    assert await figures(sandbox) == {"spend": 0}


async def test_thresholds_are_billed_although_alerts_fail_and_alerts_are_tried_again(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sell(sandbox, {"amount_cents": 500})
    await alert(sandbox, "spend", CURRENT, 500)
    await sandbox.advance(FEBRUARY)

    async def broken(*arguments: Any) -> Any:
        raise RuntimeError("no usage today")

    monkeypatch.setattr(usage_watch, "usage_of", broken)
    await sandbox.send(("2024-02-06T12:00:00+00:00", "700"))
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 1
    assert [item["invoice_type"] for item in await sandbox.invoices()] == ["progressive_billing"]
    assert await told(sandbox) == []
    monkeypatch.undo()
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 0, "not at once"
    async with sandbox.context() as ctx:
        await ctx.session.execute(text("update lifetime_usage_marks set due_at = now() - interval '1 second'"))
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 1
    assert await told(sandbox) == [("spend", [500], 0, 700)]


async def test_only_subscriptions_with_alerts_are_marked(sandbox: Sandbox) -> None:
    await sell(sandbox)
    await sandbox.subscribe("s2", "p")
    await alert(sandbox, "spend", CURRENT, 500)
    await sandbox.advance(FEBRUARY)
    await sandbox.send(("2024-02-06T12:00:00+00:00", "1"), subscription="s2")
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 0
    await sandbox.send(("2024-02-06T12:00:00+00:00", "1"))
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 1
    await sandbox.call("DELETE", f"{SUBSCRIPTION}/spend")
    await sandbox.send(("2024-02-06T12:00:00+00:00", "1"))
    assert await check_marked(sandbox.runtime, sandbox.organization_id) == 0
