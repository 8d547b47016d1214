"""The one rounding that an aggregate gets before the metric's own (spec 01 §5.5, 6.3, 6.4)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from billwright.billing.kernel.money import round_up
from billwright.billing.metering.aggregation.exact import decimal_exactly
from billwright.billing.metering.store.protocol import Aggregation


def ceil5(value: Fraction | Decimal) -> Decimal:
    """Up, towards positive infinity, at the 5th decimal."""
    return round_up(value, 5)


def final_units(aggregation: Aggregation, value: Fraction, *, prorated: bool) -> Decimal:
    """Units of an exact aggregate: prorated up at the 5th decimal, weighted sums up at the 20th, others as they are."""
    if prorated:
        return ceil5(value)
    if aggregation is Aggregation.WEIGHTED:
        return round_up(value, 20)
    return decimal_exactly(value)
