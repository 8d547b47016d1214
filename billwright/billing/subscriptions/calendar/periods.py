"""Plan periods: which local days belong together (spec 03 §3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

_ONE_DAY = timedelta(days=1)
_SIX_DAYS = timedelta(days=6)
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Interval(StrEnum):
    """Length of a plan's period."""

    weekly = "weekly"
    monthly = "monthly"
    quarterly = "quarterly"
    semiannual = "semiannual"
    yearly = "yearly"


class BillingTime(StrEnum):
    """Where periods start: on calendar boundaries or on the subscription's anniversaries."""

    calendar = "calendar"
    anniversary = "anniversary"


MONTHS: dict[Interval, int] = {
    Interval.monthly: 1,
    Interval.quarterly: 3,
    Interval.semiannual: 6,
    Interval.yearly: 12,
}
"""Months per period; a week has none."""


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Local days ``start`` to ``end``, both included."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """Number of local days, both ends included."""
        return self.end.toordinal() - self.start.toordinal() + 1

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


def period_containing(interval: Interval, billing_time: BillingTime, anchor: date, day: date) -> Period:
    """The period holding local date ``day`` (which may precede ``anchor``).

    Anniversary periods start on ``anchor`` shifted by whole periods, the day of the month clamped to short months and
    always computed from ``anchor`` itself, so 31 January leads to 29 February and then to 31 March.
    Raises ``OverflowError`` or ``ValueError`` where a boundary leaves the years 1 to 9999.
    """
    anniversary = billing_time == BillingTime.anniversary
    if interval == Interval.weekly:
        first_weekday = anchor.weekday() if anniversary else 0
        start = day - timedelta(days=(day.weekday() - first_weekday) % 7)
        return Period(start, start + _SIX_DAYS)
    months = MONTHS[interval]
    month = day.year * 12 + day.month - 1
    if not anniversary:
        first = month - month % months
        return Period(_day_in(first, 1), _day_in(first + months, 1) - _ONE_DAY)
    anchor_month = anchor.year * 12 + anchor.month - 1
    first = month - (month - anchor_month) % months
    start = _day_in(first, anchor.day)
    if start > day:
        return Period(_day_in(first - months, anchor.day), start - _ONE_DAY)
    return Period(start, _day_in(first + months, anchor.day) - _ONE_DAY)


def previous_period(interval: Interval, billing_time: BillingTime, anchor: date, period: Period) -> Period:
    """The period just before ``period``."""
    return period_containing(interval, billing_time, anchor, period.start - _ONE_DAY)


def next_period(interval: Interval, billing_time: BillingTime, anchor: date, period: Period) -> Period:
    """The period just after ``period``."""
    return period_containing(interval, billing_time, anchor, period.end + _ONE_DAY)


def _day_in(month: int, day: int) -> date:
    """Day ``day`` of the month with index ``12 * year + month - 1``, or its last day if it is shorter."""
    year, zero_based = divmod(month, 12)
    if day > 28:
        last = _MONTH_LENGTHS[zero_based]
        if zero_based == 1 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
            last = 29
        day = min(day, last)
    return date(year, zero_based + 1, day)
