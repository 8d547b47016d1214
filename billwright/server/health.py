"""Liveness and readiness (spec 07 §1.6)."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from billwright import __version__

GITHUB_URL = "https://github.com/billwright/billwright"
_PATIENCE_SECONDS = 5

log = structlog.get_logger(__name__)


async def health(request: Request) -> Response:
    """``GET /health``: 200 after a round trip to the database, otherwise 500."""
    body = {"version": __version__, "github_url": GITHUB_URL}
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), request.app.state.database.reading() as session:
            await session.execute(text("SELECT 1"))
    except Exception as failure:
        log.warning("unhealthy", error=type(failure).__name__)
        unhealthy = {**body, "message": "Unhealthy", "details": "the database does not answer"}
        return JSONResponse(unhealthy, status_code=500)
    return JSONResponse({**body, "message": "Success"})


async def ready(request: Request) -> Response:
    """``GET /ready``: 503 from the moment a shutdown begins."""
    if request.app.state.shutting_down:
        return JSONResponse({"status": "shutting down"}, status_code=503)
    return JSONResponse({"status": "ok"})
