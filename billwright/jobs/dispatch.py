"""From a committed transaction to ARQ: the ids of its jobs, in the background.

A request never waits for Redis and never fails because of it: what cannot be sent is found by the worker's sweep.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from uuid import UUID

import msgspec
import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

QUEUE = "billwright:jobs"
FUNCTION = "run_job"
MAX_WAITING = 20_000
_AT_ONCE = 50
_CLOSE_SECONDS = 2.0


def encode(value: dict[str, Any]) -> bytes:
    """How ARQ stores a call: JSON, since whoever reads it must not have to trust it as it would a pickle."""
    return msgspec.json.encode(value, enc_hook=str)


def decode(stored: bytes) -> dict[str, Any]:
    return msgspec.json.decode(stored, type=dict[str, Any])


def open_queue(redis_url: str) -> ArqRedis:
    """ARQ's client on ``redis_url``. Connects when first used."""
    pool: Any = ConnectionPool.from_url(redis_url, socket_connect_timeout=2, socket_timeout=10, max_connections=100)
    return ArqRedis(pool, job_serializer=encode, job_deserializer=decode, default_queue_name=QUEUE)


class Dispatcher:
    """What ``Database.dispatch`` calls. The id of a job is also its id in ARQ, so sending it twice queues it once."""

    def __init__(self, queue: ArqRedis) -> None:
        self._queue = queue
        self._waiting: list[UUID] = []
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, job_ids: list[UUID]) -> None:
        """Note ``job_ids`` for sending and return at once; never raises."""
        self._waiting.extend(job_ids[: max(0, MAX_WAITING - len(self._waiting))])
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_all())

    async def close(self) -> None:
        """Send what is noted, for two seconds at most, and disconnect."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._task, _CLOSE_SECONDS)
        with contextlib.suppress(RedisError, OSError):
            await self._queue.aclose(close_connection_pool=True)

    async def _send_all(self) -> None:
        while self._waiting:
            chunk, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            sent = await asyncio.gather(*(self._send(job_id) for job_id in chunk), return_exceptions=True)
            failures = [item for item in sent if isinstance(item, BaseException)]
            if failures:
                lost = len(failures) + len(self._waiting)
                log.warning("jobs_not_dispatched", jobs=lost, error=f"{type(failures[0]).__name__}: {failures[0]}")
                self._waiting.clear()

    async def _send(self, job_id: UUID) -> None:
        await self._queue.enqueue_job(FUNCTION, str(job_id), _job_id=str(job_id))
