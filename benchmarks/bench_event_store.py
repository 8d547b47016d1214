"""Event store: appends against raw COPY, and usage of ten million events against ten thousand (design §8).

    python benchmarks/bench_event_store.py [--events 2000000] [--appends 60000] [--database-url URL]

Without a URL it starts an embedded, durable server in a temporary folder. Use an empty database.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import uvloop

from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.encoding import json_text, ledger_key
from billwright.billing.metering.store.postgres.partitions import ensure_partitions
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.metering.store.protocol import Aggregation, BucketSpec, EventIn, MetricDefinition, Query
from billwright.migrations.runner import upgrade
from billwright.server.embedded import EmbeddedServers
from billwright.server.stack import DataFolder

MONTH = datetime(2026, 5, 1, tzinfo=UTC)
NEXT = datetime(2026, 6, 1, tzinfo=UTC)
ORGANIZATION = uuid.UUID(int=7)
BATCH = 100


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """The address of a database: the given one, or an embedded server of this run alone."""
    if url:
        yield url
        return
    path = tempfile.mkdtemp(prefix="billwright-bench-")
    folder = DataFolder(path)
    folder.create()
    folder.lock()
    servers = EmbeddedServers(folder)
    try:
        yield servers.start().database_url
    finally:
        servers.stop()
        shutil.rmtree(path, ignore_errors=True)


def batches(amount: int, seed: str) -> list[list[EventIn]]:
    """Requests of 100 events of 200 subscriptions, spread over the coming hour (nothing is late)."""
    now = datetime.now(UTC)
    return [
        [
            EventIn(
                organization_id=ORGANIZATION,
                transaction_id=f"{seed}-{start + index}",
                code="api_calls",
                external_subscription_id=f"subscription-{(start + index) % 200}",
                timestamp=now + timedelta(milliseconds=start + index),
                created_at=now,
                properties={"tokens": 17 + index, "region": "eu" if index % 2 else "us", "model": "large"},
            )
            for index in range(BATCH)
        ]
        for start in range(0, amount, BATCH)
    ]


async def copied(pool: Any, amount: int, seed: str, per_transaction: int, writers: int, *, ledger: bool) -> float:
    """Events per second of plain binary COPYs of ready rows into ``events`` with all its indexes.

    With ``ledger`` the keys are copied into ``event_keys`` too: it is the unique index that a partitioned table lacks.
    """
    events = [event for request in batches(amount, seed) for event in request]
    rows = [
        (new_id(), e.organization_id, e.external_subscription_id, e.code, e.transaction_id, e.timestamp,
         json_text(e.properties), e.created_at)
        for e in events
    ]  # fmt: skip
    keys = [(ledger_key(row[1], row[2], row[4]), row[5]) for row in rows]
    columns = ["id", "organization_id", "external_subscription_id", "code", "transaction_id", "ts", "properties"]
    columns.append("created_at")
    starts = list(range(0, amount, per_transaction))

    async def writer() -> None:
        async with pool.acquire() as connection:
            while starts:
                start = starts.pop()
                part = slice(start, start + per_transaction)
                async with connection.transaction():
                    if ledger:
                        await connection.copy_records_to_table(
                            "event_keys", records=sorted(keys[part]), columns=["key", "ts"]
                        )
                    await connection.copy_records_to_table("events", records=rows[part], columns=columns)

    begun = time.perf_counter()
    await asyncio.gather(*(writer() for _ in range(writers)))
    return amount / (time.perf_counter() - begun)


async def submitted(store: PostgresEventStore, requests: list[list[EventIn]], clients: int) -> float:
    """Events per second of all-or-nothing requests that share transactions, answers awaited."""
    queue = list(requests)

    async def client() -> None:
        while queue:
            await store.submit(queue.pop())

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return sum(map(len, requests)) / (time.perf_counter() - begun)


async def appended(store: PostgresEventStore, requests: list[list[EventIn]]) -> float:
    """Events per second of separate transactions of one request each, one after the other."""
    begun = time.perf_counter()
    for request in requests:
        await store.append(request)
    return sum(map(len, requests)) / (time.perf_counter() - begun)


async def load(pool: Any, subscription: str, amount: int) -> None:
    """``amount`` events over the whole month, written directly."""
    await pool.execute(
        """INSERT INTO events (id, organization_id, external_subscription_id, code, transaction_id, ts, properties,
                               created_at)
           SELECT gen_random_uuid(), $1, $2, 'usage', $2 || i,
                  $3::timestamptz + i * ($4::timestamptz - $3::timestamptz) / $5::int,
                  jsonb_build_object('v', i % 100, 'region', CASE WHEN i % 2 = 0 THEN 'eu' ELSE 'us' END), $3
           FROM generate_series(0, $5::int - 1) i""",
        ORGANIZATION,
        subscription,
        MONTH,
        NEXT,
        amount,
        timeout=900,
    )


async def read_time(store: PostgresEventStore, subscription: str) -> float:
    """Median milliseconds of one charge's usage: sum with a filter and the default bucket."""
    query = Query(
        organization_id=ORGANIZATION,
        external_subscription_id=subscription,
        code="usage",
        aggregation=Aggregation.SUM,
        field="v",
        lower=MONTH,
        upper=NEXT,
        buckets=(BucketSpec(id="eu", predicates={"region": frozenset({"eu"})}), BucketSpec()),
    )
    times = []
    for _ in range(25):
        begun = time.perf_counter()
        results = await store.aggregate(query)
        times.append((time.perf_counter() - begun) * 1000)
        assert len(results) == 2
    return statistics.median(times[5:])


