# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Hiding events of a deleted metric, and removing everything of a sandbox organization (spec 01 §1.5, 09 §1)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from billwright.billing.metering.store.encoding import ledger_key
from billwright.billing.metering.store.postgres.connections import Connection, Pool
from billwright.billing.metering.store.postgres.locks import APPEND, ROLLING, SHARE_APPEND

CHUNK = 5_000

_HIDE = """
WITH doomed AS (
  SELECT e.tableoid AS part, e.ctid AS place FROM events e
  WHERE e.organization_id = $1 AND e.external_subscription_id = $2 AND e.code = $3 AND e.deleted_at IS NULL
    AND e.created_at <= $4
  ORDER BY e.ts, e.seq LIMIT $6 FOR UPDATE
), hidden AS (
  UPDATE events e SET deleted_at = $5 FROM doomed
  WHERE e.ctid = doomed.place AND e.tableoid = doomed.part AND e.organization_id = $1
  RETURNING e.organization_id, e.external_subscription_id, e.code, e.ts
), marked AS (
  INSERT INTO usage_dirty (organization_id, external_subscription_id, code, bucket, gen)
  SELECT organization_id, external_subscription_id, code, bucket, nextval('dirty_gen')
  FROM (SELECT DISTINCT organization_id, external_subscription_id, code, usage_quarter(ts) AS bucket FROM hidden
        WHERE usage_us(ts) < (SELECT marking_until FROM rollup_state) ORDER BY 1, 2, 3, 4) late
  ON CONFLICT (organization_id, external_subscription_id, code, bucket) DO UPDATE SET gen = nextval('dirty_gen')
)
SELECT count(*) FROM hidden
"""


async def soft_delete(
    pool: Pool,
    organization_id: uuid.UUID,
    code: str,
    subscriptions: Iterable[str],
    *,
    received_until: datetime,
    deleted_at: datetime,
) -> int:
    """Hide the code's events of these subscriptions received at or before ``received_until``; returns how many.

    Works in chunks, each with the dirty markers of its quarters, so it may be interrupted and repeated. The ledger
    keeps the keys: a deleted event's transaction id stays used.
    """
    hidden = 0
    for subscription in sorted(set(subscriptions)):
        while True:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(SHARE_APPEND)
                count: int = await connection.fetchval(
                    _HIDE, organization_id, subscription, code, received_until, deleted_at, CHUNK
                )
            hidden += count
            if count < CHUNK:
                break
    return hidden


_REMOVE = """
WITH doomed AS (SELECT e.tableoid AS part, e.ctid AS place FROM events e
                WHERE e.organization_id = $1 LIMIT $2 FOR UPDATE)
DELETE FROM events e USING doomed
WHERE e.ctid = doomed.place AND e.tableoid = doomed.part AND e.organization_id = $1
RETURNING e.external_subscription_id, e.transaction_id
"""
_DERIVED = ("usage_dirty", "usage_rollups", "usage_rollup_uniques", "instant_events")


async def purge(pool: Pool, organization_id: uuid.UUID) -> int:
    """Physically remove an organization's events, ledger keys and rollups (sandbox reset); returns how many events.

    Metric definitions stay, as the catalogue does. What is received meanwhile goes too, or comes after the end and
    stays whole: the last step lets nobody append and nobody roll.
    """
    removed = 0
    while True:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(SHARE_APPEND)
            count = await _remove(connection, organization_id, CHUNK)
        removed += count
        if count < CHUNK:
            break
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", ROLLING, str(organization_id))
        await connection.execute(f"SET LOCAL lock_timeout = '20s'; SELECT pg_advisory_xact_lock({APPEND})")
        removed += await _remove(connection, organization_id, None)
        for table in _DERIVED:
            await connection.execute(f"DELETE FROM {table} WHERE organization_id = $1", organization_id)
    return removed


async def _remove(connection: Connection, organization_id: uuid.UUID, most: int | None) -> int:
    rows = await connection.fetch(_REMOVE, organization_id, most)
    keys = sorted(ledger_key(organization_id, row[0], row[1]) for row in rows)
    await connection.execute("DELETE FROM event_keys WHERE key = ANY($1::uuid[])", keys)
    return len(rows)
