"""Life cycle of rollup definitions (spec 08 C3 "Dimensions").

A definition is valid from ``marking_until`` of the moment it is made: every later seal loads it, while a seal in
progress may still use its predecessor. Older quarters are read raw until ``backfill``, walking backwards, has marked
every key that has events there dirty and lowered ``valid_since``: a dirty quarter is read raw as well, until it is
rolled under the new definition. Every change takes a fresh ``def_version``, so rows of a former definition are never
read again, even if the metric is edited back.
"""

from __future__ import annotations

import uuid
from datetime import UTC

from billwright.billing.metering.store.postgres.connections import Pool
from billwright.billing.metering.store.postgres.locks import SHARE_APPEND
from billwright.billing.metering.store.protocol import MetricDefinition
from billwright.billing.metering.store.quarters import FAR_PAST_US, from_us, to_us

_SAME = """
SELECT true FROM rollup_defs WHERE organization_id = $1 AND code = $2 AND metric_id = $3 AND aggregation = $4
  AND field IS NOT DISTINCT FROM $5 AND dims_keys = $6
"""

_UPSERT = """
INSERT INTO rollup_defs (organization_id, code, metric_id, aggregation, field, dims_keys, valid_since)
SELECT $1, $2, $3, $4, $5, $6, marking_until FROM rollup_state
ON CONFLICT (organization_id, code) DO UPDATE
SET def_version = nextval('rollup_def_version'), metric_id = excluded.metric_id, aggregation = excluded.aggregation,
    field = excluded.field, dims_keys = excluded.dims_keys, valid_since = excluded.valid_since
WHERE (rollup_defs.metric_id, rollup_defs.aggregation, rollup_defs.dims_keys, coalesce(rollup_defs.field, ''))
   IS DISTINCT FROM (excluded.metric_id, excluded.aggregation, excluded.dims_keys, coalesce(excluded.field, ''))
"""

MARK = """
INSERT INTO usage_dirty (organization_id, external_subscription_id, code, bucket, gen, marked_at)
SELECT organization_id, external_subscription_id, code, bucket, nextval('dirty_gen'), 'epoch'
FROM ({keys}) key ORDER BY 1, 2, 3, 4
ON CONFLICT (organization_id, external_subscription_id, code, bucket)
DO UPDATE SET gen = nextval('dirty_gen'), marked_at = 'epoch'
"""
"""Marks keys dirty, to be rolled without delay. ``keys`` is a SELECT DISTINCT of the key columns."""

_MARK_EVENTS = MARK.format(
    keys="""SELECT DISTINCT organization_id, external_subscription_id, code, usage_quarter(ts) AS bucket FROM events
            WHERE organization_id = $1 AND code = $2 AND ts >= $3 AND ts < $4
              AND external_subscription_id IS NOT NULL"""
)

_NEWEST_BEFORE = """
SELECT ts FROM events WHERE organization_id = $1 AND code = $2 AND ts < $3 AND external_subscription_id IS NOT NULL
ORDER BY ts DESC LIMIT 1
"""


async def define(pool: Pool, definition: MetricDefinition) -> None:
    """Insert or replace the definition of a code; does nothing if it is already this one."""
    keys = sorted(definition.dims_keys)
    values = (
        definition.organization_id,
        definition.code,
        definition.metric_id,
        definition.aggregation.value,
        definition.field,
        keys,
    )
    async with pool.acquire() as connection:
        if await connection.fetchval(_SAME, *values):
            return
        async with connection.transaction():
            await connection.execute(SHARE_APPEND)
            await connection.execute(_UPSERT, *values)


async def undefine(pool: Pool, organization_id: uuid.UUID, code: str) -> None:
    """Drop the definition of a deleted metric; its rollups are no longer read."""
    async with pool.acquire() as connection:
        await connection.execute(
            "DELETE FROM rollup_defs WHERE organization_id = $1 AND code = $2", organization_id, code
        )


async def backfill(pool: Pool, *, organization_id: uuid.UUID | None = None, limit: int | None = None) -> int:
    """Hand the quarters before new definitions to the rollers, newest month first; returns how many months."""
    months = 0
    while (limit is None or months < limit) and await _backfill_month(pool, organization_id):
        months += 1
    return months


async def _backfill_month(pool: Pool, organization_id: uuid.UUID | None) -> bool:
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            """SELECT organization_id, code, valid_since FROM rollup_defs
               WHERE valid_since > $1 AND ($2::uuid IS NULL OR organization_id = $2)
               ORDER BY def_version LIMIT 1 FOR UPDATE SKIP LOCKED""",
            FAR_PAST_US,
            organization_id,
        )
        if row is None:
            return False
        organization, code, until = row["organization_id"], row["code"], from_us(row["valid_since"])
        newest = await connection.fetchval(_NEWEST_BEFORE, organization, code, until)
        if newest is None:
            since = FAR_PAST_US
        else:
            start = newest.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            await connection.execute(_MARK_EVENTS, organization, code, start, until)
            since = to_us(start)
        await connection.execute(
            "UPDATE rollup_defs SET valid_since = $3 WHERE organization_id = $1 AND code = $2",
            organization,
            code,
            since,
        )
        return True
