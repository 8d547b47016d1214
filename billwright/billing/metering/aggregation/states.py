"""Partial states of a time slice and how they merge (spec 08 C4).

A state describes the events of one slice; ``x.merge(y)`` is the state of both slices together, ``x`` being the earlier.
Merging is associative, so any cutting of time gives the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

from billwright.billing.metering.aggregation.exact import add, multiply


@dataclass(frozen=True, slots=True)
class CountState:
    """count_agg: the number of events."""

    n: int = 0

    def merge(self, later: Self) -> CountState:
        return CountState(self.n + later.n)


@dataclass(frozen=True, slots=True)
class SumState:
    """sum_agg: sum of the numeric values, their number, and their ``precise_total_amount_cents`` (minor units)."""

    total: Decimal = Decimal(0)
    n: int = 0
    precise_cents: Decimal = Decimal(0)

    def merge(self, later: Self) -> SumState:
        return SumState(add(self.total, later.total), self.n + later.n, add(self.precise_cents, later.precise_cents))


@dataclass(frozen=True, slots=True)
class MaxState:
    """max_agg: the largest value, ``None`` without any."""

    maximum: Decimal | None = None
    n: int = 0

    @property
    def result(self) -> Decimal:
        return Decimal(0) if self.maximum is None else self.maximum

    def merge(self, later: Self) -> MaxState:
        known = [value for value in (self.maximum, later.maximum) if value is not None]
        return MaxState(max(known) if known else None, self.n + later.n)


@dataclass(frozen=True, slots=True)
class LatestState:
    """latest_agg: the value of the last numeric event, which is the greatest (timestamp in µs, seq)."""

    position: tuple[int, int] | None = None
    value: Decimal = Decimal(0)
    n: int = 0

    @property
    def result(self) -> Decimal:
        """Zero without events; a negative value counts as zero (spec 01 §5.3)."""
        return max(self.value, Decimal(0))

    def merge(self, later: Self) -> LatestState:
        if later.position is None or (self.position is not None and self.position > later.position):
            return LatestState(self.position, self.value, self.n + later.n)
        return LatestState(later.position, later.value, self.n + later.n)


@dataclass(frozen=True, slots=True)
class PresenceState:
    """unique_count_agg, one value: whether some operation added it, and whether the last one removed it."""

    has_add: bool
    ends_remove: bool

    @property
    def active(self) -> bool:
        return not self.ends_remove

    def merge(self, later: Self) -> PresenceState:
        return PresenceState(self.has_add or later.has_add, later.ends_remove)


@dataclass(frozen=True, slots=True)
class WeightedState:
    """weighted_sum_agg of a slice ending at ``end`` (µs): sum of changes, and sum of change x time left to ``end``.

    ``area`` is in units x microseconds.
    """

    end: int
    delta: Decimal = Decimal(0)
    area: Decimal = Decimal(0)
    n: int = 0

    def until(self, end: int) -> WeightedState:
        """The same events seen from a later end."""
        return WeightedState(end, self.delta, add(self.area, multiply(self.delta, end - self.end)), self.n)

    def merge(self, later: Self) -> WeightedState:
        moved = self.until(later.end)
        return WeightedState(later.end, add(moved.delta, later.delta), add(moved.area, later.area), self.n + later.n)

    def result(self, carried: Decimal, start: int, days: int) -> Fraction:
        """(L0 x (T - F) + W) / (N x 86,400 s), exact; the caller rounds up at the 20th decimal (spec 01 §5.5)."""
        held = Fraction(carried) * (self.end - start) + Fraction(self.area)
        return held / (days * 86_400_000_000)


def whole_second_end(upper: int) -> int:
    """T of a weighted sum: the last included instant (``upper`` - 1 µs) rounded up to the whole second, in µs."""
    return -(-(upper - 1) // 1_000_000) * 1_000_000
