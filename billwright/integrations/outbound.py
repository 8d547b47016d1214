"""HTTP requests to addresses that users give (spec 06 §16.6): names are resolved once, every address is judged, and the
judged address is the one connected to. No redirects, no proxies, one connection for each request.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

import httpcore
import httpx

from billwright.billing.notifications.addresses import is_public
from billwright.integrations.trust import trusted

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
RESOLVING_THREADS = 64


class AddressNotAllowed(Exception):
    """A name leads to an address that is not globally routable."""


class Resolver:
    """The system's resolver on threads of its own, so that a name server that does not answer holds back only those
    who ask for its names. Equal questions at one moment are asked once.
    """

    def __init__(self, threads: int = RESOLVING_THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")
        self._asked: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of ``host``, in the system's order of preference. Raises ``OSError``."""
        question = (host, port)
        future = self._asked.get(question)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._asked[question] = asyncio.ensure_future(
                loop.run_in_executor(self._threads, _addresses, host, port)
            )
            future.add_done_callback(lambda done: self._answered(question, done))
        return list(await asyncio.shield(future))

    def _answered(self, question: tuple[str, int], future: asyncio.Future[list[str]]) -> None:
        self._asked.pop(question, None)
        if not future.cancelled():
            future.exception()  # seen, even when nobody waits any more

    def close(self) -> None:
        """Let go of the threads; questions under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class JudgingBackend(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that ``resolve`` gives, if all of them are allowed; the name is not looked up again."""

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        network: Any = httpcore.AnyIOBackend()
        self._network: httpcore.AsyncNetworkBackend = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises ``AddressNotAllowed``, ``httpcore.ConnectError`` or ``httpcore.ConnectTimeout``."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (timeout or 60.0)
        addresses = await self._judged(host, port, end - loop.time())
        problem: Exception = httpcore.ConnectError(f"{host} has no address")
        for position, address in enumerate(addresses):
            share = (end - loop.time()) / (len(addresses) - position)
            if share <= 0:
                raise httpcore.ConnectTimeout
            try:
                return await self._network.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                problem = failure
        raise problem

    async def _judged(self, host: str, port: int, seconds: float) -> Sequence[str]:
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host}: no answer from the name server") from None
        except (OSError, UnicodeError) as failure:
            raise httpcore.ConnectError(f"{host}: {getattr(failure, 'strerror', None) or failure}") from None
        if not self._allow_private and not all(is_public(ip_address(address)) for address in addresses):
            raise AddressNotAllowed(host)
        return addresses

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class OutboundHttp:
    """Posts to user-given URLs. ``timeout``: seconds each to connect, to write and between two reads."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout: float = 30.0,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._own_resolver = Resolver() if resolve is None else None
        self._seconds = timeout
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or trusted(),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=JudgingBackend(resolve or self._own_resolver or Resolver(), allow_private=allow_private),
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, most: int) -> tuple[int, bytes]:
        """Status and at most ``most`` bytes of the answer's body; a body that breaks off is kept as far as it came.

        Raises ``AddressNotAllowed``, ``httpcore`` errors, and ``httpx.InvalidURL``.
        """
        parsed = httpx.URL(url)
        if parsed.userinfo:
            raise httpx.InvalidURL("user-info in the address")
        target = httpcore.URL(
            scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path or b"/"
        )
        timeouts = dict.fromkeys(("connect", "read", "write"), self._seconds)
        sent: list[tuple[bytes | str, bytes | str]] = list(headers.items())
        async with self._pool.stream(
            "POST", target, headers=sent, content=body, extensions={"timeout": timeouts}
        ) as answer:
            return answer.status, await self._beginning(answer, most)

    async def _beginning(self, answer: httpcore.Response, most: int) -> bytes:
        received = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in answer.aiter_stream():
                    received += chunk
                    if len(received) >= most:
                        break
        except (TimeoutError, httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
            pass
        return bytes(received[:most])

    async def close(self) -> None:
        """Close what is open."""
        await self._pool.aclose()
        if self._own_resolver is not None:
            self._own_resolver.close()
