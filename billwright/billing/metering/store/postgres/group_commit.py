"""Group commit: many concurrent requests share one durable transaction (spec 08 C3, design §8).

Each request is all or nothing. A request that holds a duplicate fails alone: its events are left out, and the
transaction is run again without it if it had entered other keys, so it never takes a neighbour down (spec 08 trap 25).
If the shared transaction fails for another reason, every request of it is tried once in a transaction of its own, so
that one poisonous event cannot fail others. Answers are given after the commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from billwright.billing.metering.store.postgres.append import Staged, Writing, taken
from billwright.billing.metering.store.postgres.connections import Pool
from billwright.billing.metering.store.protocol import Appended, DuplicateEvents, EventIn

_ATTEMPTS = 4


@dataclass(slots=True)
class _Request:
    staged: Staged
    answer: asyncio.Future[list[Appended]]

    def fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class _Undone(Exception):
    """Rolls the shared transaction back; ``lost`` are the keys that were taken."""

    def __init__(self, lost: set[bytes]) -> None:
        super().__init__()
        self.lost = lost


class GroupCommit:
    """Collects requests for at most ``max_wait`` seconds or ``max_events`` events and commits them together.

    ``writers`` transactions run at once. ``max_pending`` bounds the events waiting; beyond it callers wait.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        max_wait: float = 0.005,
        max_events: int = 2000,
        writers: int = 2,
        max_pending: int = 50_000,
    ) -> None:
        self._pool = pool
        self._max_wait = max_wait
        self._max_events = max_events
        self._writers = writers
        self._max_pending = max_pending
        self._waiting: deque[_Request] = deque()
        self._unanswered = 0
        self._queued = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._collector: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._space = asyncio.Condition()
        self._slots = asyncio.Semaphore(writers)
        self._closed = False

    async def submit(self, events: Sequence[EventIn]) -> list[Appended]:
        """Store one request, all or nothing; returns once durable. Raises ``DuplicateEvents``."""
        if self._closed:
            raise RuntimeError("the event store is closed")
        if not events:
            return []
        staged = Staged(events)
        if staged.repeated:
            async with self._pool.acquire() as connection:
                known = await taken(connection, staged.keys)
            raise DuplicateEvents(_taken_places(staged, known))
        if self._unanswered >= self._max_pending:
            async with self._space:
                await self._space.wait_for(lambda: self._unanswered < self._max_pending)
        request = _Request(staged, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._unanswered += len(staged.keys)
        self._queued += len(staged.keys)
        self._arrived.set()
        if self._queued >= self._max_events:
            self._full.set()
        if self._collector is None or self._collector.done():
            self._collector = asyncio.create_task(self._collect())
        return await request.answer

    async def close(self) -> None:
        """Commit what waits, then refuse further requests."""
        self._closed = True
        self._full.set()
        self._arrived.set()
        if self._collector is not None:
            await self._collector
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _collect(self) -> None:
        while True:
            await self._arrived.wait()
            if not self._waiting:
                if self._closed:
                    return
                self._arrived.clear()
                continue
            await self._slots.acquire()
            if self._tasks or self._queued > 1:
                await self._linger()
            group = self._take()
            task = asyncio.create_task(self._commit(group))
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    async def _linger(self) -> None:
        if self._closed or self._queued >= self._max_events:
            return
        self._full.clear()
        try:
            await asyncio.wait_for(self._full.wait(), self._max_wait)
        except TimeoutError:
            return

    def _take(self) -> list[_Request]:
        """The next group: in arrival order, no key twice (a request that repeats a neighbour's key waits)."""
        group: list[_Request] = []
        held: list[_Request] = []
        keys: set[bytes] = set()
        size = 0
        while self._waiting and (not group or size + len(self._waiting[0].staged.keys) <= self._max_events):
            request = self._waiting.popleft()
            if keys.isdisjoint(request.staged.keys):
                keys.update(request.staged.keys)
                size += len(request.staged.keys)
                group.append(request)
            else:
                held.append(request)
        self._waiting.extendleft(reversed(held))
        self._queued -= size
        return group

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()

    async def _commit(self, group: list[_Request]) -> None:
        try:
            await self._together(group)
        except Exception as failure:
            unreachable = isinstance(failure, (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError))
            for request in group:
                if unreachable or len(group) == 1:
                    request.fail(failure)
                elif not request.answer.done():
                    await self._alone(request)
        finally:
            for request in group:
                request.answer.cancel()
            await self._release(group)

    async def _alone(self, request: _Request) -> None:
        try:
            await self._together([request])
        except Exception as failure:
            request.fail(failure)

    async def _release(self, group: list[_Request]) -> None:
        crowded = self._unanswered >= self._max_pending
        self._unanswered -= sum(len(request.staged.keys) for request in group)
        if crowded:
            async with self._space:
                self._space.notify_all()

    async def _together(self, group: list[_Request]) -> None:
        """Commit as many requests of the group as have no duplicate; answer all of them."""
        remaining = list(group)
        attempts = 0
        while remaining:
            refused: dict[int, set[bytes]] = {}
            writing = Writing([request.staged for request in remaining])
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    lost = await writing.claim(connection)
                    if lost:
                        refused = _refused(remaining, lost)
                    await writing.store(connection)
            except _Undone as undone:
                for request in remaining:
                    if not undone.lost.isdisjoint(request.staged.keys):
                        request.fail(DuplicateEvents(_taken_places(request.staged, undone.lost)))
                remaining = [each for each in remaining if undone.lost.isdisjoint(each.staged.keys)]
                continue
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                attempts += 1
                if attempts == _ATTEMPTS:
                    raise
                await asyncio.sleep(0.02 * attempts)
                continue
            for place, (request, results) in enumerate(zip(remaining, writing.results(), strict=True)):
                if place in refused:
                    request.fail(DuplicateEvents(_taken_places(request.staged, refused[place])))
                elif not request.answer.done():
                    request.answer.set_result(results)
            return


def _refused(requests: Sequence[_Request], lost: set[bytes]) -> dict[int, set[bytes]]:
    """Requests that hold nothing but duplicates, by place; raises ``_Undone`` when one of them also won a key."""
    refused: dict[int, set[bytes]] = {}
    for place, request in enumerate(requests):
        duplicates = lost.intersection(request.staged.keys)
        if duplicates:
            refused[place] = duplicates
            if len(duplicates) < len(request.staged.keys):
                raise _Undone(lost)
    return refused


def _taken_places(staged: Staged, known: set[bytes]) -> list[int]:
    return sorted(staged.repeated | {place for place, key in enumerate(staged.keys) if key in known})
