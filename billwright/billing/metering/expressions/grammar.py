"""The grammar of spec 01 §3.1 as an LALR parser, and the parsed expression.

Blanks are ASCII spaces between tokens; a variable is one token, so no blank fits inside it. Text and nesting are
bounded; operators of one precedence form one flat chain, so a long sum is not deep.
"""

from __future__ import annotations

from decimal import Decimal, DecimalException
from functools import cache, lru_cache
from typing import Any, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from billwright.billing.metering.expressions import nodes
from billwright.billing.metering.expressions.errors import (
    OUT_OF_RANGE,
    TEXT_TOO_LONG,
    ExpressionError,
    ExpressionSyntaxError,
)
from billwright.billing.metering.expressions.values import ExpressionEvent, number_of_text, wire_value

MAX_LENGTH = 4_000
"""Characters of an expression."""
MAX_NESTING = 64
"""Height of the tree: parentheses and function calls inside one another."""

GRAMMAR = r"""
start: expr
?expr: term | term ((PLUS | MINUS) term)+ -> chain
?term: factor | factor ((TIMES | OVER) factor)+ -> chain
?factor: primary | MINUS primary -> negation
?primary: function | variable | literal | "(" expr ")"
?variable: TIMESTAMP -> timestamp | CODE -> code | PROPERTY -> property
?literal: NUMBER -> number | STRING -> string
function: ROUNDING "(" expr ("," expr)? ")" | VARIADIC "(" expr ("," expr)* ")"

PLUS: "+"
MINUS: "-"
TIMES: "*"
OVER: "/"
TIMESTAMP: "event.timestamp"
CODE: "event.code"
PROPERTY: /event\.properties\.[A-Za-z][A-Za-z0-9_]*/
NUMBER: /[0-9]+(\.[0-9]+)?/
STRING: /'[^']*'/
ROUNDING: "round" | "ROUND" | "Round" | "ceil" | "CEIL" | "Ceil" | "floor" | "FLOOR" | "Floor"
VARIADIC: "concat" | "CONCAT" | "Concat" | "least" | "LEAST" | "Least" | "greatest" | "GREATEST" | "Greatest"
BLANKS: / +/
%ignore BLANKS
"""


class Expression:
    """A parsed expression; immutable, safe to share and to cache."""

    __slots__ = ("_root", "property_names", "text")

    def __init__(self, text: str, root: nodes.Node, property_names: frozenset[str]) -> None:
        self.text = text
        self._root = root
        self.property_names = property_names

    def evaluate(self, event: ExpressionEvent) -> Decimal | str:
        """The value for ``event``; raises ``ExpressionError`` (spec 01 §3.5)."""
        try:
            return self._root.value(event)
        except (DecimalException, OverflowError):
            raise ExpressionError(OUT_OF_RANGE) from None
        except RecursionError:
            raise ExpressionError(TEXT_TOO_LONG) from None

    def evaluate_to_wire(self, event: ExpressionEvent) -> str:
        """The value as stored in ``properties[field_name]``; raises ``ExpressionError``."""
        return wire_value(self.evaluate(event))


class _Builder(Transformer[Token, nodes.Node]):
    """Builds nodes while parsing, bottom up: no recursion over untrusted depth."""

    def start(self, children: list[Any]) -> nodes.Node:
        return children[0]

    def chain(self, children: list[Any]) -> nodes.Node:
        rest = [(str(symbol), operand) for symbol, operand in zip(children[1::2], children[2::2], strict=True)]
        return _limited(nodes.Chain(children[0], rest))

    def negation(self, children: list[Any]) -> nodes.Node:
        return _limited(nodes.Negation(children[1]))

    def function(self, children: list[Any]) -> nodes.Node:
        return _limited(nodes.call(str(children[0]).lower(), children[1:]))

    def timestamp(self, children: list[Any]) -> nodes.Node:
        return nodes.Timestamp()

    def code(self, children: list[Any]) -> nodes.Node:
        return nodes.Code()

    def property(self, children: list[Any]) -> nodes.Node:
        return nodes.Property(str(children[0]).removeprefix("event.properties."))

    def number(self, children: list[Any]) -> nodes.Node:
        token: Token = children[0]
        try:
            content = number_of_text(str(token))
        except ExpressionError as failure:
            raise ExpressionSyntaxError(failure.message, token.start_pos or 0) from None
        assert content is not None
        return nodes.Literal(content)

    def string(self, children: list[Any]) -> nodes.Node:
        return nodes.Literal(str(children[0])[1:-1])


def _limited(node: nodes.Node) -> nodes.Node:
    if node.depth > MAX_NESTING:
        raise ExpressionSyntaxError("Expression is nested too deeply")
    return node


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", transformer=_Builder())


@lru_cache(maxsize=4096)
def _parse(text: str) -> Expression:
    try:
        root = cast("nodes.Node", _parser().parse(text))  # pyright: ignore[reportUnknownMemberType]
    except UnexpectedToken as failure:
        at_end = str(cast("Any", failure).token.type) == "$END"
        raise ExpressionSyntaxError("Unexpected input", len(text) if at_end else failure.pos_in_stream or 0) from None
    except UnexpectedInput as failure:
        raise ExpressionSyntaxError("Unexpected input", failure.pos_in_stream or 0) from None
    except VisitError as failure:
        if isinstance(failure.orig_exc, ExpressionSyntaxError):
            raise failure.orig_exc from None
        raise
    return Expression(text, root, frozenset(node.name for node in nodes.walk(root) if isinstance(node, nodes.Property)))


def parse(text: str) -> Expression:
    """Parse ``text`` (spec 01 §3.1), cached; raises ``ExpressionSyntaxError``."""
    if len(text) > MAX_LENGTH:
        raise ExpressionSyntaxError("Expression is too long", MAX_LENGTH)
    return _parse(text)
