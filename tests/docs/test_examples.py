"""Every example of the guides runs, against a server process with an organization of the page's own."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from billwright.billing.access.service import create_organization
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.db import Database
from billwright.server.supervisor import program
from tests.conftest import TestStack
from tests.docs.examples import DOCS, Block, Guide, Reader, difference, guides

pytestmark = pytest.mark.live
GUIDES = guides()


@dataclass(frozen=True)
class Server:
    """A running server and its database."""

    url: str
    database_url: str
    log: Path


@pytest.fixture(scope="module")
def server(stack: TestStack, module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    environment = {
        **os.environ,
        "DATABASE_URL": module_database_url,
        "REDIS_URL": stack.redis_url(1 + stack.worker),
        "SECRET_KEY": "of-the-documentation-tests-alone-0123456789",
        "ENCRYPTION_KEY": base64.urlsafe_b64encode(bytes(32)).decode(),
        "BILLWRIGHT_DATA_DIR": str(folder),
        "LOG_FILE": str(folder / "server.log"),
        "WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true",
    }
    opened = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{opened.getsockname()[1]}"
    environment |= {"API_URL": url, "APP_URL": url}
    output = folder / "output"
    running = subprocess.Popen(
        program("serve", "--fd", str(opened.fileno())),
        env=environment,
        pass_fds=(opened.fileno(),),
        stdout=output.open("wb"),
        stderr=subprocess.STDOUT,
    )
    opened.close()
    try:
        _wait(url, running, output)
        yield Server(url, module_database_url, folder / "server.log")
    finally:
        running.terminate()
        running.wait(30)


def _wait(url: str, running: subprocess.Popen[bytes], output: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and running.poll() is None:
        try:
            if httpx.get(f"{url}/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{output.read_text()}")


def _organization(server: Server, guide: Guide) -> str:
    """The API key of a new organization of the kind that the page asks for."""

    async def create() -> str:
        database = Database(server.database_url, pool_size=1)
        try:
            async with database.transaction() as session:
                created = await create_organization(
                    session, "Acme Cloud", kind=guide.kind, clock=parse_instant(guide.clock or "")
                )
            return created.api_key_value
        finally:
            await database.close()

    return asyncio.run(create())


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.path.stem)
def test_examples(guide: Guide, server: Server, tmp_path: Path) -> None:
    if any(example.code.language == "bash" for example in guide.examples) and shutil.which("curl") is None:
        pytest.skip("the examples of this page are curl commands, and there is no curl here")
    reader = Reader(server.url, _organization(server, guide), tmp_path)
    for example in guide.examples:
        printed = reader.run(example)
        if example.output is not None:
            found = difference(example.output, printed)
            assert found is None, f"{guide.path.name}, line {example.output.line}: {found}"


def test_what_is_run() -> None:
    """Pages that talk about the API run what they show, and show what comes back."""
    pages = {guide.path.relative_to(DOCS).as_posix(): guide for guide in GUIDES}
    assert {"guides/first-invoice.md", "guides/events.md", "guides/charge-models.md"} <= pages.keys()
    for name, guide in pages.items():
        assert guide.examples, f"{name} has no example"
        assert any(example.output for example in guide.examples), f"{name} shows no result"


def test_a_wrong_page_is_noticed() -> None:
    shown = Block("json", "", '{"amount_cents": 100, "id": "1a901a90-1a90-1a90-1a90-1a901a901a90"}', 1)
    other = "7cf0d1c2-0000-4000-8000-000000000000"
    assert difference(shown, f'{{"amount_cents": 100, "id": "{other}", "more": 1}}') is None
    assert difference(shown, f'{{"amount_cents": 101, "id": "{other}"}}') is not None
    assert difference(shown, '{"amount_cents": 100}') is not None
    assert difference(shown, f'{{"amount_cents": true, "id": "{other}"}}') is not None
    assert difference(Block("text", "", "total … EUR\n", 1), "total 12.00 EUR") is None
    assert difference(Block("text", "", "total 13.00 EUR\n", 1), "total 12.00 EUR") is not None
