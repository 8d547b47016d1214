"""Plain SQL and bulk inserts inside a session's transaction, for what runs once per customer or more often.

They go straight to the driver's connection, at a quarter of the ORM's cost per statement. Differences to keep in mind:
``fetch`` does not flush (``await session.flush()`` first where the statement must see pending objects), and values
cross as asyncpg takes them: ``uuid.UUID``, aware ``datetime``, ``Decimal``; JSON as text (``encoded``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - the driver is not annotated
from sqlalchemy import Table, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as OrmSession

from billwright.billing.kernel.closing import count_notes, forget_notes
from billwright.billing.kernel.db import Session, encoded

Row = Any
"""An ``asyncpg.Record``: by position or by column name."""

_DRIVER = "driver"
_FLUSHES = "flushes"
_NO_WHOLE_TABLES = text("set local enable_seqscan = off")
_WHOLE_TABLES = text("set local enable_seqscan = on")
_BY_VALUES = text("set local plan_cache_mode = force_custom_plan")
_DIALECT = postgresql.dialect()


class _Driver(Protocol):
    async def fetch(self, query: str, *args: Any) -> list[Row]: ...
    def is_in_transaction(self) -> bool: ...


async def fetch(session: Session, statement: str, *values: Any) -> list[Row]:
    """The rows of ``statement`` (placeholders ``$1``, ``$2``, ...). Raises SQLAlchemy's ``IntegrityError`` for violated
    constraints, asyncpg's errors otherwise (see ``kernel.transient``)."""
    driver = await _driver(session)
    try:
        return await driver.fetch(statement, *values)
    except asyncpg.IntegrityConstraintViolationError as failure:
        raise IntegrityError(statement, None, failure) from failure


async def plan_by_values(session: Session) -> None:
    """From here to the end of the transaction, statements are planned for the values that they are given. A statement
    sent often is otherwise planned for any value, which is bad for words to look for and for long lists of ids."""
    await session.execute(_BY_VALUES)


@asynccontextmanager
async def by_index(session: Session) -> AsyncGenerator[None]:
    """Inside, tables are read by an index if there is any: PostgreSQL takes looking at a text for as cheap as comparing
    numbers, and so reads whole tables where a trigram index is ten times faster."""
    await session.execute(_NO_WHOLE_TABLES)
    yield
    await session.execute(_WHOLE_TABLES)


class FlushedInside(Exception):
    """A block under ``savepoint`` failed after objects of the session had been written in it: the session believes in
    rows that are gone, so the whole transaction must end."""


@asynccontextmanager
async def savepoint(session: Session) -> AsyncGenerator[None]:
    """Undoes what the block has written if it fails, for blocks that only read through the ORM.

    Cheaper than ``session.begin_nested()``, which also puts changed objects back: here nothing may be flushed in the
    block. Raises the block's failure, or ``FlushedInside`` from it. A block that succeeds leaves its mark behind, which
    the transaction's end removes for nothing.
    """
    await flush(session)
    await fetch(session, "savepoint block")
    flushes: int = session.info.get(_FLUSHES, 0)
    notes = count_notes(session)
    try:
        yield
    except Exception as failure:
        forget_notes(session, notes)
        if session.info.get(_FLUSHES, 0) != flushes:
            raise FlushedInside from failure
        await fetch(session, "rollback to savepoint block")
        await fetch(session, "release savepoint block")
        raise


@event.listens_for(OrmSession, "after_flush")
def count_flush(session: OrmSession, _context: Any = None) -> None:
    """Note that objects of the session were written."""
    session.info[_FLUSHES] = session.info.get(_FLUSHES, 0) + 1


Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """One table's share of a statement: rows to insert, or with ``changes`` new values of rows found by their ``id``.

    ``names`` are the columns given. ``conflict`` ends an insert (``on conflict ... do nothing``).
    """

    table: Table
    names: tuple[str, ...]
    changes: bool = False
    conflict: str = ""

    def sources(self, place: int, *, one: bool) -> str:
        """The rows, whose first value is ``$place``; ``one``: plain values, which cost less than columns of one."""
        types = [self.table.columns[name].type for name in self.names]
        if any(isinstance(kind, ARRAY) for kind in types):
            raise TypeError(f"{self.table.name}: unnest would flatten a column of arrays")
        names = [kind.compile(dialect=_DIALECT) for kind in types]
        if one:
            return f"(values ({', '.join(f'${at}::{name}' for at, name in enumerate(names, place))}))"
        return f"unnest({', '.join(f'${at}::{name}[]' for at, name in enumerate(names, place))})"


