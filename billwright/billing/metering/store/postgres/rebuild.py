"""Recreating rollups from events: mark every key of a range dirty, then roll (spec 08 C7 "Operations")."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from billwright.billing.metering.store.postgres.connections import Pool
from billwright.billing.metering.store.postgres.definitions import MARK
from billwright.billing.metering.store.postgres.locks import SHARE_APPEND
from billwright.billing.metering.store.postgres.rolling import roll_dirty
from billwright.billing.metering.store.quarters import ceil_quarter, floor_quarter, from_us, to_us

_SLICE = timedelta(days=7)

_KEYS = MARK.format(
    keys="""
    SELECT organization_id, external_subscription_id, code, usage_quarter(ts) AS bucket FROM events
    WHERE ts >= $1 AND ts < $2 AND external_subscription_id IS NOT NULL
      AND ($5::uuid IS NULL OR organization_id = $5) AND ($6::text IS NULL OR code = $6)
    UNION SELECT organization_id, external_subscription_id, code, bucket FROM usage_rollups
    WHERE bucket >= $3 AND bucket < $4
      AND ($5::uuid IS NULL OR organization_id = $5) AND ($6::text IS NULL OR code = $6)
    UNION SELECT organization_id, external_subscription_id, code, bucket FROM usage_rollup_uniques
    WHERE bucket >= $3 AND bucket < $4
      AND ($5::uuid IS NULL OR organization_id = $5) AND ($6::text IS NULL OR code = $6)
    """
)


async def rebuild(
    pool: Pool,
    start: datetime,
    end: datetime,
    *,
    organization_id: uuid.UUID | None = None,
    code: str | None = None,
) -> int:
    """Recompute the rollups of all sealed quarters that touch [start, end); returns how many keys were rolled.

    Readers stay exact throughout: a marked quarter is read raw until it is rolled.
    """
    async with pool.acquire() as connection:
        sealed: int = await connection.fetchval("SELECT readable_until FROM rollup_state")
        oldest: datetime | None = await connection.fetchval(
            "SELECT min(ts) FROM events WHERE $1::uuid IS NULL OR organization_id = $1", organization_id
        )
        rolled_since: int | None = await connection.fetchval("SELECT min(bucket) FROM usage_rollups")
    known = [value for value in (None if oldest is None else to_us(oldest), rolled_since) if value is not None]
    low = max(floor_quarter(to_us(start)), floor_quarter(min(known))) if known else 0
    high = min(ceil_quarter(to_us(end)), sealed)
    step = _SLICE // timedelta(microseconds=1)
    organizations: set[uuid.UUID] = set()
    while known and low < high:
        until = min(low + step, high)
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(SHARE_APPEND)
            await connection.execute(_KEYS, from_us(low), from_us(until), low, until, organization_id, code)
            rows = await connection.fetch("SELECT DISTINCT organization_id FROM usage_dirty")
        organizations.update(row[0] for row in rows)
        low = until
    wanted = organizations if organization_id is None else organizations & {organization_id}
    return sum([await roll_dirty(pool, organization_id=each) for each in sorted(wanted)])
