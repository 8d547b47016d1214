"""On which days a rule tops up (spec 05 D7 "Interval"). Pure; days are local to the customer."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

from billwright.billing.subscriptions.calendar.timezones import local_date, start_of_day

INTERVALS = ("weekly", "monthly", "quarterly", "semiannual", "yearly")
TOP_UP_MINUTE = 55
_MONTHS = {"monthly": 1, "quarterly": 3, "semiannual": 6, "yearly": 12}
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
EARLIEST_YEAR, LAST_YEAR = 1000, 9990
"""Of anchors and ends; beyond, dates in some time zone do not exist."""


def next_day(anchor: date, interval: str, earliest: date) -> date | None:
    """The first day of the rule at or after ``earliest``, never before the anchor; ``None`` beyond the calendar.

    A month that lacks the anchor's day has its last day instead.
    """
    earliest = max(anchor, earliest)
    if earliest.year > LAST_YEAR:
        return None
    if interval == "weekly":
        return earliest + timedelta(days=-(earliest - anchor).days % 7)
    step = _MONTHS[interval]
    months = (earliest.year - anchor.year) * 12 + earliest.month - anchor.month
    turn = months // step
    while (day := _shifted(anchor, turn * step)) < earliest:
        turn += 1
    return day


def _shifted(anchor: date, months: int) -> date:
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def slot_at(instant: datetime, minute: int) -> datetime:
    """The first instant with that minute of the UTC hour at or after ``instant`` (spec 03 §8.1)."""
    slot = instant.astimezone(UTC).replace(minute=minute, second=0, microsecond=0)
    if slot < instant:
        slot = slot + _HOUR if slot.year <= LAST_YEAR else datetime.max.replace(tzinfo=UTC)
    return slot


def top_up_due(
    anchor: datetime, interval: str, tz: str, *, earliest: date, not_before: datetime, until: datetime | None
) -> datetime | None:
    """The slot of the next top-up on a day from ``earliest`` on; ``None`` when ``until`` (the rule's end) is before it.

    A day whose last slot has passed at ``not_before``, or lies before the anchor, is left out.
    """
    first = local_date(anchor, tz)
    day = next_day(first, interval, max(earliest, local_date(not_before, tz)))
    while day is not None:
        slot = slot_at(max(start_of_day(day, tz), anchor, not_before), TOP_UP_MINUTE)
        if local_date(slot, tz) == day:
            return slot if until is None or slot < until else None
        day = next_day(first, interval, day + _DAY)
    return None
