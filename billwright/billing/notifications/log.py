"""The log of webhook deliveries: reading, sending again by hand, cleaning (spec 06 §16.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, false, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.background.retention import discard_before
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.errors import NotAllowed, NotFound, ValidationFailed
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page, PageRequest, paginate
from billwright.billing.notifications.event_types import wire_type
from billwright.billing.notifications.models import Webhook, WebhookEndpoint

STATUSES = ("pending", "retrying", "succeeded", "failed")
KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class DeliveryFilters:
    """Filters of an endpoint's log, combined with AND; instants bound ``updated_at``, inclusive.

    ``http_statuses``: ``404``, ``4xx``, ``200-204`` or ``timeout`` (failed without a status). ``search``: the id of a
    delivery or of its object.
    """

    statuses: Sequence[str] | None = None
    event_types: Sequence[str] | None = None
    http_statuses: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str | None = None


def deliveries_statement(ctx: Context, endpoint_id: UUID, filters: DeliveryFilters) -> Select[Any]:
    """The filtered log, newest update first. Raises ``ValidationFailed`` for an unknown status."""
    statement = _deliveries(ctx).where(col(Webhook.endpoint_id) == endpoint_id)
    if filters.statuses:
        if any(status not in STATUSES for status in filters.statuses):
            raise ValidationFailed(statuses="value_is_invalid")
        statement = statement.where(col(Webhook.status).in_(filters.statuses))
    if filters.event_types:
        statement = statement.where(col(Webhook.webhook_type).in_([wire_type(name) for name in filters.event_types]))
    if filters.http_statuses:
        statement = statement.where(or_(*(_http_condition(item) for item in filters.http_statuses)))
    if filters.since is not None:
        statement = statement.where(col(Webhook.updated_at) >= filters.since)
    if filters.until is not None:
        statement = statement.where(col(Webhook.updated_at) <= filters.until)
    if filters.search and filters.search.strip():
        wanted = parse_id(filters.search.strip())
        found = or_(col(Webhook.id) == wanted, col(Webhook.object_id) == wanted) if wanted else false()
        statement = statement.where(found)
    return statement.order_by(col(Webhook.updated_at).desc(), col(Webhook.id).desc())


def _http_condition(text: str) -> ColumnElement[bool]:
    value, column = text.strip().lower(), col(Webhook.http_status)
    if value == "timeout":
        return column.is_(None) & col(Webhook.status).in_(("retrying", "failed"))
    if match := re.fullmatch(r"([1-5])xx", value):
        first = int(match.group(1)) * 100
        return column.between(first, first + 99)
    if match := re.fullmatch(r"(\d{3})(?:\s*-\s*(\d{3}))?", value):
        return column.between(int(match.group(1)), int(match.group(2) or match.group(1)))
    raise ValidationFailed(http_statuses="value_is_invalid")


def _deliveries(ctx: Context) -> Select[Any]:
    """Deliveries of the organization's existing endpoints."""
    return select(Webhook).where(
        col(Webhook.organization_id) == ctx.organization_id,
        exists().where(col(WebhookEndpoint.id) == col(Webhook.endpoint_id)),
    )


async def list_deliveries(
    ctx: Context, endpoint_id: UUID, filters: DeliveryFilters, page: PageRequest
) -> Page[Webhook]:
    """A page of an endpoint's log."""
    return await paginate(ctx.session, deliveries_statement(ctx, endpoint_id, filters), page)


async def find_delivery(ctx: Context, delivery_id: UUID) -> Webhook:
    """One delivery; raises ``NotFound("webhook")``."""
    found = await ctx.session.scalar(_deliveries(ctx).where(col(Webhook.id) == delivery_id))
    if found is None:
        raise NotFound("webhook")
    return found


async def send_again(ctx: Context, delivery_id: UUID) -> Webhook:
    """Send the stored payload again: the same unique key, a fresh signature, one attempt whose failure is final.

    An attempt under way is left to end as it is. Raises ``NotFound("webhook")``, ``NotAllowed("is_succeeded")``.
    """
    statement = _deliveries(ctx).where(col(Webhook.id) == delivery_id).with_for_update()
    found = await ctx.session.scalar(statement.execution_options(populate_existing=True))
    if found is None:
        raise NotFound("webhook")
    if found.status == "succeeded":
        raise NotAllowed("is_succeeded")
    now = system_now()
    if found.lease_until is None or found.lease_until <= now:
        found.status = "pending"
        found.single_attempt = True
        found.due_at = found.updated_at = now
        found.lease_until = None
    return found


async def discard_old_deliveries(database: Database, *, now: datetime | None = None) -> int:
    """Delete what was last touched more than 90 days ago, in batches; returns how many."""
    limit = (now or system_now()) - KEPT
    return await discard_before(database, Webhook, col(Webhook.updated_at), limit)
