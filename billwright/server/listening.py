"""Taking connections from a socket that several API processes share, so that each gets its part of them.

Processes that wait on one listening socket race for each connection, and whoever wakes first would take a whole burst:
the clients of a backend, which keep their connections for hours, would all end up in one process. Here a process waits
before it takes the next one, the longer the more connections it has, so the one with the fewest is first.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Sized

import structlog

log = structlog.get_logger(__name__)

SECONDS_PER_CONNECTION = 0.0002
LONGEST_WAIT = 0.003
"""A new connection waits at most this long for a less busy process."""
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class FairListener:
    """Accepts from ``listening`` until ``close``; ``connections`` are those that this process has.

    ``alone``: no other process takes connections from the socket, so nothing waits.
    """

    def __init__(
        self,
        listening: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        connections: Sized,
        *,
        alone: bool = False,
    ) -> None:
        self._listening = listening
        self._make_protocol = make_protocol
        self._connections = connections
        self._alone = alone
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._watch()

    def close(self) -> None:
        """Take no more connections; those that are open stay."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._listening.fileno())

    async def wait_closed(self) -> None:
        """Wait for connections that were just being opened."""
        if self._starting:
            await asyncio.wait(self._starting)

    def _watch(self) -> None:
        self._timer = None
        self._loop.add_reader(self._listening.fileno(), self._arrived)

    def _arrived(self) -> None:
        wait = 0.0 if self._alone else min(self._held * SECONDS_PER_CONNECTION, LONGEST_WAIT)
        if not wait:
            self._accept()
            return
        self._loop.remove_reader(self._listening.fileno())
        self._timer = self._loop.call_later(wait, self._after_waiting)

    def _after_waiting(self) -> None:
        self._watch()
        for _ in range(1 + self._held // 16):
            if not self._accept():
                return

    @property
    def _held(self) -> int:
        return len(self._connections) + len(self._starting)

    def _accept(self) -> bool:
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as failure:
            if failure.errno not in _EXHAUSTED:
                raise
            log.error("no_connection_taken", error=failure.strerror)
            self._loop.remove_reader(self._listening.fileno())
            self._timer = self._loop.call_later(1, self._watch)
            return False
        task = self._loop.create_task(self._open(connection))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return True

    async def _open(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError:
            connection.close()
