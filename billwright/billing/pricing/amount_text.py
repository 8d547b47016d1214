"""Reading the numbers inside ``properties`` (spec 02 §1.1, §2.3)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, cast

from billwright.billing.kernel.money import parse_decimal

_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")
_INTEGER_DIGITS = 15
"""As many as ``precise_unit_amount NUMERIC(30,15)`` can hold."""
_QUANTITY_DIGITS = 30
_DECIMALS = 40
_LARGEST_BOUND = Decimal(10) ** 30


def as_quantity(value: Any) -> str | None:
    """As ``as_amount``, for a number of units: below 10^30."""
    return as_amount(value, _QUANTITY_DIGITS)


def as_amount(value: Any, integer_digits: int = _INTEGER_DIGITS) -> str | None:
    """A price or rate: a non-negative decimal **string**, plain or scientific, as plain text with all digits given.

    ``None`` for anything else: JSON numbers, blanks, NaN, infinity, negatives, 10^15 and above, over 40 decimals.
    """
    if not isinstance(value, str):
        return None
    number = parse_decimal(value)
    if number is None or number < 0:
        return None
    if not number:
        text = value.strip()
        return text if _PLAIN.fullmatch(text) and len(text) <= _DECIMALS else "0"
    if number.adjusted() >= integer_digits or cast("int", number.as_tuple().exponent) < -_DECIMALS:
        return None
    text = value.strip()
    return text if _PLAIN.fullmatch(text) else format(number, "f")


def as_count(value: Any) -> int | None:
    """An integer >= 0 (JSON integer, integral number or its text); ``None`` otherwise."""
    if isinstance(value, bool):
        return None
    number = _number(value) if isinstance(value, int | float | Decimal | str) else None
    if number is None or number < 0 or number >= 2**63 or number != number.to_integral_value():
        return None
    return int(number)


def as_bound(value: Any) -> int | Decimal | None:
    """A tier bound: a JSON number >= 0, integers as ``int``; ``None`` otherwise (text is no bound)."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = _number(value)
    if number is None or not 0 <= number < _LARGEST_BOUND or cast("int", number.as_tuple().exponent) < -_DECIMALS:
        return None
    return int(number) if number == number.to_integral_value() else number


def _number(value: float | Decimal | str) -> Decimal | None:
    if isinstance(value, int) and value.bit_length() > 1000:
        return None
    return parse_decimal(str(value))
