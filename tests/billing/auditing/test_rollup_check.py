"""Rollups that differ from a recount of their events (spec 09 §3, 08 C7)."""

from __future__ import annotations

from billwright.billing.auditing.service import ROLLUPS, Request, audit
from billwright.billing.kernel.db import Database
from billwright.billing.metering.store.protocol import Aggregation
from tests.billing.metering.store.conftest import Book, book, pool, store

__all__ = ["book", "pool", "store"]


async def test_rollups_are_recounted(book: Book, module_database_url: str) -> None:
    await book.from_the_start("2024-06-01")
    await book.define(Aggregation.SUM)
    await book.roll()
    await book.send(*(book.event(f"2024-06-05 {hour:02d}:00", 1) for hour in range(3)))
    await book.seal_to("2024-06-06")
    await book.roll()
    database = Database(module_database_url, pool_size=2)
    try:
        request = Request(rollup_sample=1.0)
        assert [item async for item in audit(database, request, events=book.store)] == []
        await book.pool.execute("UPDATE usage_rollups SET total = total + 1000")
        [finding] = [item async for item in audit(database, request, events=book.store)]
        assert (finding.code, finding.organization_id) == (ROLLUPS, book.org)
        assert finding.object_id == f"{book.sub} {book.code}"
        assert finding.found.startswith("differs from 2024-06-05T00:00:00")
        assert [item async for item in audit(database, Request(rollup_sample=0.0), events=book.store)] == []
    finally:
        await database.close()
