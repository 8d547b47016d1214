"""``billwright worker`` as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from billwright.billing.kernel.db import Database
from billwright.billing.kernel.outbox import enqueue

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
async def worker(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    log = (tmp_path / "worker.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "billwright.server.cli",
        "worker",
        env={
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "s" * 40,
            "ENCRYPTION_KEY": "A" * 43 + "=",
        },
        stdout=log,
        stderr=log,
    )
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


async def test_it_works_and_stops_promptly(
    worker: asyncio.subprocess.Process, database: Database, tmp_path: Path
) -> None:
    async with database.transaction() as session:  # nobody dispatches this one: the sweep must find it
        await enqueue(session, None, "test.unknown", max_attempts=1)
    deadline = time.monotonic() + 60
    while True:
        async with database.reading() as session:
            if (await session.execute(text("select status from jobs"))).scalar_one() == "failed":
                break
        assert worker.returncode is None, (tmp_path / "worker.log").read_text()
        assert time.monotonic() < deadline, (tmp_path / "worker.log").read_text()
        await asyncio.sleep(0.1)
    begun = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(worker.wait(), 20) == 0, (tmp_path / "worker.log").read_text()
    assert time.monotonic() - begun < 5
    assert "worker_stopped" in (tmp_path / "worker.log").read_text()
    async with database.reading() as session:
        left = await session.execute(
            text("select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        )
        assert left.scalar_one() == 0
