"""Exact numbers and their rounding (spec 02 §1, 05 conventions)."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

_EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF HUF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD JOD KWD".split(), 3),
    "CLF": 4,
}
ZERO = Fraction(0)


def exponent(currency: str) -> int:
    return _EXPONENTS.get(currency, 2)


def number(value: Any) -> Fraction:
    """The exact value of a decimal text or number of JSON; nothing is 0."""
    return ZERO if value in (None, "") else Fraction(Decimal(str(value)))


def half_up(value: Fraction, digits: int = 0) -> Fraction:
    """Half away from zero to ``digits`` decimals (negative: tens, hundreds)."""
    scaled = abs(value) * Fraction(10) ** digits
    rounded = Fraction(math.floor(scaled + Fraction(1, 2))) / Fraction(10) ** digits
    return -rounded if value < 0 else rounded


def cents(value: Fraction) -> int:
    """``value`` cents as whole cents."""
    return int(half_up(value))


def truncated(value: Fraction, digits: int = 5) -> Fraction:
    scale = 10**digits
    return Fraction(math.trunc(value * scale), scale)


def floored(value: Fraction, digits: int = 5) -> Fraction:
    scale = 10**digits
    return Fraction(math.floor(value * scale), scale)


def ceiled(value: Fraction, digits: int = 5) -> Fraction:
    scale = 10**digits
    return Fraction(math.ceil(value * scale), scale)


def rounded_units(value: Fraction, function: str | None, precision: int | None) -> Fraction:
    """The metric's rounding function (spec 01 §8)."""
    digits = precision or 0
    if function == "round":
        return half_up(value, digits)
    scale = Fraction(10) ** digits
    if function == "ceil":
        return Fraction(math.ceil(value * scale)) / scale
    if function == "floor":
        return Fraction(math.floor(value * scale)) / scale
    return value
