"""Invoices per second of a billing tick: 3 charges with usage, tax, one customer each (design §8: >= 150/s).

    python -m benchmarks.bench_billing [--subscriptions 600] [--events 30] [--workers 1] [--profile]

``--workers`` processes tick at once and share the customers. ``--profile`` prints where one process spends its time.
Exits 1 beyond the target. Without a URL it starts an embedded, durable server in a temporary folder.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import multiprocessing
import pstats
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
import uvloop

from benchmarks.stack import migrated_database
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.scheduling.engine import tick
from tests.support.company import found_company

TARGET = 150.0


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Runtime, Any]]:
    database = Database(url)
    pool: Any = await asyncpg.create_pool(asyncpg_url(url), min_size=1, max_size=10)
    store = PostgresEventStore(pool)
    try:
        yield Runtime(database, store), pool
    finally:
        await store.close()
        await pool.close()
        await database.close()


async def prepare(url: str, subscriptions: int, events: int) -> None:
    """The company, its rollups, and as many more due subscriptions to warm caches with."""
    async with opened(url) as (runtime, pool):
        await found_company(runtime, subscriptions=subscriptions, events=events)
        await PostgresEventStore(pool).seal(system_now())
        await PostgresEventStore(pool).roll_dirty(min_age=timedelta(0))
        async with pool.acquire() as connection:
            await connection.execute("ANALYZE")


async def bill(url: str, profile: bool) -> tuple[int, float, float]:
    """Customers billed by one process, and when it began and ended."""
    async with opened(url) as (runtime, _):
        async with runtime.database.reading() as session:
            await session.connection()
        profiler = cProfile.Profile() if profile else None
        begun, processor = time.time(), time.process_time()
        if profiler:
            profiler.enable()
        done = await tick(runtime)
        if profiler:
            profiler.disable()
        ended = time.time()
        print(f"processor time {(time.process_time() - processor) * 1000 / max(done, 1):.1f} ms an invoice", flush=True)
        if profiler:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
            pstats.Stats(profiler).sort_stats("cumtime").print_stats(60)
        return done, begun, ended


def process(url: str, profile: bool) -> tuple[int, float, float]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(bill(url, profile))


async def stored(url: str) -> tuple[int, int]:
    connection: Any = await asyncpg.connect(asyncpg_url(url))
    row = await connection.fetchrow(
        "SELECT count(*), (SELECT count(*) FROM fees) FROM invoices"
        " WHERE status = 'finalized' AND taxes_amount_cents > 0"
    )
    await connection.close()
    return row[0], row[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=600)
    parser.add_argument("--events", type=int, default=30, help="events per charge and subscription")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--database-url")
    arguments = parser.parse_args()
    with migrated_database(arguments.database_url) as url:
        asyncio.run(prepare(url, arguments.subscriptions, arguments.events))
        context = multiprocessing.get_context("spawn")
        with context.Pool(arguments.workers) as pool:
            found = pool.starmap(process, [(url, arguments.profile)] * arguments.workers, chunksize=1)
        seconds = max(end for _, _, end in found) - min(begin for _, begin, _ in found)
        invoices, fees = asyncio.run(stored(url))
    assert sum(done for done, _, _ in found) == invoices == arguments.subscriptions, (found, invoices)
    assert fees == 4 * invoices, fees
    rate = invoices / seconds
    print(
        f"{invoices} invoices with {fees} fees in {seconds:.2f} s by {arguments.workers} process(es):"
        f" {rate:.0f} subscriptions/s, target {TARGET:g}/s, ratio to target {rate / TARGET:.2f}"
    )
    return int(rate < TARGET)


if __name__ == "__main__":
    sys.exit(main())
