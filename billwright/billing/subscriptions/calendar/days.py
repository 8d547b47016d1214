"""Counting days (spec 03 §4.1, 02 §1.3)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from billwright.billing.subscriptions.calendar.timezones import wall_clock

_DAY = timedelta(days=1)
_MIDNIGHT = time()
_SECOND = timedelta(seconds=1)


def days(a: datetime, b: datetime, tz: str) -> int:
    """``days(a, b)`` of spec 03 §4.1: the naive local time from ``a`` to ``b`` in begun days, not below 0.

    A ``b`` at exactly local midnight counts that day. With ``a`` at local midnight this is the number of calendar
    days, both ends included; daylight-saving changes never add or lose one.
    """
    start, end = wall_clock(a, tz), wall_clock(b, tz)
    if end.time() == _MIDNIGHT:
        end += _SECOND
    return max(-((start - end) // _DAY), 0)


def calendar_days(first: date, last: date) -> int:
    """Calendar days from ``first`` to ``last``, both included, not below 0."""
    return max(last.toordinal() - first.toordinal() + 1, 0)
