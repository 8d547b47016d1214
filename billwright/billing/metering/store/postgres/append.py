# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Appending events: one transaction that deduplicates, stores, and marks quarters already sealed (spec 08 C3).

The shared advisory lock comes first. A seal takes it exclusively before it moves ``marking_until``; so an append either
commits before the seal reads, or sees the new mark and leaves a dirty marker. Ledger keys are inserted in key order and
markers in key order, always in one statement per transaction: concurrent appends cannot deadlock.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.encoding import fifteen_places, json_text, ledger_key
from billwright.billing.metering.store.postgres import instant
from billwright.billing.metering.store.postgres.connections import Connection, Pool
from billwright.billing.metering.store.postgres.locks import SHARE_APPEND
from billwright.billing.metering.store.protocol import Appended, EventIn, TransactionHook
from billwright.billing.metering.store.quarters import floor_quarter, from_us, to_us

MAX_APPEND = 20_000
"""Most events of one transaction."""

_ATTEMPTS = 4

_CLAIM = """
WITH won AS (
  INSERT INTO event_keys (key, ts)
  SELECT key, ts FROM unnest($1::uuid[], $2::timestamptz[]) AS staged(key, ts) ORDER BY key
  ON CONFLICT DO NOTHING RETURNING key
)
SELECT CASE WHEN count(*) < cardinality($1) THEN array_agg(key) END AS kept, count(*) AS n FROM won
"""

_NUMBERS = "ARRAY(SELECT nextval('event_seq') FROM generate_series(1, $1::int))"
_NUMBER = f"SELECT marking_until, {_NUMBERS} AS numbers, {instant.CODES} AS instant FROM rollup_state"

_MARK_LATE = """
INSERT INTO usage_dirty (organization_id, external_subscription_id, code, bucket, gen)
SELECT organization_id, external_subscription_id, code, bucket, nextval('dirty_gen')
FROM (
  SELECT DISTINCT organization_id, external_subscription_id COLLATE "C" AS external_subscription_id,
         code COLLATE "C" AS code, bucket
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
    AS late(organization_id, external_subscription_id, code, bucket)
  ORDER BY 1, 2, 3, 4
) late
ON CONFLICT (organization_id, external_subscription_id, code, bucket) DO UPDATE SET gen = nextval('dirty_gen')
"""

_COLUMNS = (
    "seq",
    "id",
    "organization_id",
    "external_subscription_id",
    "code",
    "transaction_id",
    "ts",
    "properties",
    "precise_total_amount_cents",
    "metadata",
    "source",
    "created_at",
)


class Staged:
    """Events ready to be stored: ledger keys, fresh ids and table rows, in arrival order."""

    __slots__ = ("ids", "keys", "repeated", "rows")

    def __init__(self, events: Sequence[EventIn]) -> None:
        self.ids: list[uuid.UUID] = []
        self.keys: list[uuid.UUID] = []
        self.repeated: set[int] = set()
        """Places whose key an earlier event of the same batch has."""
        self.rows: dict[uuid.UUID, tuple[Any, ...]] = {}
        """Table row (without seq) by key; the first event of a key only."""
        for place, event in enumerate(events):
            key = ledger_key(event.organization_id, event.external_subscription_id, event.transaction_id)
            identity = new_id()
            self.keys.append(key)
            self.ids.append(identity)
            if key in self.rows:
                self.repeated.add(place)
                continue
            precise = event.precise_total_amount_cents
            self.rows[key] = (
                identity,
                event.organization_id,
                event.external_subscription_id,
                event.code,
                event.transaction_id,
                event.timestamp,
                json_text(event.properties),
                None if precise is None else fifteen_places(precise),
                None if event.metadata is None else json_text(event.metadata),
                event.source,
                event.created_at,
            )

    def results(self, stored: dict[uuid.UUID, int]) -> list[Appended]:
        return [Appended(identity, stored.get(identity)) for identity in self.ids]


async def insert(connection: Connection, parts: Sequence[Staged]) -> dict[uuid.UUID, int]:
    """Store staged batches (no key in two of them) inside the caller's transaction; once per transaction.

    Returns seq by id of what was stored. The append lock is held until that transaction ends, so it must be short.
    """
    rows = parts[0].rows if len(parts) == 1 else {key: row for part in parts for key, row in part.rows.items()}
    await connection.execute(SHARE_APPEND)
    won = await connection.fetchrow(_CLAIM, list(rows), [row[5] for row in rows.values()])
    assert won is not None
    if won["n"] == 0:
        return {}
    if won["kept"] is not None:
        kept = set(won["kept"])
        rows = {key: row for key, row in rows.items() if key in kept}
    codes: list[instant.Code] = list({(row[1], row[3]) for row in rows.values()})
    state = await connection.fetchrow(_NUMBER, len(rows), [code[0] for code in codes], [code[1] for code in codes])
    assert state is not None
    numbers: list[int] = state["numbers"]
    places: list[int] = state["instant"]
    in_advance = {codes[place - 1] for place in places}
    if in_advance:
        await instant.lock_appends(
            connection, {(row[1], row[2]) for row in rows.values() if row[2] and (row[1], row[3]) in in_advance}
        )
        numbers = await connection.fetchval(f"SELECT {_NUMBERS}", len(rows))
    await connection.copy_records_to_table(
        "events", records=[(seq, *row) for seq, row in zip(numbers, rows.values(), strict=True)], columns=_COLUMNS
    )
    marking = from_us(state["marking_until"])
    late = [
        (row[1], row[2], row[3], floor_quarter(to_us(row[5])))
        for row in rows.values()
        if row[5] < marking and row[2] is not None
    ]
    if late:
        await connection.execute(_MARK_LATE, *map(list, zip(*late, strict=True)))
    if in_advance:
        await instant.hand_over(connection, numbers, rows.values(), in_advance)
    return {row[0]: seq for seq, row in zip(numbers, rows.values(), strict=True)}


async def append(
    pool: Pool, events: Sequence[EventIn], in_transaction: TransactionHook | None = None
) -> list[Appended]:
    """Store ``events`` in one transaction; duplicates come back with ``seq`` None. At most ``MAX_APPEND`` events."""
    if len(events) > MAX_APPEND:
        raise ValueError(f"at most {MAX_APPEND} events in one append")
    staged = Staged(events)
    for attempt in range(_ATTEMPTS):
        try:
            async with pool.acquire() as connection, connection.transaction():
                stored = await insert(connection, [staged]) if events else {}
                if in_transaction is not None:
                    await in_transaction(connection)
            return staged.results(stored)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.02 * (attempt + 1))
    raise AssertionError("unreachable")


async def taken(connection: Connection, keys: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Those of ``keys`` that stored events already have."""
    rows = await connection.fetch("SELECT key FROM event_keys WHERE key = ANY($1::uuid[])", list(keys))
    return {row[0] for row in rows}
