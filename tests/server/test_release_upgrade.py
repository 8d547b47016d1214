"""A database that a release has filled is brought to this version, keeps every cent, and bills on.

``releases/0.1.sql.gz`` is what ``pg_dump`` wrote of the first release with its demo organization; ``NEXT`` is what
that release itself went on to bill. A later release adds its own dump.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.registration import register_all
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.scheduling.test_clock import advance, begin_advance
from billwright.migrations import runner

DUMP = Path(__file__).parent / "releases" / "0.1.sql.gz"
BILLED = [
    ("ACME-001-001", "finalized", "2026-09-01", 9900, 1980, 11880),
    ("ACME-001-002", "finalized", "2026-10-01", 21653, 4331, 25984),
    ("ACME-001-003", "finalized", "2026-11-01", 22750, 4550, 27300),
    ("ACME-002-001", "finalized", "2026-10-01", 54735, 10947, 65682),
    ("ACME-002-002", "finalized", "2026-11-01", 54817, 10963, 65780),
    ("ACME-003-001", "finalized", "2026-10-01", 480, 96, 576),
    ("ACME-003-002", "finalized", "2026-11-01", 618, 124, 742),
]
NEXT = [
    ("ACME-001-004", "finalized", "2026-12-01", 21726, 4345, 26071),
    ("ACME-001-005", "finalized", "2027-01-01", 19500, 3900, 23400),
    ("ACME-002-003", "finalized", "2026-12-01", 54825, 10965, 65790),
    ("ACME-002-004", "finalized", "2027-01-01", 53360, 10672, 64032),
    ("ACME-003-003", "finalized", "2026-12-01", 447, 89, 536),
    ("ACME-003-004", "finalized", "2027-01-01", 0, 0, 0),
]
INVOICES = """
    SELECT number, status, issuing_date::text, fees_amount_cents, taxes_amount_cents, total_amount_cents
    FROM invoices ORDER BY number
"""


async def test_a_database_of_the_first_release_migrates_and_bills_on(empty_database_url: str) -> None:
    connection = await asyncpg.connect(asyncpg_url(empty_database_url))
    try:
        await connection.execute(gzip.decompress(DUMP.read_bytes()).decode())
    finally:
        await connection.close()
    assert runner.current(empty_database_url) == "0002"

    runner.upgrade(empty_database_url)
    assert runner.differences(empty_database_url) == []
    database = Database(empty_database_url)
    pool = await asyncpg.create_pool(asyncpg_url(empty_database_url), min_size=1, max_size=4)
    store = PostgresEventStore(pool)
    register_all()
    runtime = Runtime(database, store, api_url="http://api.test", app_url="http://app.test")
    try:

        async def invoices() -> list[tuple[Any, ...]]:
            return [tuple(row) for row in await pool.fetch(INVOICES)]

        assert await invoices() == BILLED
        active = await pool.fetch("SELECT id FROM subscriptions WHERE status = 'active' ORDER BY id")
        assert active
        assert await pool.fetch("SELECT subscription_id FROM lifetime_usages ORDER BY 1") == active
        async with database.transaction() as session:
            organization = await session.get_one(Organization, await pool.fetchval("SELECT id FROM organizations"))
            await begin_advance(Context(session, organization, event_store=store), datetime(2027, 1, 5, tzinfo=UTC))
        clock = await advance(runtime, organization.id)
        assert clock.status == "ready"
        assert await invoices() == sorted(BILLED + NEXT)
        assert await pool.fetchval("SELECT count(*) FROM jobs WHERE status = 'failed'") == 0
    finally:
        await store.close()
        await pool.close()
        await database.close()
