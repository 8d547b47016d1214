"""Passes that one process at a time may run: a session lock in PostgreSQL, freed by a crash."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

NAMESPACE = 48_241
"""First half of the two-part advisory lock; the second is the pass's name."""


@asynccontextmanager
async def alone(pool: Any, name: str) -> AsyncIterator[bool]:
    """Whether this process is the only one in ``name`` now; it stays so until the block ends."""
    key = zlib.crc32(name.encode()) & 0x7FFF_FFFF
    async with pool.acquire() as connection:
        held: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", NAMESPACE, key)
        try:
            yield held
        finally:
            if held and not connection.is_closed():
                try:
                    await connection.execute("SELECT pg_advisory_unlock($1, $2)", NAMESPACE, key)
                except BaseException:
                    connection.terminate()  # or the pool would hand out the lock with the connection
                    raise
