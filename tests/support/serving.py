"""An application of this process behind a real port, and the official client that talks to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from lago_python_client.client import Client

from tests.server.rest.client import RestClient


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The address (``http://127.0.0.1:<port>``) under which ``app`` answers meanwhile."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=100)  # whoever connects early waits in its queue
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving


@asynccontextmanager
async def official_client(rest: RestClient) -> AsyncIterator[Client]:
    """``lago_python_client`` with the key of ``rest``, over a socket."""
    async with served(rest.app) as address:
        yield Client(api_key=rest.api_key, api_url=address)


async def ask(call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """A method of the client, which blocks, in a thread."""
    return await asyncio.to_thread(call, *arguments, **more)
