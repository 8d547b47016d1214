"""Invoices per second of a billing tick: 3 charges with usage, tax, coupon, one customer each (design §8: >= 150/s).

    python -m benchmarks.bench_billing [--subscriptions 600] [--events 30] [--workers 1] [--profile]

``--workers`` processes tick at once and share the customers. ``--profile`` prints where one process spends its time.
Exits 1 beyond the target. Without a URL it starts an embedded, durable server in a temporary folder and also prints
what does not depend on how busy the machine is: processor time and statements per invoice.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import logging
import multiprocessing
import pstats
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
import uvloop

from benchmarks.stack import Watch, migrated_database, watched_database
from billwright.billing.background.registration import register_all
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
    """The company, its rollups, and the planner's statistics."""
    async with opened(url) as (runtime, pool):
        await found_company(runtime, subscriptions=subscriptions, events=events, coupon=True)
        await pool.execute("ANALYZE")
        await PostgresEventStore(pool).seal(system_now())
        await PostgresEventStore(pool).roll_dirty(min_age=timedelta(0))
        await pool.execute("ANALYZE")


@dataclass(frozen=True)
class Run:
    """One process: passes run, when it began and ended (system time), seconds of processor time."""

    done: int
    begun: float
    ended: float
    processor: float


async def bill(url: str, profile: bool) -> Run:
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
        ended, processor = time.time(), time.process_time() - processor
        if profiler:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
            pstats.Stats(profiler).sort_stats("cumtime").print_stats(60)
        return Run(done, begun, ended, processor)


def process(url: str, profile: bool) -> Run:
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    register_all()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(bill(url, profile))


async def stored(url: str) -> tuple[int, int, int]:
    connection: Any = await asyncpg.connect(asyncpg_url(url))
    row = await connection.fetchrow(
        "SELECT count(*), (SELECT count(*) FROM fees), (SELECT count(*) FROM credits) FROM invoices"
        " WHERE status = 'finalized' AND taxes_amount_cents > 0 AND coupons_amount_cents > 0"
    )
    await connection.close()
    return row[0], row[1], row[2]


def measure(url: str, arguments: argparse.Namespace, watch: Watch | None) -> float:
    """Subscriptions invoiced per second."""
    asyncio.run(prepare(url, arguments.subscriptions, arguments.events))
    before = watch.read() if watch else None
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.workers) as pool:
        runs = pool.starmap(process, [(url, arguments.profile)] * arguments.workers, chunksize=1)
    after = watch.read() if watch else None
    invoices, fees, credits = asyncio.run(stored(url))
    assert sum(run.done for run in runs) == invoices == credits == arguments.subscriptions, (runs, invoices, credits)
    assert fees == 4 * invoices, fees
    seconds = max(run.ended for run in runs) - min(run.begun for run in runs)
    rate = invoices / seconds
    print(
        f"{invoices} invoices with {fees} fees in {seconds:.2f} s by {arguments.workers} process(es):"
        f" {rate:.0f} subscriptions/s, target {TARGET:g}/s, ratio to target {rate / TARGET:.2f}"
    )
    print(f"processor time of Python: {sum(run.processor for run in runs) / invoices * 1000:.2f} ms an invoice")
    if before and after:
        print(
            f"processor time of PostgreSQL: {(after.seconds - before.seconds) / invoices * 1000:.2f} ms an invoice,"
            f" statements: {(after.statements - before.statements) / invoices:.1f} an invoice"
        )
    return rate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=600)
    parser.add_argument("--events", type=int, default=30, help="events per charge and subscription")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--database-url")
    arguments = parser.parse_args()
    if arguments.database_url:
        with migrated_database(arguments.database_url) as url:
            return int(measure(url, arguments, None) < TARGET)
    with watched_database() as (url, watch):
        return int(measure(url, arguments, watch) < TARGET)


if __name__ == "__main__":
    sys.exit(main())
