"""Deciding, inside the snapshot that reads, which part of a window rollups answer (spec 08 C3 "Reading")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from billwright.billing.metering.store.postgres.connections import Connection, Row
from billwright.billing.metering.store.postgres.cutting import Cut, cut
from billwright.billing.metering.store.postgres.read_sql import property_keys
from billwright.billing.metering.store.protocol import Aggregation, Query, ResultKey
from billwright.billing.metering.store.quarters import FAR_PAST_US, floor_quarter, to_us

_CUSTOM = Aggregation.CUSTOM

_STATE = """
SELECT s.readable_until, d.def_version, d.valid_since, d.aggregation, d.field, d.dims_keys,
  ARRAY(SELECT bucket FROM usage_dirty
        WHERE organization_id = $1 AND external_subscription_id = k.subscription AND code = k.code
          AND bucket >= k.low AND bucket < k.high)
  || ARRAY(SELECT bucket FROM usage_rollups r
        WHERE r.organization_id = $1 AND r.external_subscription_id = k.subscription AND r.code = k.code
          AND r.bucket >= k.low AND r.bucket < k.high AND r.spilled AND r.def_version = d.def_version) AS unrolled
FROM rollup_state s
CROSS JOIN unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[])
  WITH ORDINALITY AS k(subscription, code, low, high, place)
LEFT JOIN rollup_defs d ON d.organization_id = $1 AND d.code = k.code
ORDER BY k.place
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
    [made] = await plan_many(connection, [query])
    return made


async def plan_many(connection: Connection, queries: Sequence[Query]) -> list[Plan]:
    """The same for several queries of one organization with one look at the state of the rollups."""
    plans = [_unrolled(query) for query in queries]
    asked = [place for place, made in enumerate(plans) if made.cut.raw and made.query.aggregation is not _CUSTOM]
    if not asked:
        return plans
    [organization_id] = {queries[place].organization_id for place in asked}
    rows = await connection.fetch(
        _STATE,
        organization_id,
        [queries[place].external_subscription_id for place in asked],
        [queries[place].code for place in asked],
        [FAR_PAST_US if (start := plans[place].start) is None else floor_quarter(start) for place in asked],
        [plans[place].end for place in asked],
    )
    for place, row in zip(asked, rows, strict=bool(rows)):
        plans[place] = _rolled(plans[place], row)
    return plans


def _unrolled(query: Query) -> Plan:
    """The plan that reads every event."""
    end = to_us(query.upper)
    if query.boundary is not None:
        end = min(end, to_us(query.boundary.timestamp) + 1)
    start = None if query.recurring or query.lower is None else to_us(query.lower)
    first = FAR_PAST_US if start is None else start
    return Plan(query, start, end, Cut([], [(first, end)] if first < end else []), 0, ())


def _rolled(made: Plan, row: Row) -> Plan:
    """The plan with what rollups answer in place of events, if they answer this query."""
    query = made.query
    if (
        row["def_version"] is None
        or row["aggregation"] != query.aggregation.value
        or row["field"] != (None if query.aggregation is Aggregation.COUNT else query.field)
        or not property_keys(query) <= set(row["dims_keys"])
    ):
        return made
    split = made.split if query.recurring else None
    chosen = cut(made.start, split, made.end, row["valid_since"], row["readable_until"], row["unrolled"])
    return replace(made, cut=chosen, version=row["def_version"], dims=row["dims_keys"])
