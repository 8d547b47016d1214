"""Declaring operations. A resource module holds a list ``OPERATIONS``; the application finds the modules by itself.

    OPERATIONS = [
        operation("PUT", "/taxes/{code:path}", permission="tax:write", body=TaxUpdate, root="tax",
                  answer=one("tax", TaxOut), exists=tax_exists, summary="Update a tax",
                  example={"rate": "20"})(update_tax),
    ]

    async def update_tax(call: Call, code: str, inp: TaxUpdate) -> TaxOut: ...

A handler takes ``call``, the path's parameters under their names, and ``inp`` when the operation has a body. It runs in
one transaction (GET: a read-only session), calls one service and presents the result. It raises the errors of
``kernel.errors`` and nothing else.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from starlette.requests import Request

from billwright.billing.access.context import Actor, Context
from billwright.billing.access.models import ApiKey, Organization
from billwright.billing.access.permissions import API_RESOURCES, READ, WRITE
from billwright.billing.kernel.db import Database, Session
from billwright.billing.kernel.pagination import PageRequest
from billwright.billing.metering.store.protocol import EventStore
from billwright.server.rest.body import parse_json
from billwright.server.rest.envelope import Answer
from billwright.server.rest.query import Query
from billwright.server.rest.rate_limits import RateClass
from billwright.server.rest.routing import Template

Handler = Callable[..., Awaitable[Any]]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
SessionKind = Literal["write", "read", "none"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter for the OpenAPI document. ``kind`` ``array`` documents ``name[]``."""

    name: str
    description: str = ""
    kind: Literal["string", "integer", "boolean", "date", "date-time", "uuid", "array", "object"] = "string"
    enum: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """One verb on one path; see ``operation`` for the meaning of the fields."""

    method: Method
    path: str
    template: Template
    resource: str
    mode: str
    answer: Answer
    handler: Handler
    summary: str
    description: str
    body: Any
    root: str | None
    body_mode: Literal["object", "list", "raw"]
    optional_body: bool
    nulls: Literal["keep", "drop", "drop_deep"]
    session: SessionKind
    exists: Handler | None
    parameters: tuple[Parameter, ...]
    example: Any
    rate_class: RateClass
    cached_key: bool
    counts_as_use: bool
    beta: bool

    @property
    def permission(self) -> str:
        return f"{self.resource}:{self.mode}"

    @property
    def takes_body(self) -> bool:
        return self.body is not None or self.body_mode == "raw"

    @cached_property
    def logged(self) -> bool:
        """Whether its requests are in the log of requests: all but reading and event ingestion (spec 07 §9.2)."""
        return self.method != "GET" and self.path not in ("/events", "/events/batch")

    @cached_property
    def operation_id(self) -> str:
        """``updateTax`` from the handler's name."""
        first, *rest = self.handler.__name__.strip("_").split("_")
        return first + "".join(part.capitalize() for part in rest)

    @property
    def tag(self) -> str:
        return self.template.segments[0][0]


