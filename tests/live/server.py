"""An API process of the product on a port of its own, and organizations on it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from billwright.billing.access.service import create_organization
from billwright.billing.kernel.db import Database
from tests.contract.recorder import REPORT, assert_kept

_PROGRAM = """
import os, socket
from billwright.server.collector import leave_the_loading_alone

leave_the_loading_alone()
import tests.contract.recorder
from billwright.server.settings import Settings
from billwright.server.web import serve_on

listening = socket.create_server(("127.0.0.1", 0))
port = listening.getsockname()[1]
print(port, flush=True)
os.environ["API_URL"] = os.environ["APP_URL"] = f"http://127.0.0.1:{port}"
try:
    serve_on(listening, Settings.from_environment())
except KeyboardInterrupt:
    pass
"""


@dataclass(frozen=True)
class LiveServer:
    """``url`` without a trailing slash; ``log`` is what the process writes."""

    url: str
    database_url: str
    process: subprocess.Popen[bytes]
    log: Path

    async def organization(self, name: str, *, kind: str = "sandbox", clock: datetime | None = None) -> str:
        """A new organization; returns its API key."""
        database = Database(self.database_url, pool_size=1)
        try:
            async with database.transaction() as session:
                return (await create_organization(session, name, kind=kind, clock=clock)).api_key_value
        finally:
            await database.close()

    def answered(self, status: int = 200) -> set[str]:
        """Operations that have answered with ``status``: ``GET /taxes/{code:path}``."""
        lines = _report(self.log).with_name(_report(self.log).name + ".answered").read_text().splitlines()
        return {line.removeprefix(f"{status} ") for line in lines if line.startswith(f"{status} ")}

    def check_health(self) -> None:
        """Still the same process, and it answers."""
        assert self.process.poll() is None, self.log.read_text()[-4000:]
        assert httpx.get(f"{self.url}/health", timeout=20).status_code == 200


def _report(log: Path) -> Path:
    return log.with_name(log.name + ".contract")


@contextmanager
def live_server(database_url: str, redis_url: str, log: Path, **settings: str) -> Iterator[LiveServer]:
    """Start the process, wait until it serves, and end it by its id. Raises for answers against the contract.

    ``settings`` are further variables of its environment (docs/guides/settings.md).
    """
    report = _report(log)
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")},
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "live-tests-" + "x" * 32,
        "ENCRYPTION_KEY": base64.urlsafe_b64encode(bytes(32)).decode(),
        "DATABASE_POOL_SIZE": "5",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "warning",
        REPORT: str(report),
        **settings,
    }
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            cwd=Path(__file__).parents[2],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=written,
        )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().decode().strip()
        assert port, log.read_text()[-4000:]
        url = f"http://127.0.0.1:{port}"
        try:
            assert httpx.get(f"{url}/health", timeout=60).status_code == 200
        except httpx.TransportError:
            raise RuntimeError(f"the server did not start:\n{log.read_text()[-4000:]}") from None
        yield LiveServer(url, database_url, process, log)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
    assert_kept(report.read_text().splitlines() if report.exists() else [])
