"""Package: units are sold in packages, a started one in full (spec 02 §5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billwright.billing.kernel.money import decimal_string
from billwright.billing.pricing.exact import ZERO, ceil_quotient, exact, quotient
from billwright.billing.pricing.usage import Price, Usage


@exact
def price_package(properties: Mapping[str, Any], usage: Usage) -> Price:
    """``ceil((units - free_units) / package_size) x amount``; the unit amount is per paid unit."""
    units = usage.units
    per_package = Decimal(properties["amount"])
    size, free = int(properties["package_size"]), Decimal(properties["free_units"])
    if not units:
        empty = {"free_units": "0.0", "paid_units": "0.0", "per_package_size": 0, "per_package_unit_amount": "0.0"}
        return Price(ZERO, ZERO, ZERO, empty)
    paid = max(units - free, ZERO)
    amount = ceil_quotient(paid, Decimal(size)) * per_package
    details = {
        "free_units": decimal_string(free),
        "paid_units": decimal_string(paid),
        "per_package_size": size,
        "per_package_unit_amount": decimal_string(per_package),
    }
    return Price(units, amount, quotient(amount, paid), details)
