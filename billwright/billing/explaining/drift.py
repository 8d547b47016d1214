"""What a fee's events give now, in the window and bucket, and at the prices, that were stored with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.explaining.lines import ChargeLine
from billwright.billing.invoicing.charge_usage import usage_of_result
from billwright.billing.metering.store.protocol import (
    Aggregation,
    BucketSpec,
    EventRow,
    Proration,
    Query,
    Result,
    ResultKey,
    ValuesRequest,
)
from billwright.billing.pricing.fee_amounts import fee_amounts
from billwright.billing.pricing.models import price, requirements

_OWN = "own"


@dataclass(frozen=True, slots=True)
class Recount:
    """The same bucket now. ``units`` are the priced ones; null with ``amount_cents`` where only events are counted
    (custom aggregations: their program may have changed)."""

    events_count: int
    units: Decimal | None = None
    amount_cents: int | None = None


def stored_query(
    organization_id: UUID, external_subscription_id: str, code: str, line: ChargeLine
) -> tuple[Query, ResultKey] | None:
    """The question that the fee's units answered, and the key of its own answer; ``None`` for fees of earlier
    versions, which do not hold it."""
    window, bucket = line.facts.get("window"), line.bucket
    if window is None or not bucket:
        return None
    keys = tuple(bucket["group_keys"])
    own = BucketSpec(
        id=_OWN if bucket["conditions"] else None,
        predicates={key: frozenset(values) for key, values in bucket["conditions"].items()},
        group_keys=keys,
    )
    buckets = [
        BucketSpec(id=str(place), predicates={key: frozenset(values) for key, values in conditions.items()})
        for place, conditions in enumerate(bucket["before"])
    ]
    buckets.append(own)
    if own.id is not None:
        buckets.append(BucketSpec())
    grouped = _group(line, keys)
    query = Query(
        organization_id=organization_id,
        external_subscription_id=external_subscription_id,
        code=code,
        aggregation=Aggregation(line.aggregation_type),
        lower=_instant(window["lower"]),
        upper=datetime.fromisoformat(window["upper"]),
        until=_instant(window["until"]),
        field=line.field_name,
        recurring=bucket["recurring"],
        days=window["days"],
        proration=_proration(window) if line.prorated else None,
        buckets=tuple(buckets),
        match={**bucket["match"], **dict(zip(keys, grouped, strict=True))},
    )
    return query, (own.id, grouped)


def _group(line: ChargeLine, keys: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(line.grouped_by.get(key) or None for key in keys)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _proration(window: dict[str, Any]) -> Proration:
    return Proration(
        timezone=window["timezone"],
        start_day=date.fromisoformat(window["start_day"]),
        end_day=date.fromisoformat(window["end_day"]),
    )


async def recount(ctx: Context, query: Query, key: ResultKey, line: ChargeLine) -> Recount:
    """Count and price the bucket again. Raises the event store's errors."""
    if query.aggregation is Aggregation.CUSTOM:
        return Recount(await _count(ctx, query, key))
    needs = requirements(line.charge_model, line.properties, line.aggregation_type, line.prorated)
    values = None
    if needs.event_values == "all":
        values = ValuesRequest()
    elif needs.event_values == "prefix":
        values = ValuesRequest(first=needs.max_events, until_total=needs.until_total)
    asked = replace(query, values=values, prorated_entries=needs.prorated_entries)
    result = (await ctx.events.aggregate(asked)).get(key, Result())
    usage = usage_of_result(asked, result, (line.rounding_function, line.rounding_precision))
    priced = price(
        line.charge_model,
        line.properties,
        usage,
        line.currency,
        aggregation_type=line.aggregation_type,
        prorated=line.prorated,
    )
    return Recount(usage.events_count, usage.units, fee_amounts(priced, line.currency).amount_cents)


async def _count(ctx: Context, query: Query, key: ResultKey) -> int:
    counted = replace(query, aggregation=Aggregation.COUNT, field=None, recurring=False)
    return (await ctx.events.aggregate(counted)).get(key, Result()).events_count


async def first_and_last(ctx: Context, query: Query, key: ResultKey) -> tuple[EventRow, EventRow] | None:
    """The first and the last event that were counted, as they are stored now."""
    return await ctx.events.edges(query, key)
