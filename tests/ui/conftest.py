"""An organization with members of every role on a fresh database, and the back office in front of it."""

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
from billwright.jobs.registration import register_handlers
from billwright.server import files
from billwright.ui import application
from tests.graphql.support import World, make_world, settings_for


@pytest.fixture
async def world(database: Database, redis_url: str) -> AsyncIterator[World]:
    register_handlers()
    pool = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=4)
    store = PostgresEventStore(pool)
    client = redis.asyncio.Redis.from_url(redis_url)
    settings = settings_for(database.url, redis_url, "http://billwright.test")
    box = SecretBox("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    runtime = Runtime(database, store, box=box, webhooks=WebhookOptions(keys=WebhookKeys(box)))
    yield await make_world(runtime, client, settings, files, application)
    await client.aclose()
    await store.close()
    await pool.close()
