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

from billwright.billing.kernel.closing import write_notes

Session = AsyncSession
Dispatch = Callable[[list[UUID]], Awaitable[None]]
ACCESS_CHANGED = "access_changed"
"""Key of ``session.info``: the ids for ``Database.on_access_change``."""
_DATABASE = "database"


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
        self.engine: AsyncEngine = _engine(url, pool_size=pool_size, max_overflow=max_overflow)
        self.dispatch = dispatch
        self.on_access_change: list[Callable[[UUID], None]] = []
        self._sessions = async_sessionmaker(self.engine, class_=AsyncSession, expire_on_commit=False)
        self._beside: AsyncEngine | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """One transaction: commits on success, rolls back on any exception, then dispatches the queued jobs. What was
        noted on the way (``kernel.closing``) is written last."""
        async with self._sessions() as session:
            session.info[_DATABASE] = self
            async with session.begin() as work:
                yield session
                if work.is_active:  # else rolled back on the way
                    await write_notes(session)
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

    @asynccontextmanager
    async def beside(self) -> AsyncGenerator[AsyncSession]:
        """A reading session for use inside a transaction: what is committed, thus the state before that transaction.

        Its two connections serve nothing else, so that transactions never wait for one another to get one.
        """
        if self._beside is None:
            self._beside = _engine(self.url, pool_size=2, max_overflow=0)
        async with AsyncSession(self._beside, expire_on_commit=False) as session:
            yield session

    async def close(self) -> None:
        await self.engine.dispose()
        if self._beside is not None:
            await self._beside.dispose()


def database_of(session: AsyncSession) -> Database | None:
    """The database of whose transaction this is the session, if it was opened by ``Database.transaction``."""
    return session.info.get(_DATABASE)


def _engine(url: str, *, pool_size: int, max_overflow: int) -> AsyncEngine:
    engine = create_async_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=max_overflow,
        query_cache_size=3000,
        json_serializer=encoded,
        json_deserializer=_decoder.decode,
        connect_args={"server_settings": {"application_name": "billwright", "timezone": "UTC"}},
    )
    event.listen(engine.sync_engine, "checkout", _begin_on_living)
    return engine


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
