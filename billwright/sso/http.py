"""Requests to identity providers, whose addresses admins give: judged addresses only, no redirects, small answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping

import httpcore
import httpx

from billwright.integrations.outbound import AddressNotAllowed, JudgingBackend, Resolver
from billwright.integrations.trust import trusted

MAX_BYTES = 1 << 20
SECONDS = 10.0
"""For a whole call, from the name server's answer to the last byte."""
_UNPACKED = (b"Accept-Encoding", b"identity")
"""What is asked for and taken: packed, a small answer can be a large one."""


class JudgedTransport(httpx.AsyncBaseTransport):
    """An httpx transport that connects to public addresses only, unless ``allow_private``."""

    def __init__(self, *, allow_private: bool = False, ssl_context: ssl.SSLContext | None = None) -> None:
        self._resolver = Resolver(threads=4)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or trusted(),
            max_keepalive_connections=0,
            network_backend=JudgingBackend(self._resolver, allow_private=allow_private),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises ``httpx.TransportError``."""
        url = request.url
        extensions = dict(request.extensions)
        extensions.setdefault("timeout", dict.fromkeys(("connect", "read", "write", "pool"), SECONDS))
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != _UNPACKED[0].lower()]
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._pool.handle_async_request(
                    httpcore.Request(
                        method=request.method.encode(),
                        url=httpcore.URL(
                            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path or b"/"
                        ),
                        headers=[*headers, _UNPACKED],
                        content=request.content,
                        extensions=extensions,
                    )
                )
                body = await _beginning(answer)
        except AddressNotAllowed as refused:
            raise httpx.ConnectError(f"{refused} is not a public address") from None
        except (httpcore.TimeoutException, TimeoutError):
            raise httpx.ReadTimeout("no answer in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as failure:
            raise httpx.ConnectError(type(failure).__name__) from None
        return httpx.Response(answer.status, headers=answer.headers, content=body, request=request)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._pool.aclose()
        self._resolver.close()


async def _beginning(answer: httpcore.Response) -> bytes:
    received = bytearray()
    try:
        if any(name.lower() == b"content-encoding" and value != _UNPACKED[1] for name, value in answer.headers):
            raise httpx.ReadError("the answer is packed")
        stream: AsyncIterator[bytes] = answer.aiter_stream()
        async for chunk in stream:
            received += chunk
            if len(received) > MAX_BYTES:
                raise httpx.ReadError("the answer is too large")
    finally:
        await answer.aclose()
    return bytes(received)


def json_object(answer: httpx.Response) -> Mapping[str, object]:
    """The answer's JSON object. Raises ``ValueError`` for anything else."""
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found
