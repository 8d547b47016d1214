"""``POST /graphql`` (spec 07 §6.1); a browser that opens the address goes on to the explorer."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from billwright.billing.access.sessions import needs_refresh, refresh_session
from billwright.graphql.context import RequestContext
from billwright.graphql.execution import context_of, execute, services_of
from billwright.graphql.persisted import operations_by_id
from billwright.graphql.schema import schema
from billwright.server.rest.envelope import json_response
from billwright.server.settings import Settings
from billwright.ui import csrf, sessions

TOKEN_HEADER = "x-lago-token"  # noqa: S105
ORGANIZATION_HEADER = "x-lago-organization"
PORTAL_HEADER = "customer-portal-token"
"""Of a customer in its portal: such a request has no session (spec 07 §5.1)."""
EXPLORER = "/docs/graphql"
"""Where a browser that opens the address goes on to: GraphiQL in its session."""


def routes() -> list[BaseRoute]:
    """The routes of this door. The schema and the operations of the pages are made here, at start-up."""
    schema()
    operations_by_id()
    return [Route("/graphql", _post, methods=["POST"]), Route("/graphql", _explorer, methods=["GET"])]


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Clock walks of this process end with it."""
    services = services_of(app)
    yield
    await services.clocks.close()
    await services.sso.close()


def session_of(request: Request, settings: Settings) -> UUID | None:
    """The session that a request names: a bearer token, or the cookie of a page that proves itself by its header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return sessions.read_token(settings, token.strip())
    cookie = request.cookies.get(sessions.COOKIE)
    if cookie and csrf.is_valid(settings, cookie, request.headers.get(csrf.HEADER)):
        return sessions.read_token(settings, cookie)
    return None


async def refreshed(context: RequestContext) -> bool:
    """Slide a session that is about to end; whether it was slid."""
    if context.session_id is None or context.opened_session is not None:
        return False
    signed_in = await context.present()
    if signed_in is None or not needs_refresh(signed_in.session):
        return False
    async with context.services.runtime.database.transaction() as session:
        await refresh_session(session, signed_in.session)
    return True


async def _post(request: Request) -> Response:
    settings: Settings = request.app.state.settings
    try:
        body: Any = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _bad_request("the body is not JSON")
    if not isinstance(body, dict):
        return _bad_request("batches are not supported" if isinstance(body, list) else "the body is not an object")
    query, variables, name = _query(body), body.get("variables") or {}, body.get("operationName")
    if query is None:
        return _bad_request("query is missing")
    if not isinstance(variables, dict) or not isinstance(name, str | None):
        return _bad_request("variables is an object, operationName a text")
    portal_token = request.headers.get(PORTAL_HEADER)
    if portal_token is not None and settings.portal_persisted_operations_only and not _is_persisted(query):
        return _refused_operation()
    context = context_of(
        request,
        session_of(request, settings),
        organization=request.headers.get(ORGANIZATION_HEADER),
        portal_token=portal_token,
    )
    try:
        answer = await execute(context, query, variables, name)
        headers = {"Cache-Control": "no-store"}
        if await refreshed(context) and context.session_id is not None:
            headers[TOKEN_HEADER] = sessions.issue_token(settings, context.session_id)
    finally:
        await context.close()
    throttled = any(error.get("extensions", {}).get("code") == "rate_limited" for error in answer.errors)
    response = json_response(answer.body(), 429 if throttled else 200, headers)
    if context.bound_browser is not None:
        sessions.bind_browser(response, settings, context.bound_browser)
    return response


def _query(body: Mapping[str, Any]) -> str | None:
    """The text sent, or that of the operation whose SHA-256 id was sent."""
    query = body.get("query")
    if isinstance(query, str):
        return query
    extensions = body.get("extensions")
    persisted: Any = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else body.get("documentId")
    found = operations_by_id().get(digest) if isinstance(digest, str) else None
    return found.text if found else None


def _is_persisted(query: str) -> bool:
    return hashlib.sha256(query.encode("utf-8", "replace")).hexdigest() in operations_by_id()


def _refused_operation() -> Response:
    """This installation lets portal tokens run the portal's own operations only."""
    error = {"message": "forbidden", "extensions": {"status": 403, "code": "unknown_operation"}}
    return JSONResponse({"data": None, "errors": [error]}, headers={"Cache-Control": "no-store"})


def _bad_request(text: str) -> Response:
    error = {"message": text, "extensions": {"status": 400, "code": "bad_request"}}
    return JSONResponse({"errors": [error]}, status_code=400)


async def _explorer(request: Request) -> Response:
    """A browser is led to the explorer; anything else is told how operations are sent."""
    if "text/html" not in request.headers.get("accept", ""):
        return _bad_request("operations are sent by POST")
    return RedirectResponse(EXPLORER, status_code=303)
