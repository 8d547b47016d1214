"""What happens to every request: id, log line, metrics, bounded body, security headers, an answer to any failure."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billwright.billing.kernel.errors import BillingError
from billwright.server import metrics, request_context
from billwright.server.rest.body import MAX_BYTES, BodyTooLarge
from billwright.server.rest.errors import body_of

log = structlog.get_logger("billwright.access")
_access = logging.getLogger("billwright.access")

_QUIET = {"/health", "/ready", "/metrics", "/api/v1/events", "/api/v1/events/batch"}
"""Asked for thousands of times a minute: their successes are logged at ``debug``."""
_PRIVATE_SEGMENT = re.compile(r"^[A-Za-z0-9._~=-]{32,}$")
_DEFAULT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class RequestFrame:
    """Outermost layer: gives the id, answers what nobody caught with a plain 500, logs and counts."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        self.secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        chosen = request_context.begin(scope)
        started = time.perf_counter()
        status = 0

        async def send_framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                protect(MutableHeaders(scope=message), chosen, secure=self.secure)
            await send(message)

        try:
            await self.app(scope, receive, send_framed)
        except BillingError as failure:
            if status:
                raise
            await JSONResponse(body_of(failure), status_code=failure.status)(scope, receive, send_framed)
        except Exception as failure:
            log.error("request_failed", path=safe_path(scope["path"]), exc_info=failure)
            if status:
                raise
            body = {"status": 500, "error": "Internal Server Error", "code": "internal_error"}
            await JSONResponse(body, status_code=500)(scope, receive, send_framed)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = request_context.route_name(scope)
        metrics.observe(scope["method"], route, status, seconds)
        quiet = status < 400 and scope["path"] in _QUIET
        if quiet and not _access.isEnabledFor(logging.DEBUG):
            return
        write = log.debug if quiet else log.info
        write(
            "request",
            method=scope["method"],
            path=safe_path(scope["path"]),
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


class BoundedBody:
    """Refuses bodies beyond ``limit`` bytes with 413, by their announced length or while they arrive."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BYTES) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value[:19]) > self.limit:
                raise BodyTooLarge
        size = 0

        async def receive_bounded() -> Message:
            nonlocal size
            message = await receive()
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > self.limit:
                    raise BodyTooLarge
            return message

        await self.app(scope, receive_bounded, send)


class Shortcut:
    """Hands the requests of ``paths`` (POST only) to ``endpoint`` without asking the router: those that come by the
    thousand. ``endpoint`` answers its failures itself."""

    def __init__(self, app: ASGIApp, endpoint: ASGIApp, paths: frozenset[str]) -> None:
        self.app = app
        self.endpoint = endpoint
        self.paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        direct = scope["type"] == "http" and scope["path"] in self.paths and scope["method"] == "POST"
        await (self.endpoint if direct else self.app)(scope, receive, send)


def protect(headers: MutableHeaders, request_id: str, *, secure: bool) -> None:
    """Add the headers that every answer carries; a page's own policy (the embeddable portal's) stays."""
    headers["X-Request-Id"] = request_id
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    if "content-security-policy" not in headers:
        headers["Content-Security-Policy"] = _DEFAULT_POLICY
        headers.setdefault("X-Frame-Options", "DENY")
    elif "frame-ancestors 'none'" in headers["content-security-policy"]:
        headers.setdefault("X-Frame-Options", "DENY")
    if secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def safe_path(path: str) -> str:
    """The path for logs: long unguessable segments (signed links, file tokens) keep their first six characters."""
    return "/".join(_shorten(segment) for segment in path[:1000].split("/"))


def _shorten(segment: str) -> str:
    if not _PRIVATE_SEGMENT.match(segment):
        return segment
    try:
        uuid.UUID(segment)
    except ValueError:
        return segment[:6] + "…"
    return segment if "-" in segment else segment[:6] + "…"


def error_answer(status: int) -> JSONResponse:
    """The envelope of failures that no door has a say in (spec 07 §1.1: a wrong verb is a 404 too)."""
    if status in (404, 405):
        body: dict[str, Any] = {"status": 404, "error": "Not Found", "code": "resource_not_found"}
    else:
        body = {"status": status, "error": "Bad Request"}
    return JSONResponse(body, status_code=body["status"])
