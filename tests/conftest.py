"""Real PostgreSQL and Valkey for the tests: started once per session, a fresh clone of a migrated database per test.

Nothing is started until a test asks for ``database_url`` or ``redis_url``. Under pytest-xdist the workers share the
servers. Fault tests start a durable stack of their own (``billwright.server.embedded``).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis
import structlog
from argon2 import PasswordHasher
from httpx._transports import default as _transports
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from billwright.billing.access import passwords
from billwright.billing.credit_notes import documents as credit_note_documents
from billwright.billing.invoicing import documents as invoice_documents
from billwright.billing.kernel import db
from billwright.billing.kernel.db import Database
from billwright.migrations.runner import upgrade
from billwright.server.collector import spare_the_loaded
from billwright.server.stack import DataFolder, StackInfo
from tests.support.extent import DEEP

# How long an example takes says how busy the machine is, not whether the rule holds. A failure prints how to repeat it.
settings.register_profile("billwright", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("billwright")


def _compile_statements_once() -> None:
    """Let the databases of one process share the cache of compiled statements, as the one database of a server does:
    compiling anew for each test's clone costs a quarter of its time."""
    make = db.create_async_engine
    shared: list[Engine] = []

    def create(*arguments: Any, **options: Any) -> AsyncEngine:
        engine = make(*arguments, **options)
        made = engine.sync_engine
        shared.append(made) if not shared else None
        made.dialect = made.pool._dialect = shared[0].dialect
        made._compiled_cache = shared[0]._compiled_cache
        return engine

    db.create_async_engine = create


_compile_statements_once()
# Each client of httpx reads all certificate authorities, which takes 40 ms, also those that only speak plain HTTP.
_transports.create_ssl_context = cache(_transports.create_ssl_context)
# Plain tracebacks in logs: drawing a coloured one with all local variables takes a second.
structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])
_TEMPLATE = "billwright_template"
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
_KEEPER = Path(__file__).parent / "support" / "stack_keeper.py"


