"""Volume: the tier that holds the total prices all units (spec 02 §5.5, prorated §6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billwright.billing.kernel.money import decimal_string
from billwright.billing.pricing.exact import ZERO, exact, quotient
from billwright.billing.pricing.tiers import read_tiers, walk
from billwright.billing.pricing.usage import Price, Usage


@exact
def price_volume(properties: Mapping[str, Any], usage: Usage) -> Price:
    """``units x per_unit_amount + flat``. Prorated: the full units choose the tier, the prorated ones are priced."""
    shown = usage.units if usage.full_units is None else usage.full_units
    tier = walk(read_tiers(properties["volume_ranges"], "per_unit_amount"), shown)[-1]
    total = usage.units * tier.price
    amount = total + tier.flat
    details = {
        "flat_unit_amount": decimal_string(tier.flat),
        "per_unit_amount": decimal_string(tier.price if usage.units else ZERO),
        "per_unit_total_amount": decimal_string(total),
    }
    return Price(shown, amount, quotient(amount, shown), details)