def operation(
    method: Method,
    path: str,
    *,
    permission: str,
    answer: Answer,
    summary: str,
    description: str = "",
    body: Any = None,
    root: str | None = None,
    body_mode: Literal["object", "list", "raw"] = "object",
    optional_body: bool = False,
    nulls: Literal["keep", "drop", "drop_deep"] | None = None,
    session: SessionKind | None = None,
    exists: Handler | None = None,
    parameters: tuple[Parameter, ...] = (),
    example: Any = None,
    rate_class: RateClass = "default",
    cached_key: bool = False,
    counts_as_use: bool = True,
    beta: bool = False,
) -> Callable[[Handler], Operation]:
    """Declare ``method path`` below ``/api/v1``; apply the result to the handler.

    - ``permission``: ``<resource>:read|write`` of spec 07 §2.4.
    - ``body``: the ``Input`` the handler gets as ``inp``; under ``root``, or the whole body without one. ``body_mode``
      ``list``: ``inp`` is the non-empty, unvalidated list under ``root`` and ``body`` documents one item; ``raw``: the
      handler reads ``call.body`` or ``call.json`` itself and ``body`` documents it, or one item of an example that is a
      list. ``optional_body``: an empty body is an empty input.
    - ``nulls``: what an explicit null means. ``drop``: absent (default of POST, spec 07 §1.8); ``drop_deep``: absent
      at every depth; ``keep``: clears the attribute (default of PUT and PATCH).
    - ``session``: ``write`` one transaction (default), ``read`` (default of GET) or ``none``: the handler opens its own
      with ``call.transaction()``.
    - ``exists``: called with the path's parameters when the body is not valid, so that an unknown object is a 404
      before the body's mistakes are a 422 (spec 07 §1.1, order of checks).
    - ``example``: the input below the root, for the OpenAPI document; mandatory with a body.
    - ``cached_key``: event ingestion only; the key may come from the cache (spec 07 §2.5).
    """
    resource, _, mode = permission.partition(":")
    if resource not in API_RESOURCES or mode not in (READ, WRITE):
        raise ValueError(f"{method} {path}: {permission!r} is no permission of API keys")
    if (body is not None or body_mode == "raw") and example is None:
        raise ValueError(f"{method} {path}: a body needs an example")
    template = Template.parse(path)

    def declare(handler: Handler) -> Operation:
        expected = ["call", *template.parameters]
        if body is not None and body_mode != "raw":
            expected.append("inp")
        if list(inspect.signature(handler).parameters) != expected:
            raise TypeError(f"{method} {path}: {handler.__name__} must take ({', '.join(expected)})")
        return Operation(
            method=method,
            path=path,
            template=template,
            resource=resource,
            mode=mode,
            answer=answer,
            handler=handler,
            summary=summary,
            description=description,
            body=body,
            root=root,
            body_mode=body_mode,
            optional_body=optional_body,
            nulls=nulls or ("drop" if method == "POST" else "keep"),
            session=session or ("read" if method == "GET" else "write"),
            exists=exists,
            parameters=parameters,
            example=example,
            rate_class=rate_class,
            cached_key=cached_key,
            counts_as_use=counts_as_use,
            beta=beta,
        )

    return declare


def event_store_of(state: Any) -> EventStore | None:
    """The process's event store: ``app.state.event_store``, or the one of ``app.state.runtime``."""
    store = getattr(state, "event_store", None)
    return store if store is not None else getattr(getattr(state, "runtime", None), "event_store", None)


@dataclass
class Call:
    """What a handler works with: the caller, the query, the body and a context with an open session."""

    request: Request
    operation: Operation
    database: Database
    organization: Organization
    api_key: ApiKey
    request_id: str
    body: bytes = b""
    session: Session | None = field(default=None)

    @property
    def context(self) -> Context:
        """The use case's context on the call's own session."""
        if self.session is None:
            raise RuntimeError(f"{self.operation.path} opens its own transactions: use call.transaction()")
        return self.context_on(self.session)

    def context_on(self, session: Session) -> Context:
        """A context of this caller on another session."""
        return self._context(session, self.organization)

    def _context(self, session: Session, organization: Organization) -> Context:
        return Context(
            session,
            organization,
            actor=Actor("api_key", self.api_key.id),
            event_store=event_store_of(self.request.app.state),
            request_id=self.request_id,
            api_url=self._setting("api_url"),
            app_url=self._setting("app_url"),
            allow_private_networks=self._setting("webhook_allow_private_networks") == "True",
        )

    def _setting(self, name: str) -> str:
        return str(getattr(getattr(self.request.app.state, "settings", None), name, ""))

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Context]:
        """A transaction of its own, for operations declared with ``session="none"``."""
        async with self.database.transaction() as session:
            organization = await session.get_one(Organization, self.organization.id)
            yield self._context(session, organization)

    @cached_property
    def query(self) -> Query:
        return Query(self.request.scope.get("query_string", b""))

    @property
    def page(self) -> PageRequest:
        return self.query.page()

    @cached_property
    def json(self) -> Any:
        """The decoded body; ``None`` when it is empty. Raises ``BadRequest``."""
        return parse_json(self.body)
