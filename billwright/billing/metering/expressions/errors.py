"""What can go wrong with an expression: it does not parse, or it fails on an event (spec 01 §3.5)."""

from __future__ import annotations


class ExpressionSyntaxError(Exception):
    """The text is not an expression. ``position`` is the offset of the first character that does not fit."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class ExpressionError(Exception):
    """Evaluation failed on this event. ``message`` is one of the texts of spec 01 §3.5, or names a limit."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


EXPECTED_DECIMAL = "Expected a decimal"
DIVISION_BY_ZERO = "Division by zero"
OUT_OF_RANGE = "Number out of range"
TEXT_TOO_LONG = "Text too long"


def variable_not_found(name: str) -> ExpressionError:
    """The event lacks the property ``name``."""
    return ExpressionError(f"Variable: {name} not found")
