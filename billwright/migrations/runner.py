"""Brings a database to the newest revision. Safe to call from several processes at once: they take turns."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
import warnings
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.operations import Operations
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
BASELINE = "0001"
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
    return ScriptDirectory.from_config(config()).get_current_head() if _has_baseline() else None


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
    return made


def _upgrade(connection: Connection, revision: str) -> None:
    if _has_baseline():
        command.upgrade(config(connection), revision)
    else:
        _unreleased(connection)
    connection.commit()


def _unreleased(connection: Connection) -> None:
    """Before the first release there is no baseline: the models themselves are, then the revisions after it."""
    tables = metadata(tolerant=True)
    for table in tables.tables.values():
        for constraint in list(table.foreign_key_constraints):
            if any(element.target_fullname.rpartition(".")[0] not in tables.tables for element in constraint.elements):
                warnings.warn(f"without a foreign key to a table that is missing: {constraint.name}", stacklevel=2)
                table.constraints.discard(constraint)
                for column in table.columns:
                    column.foreign_keys.difference_update(constraint.elements)
                table.foreign_keys.difference_update(constraint.elements)
    tables.create_all(connection)
    context = MigrationContext.configure(connection)
    connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) PRIMARY KEY)"))
    done = context.get_current_heads()
    with Operations.context(context):
        for path in sorted(VERSIONS.glob("0*.py")):
            spec = importlib.util.spec_from_file_location(f"billwright_revision_{path.stem}", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            if done and module.revision <= max(done):
                continue
            module.upgrade()
            connection.execute(text("DELETE FROM alembic_version"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:v)"), {"v": module.revision})


def _has_baseline() -> bool:
    return any(VERSIONS.glob(f"{BASELINE}_*.py"))


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
