"""A migrated, durable database of one benchmark run."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import psutil

from billwright.migrations.runner import upgrade
from billwright.server.embedded import EmbeddedServers
from billwright.server.stack import DataFolder


@dataclass(frozen=True)
class ServerWork:
    """What a server has done so far: ``statements``, and ``seconds`` of processor time of all of its processes."""

    statements: int
    seconds: float


class Watch:
    """Counts the work of an embedded server."""

    def __init__(self, servers: EmbeddedServers, url: str) -> None:
        self._servers = servers
        self._url = url

    def read(self) -> ServerWork:
        async def calls() -> int:
            connection: Any = await asyncpg.connect(self._url)
            found = await connection.fetchval("SELECT sum(calls)::bigint FROM pg_stat_statements")
            await connection.close()
            return found

        assert self._servers.postgres is not None
        postmaster = psutil.Process(self._servers.postgres.pid)
        ended = postmaster.cpu_times()
        seconds = ended.children_user + ended.children_system
        for process in [postmaster, *postmaster.children(recursive=True)]:
            times = process.cpu_times()
            seconds += times.user + times.system
        return ServerWork(asyncio.run(calls()), seconds)


@contextmanager
def watched_database() -> Iterator[tuple[str, Watch]]:
    """An embedded server that counts its statements, migrated, and its counters."""
    with _servers() as servers:
        servers.start()
        servers.stop()
        (servers.folder.postgres / "local.conf").write_text("shared_preload_libraries = 'pg_stat_statements'\n")
        info = servers.start()
        secrets = servers.folder.secrets()
        admin = info.database_url.replace(
            f"billwright:{secrets.database_password}", f"postgres:{secrets.database_admin_password}"
        )

        async def extend() -> None:
            connection: Any = await asyncpg.connect(admin)
            await connection.execute("CREATE EXTENSION pg_stat_statements")
            await connection.close()

        asyncio.run(extend())
        upgrade(info.database_url)
        yield info.database_url, Watch(servers, info.database_url)


@contextmanager
def migrated_database(url: str | None = None) -> Iterator[str]:
    """The given (empty) database, or an embedded server in a temporary folder (``TMPDIR``), removed afterwards."""
    if url:
        upgrade(url)
        yield url
        return
    with _servers() as servers:
        info = servers.start()
        upgrade(info.database_url)
        yield info.database_url


@contextmanager
def served_database(data: str | None = None) -> Iterator[tuple[str, str]]:
    """An embedded stack, migrated: the addresses of its database and of its Valkey. Removed afterwards, unless it is
    to live in the folder ``data``, where another run finds it again."""
    with _servers(data) as servers:
        info = servers.start()
        upgrade(info.database_url)
        yield info.database_url, info.redis_url


@contextmanager
def _servers(data: str | None = None) -> Iterator[EmbeddedServers]:
    path = data or tempfile.mkdtemp(prefix="billwright-bench-", dir=os.environ.get("TMPDIR"))
    folder = DataFolder(path)
    folder.create()
    folder.lock()
    servers = EmbeddedServers(folder)
    try:
        yield servers
    finally:
        servers.stop()
        folder.unlock()
        if data is None:
            shutil.rmtree(path, ignore_errors=True)
