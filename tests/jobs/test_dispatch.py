"""From commit to ARQ and through a real ARQ worker (design §4)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import redis.asyncio
from sqlalchemy import text

from billwright.billing.kernel.db import Database
from billwright.billing.kernel.outbox import enqueue
from billwright.jobs.dispatch import QUEUE, Dispatcher, decode, encode, open_queue
from billwright.jobs.resources import Resources
from billwright.jobs.worker import consume
from billwright.server.stack import free_port
from tests.jobs.conftest import Work, queue_work


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_committed_jobs_reach_the_queue_once(resources: Resources, redis_url: str, work: Work) -> None:
    ids = await queue_work(resources, 1, 2, 3)
    dispatch = resources.runtime.database.dispatch
    assert dispatch is not None
    await dispatch(ids)
    client = redis.asyncio.Redis.from_url(redis_url)

    async def all_queued() -> bool:
        return await client.zcard(QUEUE) == 3

    await until(all_queued)
    await dispatch(ids)
    await asyncio.sleep(0.2)
    assert sorted(name.decode() for name in await client.zrange(QUEUE, 0, -1)) == sorted(map(str, ids))
    stored = decode(await client.get(f"arq:job:{ids[0]}"))
    assert (stored["f"], stored["a"]) == ("run_job", [str(ids[0])])
    await client.aclose()


async def test_what_is_rolled_back_is_not_sent(resources: Resources, redis_url: str) -> None:
    class Rollback(Exception): ...

    try:
        async with resources.runtime.database.transaction() as session:
            await enqueue(session, None, "test.work", {"n": 1})
            raise Rollback
    except Rollback:
        pass
    client = redis.asyncio.Redis.from_url(redis_url)
    await asyncio.sleep(0.1)
    assert await client.zcard(QUEUE) == 0
    await client.aclose()


async def test_without_redis_a_transaction_neither_fails_nor_waits(database_url: str) -> None:
    dispatcher = Dispatcher(open_queue(f"redis://127.0.0.1:{free_port()}/0"))
    database = Database(database_url, dispatch=dispatcher)
    begun = time.monotonic()
    async with database.transaction() as session:
        session.info["queued_jobs"] = [uuid4() for _ in range(200)]
        await session.execute(text("select 1"))
    assert time.monotonic() - begun < 1.0
    await dispatcher.close()
    await database.close()


async def test_an_arq_worker_runs_them_promptly_and_stops(resources: Resources, work: Work) -> None:
    stop = asyncio.Event()
    worker = asyncio.create_task(consume(resources, stop))
    begun = time.monotonic()
    await queue_work(resources, *range(40))

    async def all_succeeded() -> bool:
        async with resources.runtime.database.reading() as session:
            found = await session.execute(text("select count(*) from jobs where status = 'succeeded'"))
            return found.scalar_one() == 40

    await until(all_succeeded)
    assert time.monotonic() - begun < 8
    assert sorted(work.ran) == list(range(40))
    stop.set()
    await asyncio.wait_for(worker, 5)


async def test_stopping_waits_for_the_job_under_way(resources: Resources, work: Work) -> None:
    stop = asyncio.Event()
    worker = asyncio.create_task(consume(resources, stop))
    work.gate.clear()
    await queue_work(resources, 1)
    await asyncio.wait_for(work.entered.wait(), 10)
    stop.set()
    await asyncio.sleep(0.2)
    assert not worker.done()
    work.gate.set()
    await asyncio.wait_for(worker, 5)
    assert work.ran == [1]


async def test_the_consumer_outlives_redis(resources: Resources, work: Work) -> None:
    stop = asyncio.Event()
    lost = asyncio.create_task(consume(replace(resources, redis_url=f"redis://127.0.0.1:{free_port()}/0"), stop))
    await asyncio.sleep(0.5)
    assert not lost.done()
    stop.set()
    await asyncio.wait_for(lost, 10)


def test_calls_are_stored_as_json() -> None:
    assert decode(encode({"f": "run_job", "a": ("x",)})) == {"f": "run_job", "a": ["x"]}
