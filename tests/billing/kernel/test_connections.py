"""Connections that the database server has ended."""

from __future__ import annotations

import asyncio

import asyncpg
from sqlalchemy import text

from billwright.billing.kernel.db import Database, asyncpg_url

END_ALL = (
    "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> $1"
)


async def test_a_restart_of_the_database_costs_no_request(database_url: str) -> None:
    """Every pooled connection is gone at once; the next transactions run on new ones, each at its first try."""
    database = Database(database_url, pool_size=4, max_overflow=0)
    gate = asyncio.Barrier(4)

    async def ask() -> int:
        async with database.transaction() as session:
            pid: int = (await session.execute(text("select pg_backend_pid()"))).scalar_one()
            await gate.wait()
            return pid

    before = set(await asyncio.gather(*(ask() for _ in range(4))))
    assert len(before) == 4
    other = await asyncpg.connect(asyncpg_url(database_url))
    assert await other.fetchval(END_ALL, other.get_server_pid()) == 4
    await other.close()
    after = set(await asyncio.gather(*(ask() for _ in range(4))))
    assert len(after) == 4
    assert not before & after
    assert set(await asyncio.gather(*(ask() for _ in range(4)))) == after
    await database.close()
