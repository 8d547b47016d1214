"""Failures as HTTP answers (spec 07 §1.4). Every body is JSON; no answer carries a stack trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - the driver is not annotated
import structlog
from sqlalchemy.exc import DBAPIError

from billwright.billing.kernel.errors import (
    BadRequest,
    BillingError,
    Forbidden,
    Unprocessable,
    ValidationFailed,
)

log = structlog.get_logger(__name__)

DATABASE_ERRORS = (DBAPIError, asyncpg.PostgresError)
"""What statements fail with: SQLAlchemy's, and the driver's own (``kernel.statements``)."""
_CONFLICTS = {"23505", "23503", "40001", "40P01"}
_LOCK_NOT_AVAILABLE = "55P03"
_REPEATABLE = {"40001", "40P01"}


def body_of(failure: BillingError) -> dict[str, Any]:
    """The JSON body of ``failure``."""
    if isinstance(failure, BadRequest):
        return {"status": 400, "error": f"BadRequest: {failure.text}"}
    body: dict[str, Any] = {"status": failure.status, "error": failure.error}
    if failure.code is not None:
        body["code"] = failure.code
    if isinstance(failure, ValidationFailed):
        body["error_details"] = failure.details
    elif isinstance(failure, Unprocessable):
        details = dict(failure.details)
        for name in ("provider", "error_details"):
            if name in details:
                body[name] = details.pop(name)
        if details:
            body.setdefault("error_details", details)
    elif isinstance(failure, Forbidden) and failure.required_permissions:
        body["required_permissions"] = failure.required_permissions
    return body


def of_database(failure: BaseException) -> BillingError | None:
    """What a database error means to the caller: a lost race, an unavailable lock, an unusable value; else ``None``."""
    state = _sqlstate(failure)
    if state in _CONFLICTS:
        return ValidationFailed(base="concurrency_conflict")
    if state == _LOCK_NOT_AVAILABLE:
        return Unprocessable("lock_acquisition_failed")
    if state is not None and (state.startswith("22") or state in ("23502", "23514")):
        return ValidationFailed(base="value_is_invalid")
    source = failure.orig if isinstance(failure, DBAPIError) else failure
    if state is None and type(source).__name__ in ("DataError", "UntranslatableCharacterError"):
        return ValidationFailed(base="value_is_invalid")
    return None


def may_be_repeated(failure: BaseException) -> bool:
    """Whether the rolled back transaction may simply run again: a serialization failure or a deadlock."""
    return _sqlstate(failure) in _REPEATABLE


def _sqlstate(failure: BaseException) -> str | None:
    cause: BaseException | None = failure.orig if isinstance(failure, DBAPIError) else failure
    while cause is not None:
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state
        cause = cause.__cause__
    return None


def understood(failure: BaseException, request_id: str, where: str) -> tuple[int, Mapping[str, Any]]:
    """Status and body of any failure; what is not the caller's doing is logged with the request's id."""
    if isinstance(failure, BillingError):
        return failure.status, body_of(failure)
    if isinstance(failure, DATABASE_ERRORS) and (known := of_database(failure)) is not None:
        log.warning("database_refused", request_id=request_id, operation=where, sqlstate=_sqlstate(failure))
        return known.status, body_of(known)
    log.error("request_failed", request_id=request_id, operation=where, exc_info=failure)
    return 500, {"status": 500, "error": "Internal Server Error", "code": "internal_error"}
