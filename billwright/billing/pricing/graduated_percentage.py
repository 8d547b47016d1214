"""Graduated percentage: tiers whose price is a rate of the units (spec 02 §5.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billwright.billing.kernel.money import decimal_string
from billwright.billing.pricing.exact import ZERO, exact, percent, quotient
from billwright.billing.pricing.tiers import read_tiers, walk
from billwright.billing.pricing.usage import Price, Usage


@exact
def price_graduated_percentage(properties: Mapping[str, Any], usage: Usage) -> Price:
    """Sum over the visited tiers of ``units x rate / 100 + flat``; zero units bill the first flat amount."""
    units = usage.units
    amount = ZERO
    details: list[dict[str, Any]] = []
    for tier in walk(read_tiers(properties["graduated_percentage_ranges"], "rate"), units):
        share = tier.share(units)
        total = share * percent(tier.price)
        amount += total + tier.flat
        details.append(
            {
                "from_value": tier.from_value,
                "to_value": tier.to_value,
                "units": decimal_string(share),
                "rate": decimal_string(tier.price),
                "per_unit_total_amount": decimal_string(total),
                "flat_unit_amount": decimal_string(tier.flat),
                "total_with_flat_amount": decimal_string(total + tier.flat),
            }
        )
    return Price(units, amount, quotient(amount, units), {"graduated_percentage_ranges": details})
