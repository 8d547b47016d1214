# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Reading stored events one by one: rows, lists, ordered streams (spec 01 §2.7)."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

from billwright.billing.metering.store.encoding import json_value
from billwright.billing.metering.store.postgres.connections import Connection, Pool, Row, snapshot
from billwright.billing.metering.store.postgres.planning import Plan, plan
from billwright.billing.metering.store.postgres.read_sql import Statement
from billwright.billing.metering.store.protocol import (
    EventFilters,
    EventOrder,
    EventPage,
    EventRow,
    Query,
    ResultKey,
)

COLUMNS: Final = """e.seq, e.id, e.organization_id, e.external_subscription_id, e.code, e.transaction_id, e.ts,
  e.properties::text AS properties, e.precise_total_amount_cents, e.metadata::text AS metadata, e.source, e.created_at,
  e.deleted_at"""

_PREFETCH = 2_000


def event_row(row: Row) -> EventRow:
    """An event from a row that has ``COLUMNS``."""
    return EventRow(
        seq=row["seq"],
        id=uuid.UUID(int=row["id"].int),
        organization_id=uuid.UUID(int=row["organization_id"].int),
        external_subscription_id=row["external_subscription_id"],
        code=row["code"],
        transaction_id=row["transaction_id"],
        timestamp=row["ts"].astimezone(UTC),
        properties=json_value(row["properties"]),
        precise_total_amount_cents=row["precise_total_amount_cents"],
        metadata=None if row["metadata"] is None else json_value(row["metadata"]),
        source=row["source"],
        created_at=row["created_at"].astimezone(UTC),
        deleted_at=None if row["deleted_at"] is None else row["deleted_at"].astimezone(UTC),
    )


async def get(pool: Pool, organization_id: uuid.UUID, transaction_id: str) -> EventRow | None:
    """The first received live event with this transaction id."""
    async with pool.acquire() as connection:
        row = await connection.fetchrow(
            f"""SELECT {COLUMNS} FROM events e WHERE e.organization_id = $1 AND e.transaction_id = $2
                AND e.deleted_at IS NULL ORDER BY e.created_at, e.seq LIMIT 1""",
            organization_id,
            transaction_id,
        )
    return None if row is None else event_row(row)


_ORDERS = {
    EventOrder.TIMESTAMP: "e.ts DESC, e.transaction_id, e.seq",
    EventOrder.RECEIVED: "e.created_at DESC, e.seq DESC",
}


async def list_events(
    pool: Pool,
    organization_id: uuid.UUID,
    filters: EventFilters,
    *,
    order: EventOrder,
    page: int,
    per_page: int,
    with_total: bool,
) -> EventPage:
    """One page of live events."""
    values: list[Any] = [organization_id]
    conditions = ["e.organization_id = $1", "e.deleted_at IS NULL"]
    for value, condition in (
        (filters.code, "e.code = "),
        (filters.external_subscription_id, "e.external_subscription_id = "),
        (filters.transaction_id, "e.transaction_id = "),
        (filters.timestamp_from, "e.ts >= "),
        (filters.timestamp_to, "e.ts <= "),
        (filters.received_from, "e.created_at >= "),
        (filters.received_before, "e.created_at < "),
    ):
        if value is not None:
            values.append(value)
            conditions.append(f"{condition}${len(values)}")
    if filters.after is not None:
        values += filters.after
        conditions.append(f"(e.created_at, e.seq) < (${len(values) - 1}, ${len(values)})")
    where = " AND ".join(conditions)
    async with snapshot(pool) as connection:
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM events e WHERE {where} ORDER BY {_ORDERS[order]} "
            f"LIMIT {int(per_page)} OFFSET {int(per_page) * (int(page) - 1)}",
            *values,
        )
        total = (
            await connection.fetchval(f"SELECT count(*) FROM events e WHERE {where}", *values) if with_total else None
        )
    return EventPage([event_row(row) for row in rows], total)


async def count_up_to(pool: Pool, organization_id: uuid.UUID, most: int) -> int:
    """Live events, ``most`` at most."""
    async with pool.acquire() as connection:
        return await connection.fetchval(
            """SELECT count(*) FROM (SELECT 1 FROM events e WHERE e.organization_id = $1 AND e.deleted_at IS NULL
               LIMIT $2) counted""",
            organization_id,
            most,
        )


async def stream_received(
    pool: Pool, organization_id: uuid.UUID, received_from: datetime, received_before: datetime
) -> AsyncIterator[EventRow]:
    """Live events received in [from, before), in order of reception (the hourly check, spec 01 §2.12)."""
    async with snapshot(pool) as connection:
        async for row in connection.cursor(
            f"""SELECT {COLUMNS} FROM events e WHERE e.organization_id = $1 AND e.deleted_at IS NULL
                AND e.created_at >= $2 AND e.created_at < $3 ORDER BY e.created_at, e.seq""",
            organization_id,
            received_from,
            received_before,
            prefetch=_PREFETCH,
        ):
            yield event_row(row)


async def ordered(connection: Connection, made: Plan, columns: str) -> AsyncIterator[tuple[ResultKey, Row]]:
    """All raw events of the plan's window in (timestamp, seq) order, with bucket and group.

    ``columns`` of ``e`` must include ts and seq; each row also has ``value`` (the field's text) and ``x`` (its number).
    """
    if made.start is not None and made.start >= made.end:
        return
    statement = Statement(made.query)
    rows = statement.raw([(made.first, made.end)], columns)
    async for row in connection.cursor(
        f"SELECT r.*, usage_number(r.value) AS x FROM ({rows}) r ORDER BY ts, seq",
        *statement.parameters.values,
        prefetch=_PREFETCH,
    ):
        yield made.key(row), row


async def stream(pool: Pool, query: Query) -> AsyncIterator[tuple[ResultKey, EventRow]]:
    """The query's events in order, with bucket and group (custom aggregations fold them, spec 01 §9)."""
    async with snapshot(pool) as connection:
        async for key, row in ordered(connection, await plan(connection, query), COLUMNS):
            yield key, event_row(row)


async def last_event(pool: Pool, query: Query) -> EventRow | None:
    """The newest event of the window, whatever its bucket."""
    async with snapshot(pool) as connection:
        made = await plan(connection, query)
        if made.start is not None and made.start >= made.end:
            return None
        statement = Statement(query)
        rows = statement.raw([(made.first, made.end)], COLUMNS)
        row = await connection.fetchrow(f"{rows} ORDER BY e.ts DESC, e.seq DESC LIMIT 1", *statement.parameters.values)
    return None if row is None else event_row(row)


async def edges(pool: Pool, query: Query, key: ResultKey) -> tuple[EventRow, EventRow] | None:
    """The first and the last event of one bucket and group; read along the index of instants, from either end."""
    place = next(place for place, bucket in enumerate(query.buckets) if bucket.id == key[0])
    found: list[EventRow] = []
    async with snapshot(pool) as connection:
        made = await plan(connection, query)
        if made.start is not None and made.start >= made.end:
            return None
        for direction in ("", " DESC"):
            statement = Statement(query)
            rows = statement.raw([(made.first, made.end)], COLUMNS)
            add = statement.parameters.add
            bucket, group = add(place, "int"), add(list(key[1]), "text[]")
            row = await connection.fetchrow(
                f"SELECT r.* FROM ({rows}) r WHERE r.b = {bucket} AND r.g IS NOT DISTINCT FROM {group}"
                f" ORDER BY r.ts{direction}, r.seq{direction} LIMIT 1",
                *statement.parameters.values,
            )
            if row is None:
                return None
            found.append(event_row(row))
    return found[0], found[1]
