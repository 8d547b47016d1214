"""Measuring a billing tick: worker processes that share the customers, and what an invoice costs."""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import logging
import multiprocessing
import pstats
import time
from collections.abc import AsyncIterator, Awaitable, Callable
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
from billwright.billing.metering.store.postgres.connections import keep_settings
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.scheduling.engine import tick
from billwright.server.collector import spare_the_loaded

Found = Callable[[Runtime, argparse.Namespace], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """``found`` makes a company whose subscriptions are due, one per customer; ``invoices`` is the condition that
    every one of its invoices meets."""

    found: Found
    target: float
    fees: int
    invoices: str


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Runtime, Any]]:
    database = Database(url)
    pool: Any = await asyncpg.create_pool(asyncpg_url(url), min_size=1, max_size=10, reset=keep_settings)
    store = PostgresEventStore(pool)
    try:
        yield Runtime(database, store), pool
    finally:
        await store.close()
        await pool.close()
        await database.close()


async def prepare(url: str, found: Found, arguments: argparse.Namespace) -> None:
    """The company and its rollups, made as the workers would: right after the events came, without statistics."""
    async with opened(url) as (runtime, pool):
        await found(runtime, arguments)
        begun = time.perf_counter()
        await PostgresEventStore(pool).seal(system_now())
        await PostgresEventStore(pool).roll_dirty(min_age=timedelta(0))
        print(f"usage rolled up in {time.perf_counter() - begun:.1f} s", flush=True)
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
        spare_the_loaded()
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


async def stored(url: str, condition: str) -> tuple[int, int]:
    connection: Any = await asyncpg.connect(asyncpg_url(url))
    row = await connection.fetchrow(
        f"SELECT count(*), (SELECT count(*) FROM fees) FROM invoices WHERE status = 'finalized' AND {condition}"
    )
    await connection.close()
    return row[0], row[1]


def measure(url: str, scenario: Scenario, arguments: argparse.Namespace, workers: int, watch: Watch | None) -> float:
    """Subscriptions invoiced per second."""
    asyncio.run(prepare(url, scenario.found, arguments))
    before = watch.read() if watch else None
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers) as pool:
        runs = pool.starmap(process, [(url, arguments.profile)] * workers, chunksize=1)
    after = watch.read() if watch else None
    invoices, fees = asyncio.run(stored(url, scenario.invoices))
    assert sum(run.done for run in runs) == invoices == arguments.subscriptions, (runs, invoices)
    assert fees == scenario.fees * invoices, fees
    seconds = max(run.ended for run in runs) - min(run.begun for run in runs)
    rate = invoices / seconds
    print(
        f"{invoices} invoices with {fees} fees in {seconds:.2f} s by {workers} process(es):"
        f" {rate:.0f} subscriptions/s, target {scenario.target:g}/s, ratio to target {rate / scenario.target:.2f}"
    )
    print(f"processor time of Python: {sum(run.processor for run in runs) / invoices * 1000:.2f} ms an invoice")
    if before and after:
        print(
            f"processor time of PostgreSQL: {(after.seconds - before.seconds) / invoices * 1000:.2f} ms an invoice,"
            f" statements: {(after.statements - before.statements) / invoices:.1f} an invoice",
            flush=True,
        )
    return rate


def main(description: str | None, scenario: Scenario, subscriptions: int) -> int:
    """Exit code: 1 when one process (the first number of ``--workers``) misses the target."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=subscriptions)
    parser.add_argument("--events", type=int, default=30, help="events per charge and subscription")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--database-url", help="an empty database; for one number of workers")
    arguments = parser.parse_args()
    if arguments.database_url:
        with migrated_database(arguments.database_url) as url:
            return int(measure(url, scenario, arguments, arguments.workers[0], None) < scenario.target)
    rates: list[float] = []
    for workers in arguments.workers:
        with watched_database() as (url, watch):
            rates.append(measure(url, scenario, arguments, workers, watch))
    return int(rates[0] < scenario.target)
