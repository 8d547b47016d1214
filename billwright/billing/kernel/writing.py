"""Writing a session's new and changed objects in one statement, together with rows that never were objects.

For what runs once per invoice; elsewhere ``session.flush()`` does. PostgreSQL checks foreign keys when the statement
ends, so its parts need no order; what would need one is left to the session's own flush.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import Any

from sqlalchemy import Boolean, Column, Date, DateTime, Integer, Numeric, String, Table, UniqueConstraint, inspect
from sqlalchemy.dialects.postgresql import JSON, UUID
from sqlalchemy.orm import Mapper, make_transient, make_transient_to_detached
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import AutoString

from billwright.billing.kernel.db import Session
from billwright.billing.kernel.statements import Part, Rows, count_flush, run_parts

_PLAIN = (AutoString, Boolean, Date, DateTime, Integer, Numeric, String, JSON, UUID)
"""Types whose values cross to the driver as they are (JSON as text)."""


class _NotInOneStatement(Exception):
    """The session's own flush must write this."""


class _Work:
    """The parts of a session's pending work with their rows, and its objects."""

    def __init__(self) -> None:
        self.parts: dict[Part, list[dict[str, Any]]] = {}
        self.objects: list[Any] = []

    def add(self, part: Part, row: dict[str, Any], item: Any) -> None:
        self.parts.setdefault(part, []).append(row)
        self.objects.append(item)


async def write_all(session: Session, *inserts: tuple[Part, Rows]) -> None:
    """Flush the session and insert rows (see ``insert_of``), in one statement where that gives the same.

    Raises SQLAlchemy's ``IntegrityError``; ``StaleDataError`` where a changed row is gone. The transaction must end
    when it fails.
    """
    given = [(part, rows) for part, rows in inserts if rows]
    try:
        work = _work_of(session, [part.table for part, _ in given])
    except _NotInOneStatement:
        await _flush_in_order(session)
        work = _Work()
    own = sorted(work.parts.items(), key=lambda found: (found[0].changes, found[0].table.name, found[0].names))
    parts = [*own, *given]  # always in one order, so that equal work is one prepared statement
    if not parts:
        return
    counts = await run_parts(session, parts)
    changed = [(part, rows) for part, rows in parts if part.changes]
    for (part, rows), found in zip(changed, counts, strict=True):
        if found != len(rows):
            raise StaleDataError(f"{found} of {len(rows)} changed rows of {part.table.name} were there")
    if work.objects:
        count_flush(session.sync_session)
    for item in work.objects:
        make_transient(item)
        make_transient_to_detached(item)
        session.add(item)


async def _flush_in_order(session: Session) -> None:
    """New objects kind by kind, as they were added: without relationships the session knows no order of its own."""
    fresh = list(session.new)
    for item in fresh:
        session.expunge(item)
    for _, items in groupby(fresh, key=type):
        session.add_all(list(items))
        await session.flush()
    await session.flush()


def insert_of(model: Any, rows: Rows, *, conflict: str = "") -> tuple[Part, Rows]:
    """Rows of a table for ``write_all``; every row has the keys of the first."""
    return Part(model.__table__, tuple(rows[0]) if rows else (), conflict=conflict), rows


def _work_of(session: Session, others: Iterable[Table]) -> _Work:
    """What the session has to write; ``others`` are tables that get rows besides.

    Not in one statement: work inside a nested transaction, whose rollback puts objects back; deletions; columns of
    other types or with defaults that the database fills in; changes that may make room under a unique index.
    """
    if session.deleted or session.in_nested_transaction():
        raise _NotInOneStatement
    work = _Work()
    for item in session.new:
        state: Any = inspect(item)
        columns = _columns(state.mapper)
        values: dict[str, Any] = state.dict
        if any(
            columns[name].default is not None or columns[name].server_default is not None
            for name in columns.keys() - values.keys()
        ):
            raise _NotInOneStatement
        names = tuple(name for name in columns if name in values)
        row = {name: _checked(columns[name], values[name]) for name in names}
        work.add(Part(state.mapper.local_table, names), row, item)
    for item in session.dirty:
        state = inspect(item)
        columns, values = _columns(state.mapper), state.dict
        before: dict[str, Any] = state.committed_state
        names = tuple(name for name in columns if name in before and values[name] != before[name])
        if not names:
            continue
        if "id" in names or "id" not in columns or any(columns[name].onupdate is not None for name in columns):
            raise _NotInOneStatement
        part = Part(state.mapper.local_table, ("id", *names), changes=True)
        work.add(part, {name: _checked(columns[name], values[name]) for name in part.names}, item)
    touched = [*others, *(part.table for part, rows in work.parts.items() for _ in rows)]
    for part in work.parts:
        if part.changes and touched.count(part.table) > 1 and _unique_names(part.table) & set(part.names[1:]):
            raise _NotInOneStatement
    return work


def _checked(column: Column[Any], value: Any) -> Any:
    if value is None and isinstance(column.type, JSON) and not column.type.none_as_null:
        raise _NotInOneStatement
    return value


@lru_cache(maxsize=500)
def _columns(mapper: Mapper[Any]) -> dict[str, Column[Any]]:
    """Columns by attribute."""
    found: dict[str, Column[Any]] = {}
    for attribute in mapper.column_attrs:
        [column] = attribute.columns
        if not isinstance(column, Column) or column.key != attribute.key or not isinstance(column.type, _PLAIN):
            raise _NotInOneStatement
        found[attribute.key] = column
    return found


@lru_cache(maxsize=500)
def _unique_names(table: Table) -> frozenset[str]:
    """Columns, the primary key's apart, that decide about the table's unique keys, also through a predicate."""
    names: set[str] = set()
    for index in table.indexes:
        if index.unique:
            predicate = str(index.dialect_options["postgresql"]["where"])
            for expression in (*index.expressions, predicate):
                names.update(re.findall(r"\w+", str(expression)))
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            names.update(column.name for column in constraint.columns)
    return frozenset(names)