_LONGEST = (
    "tests/faults/",
    "tests/simulation/",
    "tests/server/test_up.py",
    "tests/ui/test_gallery.py",
    "tests/live/",
    "tests/browser/",
    "tests/access/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that no process is left alone with one at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))


def pytest_collection_finish() -> None:
    """Keep what was loaded out of garbage collections, as a server does."""
    spare_the_loaded()


@pytest.fixture(scope="session", autouse=True)
def blank_papers() -> None:
    """Documents are not laid out, which takes a fifth of the time of a test that bills, but where a test asks for
    ``papers``. What stands on them is computed all the same."""
    if DEEP:
        return
    for module in (invoice_documents, credit_note_documents):
        for name in ("render_invoice", "render_credit_note"):
            if hasattr(module, name):
                setattr(module, name, _blank_unless_wanted(getattr(module, name)))


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """Hashes that take no time; those of the product are asked for by ``tests/billing/access/test_sessions.py``."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


_papers_wanted = False
BLANK = b"a document that is not laid out"


def _blank_unless_wanted(render: Any) -> Any:
    def rendered(document: Any) -> bytes:
        return render(document) if _papers_wanted else BLANK

    return rendered


@pytest.fixture(scope="module")
def papers() -> Iterator[None]:
    """The module's documents are real PDFs: ``pytestmark = pytest.mark.usefixtures("papers")``."""
    global _papers_wanted
    _papers_wanted = True
    yield
    _papers_wanted = False


@dataclass(frozen=True)
class TestStack:
    """Addresses of the session's servers."""

    __test__ = False
    info: StackInfo
    worker: int

    def database_url(self, name: str) -> str:
        """Address of another database on the same server."""
        return self.info.database_url.rpartition("/")[0] + f"/{name}"

    def redis_url(self, number: int) -> str:
        return self.info.redis_url.rpartition("/")[0] + f"/{number}"


class _Admin:
    """One connection on a loop of its own, so that synchronous fixtures work beside the tests' event loop."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-database-admin", daemon=True)
        self._thread.start()
        self._connection: asyncpg.Connection[Any] = self._wait(asyncpg.connect(url))

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def execute(self, sql: str) -> None:
        self._wait(self._connection.execute(sql))

    def value(self, sql: str, *arguments: Any) -> Any:
        return self._wait(self._connection.fetchval(sql, *arguments))

    def close(self) -> None:
        self._wait(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def _memory() -> Path | None:
    """A folder in memory if there is room: cloning a database makes some 300 files, which disks are slow at."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 2**30:
        return memory
    return None


def _cheapen_connections(admin: _Admin, info: StackInfo) -> None:
    """One round of hashing at each log-in instead of 4,096, which take 3 ms."""
    role = urlsplit(info.database_url)
    admin.execute("SET scram_iterations = 1")
    admin.execute(f"ALTER ROLE {role.username} PASSWORD '{role.password}'")


def _start(shared: Path) -> StackInfo:
    """Start the keeper, or find the one that another xdist worker started; the template is migrated by the starter."""
    with (shared / "stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        address = shared / "stack.path"
        if address.exists():
            return DataFolder(address.read_text()).attach()
        folder = DataFolder(tempfile.mkdtemp(prefix="billwright-test-", dir=_memory()))
        watched = os.getppid() if os.environ.get("PYTEST_XDIST_WORKER") else os.getpid()
        keeper = subprocess.Popen(
            [sys.executable, str(_KEEPER), str(folder.path), str(watched)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(shared / "stack.log").open("wb"),
            start_new_session=True,
        )
        assert keeper.stdout is not None
        if keeper.stdout.readline().strip() != b"ready":
            raise RuntimeError(f"the test servers did not start:\n{(shared / 'stack.log').read_text()}")
        info = folder.attach()
        admin = _Admin(info.database_url)
        _cheapen_connections(admin, info)
        admin.execute(f"CREATE DATABASE {_TEMPLATE}")
        upgrade(info.database_url.rpartition("/")[0] + f"/{_TEMPLATE}")
        admin.close()
        address.write_text(str(folder.path))
        return info


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> TestStack:
    """The session's PostgreSQL and Valkey, with a migrated template database."""
    base = tmp_path_factory.getbasetemp()
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    number = int(worker.removeprefix("gw")) + 1 if worker else 0
    return TestStack(_start(base.parent if worker else base), number)


@pytest.fixture(scope="session")
def database_admin(stack: TestStack) -> Iterator[_Admin]:
    admin = _Admin(stack.info.database_url)
    yield admin
    admin.close()


_numbers = count(1)


@pytest.fixture
def empty_database_url(stack: TestStack, database_admin: _Admin) -> Iterator[str]:
    """A database without any table, for tests of the migrations themselves."""
    yield from _database(stack, database_admin, "template1")


@pytest.fixture
def database_url(stack: TestStack, database_admin: _Admin) -> Iterator[str]:
    """A migrated, empty database of this test alone."""
    yield from _database(stack, database_admin, _TEMPLATE)


@pytest.fixture(scope="module")
def module_database_url(stack: TestStack, database_admin: _Admin) -> Iterator[str]:
    """A migrated database that the tests of one module share."""
    yield from _database(stack, database_admin, _TEMPLATE)


def _database(stack: TestStack, admin: _Admin, template: str) -> Iterator[str]:
    name = f"test_{stack.worker}_{next(_numbers)}"
    admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield stack.database_url(name)
    deadline = time.monotonic() + 2  # a closed connection's backend takes a moment to leave on a busy machine
    while (open_connections := admin.value(_CONNECTIONS, name)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if open_connections:
        warnings.warn(f"{open_connections} connections to the test's database were left open", stacklevel=1)
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The kernel's ``Database`` on this test's clone."""
    made = Database(database_url)
    yield made
    await made.close()


@pytest.fixture
def redis_url(stack: TestStack) -> Iterator[str]:
    """An empty Valkey database of this worker alone."""
    url = stack.redis_url(1 + stack.worker)
    client = redis.Redis.from_url(url)
    client.flushdb()
    yield url
    client.flushdb()
    client.close()
