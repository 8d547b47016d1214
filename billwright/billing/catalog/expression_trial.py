"""Trying a metric's expression on a sample event (spec 01 §3.6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from billwright.billing.access.context import Context
from billwright.billing.catalog.schemas import ExpressionTrial, SampleEvent
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.money import parse_decimal
from billwright.billing.metering import expressions

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def evaluate_expression(ctx: Context, inp: ExpressionTrial) -> str:
    """The value of an expression on a sample event, in wire form.

    Raises ``ValidationFailed``: ``expression: value_is_mandatory | invalid_expression``, ``event: invalid_event``.
    """
    if inp.expression is None or not inp.expression.strip():
        raise ValidationFailed(expression="value_is_mandatory")
    try:
        parsed = expressions.parse(inp.expression)
    except expressions.ExpressionSyntaxError:
        raise ValidationFailed(expression="invalid_expression") from None
    try:
        event = SampleEvent.parse({} if inp.event is None else inp.event)
        value = parsed.evaluate(
            expressions.ExpressionEvent(event.code or "", sample_instant(ctx, event.timestamp), event.properties or {})
        )
    except (ValidationFailed, expressions.ExpressionError):
        raise ValidationFailed(event="invalid_event") from None
    return expressions.wire_value(value)


def sample_instant(ctx: Context, timestamp: Any) -> datetime:
    """Unix seconds as number or text, truncated to microseconds; absent means now (spec 01 §2.3)."""
    if timestamp is None:
        return ctx.now()
    if isinstance(timestamp, bool) or not isinstance(timestamp, str | int | float | Decimal):
        raise ValidationFailed(event="invalid_event")
    seconds = parse_decimal(str(timestamp))
    if seconds is None or abs(seconds) > 10**12:
        raise ValidationFailed(event="invalid_event")
    try:
        return _EPOCH + timedelta(microseconds=int(seconds * 10**6))
    except OverflowError:
        raise ValidationFailed(event="invalid_event") from None
