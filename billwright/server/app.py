"""The Starlette application: resources of a process, what every request passes, and the doors that plug in.

A door is a module with ``routes() -> list[BaseRoute]`` and, if it needs something at start and end,
``lifespan(app)``, an async context manager, or ``close(app)``, awaited at the end. POST requests to its ``SHORTCUTS``,
a set of paths, go straight to ``shortcut()``, an ASGI application. It finds in ``request.app.state``:

``settings`` (``Settings``), ``database`` (kernel ``Database``), ``pool`` (asyncpg), ``redis`` (``redis.asyncio``),
``event_store``, ``runtime`` (``Runtime``: database and event store), ``shutting_down`` (bool).
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import ModuleType

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from billwright.server.health import health, ready
from billwright.server.metrics import metrics
from billwright.server.middleware import BoundedBody, RequestFrame, Shortcut, error_answer
from billwright.server.resources import open_resources
from billwright.server.settings import Settings

DOORS = (
    "billwright.server.rest.application",
    "billwright.server.files",
    "billwright.graphql.application",
    "billwright.ui.application",
)
"""Asked in this order; the back office last, since its pages live at the root."""

log = structlog.get_logger(__name__)


def create_app(settings: Settings | None = None) -> Starlette:
    """The application of one process; without ``settings`` they are read from the environment."""
    chosen = settings or Settings.from_environment()
    doors = installed_doors()
    middleware = [Middleware(RequestFrame, secure=chosen.app_url.startswith("https://")), Middleware(BoundedBody)]
    routes: list[BaseRoute] = [
        Route("/health", health, methods=["GET"]),
        Route("/ready", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]
    for door in doors:
        routes.extend(door.routes())
        if hasattr(door, "SHORTCUTS"):
            middleware.append(Middleware(Shortcut, endpoint=door.shortcut(), paths=door.SHORTCUTS))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as resources:
            await open_resources(app, chosen, resources)
            for door in doors:
                if hasattr(door, "lifespan"):
                    await resources.enter_async_context(door.lifespan(app))
                if hasattr(door, "close"):
                    resources.push_async_callback(door.close, app)
            yield
            app.state.shutting_down = True

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=middleware,
        exception_handlers={HTTPException: _refused},
    )
    app.state.settings = chosen
    app.state.shutting_down = False
    return app


def installed_doors(names: Sequence[str] = DOORS) -> list[ModuleType]:
    """The doors of this installation; one that does not exist is left out, one that is broken raises."""
    found: list[ModuleType] = []
    for name in names:
        try:
            found.append(importlib.import_module(name))
        except ModuleNotFoundError as missing:
            if missing.name is None or not name.startswith(missing.name):
                raise
            log.warning("door_missing", door=name)
    return found


async def _refused(_request: Request, failure: Exception) -> Response:
    assert isinstance(failure, HTTPException)
    return error_answer(failure.status_code)
