"""The REST application: every request below ``/api/v1`` from raw path to JSON answer (spec 07 §1.1).

``routes()`` gives the Starlette routes; the surrounding application puts ``database`` and, if there are
any, ``redis`` and ``settings`` on ``app.state`` and awaits ``close(app)`` when it ends.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any
from urllib.parse import quote
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from billwright.billing.access.permissions import require_api_permission
from billwright.billing.api_logs.recorder import ApiLogRecorder, Exchange
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.errors import NotFound, RateLimited, ValidationFailed
from billwright.billing.kernel.ids import new_id, parse_id
from billwright.server.rest import authentication, openapi, resources
from billwright.server.rest.body import missing_root, parse_json, read_body, refuse_unstorable, root_of, without_nulls
from billwright.server.rest.envelope import json_response, wrap
from billwright.server.rest.errors import DATABASE_ERRORS, may_be_repeated, understood
from billwright.server.rest.operations import Call, Operation
from billwright.server.rest.rate_limits import spend
from billwright.server.rest.routing import Router

PREFIX = "/api/v1"
SHORTCUTS = frozenset({f"{PREFIX}/events", f"{PREFIX}/events/batch"})
_ATTEMPTS = 3
_CALLER = "rest_caller"
"""Key of a scope: organization, API key and body of a request that is logged."""


@cache
def registry() -> tuple[Operation, ...]:
    """Every operation of every module in ``resources``, in the order of the modules' names."""
    found: list[Operation] = []
    for module in sorted(pkgutil.iter_modules(resources.__path__, resources.__name__ + "."), key=lambda m: m.name):
        found.extend(getattr(importlib.import_module(module.name), "OPERATIONS", ()))
    return tuple(found)


def routes() -> list[BaseRoute]:
    """The routes of the REST surface, to be put into the application as they are."""
    return [
        *openapi.routes(PREFIX, registry),
        Route(PREFIX + "/{rest:path}", endpoint=RestEndpoint(registry())),
        Route(PREFIX, endpoint=RestEndpoint(())),
    ]


def shortcut() -> ASGIApp:
    """Answers POST requests to ``SHORTCUTS`` as the routes would."""
    return RestEndpoint(registry())


async def close(app: Starlette) -> None:
    """End the background work that requests have started (key cache, notes of last use, log of requests)."""
    for name in ("rest_key_cache", "rest_last_use", "rest_api_log"):
        part = getattr(app.state, name, None)
        if part is not None:
            await part.close()
            setattr(app.state, name, None)


