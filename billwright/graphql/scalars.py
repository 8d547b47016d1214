"""Scalars of the schema (spec 07 §6.1): ``BigInt`` as text, ISO 8601 dates and instants, JSON."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NewType

import strawberry
from graphql import GraphQLError

from billwright.billing.kernel.clock import iso_ms, parse_instant
from billwright.billing.kernel.inputs import whole_number
from billwright.billing.kernel.money import decimal_string, parse_decimal

BigInt = NewType("BigInt", int)
DecimalText = NewType("DecimalText", Decimal)
ISO8601Date = NewType("ISO8601Date", date)
ISO8601DateTime = NewType("ISO8601DateTime", datetime)
JsonObject = NewType("JsonObject", object)


def _refused(name: str) -> GraphQLError:
    return GraphQLError(f"{name} cannot represent this value")


def _read_big_int(value: Any) -> int:
    number = whole_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | Decimal) or number != int(number):
        raise _refused("BigInt")
    return int(number)


def _read_decimal(value: Any) -> Decimal:
    number = parse_decimal(str(value)) if isinstance(value, str | int | float) and value is not True else None
    if number is None:
        raise _refused("Decimal")
    return number


def _read_date(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        raise _refused("ISO8601Date") from None


def _read_instant(value: Any) -> datetime:
    moment = parse_instant(value) if isinstance(value, str) else None
    if moment is None:
        raise _refused("ISO8601DateTime")
    return moment


def _write_instant(value: Any) -> Any:
    return value if isinstance(value, str) else iso_ms(value)


def _write_date(value: Any) -> Any:
    return value if isinstance(value, str) else value.isoformat()


SCALARS: dict[object, Any] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="An integer of any size, written as text. Amounts are minor units of their currency.",
        serialize=str,
        parse_value=_read_big_int,
    ),
    DecimalText: strawberry.scalar(
        name="Decimal",
        description='An exact decimal, written as text: "12.5".',
        serialize=lambda value: value if isinstance(value, str) else decimal_string(value),
        parse_value=_read_decimal,
    ),
    ISO8601Date: strawberry.scalar(
        name="ISO8601Date",
        description="A calendar date: 2024-01-31.",
        serialize=_write_date,
        parse_value=_read_date,
    ),
    ISO8601DateTime: strawberry.scalar(
        name="ISO8601DateTime",
        description="An instant in UTC: 2024-01-31T23:59:59.000Z. A date alone means 00:00 UTC when it is sent.",
        serialize=_write_instant,
        parse_value=_read_instant,
    ),
    JsonObject: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
}
