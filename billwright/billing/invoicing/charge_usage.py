"""Usage of a charge in a window, priced: one entry per bucket and group (spec 01 §10.2, 02 §7).

Invoices, current usage and previews all start here, so that what is shown is what is billed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import ChargeSnapshot, FilterSnapshot
from billwright.billing.invoicing.custom_usage import custom_results
from billwright.billing.metering.aggregation.exact import decimal_exactly
from billwright.billing.metering.aggregation.final import final_units
from billwright.billing.metering.rounding import apply_rounding
from billwright.billing.metering.store.protocol import (
    Aggregation,
    BucketSpec,
    Proration,
    Query,
    Result,
    ResultKey,
    ValuesRequest,
)
from billwright.billing.pricing.fee_amounts import fee_amounts
from billwright.billing.pricing.filters import Buckets, ChargeFilter, ordered_buckets
from billwright.billing.pricing.models import Requirements, price, requirements
from billwright.billing.pricing.usage import Price, Usage
from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.subscriptions.calendar.windows import Windows

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class UsageWindow:
    """A charge window as the event store sees it: ``[lower, upper)``, compared at milliseconds (spec 01 §2.8, §5.1).

    ``until`` is the exact last instant (none: that of ``upper``). ``days`` is N, the length of the whole charge period;
    ``start_day`` and ``end_day`` are local, both included.
    """

    external_subscription_id: str
    lower: datetime
    upper: datetime
    days: int
    timezone: str
    start_day: date
    end_day: date
    until: datetime | None = None

    def starting(self, instant: datetime) -> UsageWindow:
        """The same window opened at another instant (usage since the subscription's start)."""
        return replace(self, lower=_floor(instant))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events and groups of a charge are looked at (spec 01 §10.4); the default is all of them."""

    match: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    ungroup: frozenset[str] = frozenset()
    skip_grouping: bool = False


ALL_USAGE = Selection()


@dataclass(frozen=True, slots=True)
class PricedBucket:
    """One bucket x group: what was measured and what it costs. ``amount_cents`` is rounded once, here.

    ``query`` and ``result``: what the event store was asked and answered, for explanations; null where it was not.
    """

    charge: ChargeSnapshot
    filter: FilterSnapshot | None
    grouped_by: dict[str, str | None]
    properties: dict[str, Any]
    usage: Usage
    price: Price
    amount_cents: int
    precise_amount_cents: Decimal
    total_aggregated_units: Decimal
    query: Query | None = None
    result: Result | None = None

    @property
    def units(self) -> Decimal:
        return self.price.units

    @property
    def events_count(self) -> int:
        return self.usage.events_count


def window_of(external_subscription_id: str, chosen: Windows) -> UsageWindow:
    """The event window of an invoice row or of current usage."""
    upper = _floor(chosen.charges_to_datetime)
    return UsageWindow(
        external_subscription_id=external_subscription_id,
        lower=_floor(chosen.charges_from_datetime),
        upper=upper if chosen.excludes_end else upper + _MILLISECOND,
        until=chosen.charges_to_datetime,
        days=chosen.charges_duration_days,
        timezone=chosen.tz,
        start_day=local_date(chosen.charges_from_datetime, chosen.tz),
        end_day=chosen.charges_end_day,
    )


def _floor(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


async def price_charge(
    ctx: Context,
    charge: ChargeSnapshot,
    window: UsageWindow,
    currency: str,
    *,
    remember: bool = False,
    selection: Selection = ALL_USAGE,
    show_empty_groups: bool = False,
) -> list[PricedBucket]:
    """Every bucket and group of ``charge`` with its price, filters in stored order, the default bucket last.

    Buckets without events are included at zero units (zero usage may cost a flat amount); a grouped bucket without
    events gives one entry with all keys null if ``show_empty_groups``, none otherwise (spec 01 §4.5).
    """
    [priced] = await price_charges(
        ctx,
        [charge],
        window,
        currency,
        remember=remember,
        selection=selection,
        show_empty_groups=show_empty_groups,
    )
    return priced


async def price_charges(
    ctx: Context,
    charges: Sequence[ChargeSnapshot],
    window: UsageWindow,
    currency: str,
    *,
    remember: bool = False,
    selection: Selection = ALL_USAGE,
    show_empty_groups: bool = False,
) -> list[list[PricedBucket]]:
    """The same for several charges of one window, in their order; the event store is asked once for all of them."""
    queries = [_query_of(ctx, charge, window, selection) for charge in charges]
    counted = [query for query in queries if query.aggregation is not Aggregation.CUSTOM]
    answers = iter(await ctx.events.aggregate_many(counted)) if counted else iter(())
    priced: list[list[PricedBucket]] = []
    for charge, query in zip(charges, queries, strict=True):
        if query.aggregation is Aggregation.CUSTOM:
            results, amounts = await custom_results(ctx, charge, query, remember=remember)
        else:
            results, amounts = next(answers), {}
        priced.append(_buckets(charge, query, results, amounts, currency, show_empty_groups))
    return priced


def _query_of(ctx: Context, charge: ChargeSnapshot, window: UsageWindow, selection: Selection) -> Query:
    buckets = ordered_buckets(
        [ChargeFilter(item.id, item.values, item.created_at) for item in charge.filters], charge.metric.filters
    )
    by_id: dict[UUID | None, FilterSnapshot | None] = {None: None}
    by_id.update({item.id: item for item in charge.filters})
    needs = {
        bucket_id: requirements(
            charge.charge_model, _properties(charge, chosen), charge.metric.aggregation_type, charge.prorated
        )
        for bucket_id, chosen in by_id.items()
    }
    return usage_query(ctx, charge, window, buckets, needs, selection)


def _buckets(
    charge: ChargeSnapshot,
    query: Query,
    results: Mapping[ResultKey, Result],
    amounts: Mapping[ResultKey, Decimal],
    currency: str,
    show_empty_groups: bool,
) -> list[PricedBucket]:
    priced: list[PricedBucket] = []
    for chosen in (*charge.filters, None):
        bucket_id = str(chosen.id) if chosen else None
        keys = query.group_keys(_spec(query, bucket_id))
        groups = sorted(
            (key for key in results if key[0] == bucket_id),
            key=lambda key: [(value is None, value or "") for value in key[1]],
        )
        if not groups:
            if keys and not show_empty_groups:
                continue
            groups: list[ResultKey] = [(bucket_id, tuple(None for _ in keys))]
        for key in groups:
            result = results.get(key, Result())
            usage = usage_of_result(
                query, result, (charge.metric.rounding_function, charge.metric.rounding_precision), amounts.get(key)
            )
            bucket = _priced(charge, chosen, dict(zip(keys, key[1], strict=True)), usage, currency)
            priced.append(replace(bucket, query=query, result=result))
    return priced


def usage_query(
    ctx: Context,
    charge: ChargeSnapshot,
    window: UsageWindow,
    buckets: Buckets,
    needs: Mapping[UUID | None, Requirements],
    selection: Selection,
) -> Query:
    """The one question to the event store for a charge and window."""
    metric = charge.metric
    properties_of = {None: charge.properties, **{item.id: item.properties for item in charge.filters}}
    specs = [
        BucketSpec(
            id=str(bucket.filter_id),
            predicates=dict(bucket.conditions),
            group_keys=_group_keys(properties_of[bucket.filter_id]),
        )
        for bucket in buckets.ordered
    ]
    specs.append(BucketSpec(group_keys=_group_keys(charge.properties)))
    return Query(
        organization_id=ctx.organization_id,
        external_subscription_id=window.external_subscription_id,
        code=metric.code,
        aggregation=Aggregation(metric.aggregation_type),
        lower=window.lower,
        upper=window.upper,
        until=window.until,
        field=metric.field_name,
        recurring=metric.recurring and metric.aggregation_type != "custom_agg",
        days=window.days,
        proration=Proration(timezone=window.timezone, start_day=window.start_day, end_day=window.end_day)
        if charge.prorated
        else None,
        buckets=tuple(specs),
        match=selection.match,
        ungroup=selection.ungroup,
        skip_grouping=selection.skip_grouping,
        values=_values_request(needs),
        prorated_entries=any(need.prorated_entries for need in needs.values()),
    )


def _group_keys(properties: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(properties.get("pricing_group_keys") or ())


def _values_request(needs: Mapping[UUID | None, Requirements]) -> ValuesRequest | None:
    """The widest request among the buckets: delivering more than a bucket needs is harmless."""
    wanting = [need for need in needs.values() if need.event_values != "none"]
    if not wanting:
        return None
    if len(wanting) > 1 or wanting[0].event_values == "all":
        limits = {(need.event_values, need.max_events, need.until_total) for need in wanting}
        if len(limits) > 1 or wanting[0].event_values == "all":
            return ValuesRequest()
    return ValuesRequest(first=wanting[0].max_events, until_total=wanting[0].until_total)


def _spec(query: Query, bucket_id: str | None) -> BucketSpec:
    return next(spec for spec in query.buckets if spec.id == bucket_id)


def _properties(charge: ChargeSnapshot, chosen: FilterSnapshot | None) -> dict[str, Any]:
    return chosen.properties if chosen else charge.properties


def usage_of_result(
    query: Query, result: Result, rounding: tuple[str | None, int | None], custom_amount: Decimal | None = None
) -> Usage:
    """What a model is given of an answer of the event store; ``rounding``: function and precision of the metric."""
    prorated = query.proration is not None

    def rounded(value: Decimal) -> Decimal:
        return apply_rounding(value, *rounding)

    entries = result.prorated_entries if result.prorated_entries or not query.prorated_entries else ()
    values = result.event_values if result.event_values or query.values is None else ()
    if query.aggregation is Aggregation.CUSTOM and custom_amount is None:
        custom_amount = Decimal(0)
    units = final_units(query.aggregation, result.value, prorated=prorated)
    return Usage(
        units=rounded(units),
        events_count=result.events_count,
        full_units=rounded(decimal_exactly(result.full_value)) if prorated else None,
        total_aggregated_units=decimal_exactly(result.level_at_end)
        if query.aggregation is Aggregation.WEIGHTED
        else None,
        event_values=values,
        precise_total_amount_cents=result.precise_total,
        prorated_entries=tuple((decimal_exactly(full), share) for full, share in entries)
        if entries is not None
        else None,
        custom_amount=custom_amount,
    )


def _priced(
    charge: ChargeSnapshot,
    chosen: FilterSnapshot | None,
    grouped_by: dict[str, str | None],
    usage: Usage,
    currency: str,
) -> PricedBucket:
    properties = _properties(charge, chosen)
    answer = price(
        charge.charge_model,
        properties,
        usage,
        currency,
        aggregation_type=charge.metric.aggregation_type,
        prorated=charge.prorated,
    )
    amounts = fee_amounts(answer, currency)
    return PricedBucket(
        charge=charge,
        filter=chosen,
        grouped_by=grouped_by,
        properties=properties,
        usage=usage,
        price=answer,
        amount_cents=amounts.amount_cents,
        precise_amount_cents=amounts.precise_amount_cents,
        total_aggregated_units=answer.units if usage.total_aggregated_units is None else usage.total_aggregated_units,
    )


def empty_bucket(charge: ChargeSnapshot) -> PricedBucket:
    """The default bucket at nothing: the parent of a true-up when grouped usage left none (spec 02 §9)."""
    zero = Decimal(0)
    return PricedBucket(
        charge=charge,
        filter=None,
        grouped_by={},
        properties=charge.properties,
        usage=Usage(units=zero, events_count=0),
        price=Price(zero, zero, zero),
        amount_cents=0,
        precise_amount_cents=zero,
        total_aggregated_units=zero,
    )
