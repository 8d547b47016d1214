"""A runtime with a real event store, and a shop on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from tests.billing.catalog.shop import Shop


@pytest.fixture
async def runtime(database: Database) -> AsyncIterator[Runtime]:
    pool = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=4)
    store = PostgresEventStore(pool)
    yield Runtime(database, store)
    await store.close()
    await pool.close()


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    """A sandbox that stands at 15 January 2024, 10:00 UTC."""
    return await Shop.open(runtime, clock=datetime(2024, 1, 15, 10, tzinfo=UTC))
