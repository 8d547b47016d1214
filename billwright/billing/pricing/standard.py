"""Standard: every unit costs the same (spec 02 §5.1, prorated §6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billwright.billing.pricing.exact import exact, quotient
from billwright.billing.pricing.usage import Price, Usage


@exact
def price_standard(properties: Mapping[str, Any], usage: Usage) -> Price:
    """``units x amount``. Prorated charges price the prorated units and show the full ones."""
    shown = usage.units if usage.full_units is None else usage.full_units
    amount = usage.units * Decimal(properties["amount"])
    return Price(shown, amount, quotient(amount, shown))
