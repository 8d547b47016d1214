"""A priced charge as an explanation sees it, and the figures behind it that are stored with its fee.

``charge_facts`` goes into ``Fee.explanation`` when the fee is made, so that the amount can be explained, and its events
counted again in the very same bucket, whatever becomes of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billwright.billing.explaining.formula import plain
from billwright.billing.invoicing.charge_usage import PricedBucket
from billwright.billing.invoicing.models import Fee
from billwright.billing.kernel.clock import iso
from billwright.billing.metering.store.protocol import Aggregation, Query, Result
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.exact import ZERO
from billwright.billing.pricing.filters import filter_display_name
from billwright.billing.pricing.properties import default_properties
from billwright.billing.pricing.tiers import Tier, read_tiers
from billwright.billing.pricing.usage import ProratedEntry, Usage

Facts = Mapping[str, Any]
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One bucket and group of a charge, priced. ``units`` are those shown, ``priced_units`` those that the model was
    given. ``facts``: what ``charge_facts`` stored, empty for fees of earlier versions. ``event``: the facts of the one
    event of a fee in advance. ``renewed``: units of a charge paid in advance, billed for a whole period.
    """

    currency: str
    charge_model: str
    aggregation_type: str
    prorated: bool
    properties: Mapping[str, Any]
    rounding_function: str | None
    rounding_precision: int | None
    field_name: str | None
    recurring: bool
    units: Decimal
    priced_units: Decimal
    events_count: int
    grouped_by: Mapping[str, str | None]
    details: Mapping[str, Any]
    amount_cents: int
    precise_amount_cents: Decimal
    facts: Facts
    event: Facts | None = None
    renewed: bool = False

    @property
    def price(self) -> Mapping[str, Any]:
        """The model's properties."""
        return self.properties or default_properties(self.charge_model)

    @property
    def figures(self) -> dict[str, str]:
        """Partial figures of the aggregation; empty where they were not stored."""
        return self.facts.get("figures") or {}

    @property
    def bucket(self) -> dict[str, Any]:
        """How events were selected; empty where it was not stored."""
        return self.facts.get("bucket") or {}

    @classmethod
    def of_fee(cls, fee: Fee) -> ChargeLine:
        """The line of a stored fee, from its own snapshot."""
        item, facts = fee.item, fee.explanation
        return cls(
            currency=fee.currency,
            charge_model=item["charge_model"],
            aggregation_type=item["aggregation_type"],
            prorated=bool(item.get("prorated")) and "paid_period" not in item,
            properties=item.get("properties") or {},
            rounding_function=facts.get("rounding_function"),
            rounding_precision=facts.get("rounding_precision"),
            field_name=facts.get("field_name"),
            recurring=bool(item.get("recurring")),
            units=fee.units,
            priced_units=Decimal(str(facts.get("priced_units", fee.units))),
            events_count=fee.events_count or 0,
            grouped_by=fee.grouped_by,
            details=fee.amount_details or {},
            amount_cents=fee.amount_cents,
            precise_amount_cents=fee.precise_amount_cents,
            facts=facts,
            event=facts.get("in_advance"),
            renewed="paid_period" in item,
        )

    @classmethod
    def of_bucket(cls, bucket: PricedBucket, currency: str) -> ChargeLine:
        """The line of current usage."""
        charge, metric = bucket.charge, bucket.charge.metric
        return cls(
            currency=currency,
            charge_model=charge.charge_model,
            aggregation_type=metric.aggregation_type,
            prorated=charge.prorated,
            properties=bucket.properties,
            rounding_function=metric.rounding_function,
            rounding_precision=metric.rounding_precision,
            field_name=metric.field_name,
            recurring=metric.recurring,
            units=bucket.units,
            priced_units=bucket.usage.units,
            events_count=bucket.events_count,
            grouped_by=bucket.grouped_by,
            details=bucket.price.amount_details,
            amount_cents=bucket.amount_cents,
            precise_amount_cents=bucket.precise_amount_cents,
            facts=charge_facts(bucket),
            renewed=charge.pay_in_advance,
        )


def charge_facts(bucket: PricedBucket) -> dict[str, Any]:
    """The window, the bucket and the partial figures of the aggregation, as JSON; decimals as text. Empty where
    nothing was measured."""
    query, result = bucket.query, bucket.result
    if query is None or result is None:
        return {}
    facts: dict[str, Any] = {
        "window": _window(query),
        "bucket": _bucket(query, str(bucket.filter.id) if bucket.filter else None),
        "figures": _figures(query, result, bucket.usage, bucket.charge.prorated),
    }
    if bucket.charge.prorated and bucket.charge.charge_model == v.GRADUATED:
        facts["path"] = tier_path(bucket.properties, bucket.usage.prorated_entries or (), query.days)
    return facts


