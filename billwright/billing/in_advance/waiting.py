"""Closing a period only when its events in advance are billed, where that changes the invoice (spec 02 §12 (c))."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import plan_snapshots
from billwright.billing.in_advance.models import InstantEvent
from billwright.billing.subscriptions.models import Subscription


class EventsWaiting(Exception):
    """Events of the period that closes are not billed yet; what is due stays due and is tried again."""


async def refuse_while_events_wait(ctx: Context, subscriptions: Sequence[Subscription], t: datetime) -> None:
    """Raise ``EventsWaiting`` if a minimum commitment would be reconciled without events that came in before ``t``.

    They are billed within seconds; those whose job gave up are not waited for.
    """
    plans = await plan_snapshots(
        ctx.session, ctx.organization.catalog_revision, {item.plan_id for item in subscriptions}
    )
    concerned = [
        item.external_id
        for item in subscriptions
        if plans[item.plan_id].commitment is not None
        and any(charge.pay_in_advance for charge in plans[item.plan_id].charges)
    ]
    if not concerned:
        return
    waiting = await ctx.session.scalars(
        select(col(InstantEvent.external_subscription_id))
        .where(
            col(InstantEvent.organization_id) == ctx.organization_id,
            col(InstantEvent.external_subscription_id).in_(concerned),
            col(InstantEvent.parked_at).is_(None),
            col(InstantEvent.timestamp) < t,
        )
        .limit(1)
    )
    found = waiting.first()
    if found is not None:
        raise EventsWaiting(f"events of {found} are not billed yet")
