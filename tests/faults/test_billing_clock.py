"""A sandbox's walk through five months that is killed on the way is taken up by a worker; nothing is lost or doubled.

Whoever walks holds a lease on the clock; the tests put its end into the past instead of waiting for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.registration import register_all
from billwright.billing.scheduling.test_clock import advance, begin_advance
from tests.faults.billing_books import Books, assert_same, books
from tests.faults.billing_processes import execute, opened, wait_until, workers_on
from tests.live.server import live_server
from tests.support.company import Company, found_company
from tests.support.extent import DEEP

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
TARGET = datetime(2025, 6, 1, tzinfo=UTC)
MONTHS = 5
SUBSCRIPTIONS = 12
CUSTOMERS = 6


async def found(url: str) -> Company:
    async with opened(url) as runtime:
        return await found_company(
            runtime,
            subscriptions=SUBSCRIPTIONS,
            subscriptions_of_customer=SUBSCRIPTIONS // CUSTOMERS,
            months=MONTHS,
            events=2,
            sandbox_clock=BEGIN,
            numbering="per_organization",
            coupon=True,
        )


@pytest.fixture(scope="module")
async def undisturbed(module_database_url: str) -> Books:
    """The books of a walk that nobody disturbs."""
    register_all()
    company = await found(module_database_url)
    async with opened(module_database_url) as runtime:
        async with runtime.database.transaction() as session:
            organization = await session.get_one(Organization, company.organization_id)
            await begin_advance(Context(session, organization, event_store=runtime.event_store), TARGET)
        state = await advance(runtime, company.organization_id)
    assert state.failed_jobs == []
    wanted = await books(module_database_url, company.organization_id)
    assert wanted["numbers"] == [str(list(range(1, CUSTOMERS * MONTHS + 1)))]
    return wanted


async def is_under_way(url: str, organization_id: UUID) -> None:
    await wait_until(
        url,
        "select count(*) >= 2 * $2::int from invoices where organization_id = $1 and status = 'finalized'",
        organization_id,
        CUSTOMERS,
    )


async def finishes(url: str, redis_url: str, log: Path, organization_id: UUID) -> None:
    """The walk stands still; a fresh worker brings it to its target."""
    target: Any = await wait_until(url, "select clock_target from organizations where id = $1", organization_id)
    assert target == TARGET, "the walk was over before its process was killed"
    await execute(url, "update organizations set clock_lease_until = now() - interval '1 s'")
    await execute(url, "update jobs set lease_until = now() - interval '1 s' where status = 'running'")
    with workers_on(redis_url, log) as workers:
        worker = workers.start(url)
        await wait_until(url, "select clock_target is null from organizations", watched=worker)
        done = "select not exists (select from jobs where status <> 'succeeded')"
        await wait_until(url, done, watched=worker)
    now: Any = await wait_until(url, "select clock_now from organizations")
    assert now == TARGET


async def put_clock(url: str, api_key: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.put(
            f"{url}/api/v1/test_clock",
            json={"test_clock": {"now": TARGET.isoformat()}},
            headers={"Authorization": f"Bearer {api_key}", **headers},
        )


async def test_the_server_is_killed(database_url: str, redis_url: str, tmp_path: Path, undisturbed: Books) -> None:
    company = await found(database_url)
    with live_server(database_url, redis_url, tmp_path / "server.log") as server:
        request = asyncio.create_task(put_clock(server.url, company.api_key))
        await is_under_way(database_url, company.organization_id)
        server.process.send_signal(signal.SIGKILL)
        with contextlib.suppress(httpx.TransportError):
            raise AssertionError(f"the walk was answered: {(await request).text}")
    await finishes(database_url, redis_url, tmp_path / "worker.log", company.organization_id)
    assert_same(await books(database_url, company.organization_id), undisturbed)


@pytest.mark.skipif(
    not DEEP, reason="a walk that a dead server left is taken up alike, above; TESTS_DEEP=1 takes this too"
)
async def test_the_worker_is_killed(database_url: str, redis_url: str, tmp_path: Path, undisturbed: Books) -> None:
    company = await found(database_url)
    with (
        live_server(database_url, redis_url, tmp_path / "server.log") as server,
        workers_on(redis_url, tmp_path / "worker.log") as workers,
    ):
        worker = workers.start(database_url)
        answer = await put_clock(server.url, company.api_key, Prefer="respond-async")
        assert answer.status_code == 202, answer.text
        await is_under_way(database_url, company.organization_id)
        worker.kill()
    await finishes(database_url, redis_url, tmp_path / "worker.log", company.organization_id)
    assert_same(await books(database_url, company.organization_id), undisturbed)
