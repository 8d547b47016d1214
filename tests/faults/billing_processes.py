"""Worker processes to be killed, and waiting for what the database shows."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from tests.faults.billing_books import connect

PATIENCE_SECONDS = 90
"""On a machine that is busy with other things; alone, nothing here takes a quarter of it."""
_PROGRAM = "from billwright.server.cli import main; main()"


class Worker:
    """One ``billwright worker``."""

    def __init__(self, database_url: str, redis_url: str, log: Path) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")},
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "fault-tests-" + "x" * 32,
            "ENCRYPTION_KEY": base64.urlsafe_b64encode(bytes(32)).decode(),
            "DATABASE_POOL_SIZE": "8",
            "LOG_FORMAT": "json",
        }
        self._log = log
        with log.open("ab") as written:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, "worker"],
                cwd=Path(__file__).parents[2],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
            )

    def check(self) -> None:
        """It still runs."""
        assert self._process.poll() is None, self._log.read_text()[-4000:]

    def kill(self) -> None:
        """``kill -9``, in the middle of whatever it does."""
        self.check()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)


class Workers:
    """Starts workers on one stack; those still running are ended with the block."""

    def __init__(self, redis_url: str, log: Path) -> None:
        self._redis_url = redis_url
        self._log = log
        self._started: list[Worker] = []

    def start(self, database_url: str) -> Worker:
        worker = Worker(database_url, self._redis_url, self._log)
        self._started.append(worker)
        return worker

    def check(self, *workers: Worker) -> None:
        for worker in workers:
            worker.check()

    def end(self) -> None:
        for worker in self._started:
            worker.end()


@contextmanager
def workers_on(redis_url: str, log: Path) -> Iterator[Workers]:
    made = Workers(redis_url, log)
    try:
        yield made
    finally:
        made.end()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Runtime]:
    """What a process of the product holds open on a database."""
    database = Database(url)
    pool: Any = await asyncpg.create_pool(asyncpg_url(url), min_size=1, max_size=8)
    store = PostgresEventStore(pool)
    try:
        yield Runtime(database, store)
    finally:
        await store.close()
        await pool.close()
        await database.close()


async def wait_until(database_url: str, sql: str, *arguments: Any, watched: Worker | None = None) -> Any:
    """The first value of ``sql`` that is true; ``watched`` must live so long."""
    connection = await connect(database_url)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (value := await connection.fetchval(sql, *arguments)):
                if watched is not None:
                    watched.check()
                await asyncio.sleep(0.01)
        return value
    finally:
        await connection.close()


async def execute(database_url: str, sql: str, *arguments: Any) -> None:
    connection = await connect(database_url)
    try:
        await connection.execute(sql, *arguments)
    finally:
        await connection.close()
