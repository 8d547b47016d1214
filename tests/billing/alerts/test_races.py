"""Evaluations beside each other tell a crossing once (spec 07 §9.4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from billwright.billing.alerts import usage_watch
from billwright.billing.alerts.models import Alert
from billwright.billing.alerts.usage_watch import watch_usage
from tests.billing.alerts.steps import SUBSCRIPTION, alert, body, told
from tests.billing.notifications.test_payloads import Wired
from tests.billing.progressive.steps import sell
from tests.support.sandbox import Sandbox

DAY = "2024-02-06T12:00:00+00:00"


async def test_two_evaluations_at_once_send_one_webhook(wired: Wired) -> None:
    sandbox = wired.sandbox
    await sell(sandbox)
    await alert(sandbox, "spend", "current_usage_amount", 500, every=100)
    await sandbox.advance("2024-02-06T12:00:00Z")
    await sandbox.send((DAY, "720"))
    await asyncio.gather(*(watch_usage(sandbox.runtime, sandbox.organization_id, "s1") for _ in range(6)))
    arrived = [item for name, item in await wired.news(at="2024-02-06T12:00:00Z") if name == "alert.triggered"]
    assert [[threshold["value"] for threshold in item["crossed_thresholds"]] for item in arrived] == [
        ["500.0", "600.0", "700.0"]
    ]


async def test_a_slow_evaluation_does_not_bring_back_an_old_figure(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One measures 300; while it thinks, more is used and another one runs: the second sees all of it, once."""
    await sell(sandbox)
    await alert(sandbox, "spend", "current_usage_amount", 500)
    await sandbox.advance("2024-02-06T12:00:00Z")
    await sandbox.send((DAY, "300"))
    measured, go_on = asyncio.Event(), asyncio.Event()
    before = usage_watch.usage_of

    async def slowly(*arguments: Any) -> Any:
        found = await before(*arguments)
        if not measured.is_set():
            measured.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(usage_watch, "usage_of", slowly)
    first = asyncio.create_task(watch_usage(sandbox.runtime, sandbox.organization_id, "s1"))
    await measured.wait()
    await sandbox.send((DAY, "400"))
    second = asyncio.create_task(watch_usage(sandbox.runtime, sandbox.organization_id, "s1"))
    await asyncio.sleep(0.1)
    assert not second.done(), "it waits for the alert's row"
    go_on.set()
    await asyncio.gather(first, second)
    await watch_usage(sandbox.runtime, sandbox.organization_id, "s1")
    assert await told(sandbox) == [("spend", [500], 300, 700)]


async def test_the_same_alert_made_twice_at_once_is_one(sandbox: Sandbox) -> None:
    await sell(sandbox)
    sent = {"alert": body("spend", "current_usage_amount", 500)}
    answers = await asyncio.gather(*(sandbox.rest.request("POST", SUBSCRIPTION, sent) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    async with sandbox.context() as ctx:
        assert (await ctx.session.execute(select(func.count()).select_from(Alert))).scalar_one() == 1
