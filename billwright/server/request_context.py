"""What belongs to one HTTP request wherever the code is: its id, and the name of the route that answers it."""

from __future__ import annotations

import uuid
from contextvars import ContextVar
from typing import Any

from starlette.types import Scope

from billwright.billing.kernel.ids import new_id

ROUTE = "billwright.route"
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def request_id() -> str | None:
    """The id of the request being answered (its ``X-Request-Id``); ``None`` outside of one."""
    return _current.get()


def begin(scope: Scope) -> str:
    """Give the request an id: the caller's ``X-Request-Id`` if it is a UUID, otherwise a fresh one (spec 07 §1.1)."""
    chosen = str(new_id())
    others: list[tuple[bytes, bytes]] = []
    for name, value in scope["headers"]:
        if name != b"x-request-id":
            others.append((name, value))
            continue
        try:
            chosen = str(uuid.UUID(value.decode("ascii")))
        except ValueError:
            continue
    scope["headers"] = [*others, (b"x-request-id", chosen.encode())]  # what reads the header later reads this id
    scope.setdefault("state", {})["request_id"] = chosen
    _current.set(chosen)
    return chosen


def name_route(scope: Scope, name: str) -> None:
    """Say which route answers, as a template (``GET /plans/{code}``): the label of logs and metrics.

    A door that routes by itself calls this; Starlette's own routes are found without it.
    """
    scope[ROUTE] = name


def route_name(scope: Scope) -> str:
    """The template of the route that answered, ``unmatched`` without one. Few values, never the raw path."""
    named = scope.get(ROUTE) or scope.get("rest_operation")
    if named:
        return str(named)
    endpoint: Any = scope.get("endpoint")
    if endpoint is None:
        return "unmatched"
    return getattr(endpoint, "__qualname__", type(endpoint).__qualname__)
