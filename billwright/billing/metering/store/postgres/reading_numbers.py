# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Reading counts, sums, maxima, latest values and weighted sums (spec 08 C4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from billwright.billing.metering.aggregation.proration import DayWeights, prorated_sum
from billwright.billing.metering.aggregation.states import (
    LatestState,
    MaxState,
    SumState,
    WeightedState,
    whole_second_end,
)
from billwright.billing.metering.store.postgres.connections import Connection, Row
from billwright.billing.metering.store.postgres.planning import Plan
from billwright.billing.metering.store.postgres.read_sql import Statement
from billwright.billing.metering.store.protocol import Aggregation, Result, ResultKey
from billwright.billing.metering.store.quarters import to_us

_ZERO = Decimal(0)
_LONGEST_STATEMENT = 14_000
_PLACEHOLDER = re.compile(r"\$(\d+)")


@dataclass(slots=True)
class _Parts:
    """Merged states of one bucket and group. ``weighted``: sum of value x (days or microseconds left)."""

    before: SumState = field(default_factory=SumState)
    inside: SumState = field(default_factory=SumState)
    maximum: MaxState = field(default_factory=MaxState)
    latest: LatestState = field(default_factory=LatestState)
    weighted: SumState = field(default_factory=SumState)

    def merge(self, row: Row) -> None:
        n: int = row["n"]
        state = SumState(row["x"] or _ZERO, n, row["p"] or _ZERO)
        if not row["inside"]:
            self.before = self.before.merge(state)
            return
        self.inside = self.inside.merge(state)
        self.weighted = self.weighted.merge(SumState(row["w"] or _ZERO))
        if row["x"] is not None:
            self.maximum = self.maximum.merge(MaxState(row["x"], n))
        if row["l"] is not None:
            us, seq, value = row["l"]
            self.latest = self.latest.merge(LatestState((int(us), int(seq)), value, n))


async def aggregate(connection: Connection, made: Plan) -> dict[ResultKey, Result]:
    """Results of every bucket and group with counted events."""
    [results] = await aggregate_many(connection, [made])
    return results


async def aggregate_many(connection: Connection, plans: Sequence[Plan]) -> list[dict[ResultKey, Result]]:
    """The same for several plans of one snapshot, in as few statements as their texts allow."""
    readings = [_Reading(made) for made in plans]
    sources = [
        (place, text, statement.parameters.values)
        for place, reading in enumerate(readings)
        for statement, text in _sources(reading.made, reading.weights, reading.finish)
    ]
    for text, values in _unions(sources):
        for row in await connection.fetch(text, *values):
            place: int = row["source"]
            reading = readings[place]
            reading.parts.setdefault(reading.made.key(row), _Parts()).merge(row)
    return [reading.results() for reading in readings]


class _Reading:
    """What has been read for one plan."""

    def __init__(self, made: Plan) -> None:
        query = made.query
        self.made = made
        self.weights = DayWeights(query.proration, query.upper) if query.proration is not None else None
        self.finish = whole_second_end(made.end if query.until is None else to_us(query.until) + 1)
        self.parts: dict[ResultKey, _Parts] = {}

    def results(self) -> dict[ResultKey, Result]:
        return {
            key: _result(self.made, self.weights, self.finish, found)
            for key, found in self.parts.items()
            if found.before.n or found.inside.n
        }


def _unions(sources: Sequence[tuple[int, str, list[Any]]]) -> Iterator[tuple[str, list[Any]]]:
    """Statements of a bounded size (the driver prepares short ones once) that read all ``sources``, with their values;
    ``source`` tells the rows of one place from another's."""
    texts: list[str] = []
    values: list[Any] = []
    size = 0
    for place, text, arguments in sources:
        if texts and size + len(text) > _LONGEST_STATEMENT:
            yield " UNION ALL ".join(texts), values
            texts, values, size = [], [], 0
        texts.append(f"SELECT {place} AS source, part.* FROM ({_renumbered(text, len(values))}) part")
        values = [*values, *arguments]
        size += len(text)
    if texts:
        yield " UNION ALL ".join(texts), values


@lru_cache(maxsize=1000)
def _renumbered(text: str, offset: int) -> str:
    return _PLACEHOLDER.sub(lambda found: f"${int(found[1]) + offset}", text)


