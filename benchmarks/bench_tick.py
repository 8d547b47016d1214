"""An idle billing tick over a million subscriptions, none of them due (design §8: <= 10 ms).

    python -m benchmarks.bench_tick [--subscriptions 1000000] [--database-url URL]

Exits 1 beyond the target. Without a URL it starts an embedded, durable server in a temporary folder.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import sys
import time
from typing import Any

import asyncpg
import structlog

from benchmarks.stack import migrated_database
from billwright.billing.background.registration import register_all
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.scheduling.engine import tick
from tests.support.company import found_company

TARGET_MS = 10.0
PER_CUSTOMER = 10

_COLUMNS = """
    SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1
    ORDER BY ordinal_position
"""
_CUSTOMERS = (
    "customers",
    {
        "id": "gen_random_uuid()",
        "external_id": "'copy-' || n",
        "sequential_id": "n + 1",
        "slug": "'copy-' || n",
    },
    "customers r CROSS JOIN generate_series(1, $1::int) AS n WHERE r.sequential_id = 1",
)
_SUBSCRIPTIONS = (
    "subscriptions",
    {
        "id": "gen_random_uuid()",
        "customer_id": "c.id",
        "external_id": "c.external_id || '-' || n",
        "next_billing_at": "due",
        "due_at": "due",
    },
    """subscriptions r CROSS JOIN customers c CROSS JOIN generate_series(1, $1::int) AS n CROSS JOIN LATERAL
      (SELECT now() + interval '1 hour' + random() * interval '30 days' + n * interval '0 s') AS d(due)
    WHERE r.external_id = 'subscription-00000' AND c.external_id LIKE 'copy-%'""",
)


async def copy(connection: Any, table: str, changed: dict[str, str], source: str, number: int) -> None:
    """Copies of the row ``r`` of ``source`` with some columns changed."""
    columns = [row["column_name"] for row in await connection.fetch(_COLUMNS, table)]
    values = ", ".join(changed.get(name, f'r."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    statement = f"INSERT INTO {table} ({names}) SELECT {values} FROM {source}"
    await connection.execute(statement, number, timeout=1800)


async def measure(url: str, subscriptions: int) -> list[float]:
    """Milliseconds of ticks, the first (cold) one left out."""
    database = Database(url)
    opened: Any = asyncpg.create_pool(asyncpg_url(url), min_size=1, max_size=4)
    async with opened as pool:
        runtime = Runtime(database, PostgresEventStore(pool))
        await found_company(runtime, subscriptions=1, events=0)
        await tick(runtime)
        begun = time.perf_counter()
        async with pool.acquire() as connection:
            await copy(connection, *_CUSTOMERS, subscriptions // PER_CUSTOMER)
            await copy(connection, *_SUBSCRIPTIONS, PER_CUSTOMER)
            await connection.execute("ANALYZE subscriptions, invoices, customers")
            count = await connection.fetchval("SELECT count(*) FROM subscriptions")
        print(f"{count:,} subscriptions made in {time.perf_counter() - begun:.0f} s", flush=True)
        times: list[float] = []
        for _ in range(200):
            begun = time.perf_counter()
            done = await tick(runtime)
            times.append((time.perf_counter() - begun) * 1000)
            assert done == 0
    await database.close()
    return times[1:]


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    register_all()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=1_000_000)
    parser.add_argument("--database-url")
    arguments = parser.parse_args()
    with migrated_database(arguments.database_url) as url:
        times = sorted(asyncio.run(measure(url, arguments.subscriptions)))
    median, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    print(
        f"idle tick, {arguments.subscriptions:,} subscriptions: median {median:.2f} ms, p99 {p99:.2f} ms,"
        f" target {TARGET_MS:g} ms, ratio to target {median / TARGET_MS:.2f}"
    )
    return int(median > TARGET_MS)


if __name__ == "__main__":
    sys.exit(main())
