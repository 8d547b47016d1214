"""Local days, billing periods and day counting (spec 03 §3, §4.1)."""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

MONTHS = {"monthly": 1, "quarterly": 3, "semiannual": 6, "yearly": 12}
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """Local days, both included."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


def instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def local_date(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


def start_of_day(day: date, zone: str) -> datetime:
    """The earliest instant whose local date is ``day``; where midnight is skipped, the first one after the gap."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def end_of_day(day: date, zone: str) -> datetime:
    return start_of_day(day + _DAY, zone) - _MICROSECOND


def clamped(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def _shifted(anchor: date, months: int) -> date:
    number = anchor.year * 12 + anchor.month - 1 + months
    return clamped(number // 12, number % 12 + 1, anchor.day)


def period(interval: str, billing_time: str, anchor: date, day: date) -> Period:
    """The period that contains ``day``."""
    if interval == "weekly":
        first = anchor.weekday() if billing_time == "anniversary" else 0
        start = day - timedelta(days=(day.weekday() - first) % 7)
        return Period(start, start + timedelta(days=6))
    months = MONTHS[interval]
    if billing_time == "anniversary":
        k = ((day.year - anchor.year) * 12 + day.month - anchor.month) // months + 1
        while _shifted(anchor, k * months) > day:
            k -= 1
        return Period(_shifted(anchor, k * months), _shifted(anchor, (k + 1) * months) - _DAY)
    first_month = (day.month - 1) // months * months + 1
    start = date(day.year, first_month, 1)
    return Period(start, _shifted(start, months) - _DAY)


def days_between(a: datetime, b: datetime, zone: str) -> int:
    """Days of the wall clock from ``a`` to ``b``, begun ones included (spec 02 §1.3, 03 §4.1)."""
    begin, end = (moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in (a, b))
    if end.time() == time():
        end += timedelta(seconds=1)
    return math.ceil(Fraction((end - begin) // _MICROSECOND, _DAY // _MICROSECOND))
