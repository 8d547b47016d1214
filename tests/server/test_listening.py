"""Processes that share a socket share its connections; two event loops stand for two processes here."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvloop

from billwright.server.listening import FairListener


class Side:
    """One event loop in a thread of its own with a listener on the shared socket."""

    def __init__(self, opened: socket.socket, *, alone: bool = False) -> None:
        self.connections: set[asyncio.Protocol] = set()
        self._opened = opened
        self._alone = alone
        self._loop = uvloop.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        self._loop.call_soon(self._listen)
        self._loop.run_forever()

    def _listen(self) -> None:
        connections = self.connections

        class Echo(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = transport
                connections.add(self)

            def data_received(self, data: bytes) -> None:
                self.transport.write(data)  # type: ignore[attr-defined]

            def connection_lost(self, exc: Exception | None) -> None:
                connections.discard(self)

        self.listener = FairListener(self._opened, Echo, connections, alone=self._alone)
        self._ready.set()

    def stop_taking(self) -> None:
        self._loop.call_soon_threadsafe(self.listener.close)

    def close(self) -> None:
        self.stop_taking()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        for protocol in list(self.connections):
            protocol.transport.abort()  # type: ignore[attr-defined]
        self._loop.close()


@pytest.fixture
def opened() -> Iterator[socket.socket]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    yield listening
    listening.close()


def connect(opened: socket.socket) -> socket.socket:
    return socket.create_connection(opened.getsockname(), 10)


def echoes(connection: socket.socket) -> bool:
    connection.sendall(b"x")
    return connection.recv(1) == b"x"


@pytest.mark.parametrize("burst", [True, False])
def test_connections_are_shared_out(opened: socket.socket, burst: bool) -> None:
    """Forty kept connections, opened at once or one after the other: nobody gets less than a quarter."""
    sides = [Side(opened.dup()), Side(opened.dup())]
    kept: list[socket.socket] = []
    for _ in range(40):
        kept.append(connect(opened))
        if not burst:
            assert echoes(kept[-1])
    assert all(echoes(connection) for connection in kept)
    numbers = [len(side.connections) for side in sides]
    assert sum(numbers) == 40
    assert min(numbers) >= 10, numbers
    for connection in kept:
        connection.close()
    for side in sides:
        side.close()


def test_who_is_left_takes_everything(opened: socket.socket) -> None:
    """A process that stopped accepting is not waited for; its open connections go on."""
    first, second = Side(opened.dup()), Side(opened.dup())
    kept = [connect(opened) for _ in range(20)]
    assert all(echoes(connection) for connection in kept)
    first.stop_taking()
    more = [connect(opened) for _ in range(200)]
    assert all(echoes(connection) for connection in [*kept, *more])
    assert len(second.connections) >= 200
    for connection in [*kept, *more]:
        connection.close()
    first.close()
    second.close()


def test_one_process_alone_takes_all_at_once(opened: socket.socket) -> None:
    side = Side(opened.dup(), alone=True)
    for _ in range(3):
        burst = [connect(opened) for _ in range(100)]
        assert all(echoes(connection) for connection in burst)
        for connection in burst:
            connection.close()
    side.close()
