"""Running one operation, over HTTP or in process: the same limits, permissions, loaders and errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError
from starlette.requests import Request

from billwright.billing.kernel.errors import Unauthorized
from billwright.billing.kernel.ids import parse_id
from billwright.graphql.clock import ClockAdvances
from billwright.graphql.context import RequestContext, Services
from billwright.graphql.errors import described, mapped
from billwright.graphql.limits import MAX_CHARACTERS
from billwright.graphql.persisted import operations
from billwright.graphql.schema import schema
from billwright.server.attempts import RedisAttempts
from billwright.sso.service import SingleSignOn
from billwright.ui.sessions import BROWSER_COOKIE

_INTROSPECTION = re.compile(r"\b__(schema|type)\b")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answered: ``data`` and the formatted ``errors``."""

    data: dict[str, Any] | None
    errors: list[dict[str, Any]]

    def body(self) -> dict[str, Any]:
        """The JSON object of the HTTP answer."""
        return {"data": self.data, **({"errors": self.errors} if self.errors else {})}


def services_of(app: Any) -> Services:
    """The process's services, made on first use from what ``billwright.server.app`` keeps in ``app.state``."""
    state = app.state
    found: Services | None = getattr(state, "graphql_services", None)
    if found is None:
        found = state.graphql_services = Services(
            settings=state.settings,
            runtime=state.runtime,
            attempts=RedisAttempts(state.redis),
            clocks=ClockAdvances(state.runtime, state.redis),
            sso=SingleSignOn(state.settings, state.runtime.database, state.runtime.box, state.redis),
        )
    return found


def context_of(
    request: Request,
    session_id: Any,
    *,
    organization: str | None = None,
    slug: str | None = None,
    portal_token: str | None = None,
) -> RequestContext:
    """The context of one HTTP request."""
    return RequestContext(
        services_of(request.app),
        session_id=session_id,
        organization_id=parse_id(organization) if organization else None,
        slug=slug,
        ip=request.client.host if request.client else "",
        browser=request.cookies.get(BROWSER_COOKIE),
        request_id=getattr(request.state, "request_id", None),
        portal_token=portal_token,
    )


async def execute(
    context: RequestContext, query: str, variables: Mapping[str, Any] | None = None, name: str | None = None
) -> Answer:
    """Run ``query``. Never raises: every failure is one of the answer's errors."""
    if len(query) > MAX_CHARACTERS:
        text = f"Query is too large, at most {MAX_CHARACTERS} characters are allowed"
        return _refused(text, {"status": 413, "code": "query_is_too_large"})
    if _INTROSPECTION.search(query):
        try:
            await context.signed_in()
        except Unauthorized as failure:
            message, extensions = described(failure)
            return _refused(message, extensions)
        if not context.services.settings.graphql_introspection:
            return _refused("Introspection is turned off", {"status": 403, "code": "forbidden"})
    result: Any = await schema().execute(
        query, variable_values=dict(variables or {}), context_value=context, operation_name=name
    )
    hide = context.session_id is None
    return Answer(
        result.data,
        [_formatted(mapped(error, context.request_id, hide_suggestions=hide)) for error in result.errors or []],
    )


async def run(context: RequestContext, name: str, variables: Mapping[str, Any] | None = None) -> Answer:
    """Run the named operation of this installation."""
    return await execute(context, operations()[name].text, variables, name)


def _refused(message: str, extensions: dict[str, Any]) -> Answer:
    return Answer(None, [_formatted(GraphQLError(message, extensions=extensions))])


def _formatted(error: GraphQLError) -> dict[str, Any]:
    return dict(error.formatted)
