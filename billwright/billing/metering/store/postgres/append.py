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
from billwright.billing.metering.store.postgres.connections import Connection, Pool
from billwright.billing.metering.store.postgres.locks import SHARE_APPEND
from billwright.billing.metering.store.protocol import Appended, EventIn, TransactionHook

MAX_APPEND = 20_000
"""Most events of one transaction."""

_ATTEMPTS = 4

_APPEND = """
WITH staged AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                       $8::text[], $9::numeric[], $10::text[], $11::text[], $12::timestamptz[])
    WITH ORDINALITY AS s(key, id, organization_id, external_subscription_id, code, transaction_id, ts, properties,
                         precise, metadata, source, created_at, place)
), won AS (
  INSERT INTO event_keys (key, ts) SELECT key, ts FROM staged ORDER BY key
  ON CONFLICT DO NOTHING RETURNING key
), stored AS (
  INSERT INTO events (id, organization_id, external_subscription_id, code, transaction_id, ts, properties,
                      precise_total_amount_cents, metadata, source, created_at)
  SELECT id, organization_id, external_subscription_id, code, transaction_id, ts, properties::jsonb,
         precise, metadata::jsonb, source, created_at
  FROM staged JOIN won USING (key) ORDER BY place
  RETURNING seq, id, organization_id, external_subscription_id, code, ts
), marked AS (
  INSERT INTO usage_dirty (organization_id, external_subscription_id, code, bucket, gen)
  SELECT organization_id, external_subscription_id, code, bucket, nextval('dirty_gen')
  FROM (
    SELECT DISTINCT organization_id, external_subscription_id, code, usage_quarter(ts) AS bucket
    FROM stored
    WHERE external_subscription_id IS NOT NULL AND usage_us(ts) < (SELECT marking_until FROM rollup_state)
    ORDER BY 1, 2, 3, 4
  ) late
  ON CONFLICT (organization_id, external_subscription_id, code, bucket) DO UPDATE SET gen = nextval('dirty_gen')
)
SELECT id, seq FROM stored
"""


class Staged:
    """Events ready for the append statement: distinct keys and columns of values, in arrival order."""

    __slots__ = ("columns", "ids", "keys", "repeated")

    def __init__(self, events: Sequence[EventIn]) -> None:
        self.ids: list[uuid.UUID] = []
        self.keys: list[uuid.UUID] = []
        self.repeated: set[int] = set()
        """Places whose key an earlier event of the same batch has."""
        seen: set[uuid.UUID] = set()
        rows: list[tuple[Any, ...]] = []
        for place, event in enumerate(events):
            key = ledger_key(event.organization_id, event.external_subscription_id, event.transaction_id)
            identity = new_id()
            self.keys.append(key)
            self.ids.append(identity)
            if key in seen:
                self.repeated.add(place)
                continue
            seen.add(key)
            precise = event.precise_total_amount_cents
            rows.append(
                (
                    key,
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
            )
        self.columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [[] for _ in range(12)]

    def results(self, stored: dict[uuid.UUID, int]) -> list[Appended]:
        return [Appended(identity, stored.get(identity)) for identity in self.ids]


def joined(parts: Sequence[Staged]) -> list[Sequence[Any]]:
    """The columns of several staged batches, one after the other."""
    if len(parts) == 1:
        return parts[0].columns
    return [[value for part in parts for value in part.columns[column]] for column in range(12)]


async def insert(connection: Connection, columns: Sequence[Sequence[Any]]) -> dict[uuid.UUID, int]:
    """Run the append inside the caller's transaction, once per transaction. Returns seq by id of what was stored.

    The append lock is held until that transaction ends, so it must be short.
    """
    await connection.execute(SHARE_APPEND)
    return {row[0]: row[1] for row in await connection.fetch(_APPEND, *columns)}


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
                stored = await insert(connection, staged.columns) if events else {}
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
