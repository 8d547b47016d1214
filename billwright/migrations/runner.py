"""Brings a database to the newest revision. Safe to call from several processes at once: they take turns."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import SchemaItem

from billwright.billing.kernel.db import sqlalchemy_url
from billwright.migrations.metadata import metadata

_FOLDER = Path(__file__).parent
VERSIONS = _FOLDER / "versions"
_LOCK_KEY = 0x62696C6C  # "bill"; session-level advisory lock
T = TypeVar("T")


def upgrade(database_url: str, revision: str = "head") -> None:
    """Apply every missing revision, each in a transaction of its own. Callable with or without a running loop."""
    on_connection(database_url, lambda connection: _upgrade(connection, revision))


def current(database_url: str) -> str | None:
    """The revision that the database is at; ``None`` for an empty one."""
    return on_connection(database_url, lambda each: MigrationContext.configure(each).get_current_revision())


def on_connection(database_url: str, work: Callable[[Connection], T]) -> T:
    """Run ``work`` on a connection while no other process migrates."""
    return _apart(lambda: _locked(database_url, work))


def differences(database_url: str) -> list[str]:
    """What the migrated database lacks of, or has beyond, the tables that the models describe; one line each."""

    def compare(connection: Connection) -> list[str]:
        tables = metadata()
        options = {"compare_type": True, "include_object": partial(_is_modelled, tables)}
        return [repr(entry) for entry in compare_metadata(MigrationContext.configure(connection, opts=options), tables)]

    return on_connection(database_url, compare)


def _is_modelled(
    tables: MetaData, item: SchemaItem, name: str | None, kind: str, reflected: bool, _compare_to: SchemaItem | None
) -> bool:
    """Tables without a model (the event store's, Alembic's own) are none of the comparison's business."""
    return not (kind == "table" and reflected and name not in tables.tables)


def head() -> str | None:
    """The newest revision of this installation."""
    return ScriptDirectory.from_config(config()).get_current_head()


def run_script(connection: Connection, sql: str) -> None:
    """Run several statements at once from a revision: ``run_script(op.get_bind(), SQL)``.

    asyncpg prepares what ``op.execute`` sends, which allows one statement only.
    """
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.run_async(lambda driver: driver.execute(sql))  # type: ignore[attr-defined]


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; there is no ini file."""
    made = Config()
    made.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    made.attributes["connection"] = connection
    made.attributes["include_object"] = partial(_is_modelled, metadata())
    return made


def _upgrade(connection: Connection, revision: str) -> None:
    command.upgrade(config(connection), revision)
    connection.commit()


async def _locked(database_url: str, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    try:
        async with engine.connect() as guard, engine.connect() as connection:
            await guard.execution_options(isolation_level="AUTOCOMMIT")
            await guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
            return await _run(connection, work)
    finally:
        await engine.dispose()


async def _run(connection: AsyncConnection, work: Callable[[Connection], T]) -> T:
    return await connection.run_sync(work)


def _apart(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine on a loop of its own, in a thread, so that callers inside a running loop can wait for it too."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    async def main() -> T:
        return await work()

    def body() -> None:
        try:
            outcome.append(asyncio.run(main()))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=body, name="migrations")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
