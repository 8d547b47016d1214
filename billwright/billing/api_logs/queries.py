"""Reading the log of API requests (spec 07 §9.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.api_logs.models import ApiLog
from billwright.billing.background.retention import discard_before
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.days import within_days
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page, PageRequest, paginate

METHODS = ("post", "put", "delete")
SUCCEEDED, FAILED = "succeeded", "failed"
_LAST_GOOD = 399


@dataclass(frozen=True, slots=True)
class ApiLogFilters:
    """Combined with AND; the values of one filter with OR. The dates are days in UTC, both inclusive.

    ``http_statuses``: numbers, ``succeeded`` (up to 399) or ``failed``. ``request_paths``: whole paths, in which ``*``
    stands for anything. ``request_id``: whole, as it was typed.
    """

    from_date: date | None = None
    to_date: date | None = None
    http_methods: Sequence[str] | None = None
    http_statuses: Sequence[str] | None = None
    api_version: str | None = None
    request_paths: Sequence[str] | None = None
    request_id: str | None = None


async def list_api_logs(ctx: Context, filters: ApiLogFilters, page: PageRequest) -> Page[ApiLog]:
    """A page of the log, newest first. Raises ``ValidationFailed`` for unknown methods and statuses."""
    statement = _of(ctx)
    for condition in within_days(col(ApiLog.logged_at), filters.from_date, filters.to_date):
        statement = statement.where(condition)
    if filters.http_methods:
        methods = [method.lower() for method in filters.http_methods]
        if not set(methods) <= set(METHODS):
            raise ValidationFailed(http_methods="value_is_invalid")
        statement = statement.where(col(ApiLog.http_method).in_(methods))
    if filters.http_statuses:
        statement = statement.where(or_(*(_status_condition(text) for text in filters.http_statuses)))
    if filters.api_version:
        statement = statement.where(col(ApiLog.api_version) == filters.api_version)
    if filters.request_paths:
        statement = statement.where(or_(*(_path_condition(text) for text in filters.request_paths)))
    if filters.request_id and filters.request_id.strip():
        statement = statement.where(col(ApiLog.request_id) == (parse_id(filters.request_id.strip()) or UUID(int=0)))
    ordered = statement.order_by(col(ApiLog.logged_at).desc(), col(ApiLog.id).desc())
    return await paginate(ctx.session, ordered, page)


def _status_condition(text: str) -> ColumnElement[bool]:
    value, column = text.strip().lower(), col(ApiLog.http_status)
    if value == SUCCEEDED:
        return column <= _LAST_GOOD
    if value == FAILED:
        return column > _LAST_GOOD
    if len(value) == 3 and value.isascii() and value.isdigit() and "1" <= value[0] <= "5":
        return column == int(value)
    raise ValidationFailed(http_statuses="value_is_invalid")


def _path_condition(text: str) -> ColumnElement[bool]:
    column = col(ApiLog.request_path)
    if "*" not in text:
        return column == text
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(escaped.replace("*", "%"))


async def find_api_log(ctx: Context, *, request_id: UUID | None = None, api_log_id: UUID | None = None) -> ApiLog:
    """The request with that ``X-Request-Id`` (the latest if a caller sent several with it), with that internal id, or
    with both.

    Raises ``NotFound("api_log")``.
    """
    statement = _of(ctx)
    if api_log_id is not None:
        statement = statement.where(col(ApiLog.id) == api_log_id)
    if request_id is not None or api_log_id is None:
        statement = statement.where(col(ApiLog.request_id) == request_id)
    return await find(ctx.session, statement.order_by(col(ApiLog.logged_at).desc()).limit(1), "api_log")


async def discard_old_api_logs(database: Database, days: int, *, now: datetime | None = None) -> int:
    """Delete what was logged more than ``days`` days ago; returns how many."""
    limit = (now or system_now()) - timedelta(days=days)
    return await discard_before(database, ApiLog, col(ApiLog.logged_at), limit)


def _of(ctx: Context) -> Select[Any]:
    return select(ApiLog).where(col(ApiLog.organization_id) == ctx.organization_id)
