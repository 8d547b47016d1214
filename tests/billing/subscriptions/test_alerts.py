"""Alerts before a subscription ends by itself (spec 03 §6.6, §8.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.kernel.db import Database
from billwright.billing.subscriptions.alerts import configure_alerts
from billwright.billing.subscriptions.calendar.starts import ALERT_DAYS
from tests.billing.subscriptions.lives import announced, edit, life
from tests.support.sandbox import Sandbox

ALERT = "termination_alert"


@pytest.fixture(autouse=True)
def default_days() -> Iterator[None]:
    yield
    configure_alerts(ALERT_DAYS)


async def clock(sandbox: Sandbox) -> Any:
    return (await sandbox.call("GET", "test_clock"))["test_clock"]


async def alerts_on(sandbox: Sandbox, *days: str) -> list[str]:
    """On which of the days (the last must come last) an alert was sent."""
    found: list[str] = []
    for day in days:
        before = (await announced(sandbox)).count(ALERT)
        await sandbox.advance(f"{day}T00:49:59Z")
        assert (await announced(sandbox)).count(ALERT) == before
        await sandbox.advance(f"{day}T23:00:00Z")
        found += [day] * ((await announced(sandbox)).count(ALERT) - before)
    return found


async def test_03_6_6_alerts(database: Database) -> None:
    """ending_at 2024-12-31T23:30Z: 16 November and 16 December, by UTC dates."""
    async with life(database, "2024-06-01T00:00Z", zone="Asia/Tokyo") as sandbox:
        await sandbox.plan("p", 3100, interval="yearly")
        await sandbox.subscribe(ending_at="2024-12-31T23:30:00Z")
        days = ("2024-11-15", "2024-11-16", "2024-11-17", "2024-12-15", "2024-12-16", "2024-12-17", "2024-12-31")
        assert await alerts_on(sandbox, *days) == ["2024-11-16", "2024-12-16"]


async def test_03_8_1_alerts_are_visited_but_not_announced(database: Database) -> None:
    async with life(database, "2024-06-01T00:00Z") as sandbox:
        await sandbox.plan("p", 3100, interval="yearly")
        await sandbox.subscribe(ending_at="2024-08-01T00:00:00Z")
        assert (await clock(sandbox))["next_due_at"] == "2024-08-01T00:00:00Z"
        await sandbox.advance("2024-06-17T00:49:00Z")
        assert await announced(sandbox) == ["started"]
        await sandbox.advance("2024-06-17T00:50:00Z")
        assert await announced(sandbox) == ["started", ALERT]
        await sandbox.advance("2024-06-17T00:51:00Z")
        assert await announced(sandbox) == ["started", ALERT]


async def test_03_6_6_a_moved_ending_moves_the_alerts(database: Database) -> None:
    async with life(database, "2024-06-01T00:00Z") as sandbox:
        await sandbox.plan("p", 3100, interval="yearly")
        await sandbox.subscribe(ending_at="2024-08-01T00:00:00Z")
        await edit(sandbox, ending_at="2024-09-01T00:00:00Z")
        assert await alerts_on(sandbox, "2024-06-17", "2024-07-17", "2024-07-18") == ["2024-07-18"]
        await edit(sandbox, ending_at=None)
        assert await alerts_on(sandbox, "2024-08-17", "2024-09-01") == []


async def test_03_6_6_one_alert_a_day(database: Database) -> None:
    """Not even another end that makes the same day the 45th instead of the 15th sends a second one."""
    async with life(database, "2024-06-01T00:00Z") as sandbox:
        await sandbox.plan("p", 3100, interval="yearly")
        await sandbox.subscribe(ending_at="2024-07-01T00:00:00Z")
        await sandbox.advance("2024-06-16T01:00:00Z")
        await edit(sandbox, ending_at="2024-07-31T00:00:00Z")
        await sandbox.advance("2024-06-17T00:00:00Z")
        assert (await announced(sandbox)).count(ALERT) == 1


async def test_03_6_6_no_alert_in_the_afternoon_of_the_day(database: Database) -> None:
    async with life(database, "2024-06-16T10:00Z") as sandbox:
        await sandbox.plan("p", 3100, interval="yearly")
        await sandbox.subscribe(ending_at="2024-07-01T00:00:00Z")
        await sandbox.advance("2024-06-30T00:00:00Z")
        assert await announced(sandbox) == ["started"]


async def test_03_6_6_a_late_run_of_the_day_still_alerts(database: Database) -> None:
    async with life(database, "2024-06-10T10:00Z") as sandbox:
        await sandbox.plan("p", 3100, interval="yearly")
        await sandbox.subscribe(ending_at="2024-07-01T00:00:00Z")
        async with sandbox.context() as ctx:  # the scheduler was down at 00:50, and somebody edits meanwhile
            ctx.organization.clock_now = datetime.fromisoformat("2024-06-16T09:00Z")
        await edit(sandbox, name="Main")
        await sandbox.advance("2024-06-16T09:01:00Z")
        assert await announced(sandbox) == ["started", "updated", ALERT]


async def test_03_6_6_a_terminated_one_alerts_no_more(database: Database) -> None:
    async with life(database, "2024-06-10T10:00Z") as sandbox:
        await sandbox.plan("p", 3100, interval="yearly")
        await sandbox.subscribe(ending_at="2024-07-01T00:00:00Z")
        await sandbox.terminate()
        await sandbox.advance("2024-07-02T00:00:00Z")
        assert await announced(sandbox) == ["started", "terminated"]


async def test_03_6_6_other_days_by_configuration(database: Database) -> None:
    configure_alerts([3])
    async with life(database, "2024-06-10T10:00Z") as sandbox:
        await sandbox.plan("p", 3100, interval="yearly")
        await sandbox.subscribe(ending_at="2024-07-01T00:00:00Z")
        assert await alerts_on(sandbox, "2024-06-16", "2024-06-28", "2024-06-29") == ["2024-06-28"]


async def test_subscriptions_from_before_the_alerts(database: Database) -> None:
    """The revision makes them due once; the pass then finds their slot."""
    async with life(database, "2024-06-10T10:00Z") as sandbox:
        await sandbox.plan("p", 3100, interval="yearly")
        await sandbox.subscribe(ending_at="2024-07-01T00:00:00Z")
        async with sandbox.context() as ctx:
            await ctx.session.execute(
                text("update subscriptions set alert_due_at = '2024-06-10T10:00Z', due_at = '2024-06-10T10:00Z'")
            )
        await sandbox.advance("2024-06-16T01:00:00Z")
        assert await announced(sandbox) == ["started", ALERT]
