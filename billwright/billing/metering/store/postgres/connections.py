"""What the store needs of asyncpg, as types (the driver itself is not annotated), and its read-only snapshot."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias

Row: TypeAlias = Any
"""An ``asyncpg.Record``."""


class Connection(Protocol):
    """The part of ``asyncpg.Connection`` that is used here."""

    def is_closed(self) -> bool: ...
    async def execute(self, query: str, *args: Any) -> Any: ...
    async def fetch(self, query: str, *args: Any) -> list[Row]: ...
    async def fetchrow(self, query: str, *args: Any) -> Row | None: ...
    async def fetchval(self, query: str, *args: Any) -> Any: ...
    async def copy_records_to_table(
        self, table_name: str, *, records: Iterable[Sequence[Any]], columns: Sequence[str]
    ) -> Any: ...
    async def copy_to_table(
        self, table_name: str, *, source: bytearray, columns: Sequence[str], format: str
    ) -> Any: ...
    def cursor(self, query: str, *args: Any, prefetch: int | None = None) -> AsyncIterator[Row]: ...
    def transaction(self, *, isolation: Any = None, readonly: bool = False) -> AbstractAsyncContextManager[Any]: ...


class Pool(Protocol):
    """The part of ``asyncpg.Pool`` that is used here. Its connections must have asyncpg's own codecs."""

    def acquire(self) -> AbstractAsyncContextManager[Connection]: ...


async def keep_settings(connection: Any) -> None:
    """For ``reset`` of the pool: what asyncpg would clear after each use (settings, listeners, session locks, cursors)
    is never left behind by the store, and costs a round trip. Open transactions are rolled back all the same."""


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncGenerator[Connection]:
    """A read-only transaction whose statements all see one state of the database."""
    async with pool.acquire() as connection:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off")
        try:
            yield connection
        finally:
            if not connection.is_closed():
                await connection.execute("COMMIT")
