"""Alerts some days before a subscription ends by itself (spec 03 §6.6, §8.1 rank 11)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from billwright.billing.access.context import Context
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.calendar.starts import ALERT_DAYS, is_alert_day, next_alert_at
from billwright.billing.subscriptions.models import Subscription

_days_before: tuple[int, ...] = ALERT_DAYS


def configure_alerts(days_before: Iterable[int]) -> None:
    """On how many days before ``ending_at`` this installation alerts; set once, when a process starts."""
    global _days_before
    _days_before = tuple(sorted(set(days_before)))


def alert_instant(subscription: Subscription, now: datetime) -> datetime | None:
    """The next slot (00:50 UTC) in which an alert of an active subscription may be due, none after one of today.

    A slot of today that has passed counts only if it was due already: an end that is set in the afternoon to be exactly
    15 days away is not announced any more today.
    """
    if subscription.ending_at is None:
        return None
    after = now
    if subscription.alerted_on == now.astimezone(UTC).date():
        after = _start_of_next_day(now)
    elif subscription.alert_due_at is not None and _same_day(subscription.alert_due_at, now):
        after = min(now, subscription.alert_due_at)
    return next_alert_at(subscription.ending_at, after=after, days_before=_days_before)


def _same_day(one: datetime, other: datetime) -> bool:
    return one.astimezone(UTC).date() == other.astimezone(UTC).date()


def _start_of_next_day(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


async def alert(ctx: Context, subscription: Subscription) -> None:
    """Announce the end of an active subscription if today is the day; the caller recomputes its due instants.

    The conditions hold at the moment of the run: a slot that the scheduler missed for a whole day is lost.
    """
    now = ctx.now()
    today = now.astimezone(UTC).date()
    if subscription.status != "active" or subscription.ending_at is None or subscription.alerted_on == today:
        return
    if is_alert_day(subscription.ending_at, now, _days_before):
        subscription.alerted_on = today
        await emit(ctx, "subscription.termination_alert", "subscription", subscription.id)
