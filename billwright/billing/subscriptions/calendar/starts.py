"""Start, ending and alert dates (spec 03 §6.4, §6.6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from billwright.billing.subscriptions.calendar.timezones import local_date, start_of_day

ALERT_DAYS = (15, 45)
"""Default days before ``ending_at`` on which a termination alert is sent."""
_ALERT_SLOT = time(0, 50)


class StartDay(StrEnum):
    """Local date of ``subscription_at`` against today's."""

    past = "past"
    today = "today"
    future = "future"


def start_day(subscription_at: datetime, now: datetime, tz: str) -> StartDay:
    """Compare local dates: yesterday 23:59 is past, later today is today."""
    start, today = local_date(subscription_at, tz), local_date(now, tz)
    if start == today:
        return StartDay.today
    return StartDay.past if start < today else StartDay.future


def started_at(
    subscription_at: datetime, now: datetime, tz: str, *, invoiced_until: datetime | None = None
) -> datetime | None:
    """``started_at`` of a subscription created at ``now``; ``None`` while it stays pending (future start).

    ``invoiced_until``: latest ``terminated_at`` of a terminated subscription of the customer with this ``external_id``
    whose ``on_termination_invoice`` was ``generate``; a past start is not earlier than it.
    """
    match start_day(subscription_at, now, tz):
        case StartDay.future:
            return None
        case StartDay.today:
            return subscription_at
        case StartDay.past:
            return subscription_at if invoiced_until is None else max(subscription_at, invoiced_until)


def activation_at(subscription_at: datetime, tz: str) -> datetime:
    """Due instant and ``started_at`` of a scheduled subscription: the start of its local day."""
    return start_of_day(local_date(subscription_at, tz), tz)


def bills_at_start(start: StartDay, *, pay_in_advance: bool, in_trial: bool) -> bool:
    """Whether there is a start invoice: in advance, not in trial, never for a past start.

    Pass ``StartDay.today`` for an activation. Its ``t`` is ``started_at``.
    """
    return pay_in_advance and not in_trial and start is StartDay.today


def ending_instant(ending_at: datetime, tz: str) -> datetime:
    """Due instant and ``terminated_at`` of a scheduled ending: the start of its local day."""
    return start_of_day(local_date(ending_at, tz), tz)


def alert_dates(ending_at: datetime, days_before: Iterable[int] = ALERT_DAYS) -> tuple[date, ...]:
    """UTC dates of the termination alerts, earliest first."""
    last = ending_at.astimezone(UTC).date()
    return tuple(sorted({last - timedelta(days=count) for count in days_before}))


def next_alert_at(ending_at: datetime, *, after: datetime, days_before: Iterable[int] = ALERT_DAYS) -> datetime | None:
    """Earliest alert slot (00:50 UTC) at or after ``after``; ``None`` when none is left."""
    slots = (datetime.combine(day, _ALERT_SLOT, UTC) for day in alert_dates(ending_at, days_before))
    return next((slot for slot in slots if slot >= after), None)


def is_alert_day(ending_at: datetime, now: datetime, days_before: Iterable[int] = ALERT_DAYS) -> bool:
    """Whether an alert belongs to the UTC date of ``now``."""
    return now.astimezone(UTC).date() in alert_dates(ending_at, days_before)
