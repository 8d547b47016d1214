"""``billwright usage rebuild`` and ``usage verify``: rollups are derived data (spec 08 C3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from billwright.billing.kernel.db import asyncpg_url
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.metering.store.quarters import from_us
from billwright.server.settings import Settings


async def rebuild(settings: Settings, organization_id: UUID | None = None) -> int:
    """Recompute every rollup (of one organization) from the stored events; returns how many quarter hours it wrote."""
    async with _store(settings) as (store, pool):
        span = await _span(pool)
        return await store.rebuild(*span, organization_id=organization_id) if span else 0


async def verify(settings: Settings, sample: float = 1.0) -> list[str]:
    """One line per rollup that differs from a recount of its events, on a share of the keys."""
    async with _store(settings) as (store, pool):
        span = await _span(pool)
        return [str(difference) for difference in await store.verify(*span, sample=sample)] if span else []


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[tuple[PostgresEventStore, Any]]:
    opened: Any = asyncpg.create_pool(asyncpg_url(settings.database_url), min_size=1, max_size=4)
    async with opened as pool:
        store = PostgresEventStore(pool)
        try:
            yield store, pool
        finally:
            await store.close()


async def _span(pool: Any) -> tuple[datetime, datetime] | None:
    """From the first event or rollup to past the last event."""
    first, last = await pool.fetchrow("SELECT min(ts), max(ts) FROM events") or (None, None)
    bucket = await pool.fetchval("SELECT min(bucket) FROM usage_rollups")
    if bucket is not None:
        first = min(first or from_us(bucket), from_us(bucket))
    if first is None:
        return None
    return first, (last or first) + timedelta(hours=1)
