"""Deciding, inside the snapshot that reads, which part of a window rollups answer (spec 08 C3 "Reading")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billwright.billing.metering.store.postgres.connections import Connection, Row
from billwright.billing.metering.store.postgres.cutting import Cut, cut
from billwright.billing.metering.store.postgres.read_sql import property_keys
from billwright.billing.metering.store.protocol import Aggregation, Query, ResultKey
from billwright.billing.metering.store.quarters import FAR_PAST_US, floor_quarter, to_us

_STATE = """
SELECT s.readable_until, d.def_version, d.valid_since, d.aggregation, d.field, d.dims_keys,
  ARRAY(SELECT bucket FROM usage_dirty
        WHERE organization_id = $1 AND external_subscription_id = $2 AND code = $3 AND bucket >= $4 AND bucket < $5)
  || ARRAY(SELECT bucket FROM usage_rollups r
        WHERE r.organization_id = $1 AND r.external_subscription_id = $2 AND r.code = $3 AND r.bucket >= $4
          AND r.bucket < $5 AND r.spilled AND r.def_version = d.def_version) AS unrolled
FROM rollup_state s LEFT JOIN rollup_defs d ON d.organization_id = $1 AND d.code = $3
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a query's window is read within the current snapshot."""

    query: Query
    start: int | None
    end: int
    cut: Cut
    version: int
    dims: Sequence[str]

    def key(self, row: Row) -> ResultKey:
        """Bucket id and group of a result row."""
        bucket: int = row["b"]
        return (self.query.buckets[bucket].id, tuple(row["g"]))

    @property
    def first(self) -> int:
        """Start of the window in microseconds; the oldest possible instant for all history."""
        return FAR_PAST_US if self.start is None else self.start

    @property
    def split(self) -> int | None:
        return None if self.query.lower is None else to_us(self.query.lower)


async def plan(connection: Connection, query: Query) -> Plan:
    """Decide what to read from rollups; must run in the snapshot that reads."""
    end = to_us(query.upper)
    if query.boundary is not None:
        end = min(end, to_us(query.boundary.timestamp) + 1)
    split = None if query.lower is None else to_us(query.lower)
    start = None if query.recurring else split
    whole = Cut([], [(FAR_PAST_US if start is None else start, end)])
    if (start is not None and start >= end) or query.aggregation is Aggregation.CUSTOM:
        return Plan(query, start, end, whole if start is None or start < end else Cut([], []), 0, ())
    row = await connection.fetchrow(
        _STATE,
        query.organization_id,
        query.external_subscription_id,
        query.code,
        FAR_PAST_US if start is None else floor_quarter(start),
        end,
    )
    if (
        row is None
        or row["def_version"] is None
        or row["aggregation"] != query.aggregation.value
        or row["field"] != (None if query.aggregation is Aggregation.COUNT else query.field)
        or not property_keys(query) <= set(row["dims_keys"])
    ):
        return Plan(query, start, end, whole, 0, ())
    chosen = cut(
        start, split if query.recurring else None, end, row["valid_since"], row["readable_until"], row["unrolled"]
    )
    return Plan(query, start, end, chosen, row["def_version"], row["dims_keys"])
