"""Values of event properties: their text form, when they are numbers, and the numbers we can hold.

Two notions of "numeric" exist on purpose: aggregation takes only plain digits (spec 01 §2.4), expressions also
take a plus sign and an exponent (spec 01 §3.2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any, NamedTuple, cast

from billwright.billing.kernel.money import decimal_string
from billwright.billing.metering.expressions.errors import OUT_OF_RANGE, ExpressionError

MAX_DIGITS = 100
"""Numbers stay below 10^100 and keep 100 significant digits, with at most 200 decimals."""

_TRAPS = [Overflow, InvalidOperation, DivisionByZero]
ARITHMETIC = Context(prec=MAX_DIGITS, rounding=ROUND_HALF_UP, Emax=MAX_DIGITS - 1, Emin=-MAX_DIGITS, traps=_TRAPS)
"""Context of + - * and of comparisons; overflow traps."""
DIVISION = Context(prec=60, rounding=ROUND_HALF_UP, Emax=MAX_DIGITS - 1, Emin=-MAX_DIGITS, traps=_TRAPS)
"""Quotients keep 60 significant digits (spec 01 §3.3 asks for at least 40)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXPRESSION_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


class ExpressionEvent(NamedTuple):
    """What an expression sees of an event. ``timestamp`` is timezone-aware; properties are decoded JSON."""

    code: str
    timestamp: datetime
    properties: Mapping[str, Any]


def unix_seconds(instant: datetime) -> int:
    """Whole Unix seconds; the fraction is dropped (spec 01 §3.2)."""
    delta = instant - _EPOCH
    seconds = delta.days * 86400 + delta.seconds
    return seconds + 1 if seconds < 0 and delta.microseconds else seconds


def holdable(number: Decimal) -> Decimal:
    """``number`` if it is within the limits of this evaluator; raises ``ExpressionError`` otherwise."""
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or len(digits) > MAX_DIGITS:
        raise ExpressionError(OUT_OF_RANGE)
    if not number:
        return Decimal((sign, (0,), max(exponent, -MAX_DIGITS) if exponent < 0 else 0))
    if exponent <= -2 * MAX_DIGITS or len(digits) + exponent > MAX_DIGITS:
        raise ExpressionError(OUT_OF_RANGE)
    return number


def number_of_text(text: str) -> Decimal | None:
    """The decimal that a property string writes, ``None`` if it is ordinary text (spec 01 §3.2)."""
    if not _EXPRESSION_NUMBER.fullmatch(text):
        return None
    if len(text) > 4 * MAX_DIGITS:
        raise ExpressionError(OUT_OF_RANGE)
    try:
        return holdable(Decimal(text))
    except InvalidOperation:
        raise ExpressionError(OUT_OF_RANGE) from None


def number_of_json(value: Decimal | int | float) -> Decimal:
    """A JSON number as a decimal within limits; binary floats go through their shortest text."""
    if isinstance(value, int):
        if not -(10**MAX_DIGITS) < value < 10**MAX_DIGITS:
            raise ExpressionError(OUT_OF_RANGE)
        return Decimal(value)
    return holdable(Decimal(repr(value)) if isinstance(value, float) else value)


def plain(number: Decimal) -> str:
    """Plain notation with the number's own scale; zero has no sign (``CONCAT``, spec 01 §3.2)."""
    return format(number if number else number.copy_abs(), "f")


def wire_value(result: Decimal | str) -> str:
    """The string stored in ``properties`` and returned by ``evaluate_expression`` (spec 01 §3.5, §3.6)."""
    return result if isinstance(result, str) else decimal_string(result)


def property_text(value: Any) -> str | None:
    """Text form of a property for aggregation, filters and groups (spec 01 §2.4); ``None`` when there is none."""
    if isinstance(value, str):
        return value
    return None if value is None else json_text(value)


def numeric_property(value: Any) -> Decimal | None:
    """The property as aggregation reads it: a decimal iff its text form is plain digits (spec 01 §2.4)."""
    text = property_text(value)
    return Decimal(text) if text is not None and _PLAIN_NUMBER.fullmatch(text) else None


def json_text(value: Any) -> str:
    """JSON text as PostgreSQL prints ``jsonb``: ``{"a": 1, "bb": [1.50]}``, keys by length then bytes, plain numbers.

    Raises ``OverflowError`` for numbers beyond PostgreSQL's ``numeric`` and ``RecursionError`` for absurd nesting.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return format(Decimal(value), "f")
    if isinstance(value, float):
        return plain(Decimal(repr(value)))
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or value.adjusted() >= 131_072 or exponent < -16_383:
            raise OverflowError("number beyond numeric")
        return plain(value)
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        keys = sorted(members, key=_jsonb_order)
        return (
            "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {json_text(members[key])}" for key in keys) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(json_text(item) for item in cast("list[Any]", value)) + "]"
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def _jsonb_order(key: str) -> tuple[int, bytes]:
    encoded = key.encode("utf-8", "surrogatepass")
    return len(encoded), encoded
