"""Failures as GraphQL errors (spec 07 §6.1). ``execution.execute`` maps every one; none carries a foreign text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from billwright.billing.kernel.errors import (
    BadRequest,
    BillingError,
    Forbidden,
    NotAllowed,
    NotFound,
    RateLimited,
    Unauthorized,
    Unprocessable,
    ValidationFailed,
)
from billwright.server.rest.errors import DATABASE_ERRORS, of_database

log = structlog.get_logger(__name__)

_TOO_MANY_TOKENS = "tokens. Parsing aborted."
_POLICY_TEXTS = {
    "not_organization_member": "Not in organization",
    "missing_organization": "Missing organization id",
    "login_method_not_authorized": "login_method_not_authorized",
}


class ExpiredSession(Unauthorized):
    """The session's three hours have passed (401 ``expired_jwt_token``)."""

    code = "expired_jwt_token"


class QueryRefused(Exception):
    """An operation beyond the limits: ``query_is_too_large`` (413) or ``query_too_complex`` (400)."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.error = GraphQLError(text, extensions={"status": status, "code": code})


def camel_case(name: str) -> str:
    """``amount_cents`` -> ``amountCents``; every part of a path such as ``privilege.value_type`` by itself."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def camel_cased(details: Any) -> Any:
    """``details`` with camel-cased field names; codes stay."""
    if isinstance(details, Mapping):
        return {camel_case(str(name)): value for name, value in details.items()}
    return details


def described(failure: BillingError) -> tuple[str, dict[str, Any]]:
    """Message and extensions of an error of the family.

    ``places`` of a validation tells mistakes inside lists apart, by path: ``charges.1.properties.rate``.
    """
    if isinstance(failure, Unauthorized):
        code = failure.code or "unauthorized"
        return code, {"status": 401, "code": code}
    if isinstance(failure, Forbidden):
        if failure.required_permissions:
            return "Missing permissions", {
                "status": 403,
                "code": "forbidden",
                "requiredPermissions": failure.required_permissions,
            }
        code = "forbidden" if failure.code == "missing_organization" else failure.code
        return _POLICY_TEXTS.get(failure.code or "", "forbidden"), {"status": 403, "code": code}
    if isinstance(failure, NotFound):
        details = {camel_case(failure.resource): ["not_found"]}
        return "Resource not found", {"status": 404, "code": "not_found", "details": details}
    if isinstance(failure, NotAllowed):
        return "Method Not Allowed", {"status": 405, "code": failure.code}
    if isinstance(failure, ValidationFailed):
        details = failure.details if isinstance(failure.details, dict) else {"base": [failure.details]}
        extensions: dict[str, Any] = {
            "status": 422,
            "code": "unprocessable_entity",
            "details": camel_cased(details),
        }
        if any("." in place for place in failure.places):
            extensions["places"] = failure.places
        return "Unprocessable Entity", extensions
    if isinstance(failure, Unprocessable):
        extensions = {"status": 422, "code": failure.code}
        if failure.details:
            extensions["details"] = camel_cased(failure.details)
        return "Unprocessable Entity", extensions
    if isinstance(failure, RateLimited):
        return "Too Many Requests", {"status": 429, "code": "rate_limited"}
    if isinstance(failure, BadRequest):
        return failure.text, {"status": 400, "code": "bad_request"}
    return "Internal error", {"status": failure.status, "code": failure.code or "internal_error"}


def mapped(error: GraphQLError, request_id: str | None, *, hide_suggestions: bool = False) -> GraphQLError:
    """``error`` as the caller sees it. What nobody foresaw is logged with the request's id and told without words."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, DATABASE_ERRORS):
        cause = of_database(cause) or cause
    if isinstance(cause, BillingError):
        message, extensions = described(cause)
        return _like(error, message, extensions)
    if cause is None or isinstance(cause, GraphQLError):
        extensions = dict(error.extensions or {})
        extensions.setdefault("status", 400)
        over = isinstance(error, GraphQLSyntaxError) and error.message.endswith(_TOO_MANY_TOKENS)
        extensions.setdefault("code", "query_too_complex" if over else "invalid_query")
        message = error.message.partition(" Did you mean")[0] if hide_suggestions else error.message
        return _like(error, message, extensions)
    log.error("graphql_failed", request_id=request_id, path=error.path, exc_info=cause)
    return _like(error, "Internal error", {"status": 500, "code": "internal_error", "requestId": request_id})


def _like(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
