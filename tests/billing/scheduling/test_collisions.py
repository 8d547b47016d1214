"""Due work that fails or collides: it is tried again, and no customer holds up the others (spec 03 §8.2, §8.4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import select, text
from sqlmodel import col
from structlog.testing import capture_logs

from billwright.billing.background.runtime import Runtime
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.metering.store.protocol import EventStore
from billwright.billing.scheduling import engine
from billwright.billing.scheduling.engine import run_customer, tick
from tests.support.company import Company, found_company

NOW = datetime(2025, 3, 10, tzinfo=UTC)
PATIENCE_SECONDS = 30


@pytest.fixture
async def runtime(database: Database) -> AsyncIterator[Runtime]:
    pool: Any = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=8)
    store = PostgresEventStore(pool)
    yield Runtime(database, store)
    await store.close()
    await pool.close()


class Gate:
    """An event store that holds every reading back until it is opened."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not name.startswith("aggregate"):
            return found

        async def held(*arguments: Any) -> Any:
            self.entered.set()
            await self.opened.wait()
            return await found(*arguments)

        return held


async def poll(condition: Callable[[], Any]) -> Any:
    """The condition's value as soon as it is true."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (value := await condition()):  # noqa: ASYNC110 - the condition is in the database
            await asyncio.sleep(0.02)
    return value


async def customers_of(runtime: Runtime, company: Company) -> list[UUID]:
    async with runtime.database.reading() as session:
        found = await session.scalars(
            select(col(Customer.id))
            .where(col(Customer.organization_id) == company.organization_id)
            .order_by(col(Customer.sequential_id))
        )
        return list(found.all())


async def invoices(runtime: Runtime) -> list[tuple[UUID, str, str]]:
    async with runtime.database.reading() as session:
        rows = await session.scalars(select(Invoice).order_by(col(Invoice.number)))
        return [(row.customer_id, row.status, row.number) for row in rows]


_WAITED_FOR_LONG = text(
    "select 1 from pg_locks join pg_stat_activity using (pid) where not granted and datname = current_database()"
    " and clock_timestamp() - waitstart > 2 * current_setting('deadlock_timeout')::interval"
)


async def test_a_deadlock_is_tried_again(runtime: Runtime) -> None:
    """The run holds the customer and wants the organization's counter; somebody else holds that and wants the customer.

    PostgreSQL looks for a deadlock once per wait, after ``deadlock_timeout``. The other one has waited for longer than
    that before the run begins to wait, so it is the run that PostgreSQL chooses.
    """
    company = await found_company(runtime, subscriptions=1, events=2, now=NOW, numbering="per_organization")
    (customer,) = await customers_of(runtime, company)
    gate = Gate(runtime.event_store)
    held = asyncio.Event()

    async def other() -> None:
        async with runtime.database.transaction() as session:
            await session.execute(text("select 1 from organizations for no key update"))
            held.set()
            await gate.entered.wait()
            await session.execute(text("select 1 from customers for update"))

    async def has_waited() -> Any:
        async with runtime.database.reading() as session:
            return (await session.execute(_WAITED_FOR_LONG)).first()

    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            group.create_task(other())
            await held.wait()
            gated = replace(runtime, event_store=cast(EventStore, gate))
            run = group.create_task(run_customer(gated, company.organization_id, customer, NOW))
            await poll(has_waited)
            gate.opened.set()
    assert run.result() == 1
    assert [entry["sqlstate"] for entry in logs if entry["event"] == "transaction tried again"] == ["40P01"]
    assert await invoices(runtime) == [(customer, "finalized", "ACME-0001-202503-001")]


async def test_a_failing_customer_does_not_stop_the_others(runtime: Runtime) -> None:
    company = await found_company(runtime, subscriptions=5, events=1, numbering="per_organization")
    first, second, third, fourth, fifth = await customers_of(runtime, company)
    async with runtime.database.transaction() as session:
        await session.execute(text(f"alter table invoices add constraint refused check (customer_id <> '{second}')"))
    assert await tick(runtime) == 4
    assert {who for who, _, _ in await invoices(runtime)} == {first, third, fourth, fifth}
    async with runtime.database.transaction() as session:
        await session.execute(text("alter table invoices drop constraint refused"))
    assert await tick(runtime) == 1
    made = await invoices(runtime)
    assert made[-1][0] == second
    assert [number.rpartition("-")[2] for _, _, number in made] == ["001", "002", "003", "004", "005"]
    assert await tick(runtime) == 0


async def test_ticks_at_once_share_the_customers(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three go through the same list; they do not all look at all of the customers."""
    customers = 60
    await found_company(runtime, subscriptions=customers, events=1, numbering="per_organization")
    looked_at: list[UUID] = []
    run = engine.run_customer

    async def noted(runtime: Runtime, organization_id: UUID, customer_id: UUID, *more: Any, **options: Any) -> int:
        looked_at.append(customer_id)
        return await run(runtime, organization_id, customer_id, *more, **options)

    monkeypatch.setattr(engine, "run_customer", noted)
    done = await asyncio.gather(*(tick(runtime, concurrency=2) for _ in range(3)))
    assert sum(done) == customers
    assert all(done), "one of them found nothing to do"
    made = await invoices(runtime)
    assert sorted(number.rpartition("-")[2] for _, _, number in made) == [f"{n + 1:03d}" for n in range(customers)]
    assert len({who for who, _, _ in made}) == customers
    assert len(looked_at) < 5 * customers // 2


class Lost:
    """An event store whose database is gone."""

    def __getattr__(self, name: str) -> Any:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


async def test_a_lost_database_leaves_the_work_due(runtime: Runtime) -> None:
    """Unlike a program that fails, it does not leave an invoice ``generating``: the next run simply bills."""
    company = await found_company(runtime, subscriptions=1, events=3)
    (customer,) = await customers_of(runtime, company)
    assert await tick(replace(runtime, event_store=cast(EventStore, Lost()))) == 0
    assert await invoices(runtime) == []
    assert await tick(runtime) == 1
    assert await invoices(runtime) == [(customer, "finalized", "ACME-0001-001-001")]
