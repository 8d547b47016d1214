"""Counting sign-in attempts in Redis; in this process alone while Redis does not answer."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import structlog
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

_MAX_NAMES = 100_000


class MemoryAttempts:
    """Counts within one process. The limits stay on, each process having its own count."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[float, int]] = {}

    async def add(self, name: str, window: timedelta) -> int:
        now = time.monotonic()
        ends, count = self._counts.get(name, (0.0, 0))
        if ends <= now:
            ends, count = now + window.total_seconds(), 0
        if len(self._counts) >= _MAX_NAMES:
            self._counts = {key: value for key, value in self._counts.items() if value[0] > now}
            while len(self._counts) >= _MAX_NAMES:
                self._counts.pop(next(iter(self._counts)))
        self._counts[name] = (ends, count + 1)
        return count + 1

    async def clear(self, name: str) -> None:
        self._counts.pop(name, None)


class RedisAttempts:
    """The ``AttemptCounter`` of the product: one counter per name, shared by all processes."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._spare = MemoryAttempts()

    async def add(self, name: str, window: timedelta) -> int:
        """Count one more; the window begins with the first and is not prolonged by the next."""
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(name, 0, ex=int(window.total_seconds()), nx=True)
                pipeline.incr(name)
                _, count = await pipeline.execute()
            return int(count)
        except (RedisError, OSError) as failure:
            log.warning("attempts_counted_locally", error=type(failure).__name__)
            return await self._spare.add(name, window)

    async def clear(self, name: str) -> None:
        await self._spare.clear(name)
        try:
            await self._redis.delete(name)
        except (RedisError, OSError) as failure:
            log.warning("attempts_not_cleared", error=type(failure).__name__)
