"""The timetable (spec 03 §8.1, 08 C3, 07 §2.5)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from billwright.billing.access.service import create_organization
from billwright.billing.kernel.clock import system_now
from billwright.jobs import cron
from billwright.jobs.cron import TIMETABLE, Pass, keep_running, run_once, timetable
from billwright.jobs.registration import register_handlers
from billwright.jobs.resources import Resources
from billwright.jobs.singleton import alone
from billwright.server.rest.authentication import LAST_USED
from billwright.server.settings import Settings

BY_NAME = {item.name: item for item in TIMETABLE}


def at(hour: int, minute: int, second: float = 0) -> datetime:
    return datetime(2026, 3, 1, hour, minute, tzinfo=UTC) + timedelta(seconds=second)


@pytest.mark.parametrize(
    ("name", "instant", "expected"),
    [
        ("tick", at(10, 0), at(10, 1)),
        ("tick", at(10, 0, 0.3), at(10, 1)),
        ("tick", at(10, 0, 59.9), at(10, 1)),
        ("tick", at(23, 59, 30), at(0, 0) + timedelta(days=1)),
        ("marks", at(10, 1), at(10, 5, 30)),
        ("marks", at(10, 5, 30.5), at(10, 10, 30)),
        ("seal", at(10, 0, 1), at(10, 0, 16)),
        ("last_use", at(10, 15, 0.2), at(11, 15)),
        ("last_use", at(10, 14, 59), at(10, 15)),
        ("partitions", at(0, 10, 1), at(0, 10) + timedelta(days=1)),
        ("tidy", at(0, 59), at(1, 0)),
    ],
)
def test_times(name: str, instant: datetime, expected: datetime) -> None:
    assert BY_NAME[name].next_after(instant) == expected


async def test_every_pass_runs_on_an_empty_installation(resources: Resources) -> None:
    for item in TIMETABLE:
        assert await run_once(item, resources), item.name


async def test_a_single_pass_is_left_to_who_has_it(resources: Resources) -> None:
    ran: list[int] = []

    async def note(_: Resources) -> None:
        ran.append(1)

    item = Pass("seal", note, every=1.0, single=True)
    async with alone(resources.pool, "seal") as first:
        assert first
        async with alone(resources.pool, "seal") as second, alone(resources.pool, "marks") as other:
            assert (second, other) == (False, True)
        assert await run_once(item, resources)
        assert ran == []
    assert await run_once(item, resources)
    assert ran == [1]


async def test_a_failing_pass_is_tried_again(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cron, "RETRY_SECONDS", 0.05)
    ran = asyncio.Event()
    failures = [OSError("gone"), RuntimeError("odd")]

    async def fail_twice(_: Resources) -> int:
        if failures:
            raise failures.pop()
        ran.set()
        return 1

    running = asyncio.create_task(keep_running(Pass("test", fail_twice, at={"hour": 3}), resources))
    await asyncio.wait_for(ran.wait(), 5)
    running.cancel()


async def test_notes_of_last_use_are_stored(resources: Resources) -> None:
    async with resources.runtime.database.transaction() as session:
        created = await create_organization(session, "Acme")
    used = system_now()
    await resources.redis.hset(LAST_USED, str(created.api_key.id), used.isoformat())
    assert await run_once(BY_NAME["last_use"], resources)
    async with resources.runtime.database.reading() as session:
        stored = (await session.execute(text("select last_used_at from api_keys"))).scalar_one()
    assert stored == used
    assert not await resources.redis.exists(LAST_USED)


async def test_old_succeeded_jobs_are_discarded(resources: Resources) -> None:
    async with resources.runtime.database.transaction() as session:
        await session.execute(
            text(
                "insert into jobs"
                " (id, name, arguments, status, attempts, max_attempts, run_at, created_at, finished_at)"
                " select gen_random_uuid(), 'x', '{}', status, 1, 1, at, at, at from (values"
                " ('succeeded', now() - interval '8 days'), ('succeeded', now()),"
                " ('failed', now() - interval '8 days')) as old(status, at)"
            )
        )
    assert await run_once(BY_NAME["tidy"], resources)
    async with resources.runtime.database.reading() as session:
        left = (await session.execute(text("select status from jobs order by status"))).scalars().all()
    assert left == ["failed", "succeeded"]


async def test_partitions_are_made_ahead(resources: Resources) -> None:
    assert await run_once(BY_NAME["partitions"], resources)
    async with resources.runtime.database.reading() as session:
        wanted = await session.execute(
            text(
                "select tableoid::regclass::text, pg_get_expr(relpartbound, oid) from pg_class"
                " where oid in (select inhrelid from pg_inherits where inhparent = 'events'::regclass)"
            )
        )
        bounds = " ".join(row[1] for row in wanted)
    month = system_now().replace(day=1)
    for _ in range(4):
        assert f"FROM ('{month:%Y-%m}-01" in bounds
        month = (month + timedelta(days=32)).replace(day=1)


def test_every_job_that_is_queued_has_a_handler() -> None:
    handlers = register_handlers()
    assert {"invoice.document", "invoice.generate", "customer.wind_up"} <= handlers


def test_how_often_wallets_follow_usage_can_be_set() -> None:
    addresses = {"database_url": "postgresql://u@h/d", "redis_url": "redis://h"}
    settings = Settings.model_validate(
        {**addresses, "secret_key": "x" * 32, "encryption_key": "A" * 43 + "=", "wallet_refresh_seconds": 20}
    )
    chosen = timetable(settings)
    assert {item.name: item.every for item in chosen}["wallets"] == 20
    assert [item.name for item in chosen] == [item.name for item in TIMETABLE]
