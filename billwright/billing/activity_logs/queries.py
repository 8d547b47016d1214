"""Reading and cleaning the activity log (spec 07 §9.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.activity_logs.models import ActivityLog
from billwright.billing.activity_logs.subjects import RESOURCE_TYPES
from billwright.billing.background.retention import discard_before
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.days import within_days
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.ids import first_id_at
from billwright.billing.kernel.pagination import Page, PageRequest, paginate

SOURCES = ("api", "front", "system")


@dataclass(frozen=True, slots=True)
class ActivityFilters:
    """Combined with AND; the values of one filter with OR. The dates are days in UTC, both inclusive."""

    from_date: date | None = None
    to_date: date | None = None
    activity_types: Sequence[str] | None = None
    activity_sources: Sequence[str] | None = None
    user_emails: Sequence[str] | None = None
    external_customer_id: str | None = None
    external_subscription_id: str | None = None
    resource_ids: Sequence[UUID] | None = None
    resource_types: Sequence[str] | None = None


async def list_activities(
    ctx: Context, filters: ActivityFilters, page: PageRequest, *, with_settings: bool = False
) -> Page[ActivityLog]:
    """A page of the log, newest first; ``with_settings``: also of what is no business object (the back office).

    Raises ``ValidationFailed`` (``activity_sources: value_is_invalid``).
    """
    statement = _of(ctx, with_settings=with_settings)
    for condition in within_days(col(ActivityLog.logged_at), filters.from_date, filters.to_date):
        statement = statement.where(condition)
    if not set(filters.activity_sources or ()) <= set(SOURCES):
        raise ValidationFailed(activity_sources="value_is_invalid")
    emails = [email.strip().lower() for email in filters.user_emails] if filters.user_emails else None
    for column, wanted in (
        (ActivityLog.activity_type, filters.activity_types),
        (ActivityLog.activity_source, filters.activity_sources),
        (ActivityLog.user_email, emails),
        (ActivityLog.resource_id, filters.resource_ids),
        (ActivityLog.resource_type, filters.resource_types),
    ):
        if wanted:
            statement = statement.where(col(column).in_(list(wanted)))
    if filters.external_customer_id is not None:
        statement = statement.where(col(ActivityLog.external_customer_id) == filters.external_customer_id)
    if filters.external_subscription_id is not None:
        statement = statement.where(col(ActivityLog.external_subscription_id) == filters.external_subscription_id)
    ordered = statement.order_by(col(ActivityLog.logged_at).desc(), col(ActivityLog.id).desc())
    return await paginate(ctx.session, ordered, page)


async def find_activity(ctx: Context, activity_id: UUID, *, with_settings: bool = False) -> ActivityLog:
    """One change. Raises ``NotFound("activity_log")``."""
    found = await ctx.session.scalar(_of(ctx, with_settings=with_settings).where(col(ActivityLog.id) == activity_id))
    if found is None:
        raise NotFound("activity_log")
    return found


async def discard_old_activities(database: Database, days: int, *, now: datetime | None = None) -> int:
    """Delete what was written more than ``days`` days ago on the system's clock, which the ids tell; nothing for 0.

    Returns how many rows.
    """
    if not days:
        return 0
    limit = first_id_at((now or system_now()) - timedelta(days=days))
    return await discard_before(database, ActivityLog, col(ActivityLog.id), limit)


def _of(ctx: Context, *, with_settings: bool) -> Select[Any]:
    statement = select(ActivityLog).where(col(ActivityLog.organization_id) == ctx.organization_id)
    return statement if with_settings else statement.where(col(ActivityLog.resource_type).in_(RESOURCE_TYPES))
