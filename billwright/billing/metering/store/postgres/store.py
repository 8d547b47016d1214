"""The PostgreSQL event store: one object that metering calls (spec 08 C2, C3)."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billwright.billing.metering.store.postgres import (
    append,
    checking,
    definitions,
    event_rows,
    partitions,
    reading,
    rebuild,
    rolling,
    sealing,
    soft_delete,
    verify,
)
from billwright.billing.metering.store.postgres.connections import Pool
from billwright.billing.metering.store.postgres.group_commit import GroupCommit
from billwright.billing.metering.store.protocol import (
    Appended,
    Difference,
    EventFilters,
    EventIn,
    EventOrder,
    EventPage,
    EventRow,
    EventRule,
    FaultyEvent,
    MetricDefinition,
    Query,
    Result,
    ResultKey,
    TransactionHook,
    UsedSpan,
)
from billwright.billing.metering.store.quarters import from_us


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """``readable_until``: quarters before it are sealed. ``stray``: events outside monthly partitions (up to 1,000)."""

    readable_until: datetime
    dirty: int
    oldest_dirty: datetime | None
    stray: int


class PostgresEventStore:
    """Implements ``EventStore`` on a pool of connections to the events database.

    ``close`` flushes the group commit; the pool stays its owner's.
    """

    def __init__(self, pool: Pool, *, group_commit: GroupCommit | None = None) -> None:
        self._pool = pool
        self._group = GroupCommit(pool) if group_commit is None else group_commit

    async def close(self) -> None:
        """Commit waiting requests and refuse further ones."""
        await self._group.close()

    async def append(
        self, events: Sequence[EventIn], *, in_transaction: TransactionHook | None = None
    ) -> list[Appended]:
        """One transaction of up to 20,000 events; duplicates are reported by ``seq`` None (sources, imports)."""
        return await append.append(self._pool, events, in_transaction)

    async def submit(self, events: Sequence[EventIn]) -> list[Appended]:
        """One all-or-nothing request in a shared transaction. Raises ``DuplicateEvents``."""
        return await self._group.submit(events)

    async def get(self, organization_id: uuid.UUID, transaction_id: str) -> EventRow | None:
        """The first received event with this transaction id."""
        return await event_rows.get(self._pool, organization_id, transaction_id)

    async def list(
        self,
        organization_id: uuid.UUID,
        filters: EventFilters = EventFilters(),  # noqa: B008
        *,
        order: EventOrder = EventOrder.TIMESTAMP,
        page: int = 1,
        per_page: int = 100,
        with_total: bool = True,
    ) -> EventPage:
        """A page of events."""
        return await event_rows.list_events(
            self._pool, organization_id, filters, order=order, page=page, per_page=per_page, with_total=with_total
        )

    async def count_up_to(self, organization_id: uuid.UUID, most: int) -> int:
        """Live events, ``most`` at most."""
        return await event_rows.count_up_to(self._pool, organization_id, most)

    def stream_received(
        self, organization_id: uuid.UUID, received_from: datetime, received_before: datetime
    ) -> AsyncIterator[EventRow]:
        """Events in order of reception within [from, before)."""
        return event_rows.stream_received(self._pool, organization_id, received_from, received_before)

    def faulty_events(
        self,
        organization_id: uuid.UUID,
        received_from: datetime,
        received_before: datetime,
        rules: Sequence[EventRule],
    ) -> AsyncIterator[FaultyEvent]:
        """Events received in [from, before) that break a rule of their metric."""
        return checking.faulty_events(self._pool, organization_id, received_from, received_before, rules)

    async def first_received(self, organization_id: uuid.UUID, since: datetime) -> datetime | None:
        """When the first live event at or after ``since`` was received."""
        return await checking.first_received(self._pool, organization_id, since)

    async def subscriptions_received(self, organization_id: uuid.UUID, since: datetime) -> Sequence[str]:
        """External ids of the subscriptions for which events were received at or after ``since``."""
        return await checking.subscriptions_received(self._pool, organization_id, since)

    async def used(self, organization_id: uuid.UUID, spans: Sequence[UsedSpan]) -> list[bool]:
        """Which of the spans hold a live event."""
        return await checking.used(self._pool, organization_id, spans)

    async def aggregate(self, query: Query) -> dict[ResultKey, Result]:
        """Exact results of every bucket and group that has counted events."""
        return await reading.aggregate(self._pool, query)

    async def aggregate_many(self, queries: Sequence[Query]) -> list[dict[ResultKey, Result]]:
        """The same for several queries of one organization in one snapshot and as few statements as possible."""
        return await reading.aggregate_many(self._pool, queries)

    async def is_active(self, query: Query, value: str, key: ResultKey) -> bool:
        """Whether a value of a unique count is active when the query ends; use an exclusive boundary for "before E"."""
        return await reading.is_active(self._pool, query, value, key)

    def stream(self, query: Query) -> AsyncIterator[tuple[ResultKey, EventRow]]:
        """The query's events in order with bucket and group."""
        return event_rows.stream(self._pool, query)

    async def last_event(self, query: Query) -> EventRow | None:
        """The newest event of the window."""
        return await event_rows.last_event(self._pool, query)

    async def seen_buckets(self, query: Query) -> set[ResultKey]:
        """Buckets and groups with counted events."""
        return await reading.seen_buckets(self._pool, query)

    async def edges(self, query: Query, key: ResultKey) -> tuple[EventRow, EventRow] | None:
        """The first and the last event of one bucket and group."""
        return await event_rows.edges(self._pool, query, key)

    async def define(self, definition: MetricDefinition) -> None:
        """Insert or replace the rollup definition of a code; idempotent, and never needed for exactness."""
        await definitions.define(self._pool, definition)

    async def undefine(self, organization_id: uuid.UUID, code: str) -> None:
        """Forget a deleted metric's definition."""
        await definitions.undefine(self._pool, organization_id, code)

    async def soft_delete(
        self,
        organization_id: uuid.UUID,
        code: str,
        subscriptions: Iterable[str],
        *,
        received_until: datetime,
        deleted_at: datetime,
    ) -> int:
        """Hide events from every reading; returns how many."""
        return await soft_delete.soft_delete(
            self._pool, organization_id, code, subscriptions, received_until=received_until, deleted_at=deleted_at
        )

    async def purge(self, organization_id: uuid.UUID) -> int:
        """Remove everything of a sandbox organization but its definitions."""
        return await soft_delete.purge(self._pool, organization_id)

    async def seal(self, now: datetime) -> int:
        """Seal quarters that are over at ``now`` (system time); every 15 s. Returns how many."""
        return await sealing.seal(self._pool, now)

    async def roll_dirty(
        self,
        limit: int | None = None,
        *,
        org: uuid.UUID | None = None,
        min_age: timedelta = rolling.MIN_AGE,
    ) -> int:
        """Recompute quarters that late events touched. With ``org``: all of that organization, at once (sandboxes)."""
        await definitions.backfill(self._pool, organization_id=org, limit=limit)
        return await rolling.roll_dirty(self._pool, limit=limit, organization_id=org, min_age=min_age)

    async def rebuild(
        self,
        start: datetime,
        end: datetime,
        *,
        organization_id: uuid.UUID | None = None,
        code: str | None = None,
    ) -> int:
        """Recompute the rollups of a time range; returns how many quarters of keys."""
        return await rebuild.rebuild(self._pool, start, end, organization_id=organization_id, code=code)

    async def verify(self, start: datetime, end: datetime, *, sample: float = 1.0) -> list[Difference]:
        """Differences between rollups and a recount."""
        return await verify.verify(self._pool, start, end, sample)

    async def ensure_partitions(self, first: datetime, last: datetime) -> int:
        """Make monthly partitions, both months included (a sandbox's months when its clock is set)."""
        return await partitions.ensure_partitions(self._pool, first, last)

    async def ensure_upcoming_partitions(self, now: datetime) -> int:
        """The current month and the next three; daily job."""
        return await partitions.ensure_upcoming(self._pool, now)

    async def health(self) -> StoreHealth:
        """Gauges of the worker's backlog."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                """SELECT readable_until, marking_until, (SELECT count(*) FROM usage_dirty) AS dirty,
                          (SELECT min(marked_at) FROM usage_dirty WHERE marked_at > 'epoch') AS oldest
                   FROM rollup_state"""
            )
        assert row is not None
        stray = await partitions.stray_events(self._pool)
        return StoreHealth(from_us(row["readable_until"]), row["dirty"], row["oldest"], stray)
