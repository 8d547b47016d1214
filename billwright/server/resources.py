"""What one process holds open: database, connection pool, queue."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import redis.asyncio
from starlette.applications import Starlette

from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.metering.store.postgres.connections import keep_settings
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.jobs.dispatch import Dispatcher, open_queue
from billwright.jobs.registration import register_handlers
from billwright.server.runtime import open_runtime
from billwright.server.settings import Settings


async def open_resources(app: Starlette, settings: Settings, resources: AsyncExitStack) -> None:
    """Fill ``app.state`` (see ``billwright.server.app``); everything closes with ``resources``, in reverse order."""
    register_handlers()  # a sandbox clock that is advanced runs its jobs in this process
    queue = redis.asyncio.Redis.from_url(settings.redis_url)
    resources.push_async_callback(queue.aclose)
    dispatcher = Dispatcher(open_queue(settings.redis_url))
    resources.push_async_callback(dispatcher.close)
    database = Database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_size,
        dispatch=dispatcher,
    )
    resources.push_async_callback(database.close)
    pool: Any = await asyncpg.create_pool(
        asyncpg_url(settings.database_url),
        min_size=1,
        max_size=settings.database_pool_size,
        reset=keep_settings,
        server_settings={"application_name": "billwright", "timezone": "UTC"},
    )
    resources.push_async_callback(pool.close)
    app.state.redis = queue
    app.state.database = database
    app.state.pool = pool
    event_store = PostgresEventStore(pool)
    resources.push_async_callback(event_store.close)
    app.state.event_store = event_store
    app.state.runtime = await resources.enter_async_context(open_runtime(settings, database, event_store))
