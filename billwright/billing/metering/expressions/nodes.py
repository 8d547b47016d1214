"""The evaluator: a small tree whose nodes answer as a decimal, as text, or as whichever they are (spec 01 §3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from billwright.billing.metering.expressions.errors import (
    DIVISION_BY_ZERO,
    EXPECTED_DECIMAL,
    TEXT_TOO_LONG,
    ExpressionError,
    variable_not_found,
)
from billwright.billing.metering.expressions.values import (
    ARITHMETIC,
    DIVISION,
    ExpressionEvent,
    json_text,
    number_of_json,
    number_of_text,
    plain,
    unix_seconds,
)
from billwright.billing.metering.rounding import round_places

MAX_TEXT = 100_000
"""Characters a ``CONCAT`` may produce."""


class Node:
    """One construct of an expression. ``depth`` is the height of the tree from here down."""

    __slots__ = ("children", "depth")

    def __init__(self, *children: Node) -> None:
        self.children = children
        self.depth = 1 + max((child.depth for child in children), default=0)

    def value(self, event: ExpressionEvent) -> Decimal | str:
        """The result in its own type."""
        raise NotImplementedError

    def number(self, event: ExpressionEvent) -> Decimal:
        """The result where a decimal is needed; text is an error."""
        result = self.value(event)
        if isinstance(result, str):
            raise ExpressionError(EXPECTED_DECIMAL)
        return result

    def text(self, event: ExpressionEvent) -> str:
        """The result as ``CONCAT`` joins it."""
        result = self.value(event)
        return result if isinstance(result, str) else plain(result)


class Literal(Node):
    """A number or string written in the expression."""

    __slots__ = ("content",)

    def __init__(self, content: Decimal | str) -> None:
        super().__init__()
        self.content = content

    def value(self, event: ExpressionEvent) -> Decimal | str:
        return self.content


class Timestamp(Node):
    """``event.timestamp``: whole Unix seconds."""

    __slots__ = ()

    def value(self, event: ExpressionEvent) -> Decimal:
        return Decimal(unix_seconds(event.timestamp))

    number = value


class Code(Node):
    """``event.code``: always text, even when it looks like a number."""

    __slots__ = ()

    def value(self, event: ExpressionEvent) -> str:
        return event.code


class Property(Node):
    """``event.properties.<name>``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def _raw(self, event: ExpressionEvent) -> Any:
        try:
            return event.properties[self.name]
        except KeyError:
            raise variable_not_found(self.name) from None

    def value(self, event: ExpressionEvent) -> Decimal | str:
        raw = self._raw(event)
        if isinstance(raw, str):
            number = number_of_text(raw)
            return raw if number is None else number
        if isinstance(raw, int | float | Decimal) and not isinstance(raw, bool):
            return number_of_json(raw)
        return "" if raw is None else json_text(raw)

    def text(self, event: ExpressionEvent) -> str:
        raw = self._raw(event)
        if isinstance(raw, str):
            return raw
        return super().text(event)


class Negation(Node):
    """Unary minus."""

    __slots__ = ("operand",)

    def __init__(self, operand: Node) -> None:
        super().__init__(operand)
        self.operand = operand

    def value(self, event: ExpressionEvent) -> Decimal:
        return ARITHMETIC.minus(self.operand.number(event))

    number = value


def _divide(dividend: Decimal, divisor: Decimal) -> Decimal:
    if not divisor:
        raise ExpressionError(DIVISION_BY_ZERO)
    return DIVISION.divide(dividend, divisor)


OPERATORS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": ARITHMETIC.add,
    "-": ARITHMETIC.subtract,
    "*": ARITHMETIC.multiply,
    "/": _divide,
}


class Chain(Node):
    """Operators of one precedence, left associative: ``10 - 2 - 3``."""

    __slots__ = ("first", "rest")

    def __init__(self, first: Node, rest: Sequence[tuple[str, Node]]) -> None:
        super().__init__(first, *(operand for _, operand in rest))
        self.first = first
        self.rest = [(OPERATORS[symbol], operand) for symbol, operand in rest]

    def value(self, event: ExpressionEvent) -> Decimal:
        result = self.first.number(event)
        for operate, operand in self.rest:
            result = operate(result, operand.number(event))
        return result

    number = value


class Rounding(Node):
    """``ROUND``, ``CEIL``, ``FLOOR``: optional number of decimals, whose own fraction is truncated."""

    __slots__ = ("function",)

    def __init__(self, function: str, arguments: Sequence[Node]) -> None:
        super().__init__(*arguments)
        self.function = function

    def value(self, event: ExpressionEvent) -> Decimal:
        number = self.children[0].number(event)
        places = int(self.children[1].number(event)) if len(self.children) > 1 else 0
        return ARITHMETIC.plus(round_places(number, self.function, places))

    number = value


class Extreme(Node):
    """``LEAST`` and ``GREATEST``."""

    __slots__ = ("choose",)

    def __init__(self, choose: Callable[[list[Decimal]], Decimal], arguments: Sequence[Node]) -> None:
        super().__init__(*arguments)
        self.choose = choose

    def value(self, event: ExpressionEvent) -> Decimal:
        return self.choose([argument.number(event) for argument in self.children])

    number = value


class Concat(Node):
    """``CONCAT``: texts joined."""

    __slots__ = ()

    def value(self, event: ExpressionEvent) -> str:
        texts: list[str] = []
        length = 0
        for argument in self.children:
            text = argument.text(event)
            length += len(text)
            if length > MAX_TEXT:
                raise ExpressionError(TEXT_TOO_LONG)
            texts.append(text)
        return "".join(texts)

    text = value


def call(name: str, arguments: Sequence[Node]) -> Node:
    """The node of a function by its lower-case name."""
    if name == "concat":
        return Concat(*arguments)
    if name == "least":
        return Extreme(min, arguments)
    if name == "greatest":
        return Extreme(max, arguments)
    return Rounding(name, arguments)


def walk(node: Node) -> Iterator[Node]:
    """``node`` and everything below it."""
    yield node
    for child in node.children:
        yield from walk(child)
