"""Reads of events with the subscription each belongs to (spec 01 §2.7, §2.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.kernel.errors import NotFound, Problems
from billwright.billing.kernel.pagination import Page, PageRequest
from billwright.billing.metering.event_schemas import EventOut, stored_event_object
from billwright.billing.metering.store.protocol import EventFilters, EventRow
from billwright.billing.subscriptions.models import Subscription

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class EventListRequest:
    """Filters of ``GET /events``; instants are inclusive."""

    code: str | None = None
    external_subscription_id: str | None = None
    timestamp_from: datetime | None = None
    timestamp_to: datetime | None = None
    from_started_at: bool = False


async def list_events(ctx: Context, request: EventListRequest, page: PageRequest) -> Page[EventOut]:
    """Events by timestamp, newest first. Raises ``ValidationFailed`` for filters that exclude each other."""
    since = request.timestamp_from
    if request.from_started_at:
        problems = Problems()
        if since is not None:
            problems.add("timestamp_from", "cannot be used with timestamp_from_started_at")
        if request.external_subscription_id is None:
            problems.add("external_subscription_id", "required with timestamp_from_started_at")
        problems.raise_if_any()
        since = await _started_at(ctx, request.external_subscription_id or "")
    found = await ctx.events.list(
        ctx.organization_id,
        EventFilters(
            code=request.code,
            external_subscription_id=request.external_subscription_id,
            timestamp_from=since,
            timestamp_to=request.timestamp_to,
        ),
        page=page.page,
        per_page=page.per_page,
    )
    return Page(await event_objects(ctx, found.events), found.total or 0, page)


async def get_event(ctx: Context, transaction_id: str) -> EventOut:
    """The first received event with this transaction id. Raises ``NotFound("event")``."""
    row = await ctx.events.get(ctx.organization_id, transaction_id)
    if row is None:
        raise NotFound("event")
    return (await event_objects(ctx, [row]))[0]


async def event_objects(ctx: Context, rows: Sequence[EventRow]) -> list[EventOut]:
    """Events on the wire; one query finds the subscriptions of all of them."""
    owners = await owners_of(ctx, rows)
    return [stored_event_object(row, owners) for row in rows]


async def owners_of(ctx: Context, rows: Sequence[EventRow]) -> dict[UUID, tuple[UUID, UUID]]:
    """Event id -> ids of the customer and the subscription that it belongs to, where one matches (spec 01 §2.8)."""
    external_ids = {row.external_subscription_id for row in rows if row.external_subscription_id}
    if not external_ids:
        return {}
    candidates = (
        await ctx.session.scalars(
            select(Subscription).where(
                col(Subscription.organization_id) == ctx.organization_id,
                col(Subscription.external_id).in_(external_ids),
                col(Subscription.status).in_(("active", "terminated")),
            )
        )
    ).all()
    by_external: dict[str, list[Subscription]] = {}
    for item in candidates:
        by_external.setdefault(item.external_id, []).append(item)
    owners: dict[UUID, tuple[UUID, UUID]] = {}
    for row in rows:
        owner = _owner(by_external.get(row.external_subscription_id or "", []), row.timestamp)
        if owner is not None:
            owners[row.id] = (owner.customer_id, owner.id)
    return owners


def _owner(candidates: Sequence[Subscription], timestamp: datetime) -> Subscription | None:
    """Running first, then the latest ended, then the latest started; compared at milliseconds (spec 01 §2.8)."""
    moment = _floor(timestamp)
    matching = [
        item
        for item in candidates
        if item.started_at is not None
        and _floor(item.started_at) <= moment
        and (item.terminated_at is None or _floor(item.terminated_at) >= moment)
    ]
    return max(
        matching,
        key=lambda item: (
            item.terminated_at is None,
            item.terminated_at or item.started_at,
            item.started_at,
        ),
        default=None,
    )


def _floor(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


async def _started_at(ctx: Context, external_id: str) -> datetime | None:
    """Start of the active subscription with this external id, else of the last terminated one."""
    rows = await ctx.session.scalars(
        select(Subscription)
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.external_id) == external_id,
            col(Subscription.status).in_(("active", "terminated")),
        )
        .order_by(col(Subscription.status), col(Subscription.terminated_at).desc())
        .limit(1)
    )
    found = rows.first()
    return found.started_at if found else None
