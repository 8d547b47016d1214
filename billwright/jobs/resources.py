"""What a worker process holds open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import redis.asyncio

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.metering.store.postgres.connections import keep_settings
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.jobs.dispatch import Dispatcher, open_queue
from billwright.server.runtime import open_runtime
from billwright.server.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """``runtime`` for the domain, ``store`` and ``pool`` for the event store's upkeep, ``redis`` for notes of use."""

    runtime: Runtime
    store: PostgresEventStore
    pool: Any
    redis: Any
    redis_url: str


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Connect to PostgreSQL (raises when it does not answer) and prepare Redis, which may be down."""
    database_url, redis_url, pool_size = settings.database_url, settings.redis_url, settings.database_pool_size
    dispatcher = Dispatcher(open_queue(redis_url))
    database = Database(database_url, pool_size=pool_size, max_overflow=pool_size, dispatch=dispatcher)
    client = redis.asyncio.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=10)
    try:
        opened: Any = asyncpg.create_pool(
            asyncpg_url(database_url),
            min_size=1,
            max_size=pool_size,
            reset=keep_settings,
            server_settings={"application_name": "billwright-worker", "timezone": "UTC"},
        )
        async with opened as pool:
            store = PostgresEventStore(pool)
            try:
                async with open_runtime(settings, database, store) as runtime:
                    yield Resources(runtime, store, pool, client, redis_url)
            finally:
                await store.close()
    finally:
        await dispatcher.close()
        await client.aclose()
        await database.close()
