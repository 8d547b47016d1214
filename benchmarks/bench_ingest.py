"""Ingestion over HTTP: durable events per second through POST /events/batch and POST /events (design §8).

    python benchmarks/bench_ingest.py [--batches 1500] [--singles 15000]

Starts the whole product on a durable embedded stack in a temporary folder, sends prepared requests from another process
on the same machine, then copies as many rows raw into the same table and indexes of the same server for comparison.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from benchmarks.load import LoadResult, post_request, run_load
from billwright.billing.kernel.ids import new_id
from billwright.server.stack import DataFolder

PORT = 8931
BATCH = 100
TARGETS = {"batch": 20_000, "raw": 0.5, "single": 2_500, "p99": 0.1}


@contextmanager
def product() -> Iterator[tuple[Path, str]]:
    """A running product without demo data: its data folder and an API key."""
    folder = Path(tempfile.mkdtemp(prefix="billwright-bench-"))
    cli = [sys.executable, "-m", "billwright.server.cli"]
    process = subprocess.Popen(
        [*cli, "up", "--no-demo", "--port", str(PORT), "--data-dir", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Ready"):
                break
        else:
            raise SystemExit("the product did not start")
        created = subprocess.run(
            [*cli, "org", "create", "Bench", "--json", "--data-dir", str(folder)],
            check=True,
            capture_output=True,
            text=True,
        )
        yield folder, json.loads(created.stdout)["api_key"]
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def event(number: int, prefix: str) -> dict[str, object]:
    """A typical event; its transaction id is unique in the run."""
    return {
        "transaction_id": f"{prefix}-{number}",
        "external_subscription_id": f"subscription-{number % 200}",
        "code": "api_calls",
        "timestamp": round(time.time(), 3),
        "properties": {"tokens": 17 + number % 100, "region": "eu" if number % 2 else "us", "model": "large"},
    }


async def raw_copy(url: str, amount: int) -> float:
    """Rows per second of a binary COPY into ``events`` with all its indexes, committed every 2,000 rows."""
    connection = await asyncpg.connect(url)
    try:
        organization, now = uuid.uuid4(), datetime.now(UTC)
        columns = [
            "id",
            "organization_id",
            "external_subscription_id",
            "code",
            "transaction_id",
            "ts",
            "properties",
            "created_at",
            "source",
        ]
        rows = [
            (
                new_id(),
                organization,
                f"subscription-{number % 200}",
                "api_calls",
                f"raw-{number}",
                now,
                json.dumps(event(number, "raw")["properties"]),
                now,
                "api",
            )
            for number in range(amount)
        ]
        begun = time.perf_counter()
        for first in range(0, amount, 2_000):
            await connection.copy_records_to_table("events", records=rows[first : first + 2_000], columns=columns)
        return amount / (time.perf_counter() - begun)
    finally:
        await connection.close()


async def stored(url: str) -> int:
    """Events in the table."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("select count(*) from events")
    finally:
        await connection.close()


def check(result: LoadResult) -> None:
    """Every answer must be a 200; a benchmark of refusals says nothing."""
    if set(result.statuses) != {200}:
        raise SystemExit(f"unexpected answers: {result.statuses}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=1500)
    parser.add_argument("--singles", type=int, default=15_000)
    options = parser.parse_args()
    with product() as (folder, api_key):
        url = DataFolder(folder).attach().database_url
        batches = [
            post_request(
                "/api/v1/events/batch",
                api_key,
                json.dumps({"events": [event(n, "b") for n in range(first, first + BATCH)]}).encode(),
            )
            for first in range(0, options.batches * BATCH, BATCH)
        ]
        singles = [
            post_request("/api/v1/events", api_key, json.dumps({"event": event(n, "s")}).encode())
            for n in range(options.singles)
        ]
        warm = [
            post_request("/api/v1/events", api_key, json.dumps({"event": event(n, "w")}).encode()) for n in range(200)
        ]
        check(run_load(PORT, warm, 16))
        batch = run_load(PORT, batches, 8)
        check(batch)
        single = run_load(PORT, singles, 64)
        check(single)
        expected = len(warm) + options.batches * BATCH + options.singles
        found = asyncio.run(stored(url))
        if found != expected:
            raise SystemExit(f"{found} events stored, {expected} acknowledged")
        raw = asyncio.run(raw_copy(url, options.batches * BATCH))
    batch_rate = options.batches * BATCH / batch.seconds
    single_rate = options.singles / single.seconds
    p99 = single.percentile(0.99)
    rows = (
        ("POST /events/batch, 8 connections", f"{batch_rate:,.0f} events/s", batch_rate / TARGETS["batch"]),
        ("raw COPY, same table and indexes", f"{raw:,.0f} events/s", None),
        ("batch ingestion / raw COPY", f"{batch_rate / raw:.2f}", batch_rate / raw / TARGETS["raw"]),
        ("POST /events, 64 connections", f"{single_rate:,.0f} events/s", single_rate / TARGETS["single"]),
        ("POST /events, p99", f"{p99 * 1000:.1f} ms", TARGETS["p99"] / p99),
    )
    for name, figure, ratio in rows:
        print(f"{name:40}{figure:>20}" + (f"   x{ratio:.2f} of target" if ratio is not None else ""))


if __name__ == "__main__":
    main()
