"""Operators: strict about types, bounded in size, exact to 50 digits."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from .errors import AggregationError
from .limits import CHARACTERS_PER_STEP, MAX_ITEMS, MAX_NESTING, MAX_STRING
from .values import (
    ARITHMETIC,
    EXPECTED_DECIMAL,
    OUT_OF_RANGE,
    Budget,
    Value,
    bounded_list,
    bounded_string,
    in_range,
    type_name,
)

Operator = Callable[[Budget, Value, Value], Value]

_add, _subtract, _multiply, _divide = ARITHMETIC.add, ARITHMETIC.subtract, ARITHMETIC.multiply, ARITHMETIC.divide


def expect_decimal(value: Value) -> Decimal:
    """``value`` where only a decimal will do."""
    if isinstance(value, Decimal):
        return value
    raise AggregationError(f"{EXPECTED_DECIMAL}, got {type_name(value)}")


def add(budget: Budget, left: Value, right: Value) -> Value:
    """``+``: two decimals, two strings or two lists."""
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return in_range(_add(left, right))
    if isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > MAX_STRING:
            raise AggregationError("String too long")
        return bounded_string(budget, left + right)
    if isinstance(left, list) and isinstance(right, list):
        if len(left) + len(right) > MAX_ITEMS:
            raise AggregationError("Too many items")
        return bounded_list(budget, left + right)
    raise AggregationError(f"Cannot add {type_name(left)} and {type_name(right)}")


def extend(budget: Budget, left: Value, right: Value) -> Value:
    """``+=``: like ``+``, but a list grows in place, as in Python."""
    if isinstance(left, list) and isinstance(right, list):
        if len(left) + len(right) > MAX_ITEMS:
            raise AggregationError("Too many items")
        budget.spend(len(right))
        budget.mutated = True
        left.extend(right)
        return left
    return add(budget, left, right)


def subtract(budget: Budget, left: Value, right: Value) -> Value:
    """``-``."""
    return in_range(_subtract(expect_decimal(left), expect_decimal(right)))


def multiply(budget: Budget, left: Value, right: Value) -> Value:
    """``*``, of decimals only: strings and lists are not repeated."""
    return in_range(_multiply(expect_decimal(left), expect_decimal(right)))


def _divisor(value: Value) -> Decimal:
    number = expect_decimal(value)
    if not number:
        raise AggregationError("Division by zero")
    return number


def divide(budget: Budget, left: Value, right: Value) -> Value:
    """``/`` to 50 digits."""
    dividend = expect_decimal(left)
    return in_range(_divide(dividend, _divisor(right)))


def _floor_divmod(left: Value, right: Value) -> tuple[Decimal, Decimal]:
    dividend = expect_decimal(left)
    divisor = _divisor(right)
    quotient, remainder = ARITHMETIC.divmod(dividend, divisor)
    if remainder and (remainder < 0) != (divisor < 0):
        return _subtract(quotient, Decimal(1)), _add(remainder, divisor)
    return quotient, remainder


def floor_divide(budget: Budget, left: Value, right: Value) -> Value:
    """``//``: towards negative infinity, as Python does for its numbers."""
    return in_range(_floor_divmod(left, right)[0])


def modulo(budget: Budget, left: Value, right: Value) -> Value:
    """``%``: has the sign of the divisor, as Python does for its numbers."""
    return in_range(_floor_divmod(left, right)[1])


def negate(value: Value) -> Value:
    """Unary ``-``."""
    return ARITHMETIC.minus(expect_decimal(value))


def affirm(value: Value) -> Value:
    """Unary ``+``."""
    return ARITHMETIC.plus(expect_decimal(value))


def equal(budget: Budget, left: Value, right: Value, nesting: int = MAX_NESTING) -> bool:
    """``==``: values of different types are never equal (``True == 1`` is false)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list) and isinstance(right, list):
        _enter(budget, nesting, len(left))
        if len(left) != len(right):
            return False
        return all(equal(budget, a, b, nesting - 1) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        _enter(budget, nesting, len(left))
        if len(left) != len(right):
            return False
        return all(key in right and equal(budget, left[key], right[key], nesting - 1) for key in left)
    if isinstance(left, str) and isinstance(right, str):
        budget.spend(min(len(left), len(right)) // CHARACTERS_PER_STEP)
    return left == right


def _enter(budget: Budget, nesting: int, items: int) -> None:
    if nesting <= 0:
        raise AggregationError("Value nested too deeply")
    budget.spend(items + 1)


def contains(budget: Budget, item: Value, container: Value) -> bool:
    """``in``: list items, dict keys, parts of a string."""
    if isinstance(container, list):
        budget.spend(len(container))
        return any(equal(budget, item, candidate) for candidate in container)
    if isinstance(container, dict):
        return isinstance(item, str) and item in container
    if isinstance(container, str):
        if not isinstance(item, str):
            raise AggregationError(f"Expected a string, got {type_name(item)}")
        budget.spend(len(container) // CHARACTERS_PER_STEP)
        return item in container
    raise AggregationError(f"Cannot look into {type_name(container)}")


def less(budget: Budget, left: Value, right: Value) -> bool:
    """``<`` between two decimals or two strings."""
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return left < right
    if isinstance(left, str) and isinstance(right, str):
        budget.spend(min(len(left), len(right)) // CHARACTERS_PER_STEP)
        return left < right
    raise AggregationError(f"Cannot compare {type_name(left)} and {type_name(right)}")


def get_item(container: Value, key: Value) -> Value:
    """``container[key]``: dict by text, list and string by whole number (negative counts from the end)."""
    if isinstance(container, dict):
        text = _text_key(key)
        if text not in container:
            raise AggregationError(f"Key {text[:100]!r} not found")
        return container[text]
    if isinstance(container, list | str):
        return container[_position(key, len(container))]
    raise AggregationError(f"Cannot subscript {type_name(container)}")


def set_item(container: Value, key: Value, value: Value) -> None:
    """``container[key] = value`` for dicts and lists."""
    if isinstance(container, dict):
        text = _text_key(key)
        if len(container) >= MAX_ITEMS and text not in container:
            raise AggregationError("Too many items")
        container[text] = value
    elif isinstance(container, list):
        container[_position(key, len(container))] = value
    else:
        raise AggregationError(f"Cannot assign into {type_name(container)}")


def _text_key(key: Value) -> str:
    if isinstance(key, str):
        return key
    raise AggregationError(f"Dict keys are strings, got {type_name(key)}")


def _position(key: Value, length: int) -> int:
    if not isinstance(key, Decimal):
        raise AggregationError(f"{EXPECTED_DECIMAL} as an index, got {type_name(key)}")
    if not -length <= key < length:
        raise AggregationError("Index out of range")
    return whole(key)


def whole(value: Value) -> int:
    """A decimal without a fraction as an integer for indexes and ranges."""
    number = expect_decimal(value)
    if not -1_000_000_000_000 <= number <= 1_000_000_000_000:
        raise AggregationError(OUT_OF_RANGE)
    if number != number.to_integral_value():
        raise AggregationError("Expected a whole number")
    return int(number)
