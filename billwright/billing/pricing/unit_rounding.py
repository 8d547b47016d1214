"""Rounding of units by the metric's rounding function (spec 01 §8)."""

from __future__ import annotations

from decimal import Decimal

from billwright.billing.kernel.money import round_down, round_half_up, round_up

ROUNDING_FUNCTIONS = ("ceil", "floor", "round")


def round_units(units: Decimal, function: str | None, precision: int | None = None) -> Decimal:
    """``units`` rounded to ``precision`` decimals (null = 0, negative = tens, hundreds...); unchanged without function.

    ``ceil`` goes towards +infinity, ``floor`` towards -infinity, ``round`` half away from zero. Applied once, on the
    final aggregate of a bucket x group, after proration.
    """
    places = precision or 0
    match function:
        case None:
            return units
        case "ceil":
            return round_up(units, places)
        case "floor":
            return round_down(units, places)
        case "round":
            return round_half_up(units, places)
        case _:
            raise ValueError(f"unknown rounding function {function}")
