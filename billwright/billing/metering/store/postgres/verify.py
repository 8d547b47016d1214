# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Comparing rollups with a recount of the events they came from (spec 08 C7 "usage verify")."""

from __future__ import annotations

from datetime import datetime, timedelta

from billwright.billing.metering.store.postgres.connections import Connection, Pool, snapshot
from billwright.billing.metering.store.postgres.rollup_sql import (
    KEY,
    LIVE,
    NUMERIC_COLUMNS,
    UNIQUE_COLUMNS,
    numeric_rows,
    unique_rows,
)
from billwright.billing.metering.store.protocol import Difference
from billwright.billing.metering.store.quarters import ceil_quarter, floor_quarter, from_us, to_us

_SLICE = timedelta(days=1)
_GRAIN = 1_000_000

_RAW = """
  (SELECT FROM usage_dirty m WHERE m.organization_id = {alias}organization_id
     AND m.external_subscription_id = {alias}external_subscription_id AND m.code = {alias}code AND m.bucket = {bucket})
  OR EXISTS (SELECT FROM usage_rollups s WHERE s.spilled AND s.organization_id = {alias}organization_id
     AND s.external_subscription_id = {alias}external_subscription_id AND s.code = {alias}code AND s.bucket = {bucket})
"""
"""EXISTS operand: quarters that readers take raw."""

_SAMPLED = "abs(hashtext({alias}external_subscription_id || {alias}code)) % 1000000 < $5"

_SOURCE = f"""
  FROM events e JOIN rollup_defs d ON d.organization_id = e.organization_id AND d.code = e.code
  WHERE e.ts >= $1 AND e.ts < $2 AND {LIVE} AND {_SAMPLED.format(alias="e.")}
    AND usage_quarter(e.ts) >= d.valid_since AND NOT (EXISTS {_RAW.format(alias="e.", bucket="usage_quarter(e.ts)")})
"""


def _stored(table: str, columns: str) -> str:
    return f"""
    SELECT {columns} FROM (
      SELECT r.* FROM {table} r
      JOIN rollup_defs d ON d.organization_id = r.organization_id AND d.code = r.code AND d.def_version = r.def_version
      WHERE r.bucket >= $3 AND r.bucket < $4 AND r.bucket >= d.valid_since AND {_SAMPLED.format(alias="r.")}
        AND NOT (EXISTS {_RAW.format(alias="r.", bucket="r.bucket")})
    ) stored
    """


def _compared(expected: str, table: str, columns: str) -> str:
    """Keys whose expected and stored rows differ, in either direction."""
    return f"""
    WITH expected AS (SELECT {columns} FROM ({expected}) e WHERE $3::bigint < $4::bigint),
         stored AS ({_stored(table, columns)})
    SELECT DISTINCT {KEY}, bucket FROM (
      (SELECT {columns} FROM expected EXCEPT ALL SELECT {columns} FROM stored)
      UNION ALL (SELECT {columns} FROM stored EXCEPT ALL SELECT {columns} FROM expected)
    ) difference
    """


_STATEMENTS = [
    _compared(numeric_rows(_SOURCE), "usage_rollups", NUMERIC_COLUMNS),
    _compared(unique_rows(_SOURCE), "usage_rollup_uniques", UNIQUE_COLUMNS),
]


async def verify(pool: Pool, start: datetime, end: datetime, sample: float = 1.0) -> list[Difference]:
    """Differences among the sealed, clean quarters that lie in [start, end), on a ``sample`` share of the keys."""
    found: list[Difference] = []
    async with snapshot(pool) as connection:
        sealed: int = await connection.fetchval("SELECT readable_until FROM rollup_state")
        oldest: datetime | None = await connection.fetchval("SELECT min(ts) FROM events")
        rolled_since: int | None = await connection.fetchval("SELECT min(bucket) FROM usage_rollups")
        unique_since: int | None = await connection.fetchval("SELECT min(bucket) FROM usage_rollup_uniques")
        known = [each for each in (rolled_since, unique_since, oldest and to_us(oldest)) if each is not None]
        if not known:
            return found
        low = max(ceil_quarter(to_us(start)), floor_quarter(min(known)))
        high = min(floor_quarter(to_us(end)), sealed)
        step = _SLICE // timedelta(microseconds=1)
        while low < high:
            until = min(low + step, high)
            found += await _slice(connection, low, until, round(sample * _GRAIN))
            low = until
    return found


async def _slice(connection: Connection, low: int, high: int, share: int) -> list[Difference]:
    found: set[tuple[object, ...]] = set()
    for statement in _STATEMENTS:
        rows = await connection.fetch(statement, from_us(low), from_us(high), low, high, share)
        found.update(tuple(row) for row in rows)
    return [
        Difference(row[0], row[1], row[2], from_us(row[3]))  # type: ignore[arg-type]
        for row in sorted(found, key=str)
    ]
