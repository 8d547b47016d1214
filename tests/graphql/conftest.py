"""A world per test, on a clone of the migrated database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
import redis.asyncio

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.notifications.keys import WebhookKeys
from billwright.billing.notifications.options import WebhookOptions
from tests.graphql.support import World, make_world, settings_for


@pytest.fixture
async def runtime(database: Database) -> AsyncIterator[Runtime]:
    pool = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=4)
    store = PostgresEventStore(pool)
    box = SecretBox("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    yield Runtime(database, store, box=box, webhooks=WebhookOptions(keys=WebhookKeys(box)))
    await store.close()
    await pool.close()


@pytest.fixture
async def world(runtime: Runtime, redis_url: str) -> AsyncIterator[World]:
    client = redis.asyncio.Redis.from_url(redis_url)
    yield await make_world(runtime, client, settings_for(runtime.database.url, redis_url))
    await client.aclose()
