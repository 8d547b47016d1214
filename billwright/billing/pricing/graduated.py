"""Graduated: each unit costs what its tier says, plus the flat amount of every tier visited (spec 02 §5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billwright.billing.kernel.money import decimal_string
from billwright.billing.pricing.exact import ZERO, exact, quotient
from billwright.billing.pricing.tiers import read_tiers, walk
from billwright.billing.pricing.usage import Price, Usage


@exact
def price_graduated(properties: Mapping[str, Any], usage: Usage) -> Price:
    """Sum over the visited tiers; the first tier's flat amount is due even for zero units."""
    units = usage.units
    amount = ZERO
    details: list[dict[str, Any]] = []
    for tier in walk(read_tiers(properties["graduated_ranges"], "per_unit_amount"), units):
        share = tier.share(units)
        total = share * tier.price
        amount += total + tier.flat
        details.append(
            {
                "from_value": tier.from_value,
                "to_value": tier.to_value,
                "units": decimal_string(share),
                "per_unit_amount": decimal_string(tier.price if share else ZERO),
                "per_unit_total_amount": decimal_string(total),
                "flat_unit_amount": decimal_string(tier.flat),
                "total_with_flat_amount": decimal_string(total + tier.flat),
            }
        )
    return Price(units, amount, quotient(amount, units), {"graduated_ranges": details})