def _result(made: Plan, weights: DayWeights | None, finish: int, found: _Parts) -> Result:
    query = made.query
    match query.aggregation:
        case Aggregation.MAX:
            value = Fraction(found.maximum.result)
        case Aggregation.LATEST:
            value = Fraction(found.latest.result)
        case Aggregation.SUM:
            everything = found.before.merge(found.inside)
            value = full = Fraction(everything.total)
            if weights is not None:
                value = prorated_sum(found.before.total, found.weighted.total, weights.carried, query.days)
            return Result(
                value=value,
                events_count=everything.n,
                full_value=full,
                carried=Fraction(found.before.total),
                precise_total=everything.precise_cents,
            )
        case Aggregation.WEIGHTED:
            state = WeightedState(finish, found.inside.total, found.weighted.total, found.inside.n)
            level = Fraction(found.before.merge(found.inside).total)
            value = state.result(found.before.total, made.split or 0, query.days)
            return Result(
                value=value,
                events_count=state.n,
                full_value=value,
                carried=Fraction(found.before.total),
                level_at_end=level,
            )
        case _:
            value = Fraction(found.inside.n)
    return Result(value=value, events_count=found.inside.n, full_value=value)


_MERGED_SELECT = {
    Aggregation.COUNT: "NULL::numeric AS x, NULL::numeric AS p, NULL::numeric AS w, NULL::numeric[] AS l",
    Aggregation.SUM: "sum(x) AS x, sum(p) AS p, {w} AS w, NULL::numeric[] AS l",
    Aggregation.MAX: "max(x) AS x, NULL::numeric AS p, NULL::numeric AS w, NULL::numeric[] AS l",
    Aggregation.LATEST: "NULL::numeric AS x, NULL::numeric AS p, NULL::numeric AS w, max(l) AS l",
    Aggregation.WEIGHTED: "sum(x) AS x, NULL::numeric AS p, sum(w) AS w, NULL::numeric[] AS l",
}


def _sources(made: Plan, weights: DayWeights | None, finish: int) -> list[tuple[Statement, str]]:
    query = made.query
    kind = query.aggregation
    merged = _MERGED_SELECT[kind].format(w="NULL::numeric" if weights is None else "sum(x * weight)")
    found: list[tuple[Statement, str]] = []
    if made.cut.rolled:
        statement = Statement(query)
        inside = _inside(statement, made, "u.bucket")
        weight = _weight(statement, weights, "u.bucket")
        last = statement.parameters.add(finish, "numeric")
        number = "u.maximum" if kind is Aggregation.MAX else "u.total"
        columns = f"""{inside} AS inside, u.n, {weight} AS weight, {number} AS x,
          u.precise_cents AS p, u.latest AS l, u.area + u.total * ({last} - u.bucket - 900000000) AS w"""
        rows = statement.rolled("usage_rollups", made.version, made.dims, made.cut.rolled, columns)
        found.append(
            (
                statement,
                f"SELECT b, g, inside, sum(n)::bigint AS n, {merged} FROM ({rows} AND NOT u.spilled) r "
                "GROUP BY b, g, inside",
            )
        )
    if made.cut.raw:
        statement = Statement(query)
        inside = _inside(statement, made, "usage_us(e.ts)")
        weight = _weight(statement, weights, "usage_us(e.ts)")
        columns = (
            f"{inside} AS inside, usage_us(e.ts) AS us, e.seq, {weight} AS weight, e.precise_total_amount_cents AS p"
        )
        rows = statement.raw(made.cut.raw, columns)
        last = statement.parameters.add(finish, "numeric")
        counted = "count(*)" if kind is Aggregation.COUNT else "count(x)"
        numbers = "NULL::numeric" if kind is Aggregation.COUNT else "usage_number(value)"
        outer = f"""
        SELECT b, g, inside, {counted} AS n, {merged} FROM (
          SELECT b, g, inside, weight, x, p, ARRAY[us::numeric, seq::numeric, x] AS l, x * greatest({last} - us, 0) AS w
          FROM (SELECT *, {numbers} AS x FROM ({rows}) event OFFSET 0) typed
          {"" if kind is Aggregation.COUNT else "WHERE x IS NOT NULL"}
        ) event GROUP BY b, g, inside"""
        found.append((statement, outer))
    return found


def _inside(statement: Statement, made: Plan, us: str) -> str:
    """1 for what lies in the window, 0 for what is carried over."""
    if made.split is None or made.start is not None:
        return "1"
    return f"({us} >= {statement.parameters.add(made.split, 'bigint')})::int"


def _weight(statement: Statement, weights: DayWeights | None, us: str) -> str:
    if weights is None:
        return "1"
    values = statement.parameters.add(weights.weights, "bigint[]")
    starts = statement.parameters.add(weights.starts, "bigint[]")
    return f"({values})[width_bucket({us}, {starts}) + 1]"
