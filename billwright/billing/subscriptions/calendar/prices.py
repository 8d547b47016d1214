"""Comparing plan prices to tell an upgrade from a downgrade (spec 03 §6.3)."""

from __future__ import annotations

from billwright.billing.subscriptions.calendar.periods import Interval

PERIODS_PER_YEAR: dict[Interval, int] = {
    Interval.weekly: 52,
    Interval.monthly: 12,
    Interval.quarterly: 4,
    Interval.semiannual: 2,
    Interval.yearly: 1,
}


def yearly_amount_cents(interval: Interval, amount_cents: int) -> int:
    """Price of a year of 52 weeks or 12 months in minor units."""
    return amount_cents * PERIODS_PER_YEAR[interval]


def is_upgrade(current: tuple[Interval, int], new: tuple[Interval, int]) -> bool:
    """Whether going from ``current`` to ``new`` (interval, ``amount_cents``) is an upgrade; an equal price is one."""
    return yearly_amount_cents(*new) >= yearly_amount_cents(*current)
