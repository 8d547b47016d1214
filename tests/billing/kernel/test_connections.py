"""Connections that the database server has ended."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
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


async def test_connections_whose_end_the_driver_has_not_heard_of_cost_nothing(
    database_url: str, database_admin: Any
) -> None:
    """The server ends all connections while this loop stands still: the driver still takes each for open."""
    database = Database(database_url, pool_size=4, max_overflow=0)
    gate = asyncio.Barrier(4)

    async def ask() -> int:
        async with database.transaction() as session:
            pid: int = (await session.execute(text("select pg_backend_pid()"))).scalar_one()
            await gate.wait()
            return pid

    before = set(await asyncio.gather(*(ask() for _ in range(4))))
    name = database_url.rpartition("/")[2]
    ended = "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where datname = $1"
    assert database_admin.value(ended, name) == 4
    after = set(await asyncio.gather(*(ask() for _ in range(4))))
    assert len(after) == 4
    assert not before & after
    async with database.reading() as session:
        assert (await session.execute(text("select pg_backend_pid()"))).scalar_one() in after
    await database.close()


async def test_nothing_of_a_transaction_that_is_begun_early_is_left_in_the_pool(database_url: str) -> None:
    """The next one starts anew, after a commit, a roll-back and reading alike."""
    database = Database(database_url, pool_size=1, max_overflow=0)
    begun = text("select now()")
    seen: list[object] = []
    async with database.transaction() as session:
        seen.append((await session.execute(begun)).scalar_one())

    async def undone() -> None:
        async with database.transaction() as session:
            seen.append((await session.execute(begun)).scalar_one())
            raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        await undone()
    async with database.reading() as session:
        seen.append((await session.execute(begun)).scalar_one())
    async with database.reading() as session:
        seen.append((await session.execute(begun)).scalar_one())
    assert len(set(seen)) == 4
    await database.close()
