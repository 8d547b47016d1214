"""Values: None, bool, decimal, str, list, dict with text keys. Nothing of the host ever becomes a value.

Also their JSON text: numbers are written with all their digits and read back as decimals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException, DivisionByZero, InvalidOperation, Overflow
from typing import Any, TypeAlias, Union, cast

from .errors import AggregationError
from .limits import (
    CHARACTERS_PER_STEP,
    MAX_INPUT_NESTING,
    MAX_ITEMS,
    MAX_NESTING,
    MAX_NUMBER,
    MAX_NUMBER_TEXT,
    MAX_STEPS,
    MAX_STRING,
    PRECISION,
    SMALLEST_EXPONENT,
)

Value: TypeAlias = Union[bool, Decimal, str, "list[Value]", "dict[str, Value]", None]

ARITHMETIC = Context(
    prec=PRECISION,
    rounding=ROUND_HALF_UP,
    Emax=MAX_NUMBER.adjusted(),
    Emin=SMALLEST_EXPONENT,
    traps=[Overflow, InvalidOperation, DivisionByZero],
)

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

OUT_OF_RANGE = "Number out of range"
EXPECTED_DECIMAL = "Expected a decimal"


class Budget:
    """What one event may still spend, and whether it changed a list or dict in place."""

    __slots__ = ("depth", "mutated", "steps")

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        self.depth = 0
        self.mutated = False

    def spend(self, steps: int) -> None:
        """Pay for work done outside the statements themselves."""
        self.steps -= steps
        if self.steps < 0:
            raise AggregationError("Too many steps")


def type_name(value: Value) -> str:
    """What messages call a value."""
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Decimal):
        return "a decimal"
    return "a string" if isinstance(value, str) else "a list" if isinstance(value, list) else "a dict"


def in_range(number: Decimal) -> Decimal:
    """``number`` if it is not beyond the limit."""
    if -MAX_NUMBER <= number <= MAX_NUMBER:
        return number
    raise AggregationError(OUT_OF_RANGE)


def parse_number(text: str) -> Decimal | None:
    """The decimal that ``text`` writes (sign, digits, fraction, exponent), ``None`` if it writes none."""
    if len(text) > MAX_NUMBER_TEXT or not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except DecimalException:
        return None


def bounded_string(budget: Budget, text: str) -> str:
    """A computed string, paid for and within its limit."""
    if len(text) > MAX_STRING:
        raise AggregationError("String too long")
    budget.spend(len(text) // CHARACTERS_PER_STEP)
    return text


def bounded_list(budget: Budget, items: list[Value]) -> list[Value]:
    """A computed list, paid for and within its limit."""
    if len(items) > MAX_ITEMS:
        raise AggregationError("Too many items")
    budget.spend(len(items))
    return items


def deep_copy(value: Value) -> Value:
    """A copy that shares no list or dict with ``value``; only for values that came from JSON."""
    if isinstance(value, list):
        return [deep_copy(item) for item in value]
    if isinstance(value, dict):
        return {key: deep_copy(item) for key, item in value.items()}
    return value


def _json_number(text: str) -> Decimal | str:
    # A number that we cannot hold stays text: it only fails the code that uses it.
    number = parse_number(text)
    return text if number is None else number


def _json_constant(text: str) -> Decimal | str:
    return text


def read_json(text: str | bytes) -> Value:
    """JSON text to a value; numbers become exact decimals. Raises ``ValueError`` or ``RecursionError``."""
    return cast(
        "Value", json.loads(text, parse_int=_json_number, parse_float=_json_number, parse_constant=_json_constant)
    )


def write_json(value: Any, limit: int | None = None) -> str:
    """ASCII JSON text of a value (or of host JSON: ints and floats are accepted), exact.

    Raises ``AggregationError`` beyond ``limit`` bytes and for deep nesting. A value computed by user code needs a
    limit, because it may be shared many times over or even contain itself.
    """
    pieces: list[str] = []
    room = [limit if limit is not None else 1 << 60]

    def put(piece: str) -> None:
        room[0] -= len(piece)
        if room[0] < 0:
            raise AggregationError("Value too large")
        pieces.append(piece)

    _write(value, put, MAX_NESTING if limit is not None else MAX_INPUT_NESTING)
    return "".join(pieces)


def _write(value: Any, put: Callable[[str], None], nesting: int) -> None:
    if value is None or isinstance(value, bool):
        put("null" if value is None else "true" if value else "false")
    elif isinstance(value, str):
        put(json.dumps(value))
    elif isinstance(value, Decimal):
        put(_number_text(value))
    elif isinstance(value, int | float):
        put(_number_text(Decimal(value) if isinstance(value, int) else Decimal(repr(value))))
    elif nesting <= 0:
        raise AggregationError("Value nested too deeply")
    elif isinstance(value, list | tuple):
        put("[")
        for position, item in enumerate(cast("list[Any]", value)):
            if position:
                put(",")
            _write(item, put, nesting - 1)
        put("]")
    elif isinstance(value, dict):
        put("{")
        for position, (key, item) in enumerate(cast("dict[str, Any]", value).items()):
            put(("," if position else "") + json.dumps(str(key)) + ":")
            _write(item, put, nesting - 1)
        put("}")
    else:
        raise TypeError(f"not a JSON value: {type(value).__name__}")


def _number_text(number: Decimal) -> str:
    return str(number) if number.is_finite() else "null"
