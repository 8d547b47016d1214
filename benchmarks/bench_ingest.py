"""Ingestion over HTTP: durable events per second through POST /events/batch and POST /events (design §8).

    python -m benchmarks.bench_ingest [--batches 1500] [--singles 15000] [--rounds 3]

Starts the whole product on a durable embedded stack in a temporary folder and sends prepared requests from another
process on the same machine. In turns with them the same rows are copied raw (binary COPY, one connection, committed
every 2,000 rows) into the same tables and indexes of the same server: into ``events`` alone, and into ``events`` with
``event_keys``, the ledger that stands for its unique index. Ratios are medians over the rounds, so that other work on
the machine weighs on both sides; processor time per event does not depend on it much.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
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

from benchmarks.load import LoadResult, ProcessorTime, post_request, run_load
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.encoding import ledger_key
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


COLUMNS = [
    "id", "organization_id", "external_subscription_id", "code", "transaction_id", "ts", "properties", "metadata",
    "source", "created_at",
]  # fmt: skip
COPIED = 2_000
"""Rows of one raw COPY and transaction."""


async def raw_copy(url: str, amount: int, prefix: str, *, ledger: bool) -> float:
    """Rows per second of plain COPYs of what the product would store."""
    connection = await asyncpg.connect(url)
    try:
        organization, now = uuid.uuid4(), datetime.now(UTC)
        metadata = json.dumps({"user_agent": "", "ip_address": "127.0.0.1"})
        rows = [
            (
                new_id(),
                organization,
                f"subscription-{number % 200}",
                "api_calls",
                f"{prefix}-{number}",
                now,
                json.dumps(event(number, prefix)["properties"]),
                metadata,
                "api",
                now,
            )
            for number in range(amount)
        ]
        keys = [(ledger_key(row[1], row[2], row[4]), row[5]) for row in rows]
        begun = time.perf_counter()
        for first in range(0, amount, COPIED):
            async with connection.transaction():
                if ledger:
                    own = sorted(keys[first : first + COPIED])
                    await connection.copy_records_to_table("event_keys", records=own, columns=["key", "ts"])
                part = rows[first : first + COPIED]
                await connection.copy_records_to_table("events", records=part, columns=COLUMNS)
        return amount / (time.perf_counter() - begun)
    finally:
        await connection.close()


async def stored(url: str) -> int:
    """Events in the table that came over HTTP."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(
            "select count(*) from events where organization_id in (select id from organizations)"
        )
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
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    batches, singles, rounds = options.batches // options.rounds, options.singles // options.rounds, options.rounds
    with product() as (folder, api_key):
        url = DataFolder(folder).attach().database_url

        def batch(number: int, turn: str) -> bytes:
            events = [event(number * BATCH + index, turn) for index in range(BATCH)]
            return post_request("/api/v1/events/batch", api_key, json.dumps({"events": events}).encode())

        def single(number: int, turn: str) -> bytes:
            return post_request("/api/v1/events", api_key, json.dumps({"event": event(number, turn)}).encode())

        check(run_load(PORT, [single(number, "w") for number in range(200)], 16))
        check(run_load(PORT, [batch(number, "v") for number in range(50)], 8))
        rates: dict[str, list[float]] = {name: [] for name in ("batch", "raw", "keyed", "single")}
        latencies: list[float] = []
        spent: dict[str, ProcessorTime] = {"batch": ProcessorTime(), "single": ProcessorTime()}
        for turn in range(rounds):
            prepared = [batch(number, f"b{turn}") for number in range(batches)]
            with spent["batch"].measured():
                many = run_load(PORT, prepared, 8)
            check(many)
            rates["batch"].append(batches * BATCH / many.seconds)
            for name, ledger in (("raw", False), ("keyed", True)):
                copied = asyncio.run(raw_copy(url, batches * BATCH, f"{name}{turn}", ledger=ledger))
                rates[name].append(copied)
            prepared = [single(number, f"s{turn}") for number in range(singles)]
            with spent["single"].measured():
                one = run_load(PORT, prepared, 64)
            check(one)
            rates["single"].append(singles / one.seconds)
            latencies += one.latencies
        expected = 200 + 50 * BATCH + rounds * (batches * BATCH + singles)
        found = asyncio.run(stored(url))
        if found != expected:
            raise SystemExit(f"{found} events stored, {expected} acknowledged")
    latencies.sort()
    report(rates, latencies, {"batch": rounds * batches * BATCH, "single": rounds * singles}, spent)


def report(
    rates: dict[str, list[float]], latencies: list[float], events: dict[str, int], spent: dict[str, ProcessorTime]
) -> None:
    """Medians of the rounds against the targets, and processor time per event."""
    middle = {name: statistics.median(values) for name, values in rates.items()}
    p99 = latencies[int(len(latencies) * 0.99)]

    def ratio(name: str) -> float:
        return statistics.median(many / raw for many, raw in zip(rates["batch"], rates[name], strict=True))

    rows = (
        ("POST /events/batch, 8 connections", f"{middle['batch']:,.0f} events/s", middle["batch"] / TARGETS["batch"]),
        ("raw COPY into events", f"{middle['raw']:,.0f} events/s", None),
        ("batch ingestion / raw COPY", f"{ratio('raw'):.2f}", ratio("raw") / TARGETS["raw"]),
        ("raw COPY into events and its key ledger", f"{middle['keyed']:,.0f} events/s", None),
        ("batch ingestion / raw COPY with ledger", f"{ratio('keyed'):.2f}", ratio("keyed") / TARGETS["raw"]),
        ("POST /events, 64 connections", f"{middle['single']:,.0f} events/s", middle["single"] / TARGETS["single"]),
        ("POST /events, p99", f"{p99 * 1000:.1f} ms", TARGETS["p99"] / p99),
    )
    for name, figure, target in rows:
        print(f"{name:42}{figure:>20}" + (f"   x{target:.2f} of target" if target is not None else ""))
    for name, number in events.items():
        parts = ", ".join(f"{part} {seconds / number * 1e6:.0f}" for part, seconds in spent[name].seconds.items())
        print(f"processor microseconds per event, {name:6}: {parts}")


if __name__ == "__main__":
    main()
