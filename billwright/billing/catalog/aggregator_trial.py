"""Trying a custom aggregator on sample events, before it is saved (spec 01 §9.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billwright.billing.access.context import Context
from billwright.billing.catalog.expression_trial import sample_instant
from billwright.billing.catalog.schemas import SampleEvent
from billwright.billing.kernel.errors import Unprocessable, ValidationFailed
from billwright.billing.metering.custom_aggregation import (
    INITIAL,
    Event,
    Problem,
    State,
    custom_properties,
    sandbox_pool,
    validate,
)

MAX_EVENTS = 100


@dataclass(frozen=True, slots=True)
class AggregatorTrial:
    """The state after each event; or what is wrong with the source; or why the code failed."""

    states: Sequence[State] = ()
    problems: Sequence[Problem] = ()
    failure: str | None = None


async def try_aggregator(
    ctx: Context, source: str, events: Sequence[Mapping[str, Any]], properties: Any
) -> AggregatorTrial:
    """Fold ``events`` in the order of their timestamps, from the initial state, in the sandbox.

    Raises ``ValidationFailed``: ``custom_aggregator: value_is_mandatory``, ``events: invalid_event | too_many_events``.
    """
    if not source.strip():
        raise ValidationFailed(custom_aggregator="value_is_mandatory")
    if len(events) > MAX_EVENTS:
        raise ValidationFailed(events="too_many_events")
    samples = sorted((_sample(ctx, event) for event in events), key=lambda event: event.timestamp)
    problems = validate(source)
    if problems:
        return AggregatorTrial(problems=problems)
    try:
        return AggregatorTrial(await sandbox_pool().trace(source, custom_properties(properties), INITIAL, samples))
    except Unprocessable as failure:
        return AggregatorTrial(failure="; ".join(failure.details["custom_aggregator"]))


def _sample(ctx: Context, raw: Mapping[str, Any]) -> Event:
    try:
        event = SampleEvent.parse(raw)
        instant = sample_instant(ctx, event.timestamp)
    except ValidationFailed:
        raise ValidationFailed(events="invalid_event") from None
    seconds = Decimal(int(instant.timestamp())) + Decimal(instant.microsecond).scaleb(-6)
    return Event(event.code or "", seconds, event.properties or {})
