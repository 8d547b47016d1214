"""SQL expressions of billable metrics: our grammar, our evaluator, exact decimals (spec 01 §3)."""

from billwright.billing.metering.expressions.errors import ExpressionError, ExpressionSyntaxError
from billwright.billing.metering.expressions.grammar import MAX_LENGTH, MAX_NESTING, Expression, parse
from billwright.billing.metering.expressions.values import (
    ExpressionEvent,
    json_text,
    numeric_property,
    property_text,
    wire_value,
)

__all__ = [
    "MAX_LENGTH",
    "MAX_NESTING",
    "Expression",
    "ExpressionError",
    "ExpressionEvent",
    "ExpressionSyntaxError",
    "json_text",
    "numeric_property",
    "parse",
    "property_text",
    "wire_value",
]
