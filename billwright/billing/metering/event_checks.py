"""The hourly check of events, announced as ``events.errors`` (spec 01 §2.12; rank 5 of 03 §8.1).

Each full clock hour is judged five minutes after its end, once, and only while a webhook endpoint wants to know.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.models import BillableMetric, BillableMetricFilter
from billwright.billing.metering.models import EventCheck
from billwright.billing.metering.store.protocol import EventRule
from billwright.billing.notifications.event_types import is_wanted_by_any
from billwright.billing.notifications.service import emit

EVENT_TYPE = "events.errors"
HOUR = timedelta(hours=1)
DELAY = timedelta(minutes=5)
CATCHING_UP = timedelta(hours=24)
"""Hours missed for longer (no worker, no endpoint) are not judged any more."""
MOST = 10_000
"""Transaction ids in one list of a message; the first received."""
NUMERIC = frozenset({"sum_agg", "max_agg", "latest_agg", "weighted_sum_agg"})
LISTS = ("invalid_code", "missing_aggregation_property", "missing_group_key", "invalid_filter_values")

log = structlog.get_logger(__name__)


async def check_all_events(runtime: Runtime, now: datetime) -> int:
    """The live pass: every live organization that wants to know; returns the messages sent."""
    if not runtime.checks_events:
        return 0
    async with runtime.database.reading() as session:
        rows = await session.execute(
            text(
                "select id from organizations where kind = 'live'"
                " and webhook_event_types ?| array['*', cast(:type as text)] order by id"
            ),
            {"type": EVENT_TYPE},
        )
        organizations: list[UUID] = [row[0] for row in rows]
    done = 0
    for organization_id in organizations:
        try:
            done += await check_events(runtime, organization_id, now)
        except Exception:
            log.exception("events not checked", organization_id=str(organization_id))
    return done


async def check_events(runtime: Runtime, organization_id: UUID, now: datetime) -> int:
    """Judge every hour of one organization that is due by ``now``, on its clock; returns the messages sent."""
    sent, more = 0, runtime.checks_events
    while more:
        async with runtime.database.transaction() as session:
            organization = await session.get(Organization, organization_id)
            if organization is None:
                return sent
            faults, more = await _check_next_hour(Context(session, organization, event_store=runtime.event_store), now)
        sent += faults
    return sent


def wants_checks(organization: Organization) -> bool:
    """Whether a webhook endpoint wants to know."""
    return is_wanted_by_any(EVENT_TYPE, organization.webhook_event_types)


async def next_check(ctx: Context) -> datetime | None:
    """When the organization's next hour with events falls due; ``None`` while nobody wants to know."""
    if not wants_checks(ctx.organization):
        return None
    checked_until = await ctx.session.scalar(
        select(col(EventCheck.checked_until)).where(col(EventCheck.organization_id) == ctx.organization_id)
    )
    first = await ctx.events.first_received(ctx.organization_id, _begin(ctx, checked_until, ctx.now()))
    return None if first is None else _hour(first) + HOUR + DELAY


def _hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _last_due(now: datetime) -> datetime:
    """The end of the last hour whose check is due."""
    return _hour(now - DELAY)


def _begin(ctx: Context, checked_until: datetime | None, now: datetime) -> datetime:
    """The first instant that is not judged yet.

    Before the first check that is the hour due last when live, since passes run late; on a clock that stands at every
    due instant it is the hour due now or next. A clock that was set back begins anew.
    """
    last = _last_due(now)
    if checked_until is not None and checked_until <= now:
        return max(checked_until, last - CATCHING_UP)
    return last - HOUR if ctx.organization.kind == "live" or last + DELAY == now else last


async def _check_next_hour(ctx: Context, now: datetime) -> tuple[bool, bool]:
    """Judge the next due hour with events; whether it was announced, and whether another may be due."""
    if not wants_checks(ctx.organization):
        return False, False
    end = _last_due(now)
    await ctx.session.execute(
        insert(EventCheck)
        .values(organization_id=ctx.organization_id, checked_until=_begin(ctx, None, now))
        .on_conflict_do_nothing(index_elements=["organization_id"])
    )
    check = (
        await ctx.session.scalars(
            select(EventCheck).where(col(EventCheck.organization_id) == ctx.organization_id).with_for_update()
        )
    ).one()
    begin = _begin(ctx, check.checked_until, now)
    if begin >= end:
        return False, False
    first = await ctx.events.first_received(ctx.organization_id, begin)
    if first is None or first >= end:
        check.checked_until = end
        return False, False
    hour = _hour(first)
    check.checked_until = hour + HOUR
    lists = await _faults(ctx, hour, hour + HOUR)
    if any(lists.values()):
        await emit(ctx, EVENT_TYPE, "events_errors", ctx.organization_id, lists)
    return any(lists.values()), True


async def _faults(ctx: Context, received_from: datetime, received_before: datetime) -> dict[str, list[str]]:
    """The ``events_errors`` object: distinct transaction ids by what is wrong, in order of reception."""
    found: dict[str, dict[str, None]] = {name: {} for name in LISTS}
    faulty = ctx.events.faulty_events(ctx.organization_id, received_from, received_before, await _rules(ctx))
    async for event in faulty:
        for name in LISTS:
            if getattr(event, name) and len(found[name]) < MOST:
                found[name][event.transaction_id] = None
    return {name: list(ids) for name, ids in found.items()}


async def _rules(ctx: Context) -> list[EventRule]:
    metrics = (
        await ctx.session.scalars(
            select(BillableMetric).where(
                col(BillableMetric.organization_id) == ctx.organization_id, col(BillableMetric.deleted_at).is_(None)
            )
        )
    ).all()
    filters: dict[UUID, dict[str, frozenset[str]]] = {}
    rows = await ctx.session.scalars(
        select(BillableMetricFilter).where(
            col(BillableMetricFilter.billable_metric_id).in_([metric.id for metric in metrics]),
            col(BillableMetricFilter.deleted_at).is_(None),
        )
    )
    for row in rows:
        filters.setdefault(row.billable_metric_id, {})[row.key] = frozenset(row.values)
    return [
        EventRule(
            code=metric.code,
            field=metric.field_name or None,
            is_numeric=metric.aggregation_type in NUMERIC,
            filters=filters.get(metric.id, {}),
        )
        for metric in metrics
    ]
