"""Built-in functions and the listed methods: everything user code can call besides its own functions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import NamedTuple

from .errors import AggregationError
from .limits import CHARACTERS_PER_STEP, MAX_ITEMS
from .operations import expect_decimal, less, whole
from .values import (
    ARITHMETIC,
    OUT_OF_RANGE,
    Budget,
    Value,
    bounded_list,
    bounded_string,
    in_range,
    parse_number,
    type_name,
)

Implementation = Callable[[Budget, "list[Value]"], Value]


class Builtin(NamedTuple):
    """A callable of the language and how many arguments it takes."""

    minimum: int
    maximum: int
    call: Implementation


MANY = 255


def _decimal(budget: Budget, arguments: list[Value]) -> Value:
    (value,) = arguments
    if isinstance(value, Decimal):
        return in_range(value)
    number = parse_number(value) if isinstance(value, str) else None
    if number is None:
        raise AggregationError(
            f"decimal() of {'text that is no number' if isinstance(value, str) else type_name(value)}"
        )
    return in_range(number)


def _candidates(budget: Budget, arguments: list[Value]) -> list[Value]:
    if len(arguments) > 1:
        return arguments
    items = _list(arguments[0])
    if not items:
        raise AggregationError("Expected at least one item")
    budget.spend(len(items))
    return items


def _list(value: Value) -> list[Value]:
    if isinstance(value, list):
        return value
    raise AggregationError(f"Expected a list, got {type_name(value)}")


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    raise AggregationError(f"Expected a string, got {type_name(value)}")


def _min(budget: Budget, arguments: list[Value]) -> Value:
    candidates = _candidates(budget, arguments)
    best = candidates[0]
    for candidate in candidates:
        if less(budget, candidate, best):
            best = candidate
    return best


def _max(budget: Budget, arguments: list[Value]) -> Value:
    candidates = _candidates(budget, arguments)
    best = candidates[0]
    for candidate in candidates:
        if less(budget, best, candidate):
            best = candidate
    return best


def _abs(budget: Budget, arguments: list[Value]) -> Value:
    return ARITHMETIC.abs(expect_decimal(arguments[0]))


def _sum(budget: Budget, arguments: list[Value]) -> Value:
    items = _list(arguments[0])
    budget.spend(len(items))
    total = Decimal(0)
    for item in items:
        total = in_range(ARITHMETIC.add(total, expect_decimal(item)))
    return total


def _len(budget: Budget, arguments: list[Value]) -> Value:
    value = arguments[0]
    if isinstance(value, list | dict | str):
        return Decimal(len(value))
    raise AggregationError(f"{type_name(value)} has no length")


def _range(budget: Budget, arguments: list[Value]) -> Value:
    bounds = [whole(argument) for argument in arguments]
    if len(bounds) == 3 and bounds[2] == 0:
        raise AggregationError("range() step is zero")
    numbers = range(*bounds)
    if len(numbers) > MAX_ITEMS:
        raise AggregationError("Too many items")
    budget.spend(len(numbers))
    return [Decimal(number) for number in numbers]


def _sorted(budget: Budget, arguments: list[Value]) -> Value:
    items = _list(arguments[0])
    budget.spend(len(items) * len(items).bit_length())
    if all(isinstance(item, Decimal) for item in items) or all(isinstance(item, str) for item in items):
        ordered: list[Value] = sorted(items)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
        return ordered
    raise AggregationError("sorted() takes a list of decimals or a list of strings")


def _enumerate(budget: Budget, arguments: list[Value]) -> Value:
    items = _list(arguments[0])
    budget.spend(3 * len(items))
    return [[Decimal(position), item] for position, item in enumerate(items)]


def _rounder(rounding: str) -> Implementation:
    def implementation(budget: Budget, arguments: list[Value]) -> Value:
        number = in_range(expect_decimal(arguments[0]))
        places = expect_decimal(arguments[1]) if len(arguments) > 1 else Decimal(0)
        return in_range(round_to(number, int(max(Decimal(-1000), min(Decimal(1000), places))), rounding))

    return implementation


def round_to(number: Decimal, places: int, rounding: str) -> Decimal:
    """Rules of spec 01 §3.3: ``places`` decimals, negative for tens; values short enough stay as they are."""
    exponent = number.as_tuple().exponent
    if not number or not isinstance(exponent, int) or places >= -exponent:
        return number
    if -places > max(number.adjusted() + 1, ARITHMETIC.Emax):
        # Smaller than a tenth of the rounding unit: only a directed rounding away from zero leaves zero.
        if rounding == (ROUND_CEILING if number > 0 else ROUND_FLOOR):
            raise AggregationError(OUT_OF_RANGE)
        return Decimal(0)
    rounded = number.quantize(Decimal((0, (1,), -places)), rounding=rounding, context=_WIDE)
    return rounded if rounded else Decimal(0)


_WIDE = ARITHMETIC.copy()
_WIDE.prec = 500
_WIDE.Emin = -1_000


def _get(budget: Budget, arguments: list[Value]) -> Value:
    container = _dict(arguments[0])
    default = arguments[2] if len(arguments) > 2 else None
    key = arguments[1]
    return container.get(key, default) if isinstance(key, str) else default


def _dict(value: Value) -> dict[str, Value]:
    if isinstance(value, dict):
        return value
    raise AggregationError(f"Expected a dict, got {type_name(value)}")


def _keys(budget: Budget, arguments: list[Value]) -> Value:
    return bounded_list(budget, list(_dict(arguments[0])))


def _values(budget: Budget, arguments: list[Value]) -> Value:
    return bounded_list(budget, list(_dict(arguments[0]).values()))


def _items(budget: Budget, arguments: list[Value]) -> Value:
    members = _dict(arguments[0])
    budget.spend(2 * len(members))
    return bounded_list(budget, [[key, value] for key, value in members.items()])


def _append(budget: Budget, arguments: list[Value]) -> Value:
    items = _list(arguments[0])
    if len(items) >= MAX_ITEMS:
        raise AggregationError("Too many items")
    budget.mutated = True
    items.append(arguments[1])
    return None


def _lower(budget: Budget, arguments: list[Value]) -> Value:
    text = _text(arguments[0])
    budget.spend(len(text) // CHARACTERS_PER_STEP)
    return bounded_string(budget, text.lower())


def _upper(budget: Budget, arguments: list[Value]) -> Value:
    text = _text(arguments[0])
    budget.spend(len(text) // CHARACTERS_PER_STEP)
    return bounded_string(budget, text.upper())


def _startswith(budget: Budget, arguments: list[Value]) -> Value:
    prefix = _text(arguments[1])
    budget.spend(len(prefix) // CHARACTERS_PER_STEP)
    return _text(arguments[0]).startswith(prefix)


def _endswith(budget: Budget, arguments: list[Value]) -> Value:
    suffix = _text(arguments[1])
    budget.spend(len(suffix) // CHARACTERS_PER_STEP)
    return _text(arguments[0]).endswith(suffix)


def _split(budget: Budget, arguments: list[Value]) -> Value:
    text = _text(arguments[0])
    budget.spend(len(text) // CHARACTERS_PER_STEP)
    if len(arguments) == 1:
        parts = text.split(None, MAX_ITEMS)
    else:
        separator = _text(arguments[1])
        if not separator:
            raise AggregationError("split() by nothing")
        parts = text.split(separator, MAX_ITEMS)
    return bounded_list(budget, [*parts])


def _strip(budget: Budget, arguments: list[Value]) -> Value:
    text = _text(arguments[0])
    budget.spend(len(text) // CHARACTERS_PER_STEP)
    if len(arguments) == 1:
        return text.strip()
    characters = _text(arguments[1])
    if len(characters) > CHARACTERS_PER_STEP:
        raise AggregationError("strip() takes few characters")
    return text.strip(characters)


BUILTINS: dict[str, Builtin] = {
    "decimal": Builtin(1, 1, _decimal),
    "min": Builtin(1, MANY, _min),
    "max": Builtin(1, MANY, _max),
    "abs": Builtin(1, 1, _abs),
    "len": Builtin(1, 1, _len),
    "sum": Builtin(1, 1, _sum),
    "range": Builtin(1, 3, _range),
    "sorted": Builtin(1, 1, _sorted),
    "enumerate": Builtin(1, 1, _enumerate),
    "round": Builtin(1, 2, _rounder(ROUND_HALF_UP)),
    "ceil": Builtin(1, 2, _rounder(ROUND_CEILING)),
    "floor": Builtin(1, 2, _rounder(ROUND_FLOOR)),
}

METHODS: dict[str, Builtin] = {
    "get": Builtin(1, 2, _get),
    "keys": Builtin(0, 0, _keys),
    "values": Builtin(0, 0, _values),
    "items": Builtin(0, 0, _items),
    "append": Builtin(1, 1, _append),
    "lower": Builtin(0, 0, _lower),
    "upper": Builtin(0, 0, _upper),
    "startswith": Builtin(1, 1, _startswith),
    "endswith": Builtin(1, 1, _endswith),
    "split": Builtin(0, 1, _split),
    "strip": Builtin(0, 1, _strip),
}
"""Argument counts exclude the object; implementations receive it first. The object's type decides, so
``"x".append(1)`` is an error of the run, not of the source."""