async def main(url: str, events: int, appends: int) -> None:
    upgrade(url)
    pool = await asyncpg.create_pool(url, min_size=4, max_size=8, command_timeout=900)
    store = PostgresEventStore(pool)
    now = datetime.now(UTC)
    await ensure_partitions(pool, MONTH, MONTH)
    await ensure_partitions(pool, now, now + timedelta(days=2))

    await submitted(store, batches(5_000, "warm"), 16)
    rounds = range(3)
    bare = max([await copied(pool, appends, f"b{i}", 2_000, 2, ledger=False) for i in rounds])
    raw = max([await copied(pool, appends, f"c{i}", 2_000, 2, ledger=True) for i in rounds])
    shared = max([await submitted(store, batches(appends, f"s{i}"), 64) for i in rounds])
    small = await copied(pool, appends // 3, "cs", BATCH, 1, ledger=True)
    alone = await appended(store, batches(appends // 3, "a"))
    print(f"raw COPY into events, 2 writers of 2,000    {bare:>10,.0f} events/s")
    print(f"the same with its key ledger                {raw:>10,.0f} events/s")
    print(f"requests of 100, 64 clients, group commit   {shared:>10,.0f} events/s", end="")
    print(f"   ratio {shared / raw:.2f} ({shared / bare:.2f} without the ledger)")
    print(f"raw COPY with ledger, 1 writer of 100       {small:>10,.0f} events/s")
    print(f"appends of 100, one after the other         {alone:>10,.0f} events/s   ratio {alone / small:.2f}")

    definition = MetricDefinition(
        organization_id=ORGANIZATION,
        code="usage",
        metric_id=uuid.UUID(int=8),
        aggregation=Aggregation.SUM,
        field="v",
        dims_keys=frozenset({"region"}),
    )
    await store.define(definition)
    begun = time.perf_counter()
    await load(pool, "few", 10_000)
    await load(pool, "many", events)
    print(f"loaded {events:,} events in {time.perf_counter() - begun:.1f} s")
    await pool.execute("ANALYZE events")
    begun = time.perf_counter()
    rolled = await store.roll_dirty(org=ORGANIZATION)
    print(f"rolled {rolled:,} quarters in {time.perf_counter() - begun:.1f} s")
    await pool.execute("VACUUM ANALYZE usage_rollups")
    few, many = await read_time(store, "few"), await read_time(store, "many")
    print(f"usage of a month, 10,000 events             {few:>10.1f} ms")
    print(f"usage of a month, {events:,} events         {many:>10.1f} ms         ratio {many / few:.2f}")
    await store.close()
    await pool.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="10000000 takes about five minutes")
    parser.add_argument("--appends", type=int, default=60_000)
    parser.add_argument("--database-url")
    arguments = parser.parse_args()
    with server(arguments.database_url) as address:
        uvloop.run(main(address, arguments.events, arguments.appends))
