"""An event store on a fresh database, and short hands for events and queries."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import asyncpg
import pytest

from billwright.billing.kernel.db import asyncpg_url
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.metering.store.protocol import Aggregation, EventIn, MetricDefinition, Query, Result
from billwright.billing.metering.store.quarters import to_us

_names = count(1)


def at(text: str) -> datetime:
    """``2024-06-01 10:00`` in UTC unless an offset is given."""
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


class Book:
    """One organization's store with defaults for everything a test does not care about."""

    def __init__(self, store: PostgresEventStore, pool: Any) -> None:
        self.store = store
        self.pool = pool
        self.org = uuid.uuid4()
        self.sub = "sub"
        self.code = "api"

    def event(
        self,
        when: str | datetime,
        value: Any = None,
        *,
        tx: str | None = None,
        code: str | None = None,
        sub: str | None = "",
        cents: str | None = None,
        created: str | datetime | None = None,
        **properties: Any,
    ) -> EventIn:
        if value is not None:
            properties["v"] = value
        moment = at(when) if isinstance(when, str) else when
        received = at(created) if isinstance(created, str) else created or at("2026-01-01")
        return EventIn(
            organization_id=self.org,
            transaction_id=tx or f"t{next(_names)}",
            code=code or self.code,
            external_subscription_id=self.sub if sub == "" else sub,
            timestamp=moment,
            created_at=received,
            properties=properties,
            precise_total_amount_cents=None if cents is None else Decimal(cents),
        )

    async def send(self, *events: EventIn) -> list[int | None]:
        return [each.seq for each in await self.store.append(events)]

    async def define(self, kind: Aggregation, *dims: str, field: str | None = "v", code: str | None = None) -> None:
        await self.store.define(
            MetricDefinition(
                organization_id=self.org,
                code=code or self.code,
                metric_id=uuid.uuid5(self.org, code or self.code),
                aggregation=kind,
                field=None if kind is Aggregation.COUNT else field,
                dims_keys=frozenset(dims),
            )
        )

    def query(self, kind: Aggregation, lower: str | None, upper: str, **more: Any) -> Query:
        more.setdefault("field", None if kind is Aggregation.COUNT else "v")
        return Query(
            organization_id=self.org,
            external_subscription_id=self.sub,
            code=more.pop("code", self.code),
            aggregation=kind,
            lower=None if lower is None else at(lower),
            upper=at(upper),
            **more,
        )

    async def one(self, query: Query) -> Result:
        """The ungrouped result of the default bucket."""
        return (await self.store.aggregate(query)).get((None, ()), Result())

    async def seal_to(self, moment: str) -> None:
        """Pretend that system time is past ``moment``."""
        await self.store.seal(at(moment))

    async def from_the_start(self, moment: str) -> None:
        """Let rollups begin at ``moment``: the database is treated as if it had been installed then."""
        quarter = to_us(at(moment)) // 900_000_000 * 900_000_000
        await self.pool.execute("UPDATE rollup_state SET readable_until = $1, marking_until = $1", quarter)

    async def roll(self) -> int:
        return await self.store.roll_dirty(org=self.org)

    async def rolled_rows(self) -> int:
        return await self.pool.fetchval(
            "SELECT (SELECT count(*) FROM usage_rollups) + (SELECT count(*) FROM usage_rollup_uniques)"
        )

    async def dirty(self) -> int:
        return await self.pool.fetchval("SELECT count(*) FROM usage_dirty")

    async def differences(self) -> list[Any]:
        return await self.store.verify(at("2023-01-01"), at("2025-03-01"))


@pytest.fixture
async def pool(module_database_url: str) -> AsyncIterator[Any]:
    """Connections to the module's database, with the event store emptied as if installed now."""
    async with asyncpg.create_pool(asyncpg_url(module_database_url), min_size=1, max_size=10) as made:
        await made.execute("""
            TRUNCATE events, event_keys, rollup_defs, usage_dirty, usage_rollups, usage_rollup_uniques;
            UPDATE rollup_state SET marking_until = usage_quarter(now()), readable_until = usage_quarter(now())
        """)
        yield made


@pytest.fixture
async def store(pool: Any) -> AsyncIterator[PostgresEventStore]:
    made = PostgresEventStore(pool)
    yield made
    await made.close()


@pytest.fixture
async def book(store: PostgresEventStore, pool: Any) -> Book:
    return Book(store, pool)


@pytest.fixture(params=["raw", "sealed", "rolled"])
async def way(request: pytest.FixtureRequest) -> str:
    """How a test's events reach the reader: raw, sealed on time, or arriving late and rolled."""
    return request.param


@pytest.fixture
async def reach(way: str, book: Book) -> Any:
    """``await reach(kind, *events, dims=...)``: store the events and bring them to the reader the given way."""

    async def bring(kind: Aggregation, *events: EventIn, dims: tuple[str, ...] = ()) -> None:
        if way == "raw":
            await book.send(*events)
            return
        if way == "sealed":
            await book.from_the_start("2019-12-31")
            await book.define(kind, *dims)
            await book.roll()
            await book.send(*events)
            await book.seal_to("2026-01-01 12:00")
            assert await book.dirty() == 0
        else:
            await book.define(kind, *dims)
            await book.send(*events)
            assert await book.roll() > 0
            assert await book.dirty() == 0
        assert await book.rolled_rows() > 0
        assert await book.differences() == []

    return bring
