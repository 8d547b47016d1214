"""The hourly check of events (spec 01 §2.12): what is wrong, when it is said, and that it is said once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billwright.billing.access.models import Organization
from billwright.billing.kernel.db import Database
from billwright.billing.metering.event_checks import CATCHING_UP, check_all_events, check_events, next_check
from billwright.billing.metering.store.protocol import EventIn
from tests.billing.notifications.test_payloads import Wired, wired_on
from tests.server.rest.contract import problems
from tests.support.webhook_receiver import Receiver

KEYS = ["invalid_code", "missing_aggregation_property", "missing_group_key", "invalid_filter_values"]


@pytest.fixture
async def wired(database: Database, receiver: Receiver) -> AsyncIterator[Wired]:
    async with wired_on(database, receiver) as made:
        yield made


async def metric(wired: Wired, code: str, aggregation: str, field: str | None = None, **filters: list[str]) -> None:
    body = {
        "name": code,
        "code": code,
        "aggregation_type": aggregation,
        "field_name": field,
        "filters": [{"key": name, "values": values} for name, values in filters.items()],
    }
    await wired.sandbox.call("POST", "billable_metrics", {"billable_metric": body})


async def send(wired: Wired, transaction_id: str, code: str, **properties: Any) -> None:
    """An event received at the clock's present."""
    async with wired.sandbox.context() as ctx:
        now = ctx.now()
    event = EventIn(
        organization_id=wired.sandbox.organization_id,
        transaction_id=transaction_id,
        code=code,
        timestamp=now,
        created_at=now,
        external_subscription_id="s1",
        properties=properties,
    )
    await wired.sandbox.runtime.event_store.append([event])


async def errors(wired: Wired, at: str) -> list[Any]:
    return [item for name, item in await wired.news(at=at) if name == "events.errors"]


async def test_what_is_wrong_with_events(wired: Wired) -> None:
    await metric(wired, "sum", "sum_agg", "n")
    await metric(wired, "latest", "latest_agg", "n")
    await metric(wired, "unique", "unique_count_agg", "user")
    await metric(wired, "count", "count_agg")
    await metric(wired, "disk", "max_agg", "gb", region=["eu", "us"], tier=["1", "2"])
    for number, value in enumerate((12, "12.50", "-3", -0.5, "007")):
        await send(wired, f"good-{number}", "sum", n=value)
    for number, value in enumerate(("", "12 GB", "1e3", True, None, [1], " 12")):
        await send(wired, f"bad-{number}", "sum", n=value)
    await send(wired, "bad-7", "sum")
    await send(wired, "late", "latest", n="soon")
    await send(wired, "unique-good", "unique", user="")
    await send(wired, "unique-none", "unique", user=None)
    await send(wired, "counted", "count")
    await send(wired, "unheard", "no_such_code", n=1)
    await send(wired, "disk-good", "disk", gb=1, region="eu", tier=2)
    await send(wired, "disk-one-key", "disk", gb=1, tier="1")
    await send(wired, "disk-unknown", "disk", gb=1, region="asia", tier="1")
    await send(wired, "disk-none", "disk", gb=1, region=None)
    await send(wired, "disk-all", "disk", region="asia")
    (found,) = await errors(wired, "2024-01-15T12:00:00Z")
    assert problems("EventsErrorsObject", found) == []
    assert found == {
        "invalid_code": ["unheard"],
        "missing_aggregation_property": [*(f"bad-{n}" for n in range(8)), "late", "unique-none", "disk-all"],
        "missing_group_key": ["disk-none"],
        "invalid_filter_values": ["disk-unknown", "disk-all"],
    }


