"""Plain SQL and bulk inserts inside a session's transaction, for what runs once per customer or more often.

They go straight to the driver's connection, at a quarter of the ORM's cost per statement. Differences to keep in mind:
``fetch`` does not flush (``await session.flush()`` first where the statement must see pending objects), and values
cross as asyncpg takes them: ``uuid.UUID``, aware ``datetime``, ``Decimal``; JSON as text (``encoded``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - the driver is not annotated
from sqlalchemy import Table, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as OrmSession

from billwright.billing.kernel.db import Session, encoded

Row = Any
"""An ``asyncpg.Record``: by position or by column name."""

_DRIVER = "driver"
_FLUSHES = "flushes"
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


class FlushedInside(Exception):
    """A block under ``savepoint`` failed after objects of the session had been written in it: the session believes in
    rows that are gone, so the whole transaction must end."""


@asynccontextmanager
async def savepoint(session: Session) -> AsyncGenerator[None]:
    """Undoes what the block has written if it fails, for blocks that only read through the ORM.

    Cheaper than ``session.begin_nested()``, which also puts changed objects back: here nothing may be flushed in the
    block. Raises the block's failure, or ``FlushedInside`` from it.
    """
    await session.flush()
    await fetch(session, "savepoint block")
    flushes: int = session.info.get(_FLUSHES, 0)
    try:
        yield
    except Exception as failure:
        if session.info.get(_FLUSHES, 0) != flushes:
            raise FlushedInside from failure
        await fetch(session, "rollback to savepoint block")
        await fetch(session, "release savepoint block")
        raise
    await fetch(session, "release savepoint block")


@event.listens_for(OrmSession, "after_flush")
def _count_flush(session: OrmSession, _context: Any) -> None:
    session.info[_FLUSHES] = session.info.get(_FLUSHES, 0) + 1


Rows = Sequence[Mapping[str, Any]]


async def insert_many(session: Session, model: Any, rows: Rows) -> None:
    """Insert ``rows`` of one table in one statement. Every row has the keys of the first; columns not named get the
    database's default. Pending objects of the session are flushed first, since they may be the rows' parents.
    """
    await insert_all(session, (model, rows))


async def insert_all(session: Session, *tables: tuple[Any, Rows]) -> None:
    """The same for several tables in one statement; rows may refer to each other in any order."""
    filled = [(model.__table__, rows) for model, rows in tables if rows]
    if not filled:
        return
    if session.autoflush and (session.new or session.dirty or session.deleted):
        await session.flush()
    statement, encodings = _insertion(tuple((table, tuple(rows[0])) for table, rows in filled))
    cells = ((name, rows) for _, rows in filled for name in rows[0])
    columns = [
        [None if row[name] is None else encoded(row[name]) for row in rows] if is_json else [row[name] for row in rows]
        for (name, rows), is_json in zip(cells, encodings, strict=True)
    ]
    await fetch(session, statement, *columns)


@lru_cache(maxsize=500)
def _insertion(tables: tuple[tuple[Table, tuple[str, ...]], ...]) -> tuple[str, tuple[bool, ...]]:
    """The statement, and which of its columns are JSON."""
    inserts: list[str] = []
    columns: list[Any] = []
    for table, names in tables:
        own = [table.columns[name] for name in names]
        if any(isinstance(column.type, ARRAY) for column in own):
            raise TypeError(f"{table.name}: unnest would flatten a column of arrays")
        quoted = ", ".join(f'"{name}"' for name in names)
        sources = ", ".join(
            f"${place}::{column.type.compile(dialect=_DIALECT)}[]" for place, column in enumerate(own, len(columns) + 1)
        )
        inserts.append(f'insert into "{table.name}" ({quoted}) select * from unnest({sources})')  # noqa: S608 - ours
        columns += own
    others = ", ".join(f"part{place} as ({text})" for place, text in enumerate(inserts[:-1]))
    statement = f"with {others} {inserts[-1]}" if others else inserts[-1]
    return statement, tuple(isinstance(column.type, JSON) for column in columns)


async def _driver(session: Session) -> _Driver:
    transaction = session.sync_session.get_transaction()
    known = session.info.get(_DRIVER)
    if known is not None and known[0] is transaction and transaction is not None:
        return known[1]
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver = cast(_Driver, raw.driver_connection)
    if not driver.is_in_transaction():
        await session.execute(text("select"))  # SQLAlchemy begins with its first statement
    session.info[_DRIVER] = (session.sync_session.get_transaction(), driver)
    return driver
