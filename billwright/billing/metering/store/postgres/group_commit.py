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
from billwright.billing.metering.store.postgres.connections import Connection, Pool
from billwright.billing.metering.store.protocol import Appended, DuplicateEvents, EventIn

_ATTEMPTS = 4
_UNREACHABLE = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)


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
    """Commits the requests that arrive at nearly the same time together, at most ``max_events`` events at once.

    A request that comes alone is committed at once. After a group of several, the next one waits for as many requests
    again, but at most ``max_wait`` seconds. One writer commits group after group; where it is held up for longer than
    ``patience`` seconds, others up to ``writers`` in all take what waits. ``max_pending`` bounds the events waiting;
    beyond it callers wait.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        max_wait: float = 0.005,
        max_events: int = 2000,
        writers: int = 2,
        patience: float = 0.02,
        max_pending: int = 50_000,
    ) -> None:
        self._pool = pool
        self._max_wait = max_wait
        self._max_events = max_events
        self._max_writers = writers
        self._patience = patience
        self._max_pending = max_pending
        self._waiting: deque[_Request] = deque()
        self._unanswered = 0
        self._queued = 0
        self._writers: set[asyncio.Task[None]] = set()
        self._helper: asyncio.TimerHandle | None = None
        self._expected = 1
        """Requests of the last group: about as many will come again."""
        self._enough = asyncio.Event()
        self._space = asyncio.Condition()
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
        loop = asyncio.get_running_loop()
        request = _Request(staged, loop.create_future())
        self._waiting.append(request)
        self._unanswered += len(staged.keys)
        self._queued += len(staged.keys)
        if self._queued >= self._max_events or len(self._waiting) >= self._expected:
            self._enough.set()
        if not self._writers:
            self._start_writer()
        elif self._helper is None and len(self._writers) < self._max_writers:
            self._helper = loop.call_later(self._patience, self._help)
        return await request.answer

    async def close(self) -> None:
        """Commit what waits, then refuse further requests."""
        self._closed = True
        self._enough.set()
        if self._helper is not None:
            self._helper.cancel()
        while self._writers:
            await asyncio.gather(*self._writers, return_exceptions=True)

    def _start_writer(self) -> None:
        writer = asyncio.create_task(self._write())
        self._writers.add(writer)
        writer.add_done_callback(self._ended)

    def _ended(self, writer: asyncio.Task[None]) -> None:
        self._writers.discard(writer)
        if self._waiting and not self._writers:
            self._start_writer()

    def _help(self) -> None:
        """The only writer has been busy for a while: does anything still wait?"""
        self._helper = None
        if self._waiting and len(self._writers) < self._max_writers:
            self._start_writer()

    async def _write(self) -> None:
        """Commit group after group on one connection until nothing waits."""
        try:
            async with self._pool.acquire() as connection:
                while self._waiting and not connection.is_closed():
                    await self._gather()
                    group = self._take()
                    if group:
                        await self._commit(connection, group)
        except Exception as failure:  # no connection to be had
            for request in self._waiting:
                request.fail(failure)
            await self._release(self._take(everything=True))

    async def _gather(self) -> None:
        """Wait for the requests that are on their way, if the last group says that there are some."""
        if self._closed or self._queued >= self._max_events or len(self._waiting) >= self._expected:
            return
        self._enough.clear()
        timer = asyncio.get_running_loop().call_later(self._max_wait, self._enough.set)
        await self._enough.wait()
        timer.cancel()

    def _take(self, *, everything: bool = False) -> list[_Request]:
        """The next group: in arrival order, no key twice (a request that repeats a neighbour's key waits)."""
        group: list[_Request] = []
        held: list[_Request] = []
        keys: set[bytes] = set()
        size = 0
        while self._waiting and (
            everything or not group or size + len(self._waiting[0].staged.keys) <= self._max_events
        ):
            request = self._waiting.popleft()
            if everything or keys.isdisjoint(request.staged.keys):
                keys.update(request.staged.keys)
                size += len(request.staged.keys)
                group.append(request)
            else:
                held.append(request)
        self._waiting.extendleft(reversed(held))
        self._queued -= size
        self._expected = max(1, len(group))
        return group

    async def _commit(self, connection: Connection, group: list[_Request]) -> None:
        try:
            await self._together(connection, group)
        except Exception as failure:
            for request in group:
                if len(group) == 1 or connection.is_closed() or isinstance(failure, _UNREACHABLE):
                    request.fail(failure)
                elif not request.answer.done():
                    await self._alone(connection, request)
        finally:
            for request in group:
                request.answer.cancel()
            await self._release(group)

    async def _alone(self, connection: Connection, request: _Request) -> None:
        try:
            await self._together(connection, [request])
        except Exception as failure:
            request.fail(failure)

    async def _release(self, group: list[_Request]) -> None:
        crowded = self._unanswered >= self._max_pending
        self._unanswered -= sum(len(request.staged.keys) for request in group)
        if crowded:
            async with self._space:
                self._space.notify_all()

    async def _together(self, connection: Connection, group: list[_Request]) -> None:
        """Commit as many requests of the group as have no duplicate; answer all of them."""
        remaining = list(group)
        attempts = 0
        while remaining:
            refused: dict[int, set[bytes]] = {}
            writing = Writing([request.staged for request in remaining])
            try:
                async with connection.transaction():
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