async def test_each_hour_is_judged_once_at_five_past(wired: Wired) -> None:
    """A sandbox visits the instants but does not announce them; nothing is said of an hour without faults."""
    await wired.news()
    await send(wired, "t1", "nope")
    clock = await wired.sandbox.call("GET", "test_clock")
    assert clock["test_clock"]["next_due_at"] is None
    assert await errors(wired, "2024-01-15T11:04:59Z") == []
    (found,) = await errors(wired, "2024-01-15T11:05:00Z")
    assert found == {**{name: [] for name in KEYS}, "invalid_code": ["t1"]}
    assert await errors(wired, "2024-01-15T11:30:00Z") == []
    await send(wired, "t2", "nope")
    await send(wired, "t3", "nope")
    await metric(wired, "fine", "count_agg")
    found = await errors(wired, "2024-01-20T00:00:00Z")
    assert [item["invalid_code"] for item in found] == [["t2", "t3"]]
    await send(wired, "t4", "fine")
    assert await errors(wired, "2024-01-21T00:00:00Z") == []


async def test_the_same_id_twice_is_listed_once(wired: Wired) -> None:
    await wired.news()
    await send(wired, "t1", "nope")
    event = await wired.sandbox.runtime.event_store.get(wired.sandbox.organization_id, "t1")
    assert event is not None
    other = EventIn(
        organization_id=wired.sandbox.organization_id,
        transaction_id="t1",
        code="nope",
        timestamp=event.timestamp,
        created_at=event.created_at,
        external_subscription_id="s2",
    )
    await wired.sandbox.runtime.event_store.append([other])
    (found,) = await errors(wired, "2024-01-16T00:00:00Z")
    assert found["invalid_code"] == ["t1"]


async def test_nobody_listens_nothing_is_judged(wired: Wired) -> None:
    """Hours that pass while no endpoint wants to know are not made up for."""
    (endpoint,) = (await wired.sandbox.call("GET", "webhook_endpoints"))["webhook_endpoints"]
    path = f"webhook_endpoints/{endpoint['lago_id']}"
    await wired.sandbox.call("PUT", path, {"webhook_endpoint": {"event_types": ["invoice.created"]}})
    await send(wired, "t1", "nope")
    assert await errors(wired, "2024-01-15T12:00:00Z") == []
    async with wired.sandbox.context() as ctx:
        assert await next_check(ctx) is None
    await wired.sandbox.call("PUT", path, {"webhook_endpoint": {"event_types": ["events.errors"]}})
    assert await errors(wired, "2024-01-16T00:00:00Z") == []


async def test_the_switch_turns_it_off(wired: Wired) -> None:
    off = replace(wired.sandbox.runtime, checks_events=False)
    await send(wired, "t1", "nope")
    assert await check_events(off, wired.sandbox.organization_id, datetime(2024, 1, 15, 11, 5, tzinfo=UTC)) == 0
    assert await check_all_events(off, datetime(2024, 1, 15, 11, 5, tzinfo=UTC)) == 0
    assert await errors(wired, "2024-01-15T12:00:00Z") != []


async def test_live_organizations_at_the_workers_time(wired: Wired) -> None:
    """A late pass judges the hour before; a missed one is made up for, within a day; two passes say it once."""
    sandbox = wired.sandbox
    async with sandbox.runtime.database.transaction() as session:
        organization = await session.get_one(Organization, sandbox.organization_id)
        organization.kind, organization.clock_now = "live", None
    begin = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    for hours in (0, 1, 3, 40):
        event = EventIn(
            organization_id=sandbox.organization_id,
            transaction_id=f"t{hours}",
            code="nope",
            timestamp=begin,
            created_at=begin + timedelta(hours=hours),
        )
        await sandbox.runtime.event_store.append([event])
    now = datetime(2026, 3, 1, 11, 5, 7, tzinfo=UTC)
    assert await check_all_events(sandbox.runtime, now - timedelta(minutes=1)) == 0
    assert await check_all_events(sandbox.runtime, now) == 1
    assert await check_all_events(sandbox.runtime, now) == 0
    assert await check_all_events(sandbox.runtime, now + timedelta(minutes=54)) == 0
    assert await check_all_events(sandbox.runtime, now + timedelta(hours=4)) == 2
    assert await check_all_events(sandbox.runtime, now + timedelta(hours=41) + CATCHING_UP) == 0
