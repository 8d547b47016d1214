"""Accepting events: reading, expressions, durable storage, duplicates (spec 01 §2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.metering.event_schemas import (
    EventOut,
    event_object,
    event_properties,
    parse_precise_amount,
    parse_timestamp,
)
from billwright.billing.metering.expressions import ExpressionError, ExpressionEvent, wire_value
from billwright.billing.metering.metric_expressions import MetricExpression
from billwright.billing.metering.store.protocol import (
    Appended,
    DuplicateEvents,
    EventIn,
    EventStore,
    InvalidEvent,
)

BATCH_LIMIT = 100
_KEYS = ("transaction_id", "code", "external_subscription_id")


@dataclass(frozen=True, slots=True)
class Reception:
    """Whose events arrive, when (organization's clock), with which expressions, and from where."""

    organization_id: UUID
    now: datetime
    expressions: Mapping[str, MetricExpression]
    metadata: Mapping[str, Any] | None = None
    source: str = "api"


class ExpressionFailed(Exception):
    """An expression could not be evaluated; the text is the wire's bare string."""


async def ingest(store: EventStore, reception: Reception, raw: Mapping[str, Any]) -> EventOut:
    """Store one event durably. Raises ``ValidationFailed``: the rejections of spec 01 §2.2 and nothing else."""
    problems: dict[str, list[str]] = {}
    try:
        event = read_event(reception, raw, problems)
    except ExpressionFailed as failure:
        raise ValidationFailed(str(failure)) from None
    if event is None:
        raise ValidationFailed(problems)
    return event_object(event, (await store_event(store, event)).id)


async def ingest_batch(store: EventStore, reception: Reception, raw: Any, limit: int = BATCH_LIMIT) -> list[EventOut]:
    """Store 1 to ``limit`` events, all or nothing (spec 01 §2.6). Details are keyed by the index as text."""
    if not isinstance(raw, list) or not raw:
        raise ValidationFailed(events="no_events")
    items = cast("list[Any]", raw)
    if len(items) > limit:
        raise ValidationFailed(events="too_many_events")
    details: dict[str, Any] = {}
    events: list[EventIn] = []
    for index, item in enumerate(items):
        problems: dict[str, list[str]] = {}
        try:
            given: Mapping[str, Any] = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
            event = read_event(reception, given, problems)
        except ExpressionFailed as failure:
            details[str(index)] = str(failure)
            continue
        if event is None:
            details[str(index)] = problems
        else:
            events.append(event)
    if details:
        raise ValidationFailed(details)
    stored = await store_batch(store, events)
    return [event_object(event, place.id) for event, place in zip(events, stored, strict=True)]


async def store_event(store: EventStore, event: EventIn) -> Appended:
    """Make one event durable. Raises ``ValidationFailed`` when its transaction id is taken (spec 01 §2.5)."""
    try:
        return (await store.submit([event]))[0]
    except DuplicateEvents:
        raise ValidationFailed(transaction_id="value_already_exist") from None


async def store_batch(store: EventStore, events: Sequence[EventIn]) -> list[Appended]:
    """Make a batch durable, all or nothing. Raises ``ValidationFailed``, keyed by index (spec 01 §2.6)."""
    try:
        return await store.submit(events)
    except DuplicateEvents as duplicates:
        raise ValidationFailed(
            {str(index): {"transaction_id": ["value_already_exist"]} for index in duplicates.indices}
        ) from None


def read_event(reception: Reception, raw: Mapping[str, Any], problems: dict[str, list[str]]) -> EventIn | None:
    """The event that ``raw`` describes, expression applied; ``None`` with ``problems`` filled when it is refused.

    Raises ``ExpressionFailed``.
    """
    texts: dict[str, str | None] = {}
    for name in _KEYS:
        value = raw.get(name)
        if value is not None and not isinstance(value, str):
            value = str(value) if isinstance(value, int) and not isinstance(value, bool) else None
            if value is None:
                problems[name] = ["value_is_invalid"]
        texts[name] = value
    for name in ("transaction_id", "code"):
        value = texts[name]
        if name not in problems and (value is None or not value.strip()):
            problems[name] = ["value_is_mandatory"]
    given = raw.get("timestamp")
    timestamp = reception.now if given is None else parse_timestamp(given)
    if timestamp is None:
        problems["timestamp"] = ["invalid_format"]
    if problems or timestamp is None:
        return None
    code = cast("str", texts["code"])
    properties = event_properties(raw.get("properties"))
    expression = reception.expressions.get(code)
    if expression is not None:
        properties = evaluated(expression, code, timestamp, properties)
    try:
        return EventIn(
            organization_id=reception.organization_id,
            transaction_id=cast("str", texts["transaction_id"]),
            code=code,
            timestamp=timestamp,
            created_at=reception.now,
            external_subscription_id=texts["external_subscription_id"],
            properties=properties,
            precise_total_amount_cents=parse_precise_amount(raw.get("precise_total_amount_cents")),
            metadata=reception.metadata,
            source=reception.source,
        )
    except InvalidEvent as refused:
        problems[refused.field] = [refused.code]
        return None


def evaluated(
    metric: MetricExpression, code: str, timestamp: datetime, properties: Mapping[str, Any]
) -> dict[str, Any]:
    """``properties`` with the expression's result in the metric's field, as a string (spec 01 §3.5)."""
    try:
        value = metric.expression.evaluate(ExpressionEvent(code, timestamp, properties))
    except ExpressionError as failure:
        raise ExpressionFailed(f"expression_evaluation_failed: {failure}") from None
    return {**properties, metric.field_name: wire_value(value)}
