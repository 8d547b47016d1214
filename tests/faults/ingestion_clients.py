"""The whole product in processes of its own, and clients that send events to it through every crash."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from billwright.server.settings import Settings
from billwright.server.stack import DataFolder, free_port

_CLI = [sys.executable, "-m", "billwright.server.cli"]
START_SECONDS = 120


class Product:
    """``billwright up`` with two API processes on a durable data folder."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder, self._log, self._port = folder, log, free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._start()

    def _start(self) -> None:
        variables = {name.upper() for name in Settings.model_fields}
        environment = {key: value for key, value in os.environ.items() if key not in variables}
        already = self._log.read_text().count("Ready.") if self._log.exists() else 0
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_CLI, "up", "--no-demo", "--port", str(self._port), "--data-dir", str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**environment, "WEB_WORKERS": "2", "LOG_LEVEL": "warning"},
                cwd=Path(__file__).parents[2],
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while self._log.read_text().count("Ready.") == already:
            assert self._process.poll() is None, self._log.read_text()[-4000:]
            assert time.monotonic() < deadline, self._log.read_text()[-4000:]
            time.sleep(0.05)

    @property
    def database_url(self) -> str:
        return DataFolder(self._folder).attach().database_url

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of the installation, attached to this stack."""
        return subprocess.run(
            [*_CLI, *arguments, "--data-dir", str(self._folder)],
            capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2],
        )  # fmt: skip

    def kill_an_api_process(self) -> None:
        self._victims("serve", "--fd")[0].kill()

    def kill_the_database(self) -> None:
        """The postmaster; its backends notice and end."""
        self._victims("bin/postgres", "-D")[0].kill()

    def kill_everything(self) -> None:
        """The supervisor and all it started, then the product is started anew on what is left."""
        family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.send_signal(signal.SIGKILL)
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait(10)
        psutil.wait_procs(family, 10)
        self._start()

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                for process in psutil.Process(self._process.pid).children(recursive=True):
                    process.kill()
                self._process.kill()
                self._process.wait(10)

    def _victims(self, *words: str) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for process in psutil.Process(self._process.pid).children():
            if process.status() != psutil.STATUS_ZOMBIE and all(word in " ".join(process.cmdline()) for word in words):
                found.append(process)
        return found


@dataclass
class Clients:
    """Send requests (lists of events) until each is known to be stored; a failed one is sent again as it was.

    ``acknowledged``: transaction ids answered with 200. ``found_stored``: ids of requests whose answer was lost and
    whose repetition was refused as a duplicate. ``lost_answers`` counts requests that ended without an answer.
    """

    product: Product
    api_key: str
    waiting: deque[list[dict[str, Any]]]
    acknowledged: list[str] = field(default_factory=list)
    found_stored: list[str] = field(default_factory=list)
    lost_answers: int = 0
    refused_meanwhile: int = 0

    @property
    def done(self) -> int:
        """Events known to be stored."""
        return len(self.acknowledged) + len(self.found_stored)

    async def until(self, number: int) -> None:
        """Wait until that many events are known to be stored."""
        async with asyncio.timeout(200):
            while self.done < number:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def run(self, number: int) -> None:
        """``number`` clients, each with a connection of its own, until nothing waits."""
        await asyncio.gather(*(self._client() for _ in range(number)))

    async def _client(self) -> None:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        async with httpx.AsyncClient(base_url=self.product.url, headers=headers, timeout=60) as http:
            while self.waiting:
                await self._deliver(http, self.waiting.popleft())

    async def _deliver(self, http: httpx.AsyncClient, events: Sequence[dict[str, Any]]) -> None:
        ids = [event["transaction_id"] for event in events]
        unclear = False
        for _ in range(3_000):
            try:
                if len(events) == 1:
                    answer = await http.post("/api/v1/events", json={"event": events[0]})
                else:
                    answer = await http.post("/api/v1/events/batch", json={"events": events})
            except httpx.TransportError as failure:
                if not isinstance(failure, httpx.ConnectError):
                    self.lost_answers += 1
                    unclear = True
                await asyncio.sleep(0.05)
                continue
            if answer.status_code == 200:
                self.acknowledged += ids
                return
            if answer.status_code >= 500:
                self.refused_meanwhile += 1
                unclear = True
                await asyncio.sleep(0.05)
                continue
            assert answer.status_code == 422, answer.text
            assert unclear, f"refused although never sent before: {answer.text}"
            details = answer.json()["error_details"]
            taken = {"transaction_id": ["value_already_exist"]}
            assert details == (taken if len(events) == 1 else {str(place): taken for place in range(len(events))})
            self.found_stored += ids
            return
        raise AssertionError("the product did not come back")
