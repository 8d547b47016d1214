"""The database session. A use case is one transaction; what it queues is dispatched after commit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

Session = AsyncSession
Dispatch = Callable[[list[UUID]], Awaitable[None]]
ACCESS_CHANGED = "access_changed"
"""Key of ``session.info``: the ids for ``Database.on_access_change``."""


_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def encoded(value: Any) -> str:
    """``value`` as JSON text; decimals are numbers with all of their digits."""
    return _encoder.encode(value).decode()


class Database:
    """Engine and transactions of one PostgreSQL database.

    ``dispatch`` receives the ids of jobs that a committed transaction queued (see ``kernel.outbox``); without one, the
    sweep of the worker finds them. ``on_access_change``: called right after the commit with the id of an organization
    whose keys, settings or catalogue changed, so that this process never answers from what it remembered before; other
    processes hear of it from the database.
    """

    def __init__(
        self, url: str, *, pool_size: int = 10, max_overflow: int = 20, dispatch: Dispatch | None = None
    ) -> None:
        self.url = url
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=max_overflow,
            query_cache_size=3000,
            json_serializer=encoded,
            json_deserializer=_decoder.decode,
            connect_args={"server_settings": {"application_name": "billwright", "timezone": "UTC"}},
        )
        event.listen(self.engine.sync_engine, "checkout", _begin_on_living)
        self.dispatch = dispatch
        self.on_access_change: list[Callable[[UUID], None]] = []
        self._sessions = async_sessionmaker(self.engine, class_=AsyncSession, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """One transaction: commits on success, rolls back on any exception, then dispatches the queued jobs."""
        async with self._sessions() as session:
            async with session.begin():
                yield session
            queued: list[UUID] = session.info.pop("queued_jobs", [])
            changed: set[UUID] = session.info.pop(ACCESS_CHANGED, set())
        for organization_id in changed:
            for listener in self.on_access_change:
                listener(organization_id)
        if queued and self.dispatch is not None:
            await self.dispatch(queued)

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        """A read-only session; nothing it changes is kept."""
        async with self._sessions() as session:
            yield session

    async def close(self) -> None:
        await self.engine.dispose()


def _begin_on_living(connection: Any, _record: Any, _proxy: Any) -> None:
    """Begin the transaction when a connection leaves the pool. If the server has ended it (a restart, a fail-over), all
    pooled ones are made anew, without an error.

    The driver may not have heard of the end yet, so BEGIN itself asks. Nothing was done before it; and as the first
    statement would send it anyway, it costs no round trip more, unlike ``pool_pre_ping``.
    """

    async def begin(_driver: object) -> None:
        await connection._start_transaction()

    try:
        connection.run_async(begin)
    except Exception as error:
        raise InvalidatePoolError from error


def sqlalchemy_url(url: str) -> str:
    """``postgresql://`` (or ``postgres://``) as SQLAlchemy wants it."""
    _, _, rest = url.partition("://")
    return "postgresql+asyncpg://" + rest


def asyncpg_url(url: str) -> str:
    """The same address for a bare asyncpg pool."""
    _, _, rest = url.partition("://")
    return "postgresql://" + rest
