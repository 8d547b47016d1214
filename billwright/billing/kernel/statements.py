"""Plain SQL and bulk inserts inside a session's transaction, for what runs once per customer or more often.

They go straight to the driver's connection, at a quarter of the ORM's cost per statement. Differences to keep in mind:
``fetch`` does not flush (``await session.flush()`` first where the statement must see pending objects), and values
cross as asyncpg takes them: ``uuid.UUID``, aware ``datetime``, ``Decimal``; JSON as text (``encoded``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - the driver is not annotated
from sqlalchemy import Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.exc import IntegrityError

from billwright.billing.kernel.db import Session, encoded

Row = Any
"""An ``asyncpg.Record``: by position or by column name."""

_DRIVER = "driver"
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


async def insert_many(session: Session, model: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert ``rows`` of one table in one statement. Every row has the keys of the first; columns not named get the
    database's default. Pending objects of the session are flushed first, since they may be the rows' parents.
    """
    if not rows:
        return
    if session.autoflush and (session.new or session.dirty or session.deleted):
        await session.flush()
    names = tuple(rows[0])
    statement, encodings = _insertion(model.__table__, names)
    columns = [
        [None if row[name] is None else encoded(row[name]) for row in rows] if is_json else [row[name] for row in rows]
        for name, is_json in zip(names, encodings, strict=True)
    ]
    await fetch(session, statement, *columns)


@lru_cache(maxsize=500)
def _insertion(table: Table, names: tuple[str, ...]) -> tuple[str, tuple[bool, ...]]:
    """The statement, and which of its columns are JSON."""
    columns = [table.columns[name] for name in names]
    if any(isinstance(column.type, ARRAY) for column in columns):
        raise TypeError(f"{table.name}: unnest would flatten a column of arrays")
    quoted = ", ".join(f'"{name}"' for name in names)
    kinds = [column.type.compile(dialect=_DIALECT) for column in columns]
    sources = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(kinds, 1))
    statement = f'insert into "{table.name}" ({quoted}) select * from unnest({sources})'  # noqa: S608 - our own names
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