async def insert_many(session: Session, model: Any, rows: Rows) -> None:
    """Insert ``rows`` of one table in one statement. Every row has the keys of the first; columns not named get the
    database's default. Pending objects of the session are flushed first, since they may be the rows' parents.
    """
    await insert_all(session, (model, rows))


async def insert_all(session: Session, *tables: tuple[Any, Rows]) -> None:
    """The same for several tables in one statement; rows may refer to each other in any order."""
    parts = [(Part(model.__table__, tuple(rows[0])), rows) for model, rows in tables if rows]
    if not parts:
        return
    if session.autoflush:
        await flush(session)
    await run_parts(session, parts)


async def run_parts(session: Session, parts: Sequence[tuple[Part, Rows]]) -> list[int]:
    """Run the parts, each with at least one row, as one statement; no row may be in two of them. Returns how many rows
    each part that ``changes`` has found, in their order."""
    statement, encodings = _combined(tuple((part, len(rows) == 1) for part, rows in parts))
    values: list[Any] = []
    cells = ((name, rows) for part, rows in parts for name in part.names)
    for (name, rows), is_json in zip(cells, encodings, strict=True):
        column = [row[name] for row in rows]
        if is_json:
            column = [None if value is None else encoded(value) for value in column]
        values.append(column[0] if len(rows) == 1 else column)
    found = await fetch(session, statement, *values)
    return list(found[0]) if found else []


@lru_cache(maxsize=1000)
def _combined(parts: tuple[tuple[Part, bool], ...]) -> tuple[str, tuple[bool, ...]]:
    """The statement for parts of one row or of several, and which of its columns are JSON."""
    texts: list[str] = []
    columns: list[Any] = []
    for part, one in parts:
        quoted = ", ".join(f'"{name}"' for name in part.names)
        sources = f"{part.sources(len(columns) + 1, one=one)} as given({quoted})"
        columns += [part.table.columns[name] for name in part.names]
        if part.changes:
            assigned = ", ".join(f'"{name}" = given."{name}"' for name in part.names if name != "id")
            text = f"update {part.table.name} kept set {assigned} from {sources} where kept.id = given.id returning 1"  # noqa: S608 - the table's names
        else:
            text = f"insert into {part.table.name} ({quoted}) select * from {sources} {part.conflict}"  # noqa: S608 - the table's names
        texts.append(text)
    counts = ", ".join(f"(select count(*) from part{place})" for place, (part, _) in enumerate(parts) if part.changes)  # noqa: S608 - the table's names
    encodings = tuple(isinstance(column.type, JSON) for column in columns)
    if not counts and len(texts) == 1:
        return texts[0], encodings
    named = ", ".join(f"part{place} as ({text})" for place, text in enumerate(texts))
    return f"with {named} select {counts}", encodings


async def flush(session: Session) -> None:
    """``session.flush()``, which costs something even when there is nothing to write."""
    if session.new or session.dirty or session.deleted:
        await session.flush()


async def _driver(session: Session) -> _Driver:
    transaction = session.sync_session.get_transaction()
    known = session.info.get(_DRIVER)
    if known is not None and known[0] is transaction and transaction is not None:
        return known[1]
    connection = (await session.connection()).sync_connection
    assert connection is not None
    driver = cast(_Driver, connection.connection.driver_connection)
    if not driver.is_in_transaction():  # SQLAlchemy begins with its own first statement
        adapter: Any = connection.connection.dbapi_connection
        await adapter._start_transaction()
    session.info[_DRIVER] = (session.sync_session.get_transaction(), driver)
    return driver
