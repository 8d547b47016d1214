"""``billwright up`` as a user runs it: start, attach, crash of any process, Ctrl-C, ``kill -9`` of the supervisor."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from billwright.server.settings import Settings
from billwright.server.stack import DataFolder, free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

CLI = [sys.executable, "-m", "billwright.server.cli"]


class Up:
    """A running ``billwright up``; everything it printed is in ``log``."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder, self.log, self.port = folder, log, free_port()
        variables = {name.upper() for name in Settings.model_fields}
        environment = {key: value for key, value in os.environ.items() if key not in variables}
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*CLI, "up", "--no-demo", "--port", str(self.port), "--data-dir", str(folder)],
                stdout=output,
                stderr=output,
                env={**environment, "WEB_WORKERS": "2"},
                start_new_session=True,
            )

    def printed(self) -> str:
        return self.log.read_text()

    def until(self, true: Callable[[], bool], seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, self.printed()
            time.sleep(0.1)

    def until_ready(self) -> None:
        self.until(lambda: "Ready." in self.printed() or self.process.poll() is not None)
        assert self.process.poll() is None, self.printed()

    def health(self) -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=10).status_code
        except httpx.HTTPError:
            return 0

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def children(self, *words: str) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for process in psutil.Process(self.process.pid).children():
            if process.status() != psutil.STATUS_ZOMBIE and all(w in " ".join(process.cmdline()) for w in words):
                found.append(process)
        return found


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two questions
        return False


def gone(processes: list[psutil.Process]) -> bool:
    return not any(map(alive, processes))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up")


@pytest.fixture
def up(place: Path, request: pytest.FixtureRequest) -> Iterator[Up]:
    running = Up(place / "data", place / f"{request.node.name}.log")
    family: list[psutil.Process] = []
    try:
        running.until_ready()
        family = running.family()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(60)
        for process in family:
            if not gone([process]):
                process.kill()


def test_starts_answers_and_ends_with_ctrl_c(up: Up) -> None:
    assert f"URL: http://127.0.0.1:{up.port}" in up.printed()
    assert up.health() == 200
    second = Up(up.folder, up.log.with_suffix(".second"))
    assert second.process.wait(30) == 1
    assert f"in use by another `billwright up` (process {up.process.pid})" in second.printed()
    family = up.family()
    assert len(family) > 5
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    assert up.printed().rstrip().endswith("Stopped")
    assert "Traceback" not in up.printed()
    assert gone(family)


def test_commands_attach_and_the_next_start_finds_the_data(up: Up) -> None:
    attached = [*CLI, "org", "create", "Kept", "--data-dir", str(up.folder)]
    done = subprocess.run([*attached, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    up.process.terminate()
    assert up.process.wait(60) == 0
    again = Up(up.folder, up.log.with_suffix(".again"))
    try:
        again.until_ready()
        info = DataFolder(up.folder).attach()
        assert info.url == f"http://127.0.0.1:{again.port}"
        query = "import asyncio,asyncpg,sys\nasync def f():\n c=await asyncpg.connect(sys.argv[1])\n" + (
            " print(await c.fetchval(\"select count(*) from organizations where name='Kept'\"))\nasyncio.run(f())"
        )
        found = subprocess.run([sys.executable, "-c", query, info.database_url], capture_output=True, text=True)
        assert found.stdout == "1\n", found.stderr
    finally:
        again.process.terminate()
        again.process.wait(60)


def test_a_killed_process_is_started_again(up: Up) -> None:
    for words in (("serve", "--fd"), ("postgres", "-D"), ("valkey-server",)):
        number, told = len(up.children(*words)), up.printed().count("ended unexpectedly")
        victim = up.children(*words)[0]
        victim.kill()
        up.until(lambda gone_now=victim: gone([gone_now]))
        up.until(lambda before=told: up.printed().count("ended unexpectedly") > before)
        up.until(lambda wanted=words, count=number: len(up.children(*wanted)) == count)
        up.until(lambda: up.health() == 200)
    assert "API process" in up.printed()
    assert "PostgreSQL ended unexpectedly (signal SIGKILL)" in up.printed()
    assert "Valkey ended unexpectedly (signal SIGKILL)" in up.printed()


def test_kill_9_of_the_supervisor_leaves_no_orphans_and_the_data(up: Up) -> None:
    family = up.family()
    up.process.kill()
    up.process.wait(10)
    up.until(lambda: gone(family), 40)
    again = Up(up.folder, up.log.with_suffix(".again"))
    try:
        again.until_ready()
        assert again.health() == 200
    finally:
        again.process.terminate()
        again.process.wait(60)


def test_a_database_whose_port_was_taken_is_found_again(up: Up) -> None:
    """PostgreSQL dies and something else takes its port: everything goes on at the new one."""
    before = DataFolder(up.folder).attach()
    port = json.loads((up.folder / "ports.json").read_text())["postgres"]
    up.children("postgres", "-D")[0].kill()
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        up.until(lambda: _bound(thief, port), 20)
        thief.listen()
        up.until(lambda: "PostgreSQL has another port now" in up.printed())
        up.until(lambda: up.health() == 200)
        after = DataFolder(up.folder).attach()
        assert after.database_url != before.database_url
        assert (after.redis_url, after.url) == (before.redis_url, before.url)
        attached = [*CLI, "org", "create", "Found again", "--data-dir", str(up.folder), "--json"]
        made = json.loads(subprocess.run(attached, capture_output=True, text=True, check=True).stdout)
        answer = httpx.get(
            f"http://127.0.0.1:{up.port}/api/v1/organizations",
            headers={"Authorization": f"Bearer {made['api_key']}"},
            timeout=30,
        )
        assert answer.status_code == 200


def _bound(taking: socket.socket, port: int) -> bool:
    try:
        taking.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
