# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Rolling: recomputing quarters that late events made dirty (spec 08 C3 "Rolling").

Each key is recomputed whole from its events. A marker is removed only if its generation is still the one read before
the events were; generations come from one sequence, so a newer marker is never mistaken for an older one. A marker that
stays simply leaves its quarter to be read raw until the next round. Workers take turns per organization, so that one
organization's backfill does not hold up the others.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from billwright.billing.metering.store.postgres.connections import Connection, Pool
from billwright.billing.metering.store.postgres.locks import ROLLING
from billwright.billing.metering.store.postgres.rollup_sql import LIVE, Writer
from billwright.billing.metering.store.postgres.sealing import heavy
from billwright.billing.metering.store.quarters import QUARTER_US, from_us

BATCH = 1_000
MIN_AGE = timedelta(seconds=60)
"""A marker waits this long, so a key that keeps receiving late events is rolled at most once a minute."""

_KEYS = "unnest($2::text[], $3::text[], $4::timestamptz[], $5::bigint[]) AS k(subscription, code, start, bucket)"

_SOURCE = f"""
  FROM {_KEYS}
  JOIN rollup_defs d ON d.organization_id = $1 AND d.code = k.code
  JOIN LATERAL (
    SELECT * FROM events e
    WHERE e.organization_id = $1 AND e.external_subscription_id = k.subscription AND e.code = k.code
      AND e.ts >= k.start AND e.ts < k.start + interval '15 minutes' AND e.ts >= $6 AND e.ts < $7 AND {LIVE}
    OFFSET 0
  ) e ON true
  WHERE true
"""
"""``OFFSET 0``: key by key through the index, also on a new database. There the planner knows nothing of the tables yet
and would compare every event of the period with every key."""
_WRITER = Writer(_SOURCE, bucket="k.bucket")

_CLEAR = [
    f"""DELETE FROM {table} r USING {_KEYS}
    WHERE r.organization_id = $1 AND r.external_subscription_id = k.subscription AND r.code = k.code
      AND r.bucket = k.bucket AND $6::timestamptz < $7::timestamptz"""
    for table in ("usage_rollups", "usage_rollup_uniques")
]

_CANDIDATES = """
SELECT external_subscription_id, code, bucket, gen FROM usage_dirty
WHERE organization_id = $1 AND bucket < (SELECT readable_until FROM rollup_state) AND marked_at <= now() - $2::interval
ORDER BY external_subscription_id, code, bucket LIMIT $3
"""

_UNMARK = """
DELETE FROM usage_dirty WHERE (organization_id, external_subscription_id, code, bucket) IN (
  SELECT m.organization_id, m.external_subscription_id, m.code, m.bucket
  FROM usage_dirty m
  JOIN unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS k(subscription, code, bucket, gen)
    ON m.organization_id = $1 AND m.external_subscription_id = k.subscription AND m.code = k.code
       AND m.bucket = k.bucket AND m.gen = k.gen
  ORDER BY m.external_subscription_id, m.code, m.bucket
  FOR UPDATE OF m SKIP LOCKED
)
"""


async def roll_dirty(
    pool: Pool,
    *,
    limit: int | None = None,
    organization_id: uuid.UUID | None = None,
    min_age: timedelta = MIN_AGE,
) -> int:
    """Roll dirty quarters that are sealed; returns how many keys were recomputed.

    With ``organization_id`` it waits for its turn and rolls all markers of that organization, young ones too;
    otherwise organizations that another worker is rolling are left to it.
    """
    if organization_id is not None:
        return await _roll_organization(pool, organization_id, limit, timedelta(0), wait=True)
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT organization_id FROM usage_dirty WHERE marked_at <= now() - $1::interval "
            "AND bucket < (SELECT readable_until FROM rollup_state) GROUP BY 1 ORDER BY min(marked_at)",
            min_age,
        )
    rolled = 0
    for row in rows:
        left = None if limit is None else limit - rolled
        if left is not None and left <= 0:
            break
        rolled += await _roll_organization(pool, row[0], left, min_age, wait=False)
    return rolled


async def _roll_organization(
    pool: Pool, organization_id: uuid.UUID, limit: int | None, min_age: timedelta, *, wait: bool
) -> int:
    rolled = 0
    while limit is None or rolled < limit:
        size = BATCH if limit is None else min(BATCH, limit - rolled)
        async with pool.acquire() as connection, connection.transaction():
            lock = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
            held: Any = await connection.fetchval(f"SELECT {lock}($1, hashtext($2))", ROLLING, str(organization_id))
            if held is False:
                return rolled
            candidates = await connection.fetch(_CANDIDATES, organization_id, min_age, size)
            if not candidates:
                return rolled
            await _recompute(connection, organization_id, [tuple(row) for row in candidates])
        rolled += len(candidates)
        if len(candidates) < size:
            return rolled
    return rolled


async def _recompute(
    connection: Connection, organization_id: uuid.UUID, keys: Sequence[tuple[str, str, int, int]]
) -> None:
    subscriptions = [key[0] for key in keys]
    codes = [key[1] for key in keys]
    buckets = [key[2] for key in keys]
    generations = [key[3] for key in keys]
    starts = [from_us(bucket) for bucket in buckets]
    earliest, latest = from_us(min(buckets)), from_us(max(buckets) + QUARTER_US)
    await heavy(connection)
    values = (organization_id, subscriptions, codes, starts, buckets, earliest, latest)
    for statement in _CLEAR:
        await connection.execute(statement, *values)
    await _WRITER.write(connection, *values)
    await connection.execute(_UNMARK, organization_id, subscriptions, codes, buckets, generations)