def _window(query: Query) -> dict[str, Any]:
    proration = query.proration
    return {
        "lower": query.lower.isoformat() if query.lower else None,
        "upper": query.upper.isoformat(),
        "until": query.until.isoformat() if query.until else None,
        "days": query.days,
        "start_day": proration.start_day.isoformat() if proration else None,
        "end_day": proration.end_day.isoformat() if proration else None,
        "timezone": proration.timezone if proration else None,
    }


def _bucket(query: Query, bucket_id: str | None) -> dict[str, Any]:
    """The conditions of the bucket, and those of the buckets before it that could take its events away."""
    own = next(spec for spec in query.buckets if spec.id == bucket_id)
    before: list[dict[str, list[str]]] = []
    for spec in query.buckets:
        if spec.id == bucket_id:
            break
        if all(values & own.predicates.get(key, values) for key, values in spec.predicates.items()):
            before.append({key: sorted(values) for key, values in spec.predicates.items()})
    return {
        "conditions": {key: sorted(values) for key, values in own.predicates.items()},
        "before": before,
        "group_keys": list(query.group_keys(own)),
        "match": dict(query.match),
        "recurring": query.recurring,
    }


def _figures(query: Query, result: Result, usage: Usage, prorated: bool) -> dict[str, str]:
    """``full`` and ``shown``: units without proration, before and after the metric's rounding. ``unit_days``: what a
    prorated aggregate divides by the days of the period. ``unit_seconds``: the same of a weighted sum, by its seconds.
    """
    figures = {"carried": plain(result.carried)} if query.recurring else {}
    if prorated:
        figures.update(full=plain(result.full_value), unit_days=plain(result.value * query.days))
        figures["shown"] = plain(result.full_value if usage.full_units is None else usage.full_units)
    elif query.aggregation is Aggregation.WEIGHTED:
        figures["unit_seconds"] = plain(result.value * query.days * _DAY_SECONDS)
    elif query.aggregation is Aggregation.CUSTOM:
        figures["units"] = plain(result.value)
        figures["amount"] = plain(usage.custom_amount or ZERO)
    else:
        figures["units"] = plain(result.value)
    if usage.precise_total_amount_cents:
        figures["event_amounts_cents"] = plain(usage.precise_total_amount_cents)
    return figures


def tier_path(properties: Mapping[str, Any], entries: Iterable[ProratedEntry], days: int) -> dict[str, Any]:
    """What a prorated graduated charge adds up (spec 02 §6.3): unit-days per tier, and the highest total reached."""
    tiers = read_tiers((properties or default_properties(v.GRADUATED))["graduated_ranges"], "per_unit_amount")
    unit_days = [Fraction(0) for _ in tiers]
    total = highest = ZERO
    for value, prorated in entries:
        if not value or (not prorated and (value > 0 or total + value < 0)):
            continue
        moved = total + value
        if prorated:
            counted = Fraction(prorated) * days / Fraction(value)
            for index, part in _parts(tiers, total, moved):
                unit_days[index] += part * counted
        total = moved
        highest = max(highest, total)
    return {"unit_days": [plain(each) for each in unit_days], "highest": plain(highest), "total": plain(total)}


def _parts(tiers: tuple[Tier, ...], start: Decimal, end: Decimal) -> Iterable[tuple[int, Fraction]]:
    """Units of each tier on the way from ``start`` to ``end``; negative on the way down."""
    low, high = min(start, end), max(start, end)
    for index, tier in enumerate(tiers):
        bottom = low if index == 0 else max(low, tier.lower)
        top = high if tier.upper is None else min(high, tier.upper)
        if top > bottom:
            part = Fraction(top) - Fraction(bottom)
            yield index, part if end >= start else -part


def part_name(bucket: PricedBucket) -> str | None:
    """The name of a bucket and group, as documents print it."""
    words = [filter_display_name(bucket.filter.values, bucket.filter.invoice_display_name)] if bucket.filter else []
    words += [f"{name}: {value or 'none'}" for name, value in bucket.grouped_by.items()]
    return ", ".join(words) or None


def window_inputs(since: Any, until: Any, timezone: str | None, days: int | None) -> dict[str, Any]:
    """Inputs of a ``window`` step."""
    return {"from": iso(since), "to": iso(until), "timezone": timezone, "days": days or 0}
