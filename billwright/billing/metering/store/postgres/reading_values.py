"""Single values that percentage and prorated graduated charges price one by one (spec 02 §5.4, 6.3)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from billwright.billing.metering.aggregation.exact import add
from billwright.billing.metering.aggregation.proration import DayWeights, stretches
from billwright.billing.metering.store.postgres.connections import Connection
from billwright.billing.metering.store.postgres.event_rows import ordered
from billwright.billing.metering.store.postgres.planning import Plan
from billwright.billing.metering.store.protocol import Aggregation, Result, ResultKey
from billwright.billing.metering.store.quarters import to_us

Entry = tuple[Fraction, Fraction]


@dataclass(slots=True)
class _Collected:
    values: list[Decimal] = field(default_factory=list[Decimal])
    running: Decimal = Decimal(0)
    enough: bool = False


async def with_values(connection: Connection, made: Plan, results: dict[ResultKey, Result]) -> dict[ResultKey, Result]:
    """Adds ``event_values``: in order, until the request of the query is satisfied for every bucket and group."""
    request = made.query.values
    assert request is not None
    if made.query.aggregation in (Aggregation.COUNT, Aggregation.UNIQUE):
        raise ValueError("every unit of a count is an event of value 1")
    collected = {key: _Collected(enough=request.first == 0) for key in results}
    missing = sum(not each.enough for each in collected.values())
    if missing:
        async for key, row in ordered(connection, made, "e.ts, e.seq"):
            found = collected.get(key)
            if row["x"] is None or found is None or found.enough:
                continue
            found.values.append(row["x"])
            found.running = add(found.running, row["x"])
            found.enough = (
                len(found.values) == request.first
                or (request.until_total is not None and found.running > request.until_total)
                or len(found.values) == results[key].events_count
            )
            missing -= found.enough
            if not missing:
                break
    return {key: replace(result, event_values=tuple(collected[key].values)) for key, result in results.items()}


async def with_entries(connection: Connection, made: Plan, results: dict[ResultKey, Result]) -> dict[ResultKey, Result]:
    """Adds ``prorated_entries``: (value, prorated share) in order (spec 02 §6.3 step 1).

    Sums: what is carried over first, unless zero, then each event of the window. Unique counts: +1 with its days for
    every stretch of activity that touches the window, -1 with 0 for its end inside the window.
    """
    query = made.query
    if query.proration is None:
        raise ValueError("prorated entries need a proration")
    calendar = DayWeights(query.proration, query.upper)
    if query.aggregation is Aggregation.SUM:
        entries = await _sum_entries(connection, made, calendar, results)
    else:
        entries = await _unique_entries(connection, made, calendar)
    return {key: replace(result, prorated_entries=tuple(entries.get(key, ()))) for key, result in results.items()}


async def _sum_entries(
    connection: Connection, made: Plan, calendar: DayWeights, results: dict[ResultKey, Result]
) -> dict[ResultKey, list[Entry]]:
    days = made.query.days
    entries: dict[ResultKey, list[Entry]] = defaultdict(list)
    for key, result in results.items():
        if result.carried:
            entries[key].append((result.carried, result.carried * calendar.carried / days))
    window = replace(made, start=made.split)
    async for key, row in ordered(connection, window, "e.ts, e.seq"):
        if row["x"]:
            value = Fraction(row["x"])
            weight = calendar.weight(to_us(row["ts"]))
            entries[key].append((value, value * weight / days))
    return entries


async def _unique_entries(connection: Connection, made: Plan, calendar: DayWeights) -> dict[ResultKey, list[Entry]]:
    query = made.query
    assert query.lower is not None
    histories: dict[tuple[ResultKey, str], list[tuple[tuple[int, int], int, bool]]] = defaultdict(list)
    columns = "coalesce(e.properties ->> 'operation_type', 'add') AS op, e.ts, e.seq"
    async for key, row in ordered(connection, made, columns):
        if row["value"] and row["op"] in ("add", "remove"):
            us = to_us(row["ts"])
            histories[key, row["value"]].append(
                ((us, row["seq"]), calendar.day_of(us).toordinal(), row["op"] == "remove")
            )
    lower = to_us(query.lower)
    found: dict[ResultKey, list[tuple[tuple[int, int], str, Entry]]] = defaultdict(list)
    for (key, value), history in histories.items():
        for stretch in stretches(history):
            if stretch.closed is not None and stretch.closed[0] < lower:
                continue
            counted = calendar.days_of(stretch)
            found[key].append((stretch.opened, value, (Fraction(1), Fraction(counted, query.days))))
            if stretch.closed is not None:
                found[key].append((stretch.closed, value, (Fraction(-1), Fraction(0))))
    return {
        key: [entry for _, _, entry in sorted(entries, key=lambda each: (each[0][0], each[1], each[0][1]))]
        for key, entries in found.items()
    }
