"""Counting sign-in attempts in Valkey, shared by all processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any


class RedisAttempts:
    """``AttemptCounter`` of ``billing.access.throttling``: a counter per name that expires with its window."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def add(self, name: str, window: timedelta) -> int:
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.set(name, 0, ex=int(window.total_seconds()), nx=True)
            pipeline.incr(name)
            return int((await pipeline.execute())[1])

    async def clear(self, name: str) -> None:
        await self._client.delete(name)
