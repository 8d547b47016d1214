"""Prorated sums and unique counts by local calendar days, both ends included (spec 01 §6.2-6.4, 08 C4)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from billwright.billing.metering.aggregation.states import PresenceState
from billwright.billing.metering.store.protocol import Proration
from billwright.billing.metering.store.quarters import from_us, to_us


def day_start(day: date, timezone: str) -> int:
    """The instant (µs) at which the local date becomes ``day``."""
    return to_us(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC))


class Stretch:
    """One stretch of a value's activity: entries of a prorated graduated charge are made of these (spec 02 §6.3)."""

    __slots__ = ("closed", "opened")

    def __init__(self, opened: tuple[int, int]) -> None:
        self.opened = opened
        self.closed: tuple[int, int] | None = None


def stretches(operations: Iterable[tuple[tuple[int, int], int, bool]]) -> list[Stretch]:
    """Stretches of one value from its whole history: (position, day ordinal, is a remove), ascending (spec 01 §6.4).

    A remove that is followed by an add on the same local day does not interrupt.
    """
    history = list(operations)
    last_add = {day: index for index, (_, day, removes) in enumerate(history) if not removes}
    found: list[Stretch] = []
    for index, (position, day, removes) in enumerate(history):
        current = found[-1] if found and found[-1].closed is None else None
        if not removes:
            if current is None:
                found.append(Stretch(position))
            continue
        if current is not None and last_add.get(day, -1) < index:
            current.closed = position
    return found


class DayWeights:
    """The local days of a charge window and what an event of each day weighs: max(0, end_day - day + 1)."""

    def __init__(self, proration: Proration, upper: datetime) -> None:
        self.end_day = proration.end_day
        self.start_day = proration.start_day
        self._zone = ZoneInfo(proration.timezone)
        last = (upper - timedelta(microseconds=1)).astimezone(self._zone).date()
        count = max((last - proration.start_day).days, 0) + 1
        self.days = [proration.start_day + timedelta(days=index) for index in range(count)]
        self.starts = [day_start(day, proration.timezone) for day in self.days]
        self.carried = max((proration.end_day - proration.start_day).days + 1, 0)
        """Days that a carried unit counts (r x N)."""

    @property
    def weights(self) -> list[int]:
        """Weight per day, preceded by that of whatever lies before the first day."""
        return [self.carried, *(max((self.end_day - day).days + 1, 0) for day in self.days)]

    def day_of(self, us: int) -> date:
        """The local date of an instant."""
        return from_us(us).astimezone(self._zone).date()

    def weight(self, us: int) -> int:
        """Days that an event of the window counts."""
        return max((self.end_day - self.day_of(us)).days + 1, 0)

    def days_of(self, stretch: Stretch) -> int:
        """Days of a stretch that lie within the window, both ends included."""
        first = self.day_of(stretch.opened[0])
        last = self.end_day if stretch.closed is None else self.day_of(stretch.closed[0])
        return _clipped(first, last, self.start_day, self.end_day)


def prorated_sum(carried: Decimal, weighted: Decimal, carried_days: int, days: int) -> Fraction:
    """P x r + sum(value x days left) / N, exact."""
    return (Fraction(carried) * carried_days + Fraction(weighted)) / days


def stretch_days(
    active_before: bool, codes: Iterable[tuple[date, PresenceState]], start_day: date, end_day: date
) -> int:
    """Days on which one value was active within [start_day, end_day] (spec 08 C4 "prorated unique").

    ``active_before``: active just before the window. ``codes``: the value's operations inside the window folded per
    local day, ascending. A stretch counts its first and its last day; an interruption within one day is none.
    """
    opened = start_day if active_before else None
    total = 0
    for day, code in codes:
        if code.has_add and opened is None:
            opened = day
        if code.ends_remove and opened is not None:
            total += _clipped(opened, day, start_day, end_day)
            opened = None
    if opened is not None:
        total += _clipped(opened, end_day, start_day, end_day)
    return total


def _clipped(first: date, last: date, start_day: date, end_day: date) -> int:
    return max((min(last, end_day) - max(first, start_day)).days + 1, 0)
