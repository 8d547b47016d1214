"""Worker processes for user code: started when needed, kept while idle, killed on excess (spec 01 §9.2).

Each fold is cut into batches of at most 1,000 events; a batch has 5 s of CPU and 256 MB, both enforced by the
operating system inside the worker, and a bound on elapsed time enforced here. Whatever goes wrong, the caller gets
``Unprocessable("aggregation_failure")`` and no result.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from weakref import WeakKeyDictionary

from billwright.billing.kernel.errors import Unprocessable
from billwright.billing.metering.custom_aggregation.language.errors import AggregationError
from billwright.billing.metering.custom_aggregation.language.folding import Event, State, plain
from billwright.billing.metering.custom_aggregation.language.values import read_json, write_json

BATCH_EVENTS = 1_000
BATCH_BYTES = 4 * 1024 * 1024
"""A batch also ends at so much JSON text (one larger event travels alone)."""
ELAPSED_SECONDS = 30.0
"""A batch that takes longer, CPU or not, loses its worker."""
KILL_SECONDS = 10.0
BATCHES_PER_WORKER = 100
"""After so many batches a worker is replaced, so that nothing can settle in one."""
MAX_ANSWER = 32 * 1024 * 1024
TRACE_EVENTS = 200
"""Events of a test run."""

_WORKER = Path(__file__).with_name("worker.py")


def aggregation_failure(message: str) -> Unprocessable:
    """The error of every failed custom aggregation (spec 01 §9.2)."""
    return Unprocessable("aggregation_failure", {"custom_aggregator": [message]})


class _Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.batches = 0

    @classmethod
    async def start(cls) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", "-B", str(_WORKER)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            cwd=os.sep,
            close_fds=True,
            start_new_session=True,
            limit=MAX_ANSWER,
        )
        return cls(process)

    @property
    def usable(self) -> bool:
        return self.process.returncode is None and self.batches < BATCHES_PER_WORKER

    async def ask(self, request: bytes) -> bytes:
        """One line for one line; an empty answer means the worker died."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        self.batches += 1
        stdin.write(request)
        stdin.write(b"\n")
        await stdin.drain()
        return await stdout.readline()

    async def kill(self) -> None:
        """End the process. Where we may not signal it (it gave up our user), closing its input ends it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self.process.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), KILL_SECONDS)


class SandboxPool:
    """At most ``size`` workers, bound to the event loop that uses it. Also an async context manager."""

    def __init__(self, size: int | None = None) -> None:
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._slots = asyncio.Semaphore(size or max(2, os.cpu_count() or 2))
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def fold(self, source: str, properties: Any, state: State, events: Iterable[Event]) -> State:
        """The state after ``events``, given in time order; raises ``Unprocessable("aggregation_failure")``."""
        async for states in self._run(source, properties, state, events, trace=False):
            state = states[-1]
        return state

    async def trace(self, source: str, properties: Any, state: State, events: Sequence[Event]) -> list[State]:
        """The state after each of at most 200 events: the back office's test run. Raises like ``fold``."""
        if len(events) > TRACE_EVENTS:
            raise aggregation_failure(f"A test run takes at most {TRACE_EVENTS} events")
        return [after async for states in self._run(source, properties, state, events, trace=True) for after in states]

    async def close(self) -> None:
        """End every worker, also those at work; their callers see a failure. The pool cannot be used again."""
        self._closed = True
        workers = [*self._idle, *self._busy]
        self._idle.clear()
        for worker in workers:
            await worker.kill()

    async def _run(
        self, source: str, properties: Any, state: State, events: Iterable[Event], *, trace: bool
    ) -> AsyncIterator[list[State]]:
        try:
            head = f'{{"source":{write_json(source)},"properties":{write_json(properties)},'
            head += f'"trace":{write_json(trace)},"state":'
            done = 0
            for batch in _batches(events):
                request = f'{head}{write_json(state.dump())},"events":[{",".join(batch)}]}}'
                states = _states(await self._ask(request.encode()), done)
                state, done = states[-1], done + len(batch)
                yield states
        except AggregationError as failure:
            raise aggregation_failure(str(failure)) from None

    async def _ask(self, request: bytes) -> bytes:
        async with self._slots:
            worker = await self._worker()
            self._busy.add(worker)
            try:
                answer = await asyncio.wait_for(worker.ask(request), ELAPSED_SECONDS)
            except (TimeoutError, OSError, ValueError):
                answer = b""
            except BaseException:
                # Cancelled in the middle of a batch: the answer that will come belongs to no one.
                self._busy.discard(worker)
                await worker.kill()
                raise
            self._busy.discard(worker)
            if not answer.endswith(b"\n"):
                await worker.kill()
                raise aggregation_failure("The code was stopped: it used too much time or memory")
            if worker.usable and not self._closed:
                self._idle.append(worker)
            else:
                await worker.kill()
            return answer

    async def _worker(self) -> _Worker:
        if self._closed:
            raise RuntimeError("the sandbox pool is closed")
        while self._idle:
            worker = self._idle.pop()
            if worker.usable:
                return worker
            await worker.kill()
        return await _Worker.start()


def _batches(events: Iterable[Event]) -> Iterable[list[str]]:
    batch: list[str] = []
    size = 0
    for event in events:
        text = f'[{write_json(event.code)},"{plain(event.timestamp)}",{write_json(event.properties)}]'
        if batch and (len(batch) >= BATCH_EVENTS or size + len(text) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _states(answer: bytes, events_before: int) -> list[State]:
    """The states of an answer; one that reports a failure, or is no answer at all, raises."""
    try:
        decoded = cast("dict[str, Any]", read_json(answer))
        if "states" in decoded:
            return [State.load(state) for state in decoded["states"]]
        if "problems" in decoded:
            raise aggregation_failure("; ".join(f"line {line}: {message}" for line, message in decoded["problems"]))
        message, line, event = str(decoded["error"]), decoded["line"], decoded["event"]
        place = f"event {events_before + int(event) + 1}" + (f", line {line}" if line is not None else "")
    except (KeyError, TypeError, ValueError, RecursionError):
        raise aggregation_failure("The code was stopped: its worker gave no answer") from None
    raise aggregation_failure(f"{place}: {message}")


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, SandboxPool] = WeakKeyDictionary()


def sandbox_pool() -> SandboxPool:
    """The running event loop's own pool, made on first use."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = SandboxPool()
    return pool


async def close_sandbox() -> None:
    """End the workers of the running loop's pool, if it has any; call it when the process shuts down."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        await pool.close()


async def fold_in_sandbox(source: str, properties: Any, state: State, events: Iterable[Event]) -> State:
    """``SandboxPool.fold`` on the running loop's pool."""
    return await sandbox_pool().fold(source, properties, state, events)


async def trace_in_sandbox(source: str, properties: Any, state: State, events: Sequence[Event]) -> list[State]:
    """``SandboxPool.trace`` on the running loop's pool."""
    return await sandbox_pool().trace(source, properties, state, events)
