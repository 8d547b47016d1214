"""A small HTTP load generator: keep-alive connections that send prepared requests one after the other.

It runs in a process of its own, so that it does not share the server's interpreter, and reads no more of an answer than
its status and length.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil


@dataclass(frozen=True)
class LoadResult:
    """``statuses`` counts answers by HTTP status; latencies are seconds per request, sorted."""

    seconds: float
    statuses: dict[int, int]
    latencies: list[float]

    def percentile(self, share: float) -> float:
        """Latency in seconds that ``share`` of the requests stayed below."""
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


@dataclass
class ProcessorTime:
    """Seconds that the descendants of this process spend in ``measured`` blocks, by what they are."""

    seconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("API", "database", "worker", "other"), 0.0)
    )

    @contextmanager
    def measured(self) -> Iterator[None]:
        before = _spent()
        yield
        for key, now in _spent().items():
            self.seconds[key[1]] += now - before.get(key, 0.0)


def _spent() -> dict[tuple[int, str], float]:
    found: dict[tuple[int, str], float] = {}
    for process in psutil.Process().children(recursive=True):
        try:
            line, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        kinds = {"serve --fd": "API", "postgres": "database", "cli worker": "worker"}
        kind = next((name for words, name in kinds.items() if words in line), "other")
        found[process.pid, kind] = times.user + times.system
    return found


def post_request(path: str, api_key: str, body: bytes) -> bytes:
    """The bytes of one POST with a JSON body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run_load(port: int, requests: Sequence[bytes], connections: int) -> LoadResult:
    """Send every request once over ``connections`` connections, from another process."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=lambda: sender.send(asyncio.run(_drive(port, requests, connections)))
    )
    process.start()
    try:
        return receiver.recv()
    finally:
        process.join()


async def _drive(port: int, requests: Sequence[bytes], connections: int) -> LoadResult:
    pending = iter(requests)
    statuses: dict[int, int] = {}
    latencies: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for request in pending:
                begun = time.perf_counter()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
                latencies.append(time.perf_counter() - begun)
                status = int(head[9:12])
                statuses[status] = statuses.get(status, 0) + 1
        finally:
            writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(connections)))
    return LoadResult(time.perf_counter() - begun, statuses, sorted(latencies))


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + 15
    return int(lowered[start : lowered.index(b"\r", start)])