class RestEndpoint:
    """ASGI endpoint of a set of operations."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        self._router: Router[Operation] = Router()
        for known in operations:
            self._router.add(known.method, known.template, known)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self.answer(request)
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """The response of one request; never raises what the caller or the database did wrong."""
        given = parse_id(request.headers.get("x-request-id", ""))
        request_id = str(given or new_id())
        headers = {"X-Request-Id": request_id}
        where = request.method
        try:
            known, parameters = self._route(request)
            where = f"{known.method} {known.path}"
            request.scope["rest_operation"] = where
            if known.beta:
                headers["X-Lago-Endpoint-Status"] = "beta"
            response = await _perform(request, known, parameters, request_id, headers)
        except Exception as failure:
            status, body = understood(failure, request_id, where)
            response = json_response(body, status)
        response.headers.update(headers)
        _note(request, response, request_id)
        return response

    def _route(self, request: Request) -> tuple[Operation, dict[str, str] | None]:
        found = self._router.find(request.method, _raw_path(request.scope))
        if found is None:
            raise NotFound("resource")
        return found


def _raw_path(scope: Scope) -> str:
    raw = scope.get("raw_path")
    path = raw.decode("latin-1").partition("?")[0] if raw else quote(scope["path"])
    return path[path.find(PREFIX) + len(PREFIX) :]


async def _perform(
    request: Request, known: Operation, parameters: dict[str, str] | None, request_id: str, headers: dict[str, str]
) -> Response:
    value = authentication.bearer_key(request)
    state: Any = request.app.state
    database: Database = state.database
    if known.cached_key or known.session == "none":
        if known.cached_key:
            api_key, organization = await _key_cache(state).find(value)
        else:
            async with database.reading() as session:
                api_key, organization = await authentication.authenticate(session, value)
                session.expunge_all()
        call = Call(request, known, database, organization, api_key, request_id)
        if known.logged:
            request.scope[_CALLER] = (api_key.organization_id, api_key.id, b"")
        await _admit(call, state, headers)
        call.body = await read_body(request) if known.takes_body else b""
        if known.logged:
            request.scope[_CALLER] = (api_key.organization_id, api_key.id, call.body)
        if known.session == "none":
            return await _handle(call, parameters)
        async with database.transaction() if known.session == "write" else database.reading() as session:
            call.session = session
            return await _handle(call, parameters)
    body = await read_body(request) if known.takes_body else b""
    admitted = False
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with database.transaction() if known.session == "write" else database.reading() as session:
                api_key, organization = await authentication.authenticate(session, value)
                if known.logged:
                    request.scope[_CALLER] = (api_key.organization_id, api_key.id, body)
                call = Call(request, known, database, organization, api_key, request_id, body, session)
                if not admitted:
                    await _admit(call, state, headers)
                    admitted = True
                return await _handle(call, parameters)
        except DATABASE_ERRORS as failure:
            if attempt == _ATTEMPTS or not may_be_repeated(failure):
                raise
    raise AssertionError("unreachable")


def _note(request: Request, response: Response, request_id: str) -> None:
    """Leave a request that is logged to the log of requests (spec 07 §9.2)."""
    caller: tuple[UUID, UUID, bytes] | None = request.scope.get(_CALLER)
    if caller is None:
        return
    organization_id, api_key_id, body = caller
    exchange = Exchange(
        organization_id=organization_id,
        api_key_id=api_key_id,
        request_id=UUID(request_id),
        method=request.method,
        path=PREFIX + _raw_path(request.scope),
        origin=f"{request.url.scheme}://{request.url.netloc}",
        client=request.headers.get("user-agent", ""),
        status=response.status_code,
        request=body,
        response=bytes(response.body),
    )
    _api_log(request.app.state).note(exchange)


async def _admit(call: Call, state: Any, headers: dict[str, str]) -> None:
    """Rate limit, then permission (spec 07 §1.1, order of checks). The key was used, whatever comes of it."""
    known = call.operation
    if known.counts_as_use:
        _last_use(state).note(call.api_key.id)
    budget = await spend(
        getattr(state, "redis", None), getattr(state, "settings", None), call.organization.id, known.rate_class
    )
    if budget is not None:
        headers.update(budget.headers())
        if budget.exceeded:
            raise RateLimited
    require_api_permission(call.api_key.permissions, known.resource, known.mode)


async def _handle(call: Call, parameters: dict[str, str] | None) -> Response:
    known = call.operation
    arguments: dict[str, Any] = {}
    if known.body is not None and known.body_mode != "raw":
        received = parse_json(call.body)
        if known.root is not None:
            received = _optional_root(received, known.root) if known.optional_body else root_of(received, known.root)
        elif received is None:
            received = {}
        if not isinstance(received, list if known.body_mode == "list" else dict):
            raise missing_root(known.root or "body")
        if parameters is None:
            raise NotFound(known.resource)
        try:
            refuse_unstorable(call.body, received)
            arguments["inp"] = _input(known, received)
        except ValidationFailed:
            if known.exists is not None:
                await known.exists(call, **parameters)
            raise
    if parameters is None:
        raise NotFound(known.resource)
    return wrap(known.answer, await known.handler(call, **parameters, **arguments))


def _optional_root(received: Any, root: str) -> Any:
    if received is None or (isinstance(received, dict) and not received.get(root)):
        return {}
    return root_of(received, root)


def _input(known: Operation, received: Any) -> Any:
    if known.nulls != "keep":
        received = without_nulls(received, deep=known.nulls == "drop_deep")
    return received if known.body_mode == "list" else known.body.parse(received)


def _key_cache(state: Any) -> authentication.KeyCache:
    if getattr(state, "rest_key_cache", None) is None:
        state.rest_key_cache = authentication.KeyCache(state.database)
    return state.rest_key_cache


def _last_use(state: Any) -> authentication.LastUse:
    if getattr(state, "rest_last_use", None) is None:
        state.rest_last_use = authentication.LastUse(getattr(state, "redis", None))
    return state.rest_last_use


def _api_log(state: Any) -> ApiLogRecorder:
    if getattr(state, "rest_api_log", None) is None:
        state.rest_api_log = ApiLogRecorder(state.database)
    return state.rest_api_log
