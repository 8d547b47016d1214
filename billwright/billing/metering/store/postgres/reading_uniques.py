# ruff: noqa: S608 -- statements are made of constants; every value is a parameter
"""Reading unique counts (spec 01 §5.4, 6.4; 08 C4).

Per value only two things matter about any stretch of time: whether it was added, and its last operation. Rollup rows
and raw events are brought to that form and merged by the position of the last operation, so rows of one quarter that
differ only in properties which the charge ignores fold correctly too.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from billwright.billing.metering.aggregation.proration import DayWeights, stretch_days
from billwright.billing.metering.aggregation.states import PresenceState
from billwright.billing.metering.store.postgres.connections import Connection
from billwright.billing.metering.store.postgres.planning import Plan
from billwright.billing.metering.store.postgres.read_sql import Statement
from billwright.billing.metering.store.protocol import Result, ResultKey

_OPERATION = "coalesce(e.properties ->> 'operation_type', 'add')"


async def aggregate(connection: Connection, made: Plan) -> dict[ResultKey, Result]:
    """Results of every bucket and group with effective operations on any value."""
    if made.query.proration is not None:
        return await _prorated(connection, made)
    statement = Statement(made.query)
    rows = _operations(statement, made)
    if rows is None:
        return {}
    split = statement.parameters.add(made.split if made.start is None else None, "bigint")
    text = f"""
    SELECT b, g, count(*) FILTER (WHERE last[3] = 0) AS active,
           count(*) FILTER (WHERE carried[3] = 0) AS carried
    FROM (SELECT b, g, value, max(last) AS last, max(last) FILTER (WHERE last[1] < {split}) AS carried
          FROM ({rows}) operation GROUP BY b, g, value) final
    GROUP BY b, g
    """
    results: dict[ResultKey, Result] = {}
    for row in await connection.fetch(text, *statement.parameters.values):
        active = Fraction(row["active"])
        results[made.key(row)] = Result(
            value=active, full_value=active, events_count=row["active"], carried=Fraction(row["carried"])
        )
    return results


async def is_active(connection: Connection, made: Plan, value: str, key: ResultKey) -> bool:
    """Presence of one value at the end of the window."""
    statement = Statement(made.query)
    rows = _operations(statement, made)
    if rows is None:
        return False
    wanted = statement.parameters.add(value, "text")
    text = f"SELECT b, g, max(last) AS last FROM ({rows}) operation WHERE value = {wanted} GROUP BY b, g"
    for row in await connection.fetch(text, *statement.parameters.values):
        if made.key(row) == key:
            return row["last"][2] == 0
    return False


async def _prorated(connection: Connection, made: Plan) -> dict[ResultKey, Result]:
    query = made.query
    assert query.proration is not None
    calendar = DayWeights(query.proration, query.upper)
    statement = Statement(query)
    rows = _operations(statement, made)
    if rows is None:
        return {}
    split = statement.parameters.add(made.split, "bigint")
    starts = statement.parameters.add(calendar.starts, "bigint[]")
    text = f"""
    SELECT b, g, value, day, bool_or(has_add) AS has_add, (max(last))[3] = 1 AS ends_remove
    FROM (SELECT *, CASE WHEN last[1] < {split} THEN 0 ELSE width_bucket(last[1], {starts}) END AS day
          FROM ({rows}) operation) dated
    GROUP BY b, g, value, day ORDER BY b, g, value, day
    """
    days: dict[ResultKey, int] = {}
    full: dict[ResultKey, int] = {}
    carried: dict[ResultKey, int] = {}
    history: list[tuple[int, PresenceState]] = []
    current: tuple[ResultKey, str] | None = None

    def close() -> None:
        if current is None:
            return
        key = current[0]
        before = bool(history) and history[0][0] == 0 and history[0][1].active
        codes: list[tuple[date, PresenceState]] = [(calendar.days[day - 1], code) for day, code in history if day]
        counted = stretch_days(before, codes, calendar.start_day, calendar.end_day)
        days[key] = days.get(key, 0) + counted
        full[key] = full.get(key, 0) + history[-1][1].active
        carried[key] = carried.get(key, 0) + before
        history.clear()

    for row in await connection.fetch(text, *statement.parameters.values):
        here: tuple[ResultKey, str] = (made.key(row), row["value"])
        if here != current:
            close()
            current = here
        history.append((row["day"], PresenceState(row["has_add"], row["ends_remove"])))
    close()
    return {
        key: Result(
            value=Fraction(counted, query.days),
            full_value=Fraction(full[key]),
            events_count=full[key],
            carried=Fraction(carried[key]),
        )
        for key, counted in days.items()
    }


def _operations(statement: Statement, made: Plan) -> str | None:
    """Rows (b, g, value, has_add, last) of rollups and raw events together; ``None`` for an empty window."""
    parts: list[str] = []
    if made.cut.rolled:
        parts.append(
            statement.rolled(
                "usage_rollup_uniques", made.version, made.dims, made.cut.rolled, "u.value, u.has_add, u.last"
            )
        )
    if made.cut.raw:
        columns = f"{_OPERATION} = 'add' AS has_add, {_OPERATION} AS op, usage_us(e.ts) AS us, e.seq"
        raw = statement.raw(made.cut.raw, columns)
        parts.append(f"""
        SELECT b, g, value COLLATE "C", has_add, ARRAY[us, seq, (op = 'remove')::int] AS last
        FROM ({raw}) event WHERE value <> '' AND op IN ('add', 'remove')""")
    return " UNION ALL ".join(parts) if parts else None
