"""One API process: uvicorn on a listening socket that it opens or inherits."""

from __future__ import annotations

import asyncio
import socket
from types import FrameType
from typing import Any, cast

import uvicorn

from billwright.graphql.persisted import check_operations
from billwright.server.app import create_app
from billwright.server.collector import spare_the_loaded
from billwright.server.listening import FairListener
from billwright.server.logging import configure_logging
from billwright.server.protocol import BoundedHead
from billwright.server.settings import Settings

DRAIN_SECONDS = 20


class _Server(uvicorn.Server):
    """Flips ``/ready`` as soon as the end is asked for, and goes on serving for the configured delay.

    Takes its part of the connections of a socket that ``processes`` processes share.
    """

    def __init__(self, config: uvicorn.Config, delay: float, processes: int) -> None:
        super().__init__(config)
        self._delay = delay
        self._processes = processes

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        config, state, shared = self.config, self.server_state, self.lifespan.state

        def make_protocol() -> asyncio.Protocol:
            return cast("Any", config.http_protocol_class)(config=config, server_state=state, app_state=shared)

        spare_the_loaded()
        self.servers: list[Any] = [
            FairListener(opened, make_protocol, state.connections, alone=self._processes == 1)
            for opened in sockets or []
        ]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        state: Any = self.config.loaded_app
        while not hasattr(state, "state") and hasattr(state, "app"):
            state = state.app
        first = not state.state.shutting_down
        state.state.shutting_down = True
        runtime = getattr(state.state, "runtime", None)
        if runtime is not None:
            runtime.stopping.set()
        if first and self._delay:
            asyncio.get_event_loop().call_later(self._delay, super().handle_exit, sig, frame)
        else:
            super().handle_exit(sig, frame)


def serve_on(opened: socket.socket, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered first."""
    configure_logging(settings)
    check_operations()
    config = uvicorn.Config(
        create_app(settings),
        http=BoundedHead,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=75,
        lifespan="on",
    )
    _Server(config, settings.shutdown_delay_seconds, settings.web_workers).run(sockets=[opened])
