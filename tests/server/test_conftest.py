"""The test infrastructure itself: clones are fresh, separate and quick."""

from __future__ import annotations

import time

import asyncpg
import redis.asyncio


async def test_a_clone_is_migrated_and_its_own(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    tables = {row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    await connection.execute("CREATE TABLE only_here (id int)")
    await connection.close()
    assert "jobs" in tables
    assert "only_here" not in tables


async def test_the_next_clone_is_fresh_again(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT to_regclass('only_here')") is None
    await connection.close()


async def test_a_clone_takes_under_100_ms(stack, database_admin) -> None:  # type: ignore[no-untyped-def]
    best = 9.0
    for number in range(3):
        started = time.perf_counter()
        database_admin.execute(
            f"CREATE DATABASE speed_{stack.worker}_{number} TEMPLATE billwright_template STRATEGY FILE_COPY"
        )
        best = min(best, time.perf_counter() - started)
        database_admin.execute(f"DROP DATABASE speed_{stack.worker}_{number} WITH (FORCE)")
    assert best < 0.1


async def test_redis_is_empty_and_works(redis_url: str) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    assert await client.dbsize() == 0
    await client.set("left", "behind")
    await client.aclose()


async def test_redis_is_flushed_between_tests(redis_url: str) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    assert await client.dbsize() == 0
    await client.aclose()
