"""A receiver of webhooks on 127.0.0.1: keeps what arrives as it came over the wire, answers as it is told.

    async with receiver() as receiver:
        receiver.answers = [500, 200]          # then 200 for ever
        receiver.answers = [HANG, SLOW, CLOSE, b"raw bytes of an answer"]
        request = await receiver.next()        # headers (lower case), raw body, path

It checks nothing by itself; ``Request.check`` verifies the signature as a customer's code would.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt

HANG = "hang"
"""Read the request and never answer."""
CLOSE = "close"
"""Read the request and hang up."""
DRIP = "drip"
"""Begin an answer and never end its head."""


@dataclass(frozen=True)
class Request:
    """One request. ``at`` is the loop's time when it was complete."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def key(self) -> str:
        return self.headers["x-lago-unique-key"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def check(self, *, hmac_key: str | None = None, public_key: bytes | None = None, issuer: str = "") -> None:
        """Verify the signature over the raw body by the algorithm named in the headers."""
        signature = self.headers["x-lago-signature"]
        if self.headers["x-lago-signature-algorithm"] == "hmac":
            assert hmac_key is not None
            digest = hmac.new(hmac_key.encode(), self.body, hashlib.sha256).digest()
            assert hmac.compare_digest(base64.b64encode(digest).decode(), signature)
        else:
            assert public_key is not None
            claims = jwt.decode(signature, public_key, algorithms=["RS256"], issuer=issuer)
            assert claims == {"data": self.body.decode(), "iss": issuer}


@dataclass
class Receiver:
    port: int = 0
    answers: list[Any] = field(default_factory=list)
    """Status, bytes of a whole answer, or one of the words above; one for each request, 200 when there is none left."""
    requests: list[Request] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    pause: float = 0.0
    names: list[str | None] = field(default_factory=list)
    """Server names asked for in TLS handshakes."""
    _arrived: asyncio.Queue[Request] = field(default_factory=asyncio.Queue)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def next(self, seconds: float = 10.0) -> Request:
        """The next request that nobody has taken."""
        return await asyncio.wait_for(self._arrived.get(), seconds)

    def release(self) -> None:
        """Let go of everything that hangs."""
        self._released.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {}
        for line in filter(None, head[1:]):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(method, path, headers, body, asyncio.get_running_loop().time())
        self.requests.append(request)
        self._arrived.put_nowait(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.pause:
                await asyncio.sleep(self.pause)
            answer = self.answers.pop(0) if self.answers else 200
            if answer == HANG:
                await self._released.wait()
            elif answer == DRIP:
                writer.write(b"HTTP/1.1 200 OK\r\n")
                while not self._released.is_set():
                    writer.write(b"X-Drip: 1\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.02)
            elif answer != CLOSE:
                writer.write(answer if isinstance(answer, bytes) else plain_answer(answer))
                await writer.drain()
        finally:
            self.at_once -= 1


def plain_answer(status: int, body: bytes = b"thanks", *headers: str) -> bytes:
    """The bytes of an answer."""
    lines = [f"HTTP/1.1 {status} Whatever", *headers]
    if status != 204:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if status == 204 else body)


@asynccontextmanager
async def receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens until the block ends."""
    made = Receiver()
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: made.names.append(name)
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0, ssl=tls, limit=2**20)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        made.release()
        server.close()
        await server.wait_closed()
