"""A billing run that is killed, or run by several at once, ends in the books of an undisturbed run (design §4, §7).

200 subscriptions of 100 customers, three charges, a tax and a coupon that counts down. Numbers are counted per
organization: every invoice of the run wants the same counter. The worker is the product's, the kills are ``kill -9``.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from billwright.billing.kernel.clock import system_now
from billwright.billing.scheduling.engine import tick
from billwright.migrations.runner import upgrade
from billwright.server.embedded import EmbeddedServers
from billwright.server.stack import DataFolder
from tests.faults.billing_books import Books, assert_same, books
from tests.faults.billing_processes import Workers, execute, opened, wait_until, workers_on
from tests.support.company import found_company

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

SUBSCRIPTIONS = 200
CUSTOMERS = 100
NOW = system_now()
_FINALIZED = "select count(*) from invoices where organization_id = $1 and status = 'finalized'"


async def found(url: str) -> UUID:
    """The company, due and not billed."""
    async with opened(url) as runtime:
        company = await found_company(
            runtime,
            subscriptions=SUBSCRIPTIONS,
            subscriptions_of_customer=SUBSCRIPTIONS // CUSTOMERS,
            events=3,
            now=NOW,
            numbering="per_organization",
            coupon=True,
        )
    return company.organization_id


@pytest.fixture(scope="module")
async def undisturbed(module_database_url: str) -> Books:
    """The books of one run that nobody disturbs."""
    organization_id = await found(module_database_url)
    async with opened(module_database_url) as runtime:
        assert await tick(runtime) >= CUSTOMERS
    wanted = await books(module_database_url, organization_id)
    assert wanted["numbers"] == [str(list(range(1, CUSTOMERS + 1)))]
    assert len(wanted["fees"]) == 4 * SUBSCRIPTIONS
    assert len(wanted["credits"]) == CUSTOMERS
    assert len([job for job in wanted["jobs"] if "invoice.document" in job]) == CUSTOMERS
    return wanted


@pytest.fixture
def workers(redis_url: str, tmp_path: Path) -> Iterator[Workers]:
    with workers_on(redis_url, tmp_path / "workers.log") as made:
        yield made


async def all_done(url: str, organization_id: UUID) -> None:
    """Everything due is billed and every job has succeeded; the leases of killed workers are over."""
    expire = (
        "update jobs set lease_until = now() - interval '1 s' where status = 'running' and started_at < $1::timestamptz"
    )
    await execute(url, expire, system_now())
    await wait_until(
        url,
        f"select ({_FINALIZED}) >= {CUSTOMERS} and not exists ("
        " select from subscriptions where organization_id = $1 and due_at <= now())"
        " and not exists (select from invoices where organization_id = $1 and overdue_due_at <= now())"
        " and not exists (select from jobs where organization_id = $1 and status <> 'succeeded')",
        organization_id,
    )


async def test_a_killed_worker(database_url: str, workers: Workers, undisturbed: Books) -> None:
    organization_id = await found(database_url)
    for least in (5, 40):
        worker = workers.start(database_url)
        made = f"select ({_FINALIZED}) >= {least}"
        await wait_until(database_url, made, organization_id, watched=worker)
        worker.kill()
        left = await wait_until(database_url, f"select {CUSTOMERS} - ({_FINALIZED})", organization_id)
        assert left > 0, "the run was over before the worker was killed"
    workers.start(database_url)
    await all_done(database_url, organization_id)
    assert_same(await books(database_url, organization_id), undisturbed)


async def test_two_workers_and_two_ticks_at_once(database_url: str, workers: Workers, undisturbed: Books) -> None:
    organization_id = await found(database_url)
    pair = [workers.start(database_url), workers.start(database_url)]
    await wait_until(database_url, f"select ({_FINALIZED}) > 0", organization_id, watched=pair[0])
    async with opened(database_url) as first, opened(database_url) as second:
        await asyncio.gather(tick(first), tick(second))
    await all_done(database_url, organization_id)
    workers.check(*pair)
    assert_same(await books(database_url, organization_id), undisturbed)


@pytest.fixture
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    """A durable PostgreSQL of this test alone, as ``billwright up`` runs it."""
    folder = DataFolder(tmp_path_factory.mktemp("durable"))
    folder.create()
    folder.lock()
    made = EmbeddedServers(folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        folder.unlock()


def kill_postgres(servers: EmbeddedServers) -> None:
    """``kill -9`` of the server and all of its processes."""
    assert servers.postgres is not None
    postmaster = psutil.Process(servers.postgres.pid)
    for process in [postmaster, *postmaster.children(recursive=True)]:
        process.send_signal(signal.SIGKILL)
    servers.postgres.wait(10)


async def test_a_killed_database(servers: EmbeddedServers, tmp_path: Path, undisturbed: Books) -> None:
    info = servers.folder.attach()
    url = info.database_url
    upgrade(url)
    organization_id = await found(url)
    with workers_on(info.redis_url, tmp_path / "workers.log") as workers:
        survivor = workers.start(url)
        made = f"select ({_FINALIZED}) >= 20"
        await wait_until(url, made, organization_id, watched=survivor)
        kill_postgres(servers)
        assert servers.start_postgres(servers.folder.secrets()) == url
        left = await wait_until(url, f"select {CUSTOMERS} - ({_FINALIZED})", organization_id)
        assert left > 0, "the run was over before the database was killed"
        workers.start(url)  # it ticks at once; the survivor does at the next minute
        await all_done(url, organization_id)
        survivor.check()
    assert_same(await books(url, organization_id), undisturbed)
