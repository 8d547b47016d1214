"""The arithmetic of an explanation's formulas (spec 09 §2): parsed by a grammar, evaluated exactly.

    sum     = product (("+" | "-") product)*
    product = factor (("*" | "/") factor)*
    factor  = "-" factor | NUMBER | NAME | "(" sum ")" | FUNCTION "(" sum ("," sum)* ")"

``NAME`` is a key of the step's ``inputs``. Functions: ``min`` and ``max`` of any number of values; ``round(x, places)``
half away from zero, ``ceil(x, places)`` up, ``floor(x, places)`` down, where ``places`` may be left out (0) or
negative. Quotients are exact fractions: nothing is rounded but by a function that says so.

Metric expressions (``metering.expressions``) have another grammar: their variables are the properties of an event, they
know text, and their quotients are decimals of limited length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, Inexact
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from billwright.billing.kernel.money import round_down, round_half_up, round_up
from billwright.billing.metering.aggregation.exact import decimal_exactly

GRAMMAR = r"""
start: sum
?sum: product (SIGN product)*
?product: factor (OPERATION factor)*
?factor: SIGN factor -> signed | NUMBER -> number | NAME "(" sum ("," sum)* ")" -> call | NAME -> name | "(" sum ")"
SIGN: "+" | "-"
OPERATION: "*" | "/"
NUMBER: /[0-9]+(\.[0-9]+)?/
NAME: /[a-z][a-z0-9_]*/
BLANKS: / +/
%ignore BLANKS
"""

Inputs = Mapping[str, Fraction]
Node = Callable[[Inputs], Fraction]


class FormulaError(ValueError):
    """A formula that is none, names an unknown input, or divides by zero."""


def _fixed(value: Fraction) -> Node:
    return lambda _: value


def _rounded(rounder: Callable[[Fraction, int], Decimal]) -> Callable[..., Fraction]:
    def apply(value: Fraction, places: Fraction = Fraction(0)) -> Fraction:
        return Fraction(rounder(value, int(places)))

    return apply


FUNCTIONS: dict[str, Callable[..., Fraction]] = {
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
    "round": _rounded(round_half_up),
    "ceil": _rounded(round_up),
    "floor": _rounded(round_down),
}
_MOST_ARGUMENTS = {"round": 2, "ceil": 2, "floor": 2}


def _divide(one: Fraction, other: Fraction) -> Fraction:
    if not other:
        raise FormulaError("division by zero")
    return one / other


_OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": _divide,
}


class _Builder(Transformer[Token, Node]):
    """Turns the tree into functions of the inputs while it is parsed."""

    def start(self, children: list[Any]) -> Node:
        return children[0]

    def _chain(self, children: list[Any]) -> Node:
        first: Node = children[0]
        rest = [(_OPERATIONS[str(sign)], node) for sign, node in zip(children[1::2], children[2::2], strict=True)]

        def value(inputs: Inputs) -> Fraction:
            result = first(inputs)
            for operate, node in rest:
                result = operate(result, node(inputs))
            return result

        return value

    sum = _chain
    product = _chain

    def signed(self, children: list[Any]) -> Node:
        operand: Node = children[1]
        return operand if str(children[0]) == "+" else lambda inputs: -operand(inputs)

    def number(self, children: list[Any]) -> Node:
        return _fixed(Fraction(str(children[0])))

    def name(self, children: list[Any]) -> Node:
        name = str(children[0])

        def value(inputs: Inputs) -> Fraction:
            try:
                return inputs[name]
            except KeyError:
                raise FormulaError(f"no input {name}") from None

        return value

    def call(self, children: list[Any]) -> Node:
        name, arguments = str(children[0]), cast("list[Node]", children[1:])
        function = FUNCTIONS.get(name)
        if function is None or len(arguments) > _MOST_ARGUMENTS.get(name, len(arguments)):
            raise FormulaError(f"no function {name} of {len(arguments)} values")
        return lambda inputs: function(*(argument(inputs) for argument in arguments))


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", maybe_placeholders=False)


@lru_cache(maxsize=1024)
def _parse(formula: str) -> Node:
    try:
        tree = _parser().parse(formula)  # pyright: ignore[reportUnknownMemberType]
        return _Builder(visit_tokens=False).transform(tree)
    except UnexpectedInput:
        raise FormulaError(f"not a formula: {formula}") from None
    except VisitError as failure:
        raise FormulaError(str(failure.orig_exc)) from None


def evaluate(formula: str, inputs: Mapping[str, object]) -> Fraction:
    """The exact value of ``formula``; inputs that are no numbers (texts, lists) cannot be named by it.

    Raises ``FormulaError``.
    """
    numbers = {name: _number(value) for name, value in inputs.items()}
    return _parse(formula)({name: value for name, value in numbers.items() if value is not None})


_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _number(value: object) -> Fraction | None:
    if isinstance(value, str):
        return Fraction(value) if _NUMBER.fullmatch(value) else None
    return Fraction(value) if isinstance(value, int | Decimal | Fraction) and not isinstance(value, bool) else None


def plain(value: Fraction | Decimal | int) -> str:
    """A number as plain decimal text without superfluous zeros: ``29``, ``0.125``.

    Raises ``decimal.Inexact`` for a fraction whose decimals never end.
    """
    number = decimal_exactly(value) if isinstance(value, Fraction) else Decimal(value)
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def ends(value: Fraction) -> bool:
    """Whether ``value`` can be written as a decimal."""
    try:
        decimal_exactly(value)
    except Inexact:
        return False
    return True
