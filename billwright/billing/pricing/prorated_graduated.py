"""Graduated over recurring units, prorated by days (spec 02 §6.3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billwright.billing.pricing.exact import ZERO, as_decimal, exact, quotient
from billwright.billing.pricing.tiers import Tier, read_tiers, walk
from billwright.billing.pricing.usage import Price, Usage


@exact
def price_prorated_graduated(properties: Mapping[str, Any], usage: Usage) -> Price:
    """Each entry moves the running total through the tiers and pays its prorated share of every part.

    ``usage.prorated_entries`` must be given (``ValueError`` otherwise); ``usage.units`` are the prorated units,
    ``usage.full_units`` the shown ones. Flat amounts are not prorated and follow the highest total reached.
    """
    if usage.prorated_entries is None:
        raise ValueError("prorated graduated pricing needs the prorated entries")
    tiers = read_tiers(properties["graduated_ranges"], "per_unit_amount")
    total = highest = ZERO
    money = Fraction(0)
    for value, prorated in usage.prorated_entries:
        if not value or (not prorated and (value > 0 or total + value < 0)):
            continue
        moved = total + value
        if prorated:
            money += _path_price(tiers, total, moved) * Fraction(prorated) / Fraction(value)
        total = moved
        highest = max(highest, total)
    shown = total if usage.full_units is None else usage.full_units
    if total < 0:
        return Price(shown, ZERO, ZERO)
    if not usage.units:
        amount = tiers[0].flat
    else:
        amount = as_decimal(max(money, Fraction(0))) + sum((tier.flat for tier in walk(tiers, highest)), ZERO)
    return Price(shown, amount, quotient(amount, shown))


def _path_price(tiers: tuple[Tier, ...], start: Decimal, end: Decimal) -> Fraction:
    """Full price of the way from ``start`` to ``end``; negative on the way down. Tier 1 reaches down without end."""
    low, high = min(start, end), max(start, end)
    price = Fraction(0)
    for index, tier in enumerate(tiers):
        bottom = low if index == 0 else max(low, tier.lower)
        top = high if tier.upper is None else min(high, tier.upper)
        if top > bottom:
            price += Fraction(top - bottom) * Fraction(tier.price)
    return price if end >= start else -price
