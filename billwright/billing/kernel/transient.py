"""Database failures that say nothing about the work itself: it may simply be tried again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - the driver is not annotated
import structlog
from sqlalchemy.exc import DBAPIError

Answer = TypeVar("Answer")

ATTEMPTS = 6
"""How often one transaction is tried in all when it collides with others."""
_FIRST_WAIT_SECONDS = 0.02
_CONFLICTS = frozenset({"40001", "40P01"})
_OUTAGES = frozenset({"57P01", "57P02", "57P03", "53300"})

log = structlog.get_logger(__name__)


def sqlstate_of(failure: BaseException) -> str | None:
    """PostgreSQL's SQLSTATE of an error raised by SQLAlchemy or asyncpg; ``None`` for others."""
    source: object = failure.orig if isinstance(failure, DBAPIError) else failure
    state = getattr(source, "sqlstate", None)
    return state if isinstance(state, str) else None


def is_conflict(failure: BaseException) -> bool:
    """A deadlock or a serialization failure: the transaction is rolled back and may run again at once."""
    return sqlstate_of(failure) in _CONFLICTS


def is_transient(failure: BaseException) -> bool:
    """A conflict, or a database that went away, refused us or is shutting down."""
    if isinstance(failure, ConnectionRefusedError | asyncpg.InterfaceError):
        return True
    if isinstance(failure, DBAPIError) and failure.connection_invalidated:
        return True
    state = sqlstate_of(failure)
    return state is not None and (state in _CONFLICTS or state in _OUTAGES or state.startswith("08"))


async def retrying(work: Callable[[], Awaitable[Answer]], **noted: object) -> Answer:
    """``work()``, which is one whole transaction, again while it collides with others (``is_conflict``).

    Waits a random, growing moment in between, so that the two do not meet again; raises the last failure after
    ``ATTEMPTS``. ``noted`` goes to the log.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return await work()
        except Exception as failure:
            if not is_conflict(failure):
                raise
            log.warning("transaction tried again", attempt=attempt, sqlstate=sqlstate_of(failure), **noted)
        await asyncio.sleep(_FIRST_WAIT_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - no secret
    return await work()
