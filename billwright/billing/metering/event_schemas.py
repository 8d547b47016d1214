"""Events on the wire, and the reading of their loose inputs (spec 01 §2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from typing_extensions import TypedDict

from billwright.billing.kernel.clock import iso, iso_ms
from billwright.billing.kernel.inputs import Input
from billwright.billing.kernel.money import PRECISE, decimal_string, parse_decimal, round_half_up
from billwright.billing.kernel.outputs import DecimalText, Id, Instant
from billwright.billing.metering.store.protocol import EventIn, EventRow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = Decimal(10) ** 6
_LARGEST_SECONDS = Decimal(10) ** 12
_STORED_DECIMALS = 15


class EventInput(Input):
    """One event. Documents the shape; ingestion reads it loosely, as spec 01 §2.2 says."""

    transaction_id: str
    external_subscription_id: str | None = None
    code: str
    timestamp: int | float | str | None = None
    properties: dict[str, Any] | None = None
    precise_total_amount_cents: str | None = None


class EventOut(TypedDict):
    """The ``event`` object of the contract."""

    lago_id: Id
    transaction_id: str
    lago_customer_id: Id | None
    code: str
    timestamp: Instant
    properties: dict[str, Any]
    precise_total_amount_cents: DecimalText | None
    lago_subscription_id: Id | None
    external_subscription_id: str | None
    created_at: Instant


def parse_timestamp(value: Any) -> datetime | None:
    """Unix seconds, number or numeric text; below a microsecond truncated; ``None`` when malformed (spec 01 §2.3)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        number = Decimal(value)
    elif isinstance(value, Decimal):
        number = value
    elif isinstance(value, str):
        parsed = parse_decimal(value)
        if parsed is None:
            return None
        number = parsed
    else:
        return None
    if not number.is_finite() or abs(number) >= _LARGEST_SECONDS:
        return None
    try:
        return EPOCH + timedelta(microseconds=int(PRECISE.multiply(number, _MICROSECOND)))
    except OverflowError:
        return None


def parse_precise_amount(value: Any) -> Decimal | None:
    """Cents as text or number, to 15 decimals; null stays null, anything unreadable counts as 0 (spec 01 §2.2)."""
    if value is None:
        return None
    number = value if isinstance(value, Decimal) else None
    if isinstance(value, str):
        number = parse_decimal(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    if number is None or not number.is_finite() or number.adjusted() > 23:
        return Decimal(0)
    return round_half_up(number, _STORED_DECIMALS)


def event_properties(value: Any) -> dict[str, Any]:
    """An object; anything else counts as an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def event_object(event: EventIn, event_id: UUID) -> EventOut:
    """An event just accepted; customer and subscription are matched later (spec 01 §2.2)."""
    amount = event.precise_total_amount_cents
    return {
        "lago_id": event_id,
        "transaction_id": event.transaction_id,
        "lago_customer_id": None,
        "code": event.code,
        "timestamp": iso_ms(event.timestamp) or "",
        "properties": cast("dict[str, Any]", event.properties),
        "precise_total_amount_cents": None if amount is None else decimal_string(amount),
        "lago_subscription_id": None,
        "external_subscription_id": event.external_subscription_id,
        "created_at": iso(event.created_at) or "",
    }


def stored_event_object(row: EventRow, owners: Mapping[UUID, tuple[UUID, UUID]]) -> EventOut:
    """A stored event; ``owners`` maps event id to (customer id, subscription id) where one matches."""
    customer_id, subscription_id = owners.get(row.id, (None, None))
    amount = row.precise_total_amount_cents
    return {
        "lago_id": row.id,
        "transaction_id": row.transaction_id,
        "lago_customer_id": customer_id,
        "code": row.code,
        "timestamp": iso_ms(row.timestamp) or "",
        "properties": row.properties,
        "precise_total_amount_cents": None if amount is None else decimal_string(amount),
        "lago_subscription_id": subscription_id,
        "external_subscription_id": row.external_subscription_id,
        "created_at": iso(row.created_at) or "",
    }
