"""Rounding of units: once, on the final aggregate of a bucket or group, before pricing (spec 01 §8)."""

from __future__ import annotations

from decimal import Decimal

from billwright.billing.kernel.errors import Unprocessable
from billwright.billing.kernel.money import round_down, round_half_up, round_up

ROUNDING_FUNCTIONS = ("ceil", "floor", "round")

MAX_MAGNITUDE = 100
"""Rounding up to a power of ten above 10^100 is refused instead of writing out its zeros."""

_ROUNDERS = {"ceil": round_up, "floor": round_down, "round": round_half_up}


def round_places(value: Decimal, function: str, places: int) -> Decimal:
    """Round to ``places`` decimals (any integer, negative for tens, hundreds...): ``ceil`` towards positive
    infinity, ``floor`` towards negative infinity, ``round`` half away from zero.

    A value that already has few enough decimals is returned as it is. Raises ``OverflowError`` when the result
    would be a power of ten above 10^100 that is larger than the value itself.
    """
    rounder = _ROUNDERS[function]
    if not value:
        return Decimal(0)
    digits_after_point = -int(value.as_tuple().exponent)
    if places >= digits_after_point:
        return value
    if -places > max(MAX_MAGNITUDE, value.adjusted() + 1):
        # Smaller than a tenth of the rounding unit: only a directed rounding away from zero leaves zero.
        if function == ("ceil" if value > 0 else "floor"):
            raise OverflowError(f"{function} to {places} places")
        return Decimal(0)
    return rounder(value, places)


def apply_rounding(value: Decimal, function: str | None, precision: int | None) -> Decimal:
    """Units after a metric's rounding (spec 01 §8): no function means no rounding, no precision means 0.

    Raises ``Unprocessable("aggregation_failure")`` for a precision so negative that the result cannot be held.
    """
    if function is None:
        return value
    try:
        return round_places(value, function, precision or 0)
    except OverflowError:
        raise Unprocessable("aggregation_failure", {"rounding_precision": ["value_is_out_of_range"]}) from None
