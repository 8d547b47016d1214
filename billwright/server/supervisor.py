"""Runs the product in one foreground process group: embedded servers, API processes, one worker.

Start: servers -> migrations -> demo -> API and worker. Stop (SIGINT, SIGTERM): API and worker together, then the
servers. A child that dies is started again, waiting longer each time; when the supervisor itself dies, however it dies,
the kernel ends its children (``processes.spawn``).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

from billwright.server.embedded import EmbeddedServers
from billwright.server.processes import end, how_ended, spawn
from billwright.server.stack import DataFolder

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
STEADY_SECONDS = 60.0
"""A child that ran this long died by accident, not by mistake: its waiting time starts anew."""
STOP_SECONDS = 30.0
Say = Callable[[str], None]


class Interrupted(Exception):
    """The operator asked for the end."""


@dataclass
class Child:
    """One process to keep running."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    pass_fds: tuple[int, ...] = ()
    output: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    wait: float = FIRST_WAIT
    again_at: float = 0.0

    def start(self) -> None:
        log = self.output.open("ab") if self.output is not None else None
        try:
            self.process = spawn(
                self.command,
                env=self.environment,
                pass_fds=self.pass_fds,
                output=log,
            )
        finally:
            if log is not None:
                log.close()
        self.started_at = time.monotonic()


@dataclass
class Supervisor:
    """Keeps children running until it is told to stop."""

    say: Say
    children: list[Child] = field(default_factory=list)
    servers: EmbeddedServers | None = None
    _asked: int = 0
    _server_wait: float = FIRST_WAIT

    def __enter__(self) -> Supervisor:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # started under nohup
                signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1
        if self._asked == 1:
            raise Interrupted
        for child in self.children:  # asked again: no more patience
            if child.process is not None and child.process.poll() is None:
                child.process.kill()

    def add(self, child: Child) -> None:
        self.children.append(child)
        child.start()

    def watch(self) -> None:
        """Restart what dies; returns by ``Interrupted`` only."""
        while True:
            time.sleep(0.2)
            if self.servers is not None:
                self._watch_servers(self.servers)
            for child in self.children:
                self.check(child)

    def check(self, child: Child) -> None:
        """Start ``child`` again if it has died and its waiting time is over."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.again_at:
                child.start()
            return
        code = child.process.poll()
        if code is None:
            return
        if now - child.started_at > STEADY_SECONDS:
            child.wait = FIRST_WAIT
        self.say(f"{child.name} ended unexpectedly ({how_ended(code)}); starting it again in {child.wait:g} s")
        child.process = None
        child.again_at = now + child.wait
        child.wait = min(child.wait * 2, LONGEST_WAIT)

    def _watch_servers(self, servers: EmbeddedServers) -> None:
        secrets = None
        for name, process, start, variable in (
            ("PostgreSQL", servers.postgres, servers.start_postgres, "DATABASE_URL"),
            ("Valkey", servers.valkey, servers.start_valkey, "REDIS_URL"),
        ):
            if process is None or process.poll() is None:
                continue
            self.say(f"{name} ended unexpectedly ({how_ended(process.returncode)}); starting it again")
            time.sleep(self._server_wait)
            self._server_wait = min(self._server_wait * 2, LONGEST_WAIT)
            secrets = secrets or servers.folder.secrets()
            self._moved(name, variable, start(secrets), servers.folder)

    def _moved(self, name: str, variable: str, url: str, folder: DataFolder) -> None:
        """A server that found its port taken has another address: who knows the old one is started again."""
        stale = [child for child in self.children if child.environment.get(variable, url) != url]
        info = folder.read_info()
        if info is not None:
            folder.write_info(replace(info, **{variable.lower(): url}))
        if not stale:
            return
        self.say(f"{name} has another port now; starting API and worker again")
        for child in stale:
            if child.process is not None:
                end(child.process, (signal.SIGTERM, 5))
            child.environment = {**child.environment, variable: url}
            child.start()

    def stop(self) -> None:
        """End API and worker together, then the servers. Waits until nothing of it runs."""
        self._asked = max(self._asked, 1)  # from here on a signal hastens, it does not interrupt
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self.children.clear()
        if self.servers is not None:
            self.servers.stop()
            self.servers = None


def wait_until_ready(supervisor: Supervisor, host: str, port: int, seconds: float = 120.0) -> bool:
    """Poll ``GET /ready`` until it answers 200, restarting what dies meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for child in supervisor.children:
            supervisor.check(child)
        if _answers(host, port):
            return True
        time.sleep(0.1)
    return False


def program(*arguments: str) -> list[str]:
    """The command line of another process of this installation."""
    return [sys.executable, "-m", "billwright.server.cli", *arguments]


def metrics_folder(folder: Path) -> str:
    """An empty folder in which the processes of this run join their metrics."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return str(folder)


def default_data_folder() -> DataFolder:
    """``BILLWRIGHT_DATA_DIR``, or ``.billwright`` where the command is run."""
    return DataFolder(os.environ.get("BILLWRIGHT_DATA_DIR") or ".billwright")


def _answers(host: str, port: int) -> bool:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    try:
        with socket.create_connection((target, port), 2) as connection:
            connection.settimeout(5)
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False
