"""Current usage of charges paid in advance: present units, priced at what was billed (spec 02 §10.7, 01 §7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import ChargeSnapshot
from billwright.billing.in_advance.buckets import unused_is_free
from billwright.billing.in_advance.marks import MarkKey, PeriodState, billable_units, last_states
from billwright.billing.invoicing.charge_usage import (
    PricedBucket,
    Selection,
    UsageWindow,
    price_charge,
)
from billwright.billing.invoicing.fee_drafts import group_key
from billwright.billing.metering.aggregation.exact import add
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.fee_amounts import fee_amounts
from billwright.billing.pricing.in_advance_fold import load_fold
from billwright.billing.pricing.models import price
from billwright.billing.pricing.percentage_fold import PercentageFold, PercentageTerms
from billwright.billing.pricing.properties import default_properties
from billwright.billing.pricing.unit_state import UnitState, present_prorated_units, present_units

ZERO = Decimal(0)
_WITH_STATE = (v.SUM, v.UNIQUE_COUNT)


async def present_charge(
    ctx: Context, charge: ChargeSnapshot, window: UsageWindow, currency: str, selection: Selection
) -> list[PricedBucket]:
    """Buckets of ``charge`` as current usage shows them, empty ones included.

    Units are the present ones; the amount is what was billed, so a decrease lowers the first and not the second. Events
    that came in but are not billed yet count as well.
    """
    buckets = await price_charge(ctx, charge, window, currency, selection=selection, show_empty_groups=True)
    if charge.metric.aggregation_type not in _WITH_STATE or charge.charge_model == v.DYNAMIC:
        return [unused_is_free(bucket) for bucket in buckets]
    states = await _states(ctx, charge, window, currency, selection, buckets)
    return [
        unused_is_free(await _present(ctx, window, bucket, states.get(_key(bucket)), currency)) for bucket in buckets
    ]


def _key(bucket: PricedBucket) -> MarkKey:
    return (bucket.filter.id if bucket.filter else None, group_key(bucket.grouped_by))


async def _states(
    ctx: Context,
    charge: ChargeSnapshot,
    window: UsageWindow,
    currency: str,
    selection: Selection,
    buckets: Sequence[PricedBucket],
) -> dict[MarkKey, PeriodState]:
    """The state of each bucket; where the selection melts groups together, the sum of theirs.

    A bucket that is not grouped by the properties selected has no state of that part of its events.
    """
    if not (selection.skip_grouping or selection.ungroup):
        return await last_states(ctx, charge.id, [_key(bucket) for bucket in buckets], window)
    single = await price_charge(ctx, charge, window, currency, selection=Selection(match=selection.match))
    found = await last_states(ctx, charge.id, [_key(bucket) for bucket in single], window)
    melted: dict[MarkKey, PeriodState] = {}
    for bucket in single:
        state = found.get(_key(bucket))
        if state is None or not selection.match.keys() <= bucket.grouped_by.keys():
            continue
        left = {} if selection.skip_grouping else bucket.grouped_by
        kept = {name: value for name, value in left.items() if name not in selection.ungroup}
        key = (bucket.filter.id if bucket.filter else None, group_key(kept))
        melted[key] = _sum(melted[key], state) if key in melted else replace(state, free_phase=None)
    return melted


def _sum(one: PeriodState, other: PeriodState) -> PeriodState:
    """Two groups seen as one. Nothing is known of the free units of the whole."""
    first, second = one.unit_state, other.unit_state
    return PeriodState(
        UnitState(
            add(first.current, second.current),
            add(first.maximum, second.maximum),
            add(first.max_prorated, second.max_prorated),
        ),
        one.events_count + other.events_count,
        add(one.billed_units, other.billed_units),
        None,
    )


async def _present(
    ctx: Context, window: UsageWindow, bucket: PricedBucket, period: PeriodState | None, currency: str
) -> PricedBucket:
    charge, usage = bucket.charge, bucket.usage
    state = period.unit_state if period is not None else None
    if usage.full_units is not None:
        ratio = Fraction(max((window.end_day - window.start_day).days + 1, 0), window.days)
        present = present_prorated_units(usage.full_units, state, carried_ratio=ratio, prorated_total=usage.units)
        priced = replace(usage, units=present.priced, full_units=present.shown)
    elif period is None:
        return bucket
    else:
        present = present_units(usage.units, state)
        priced = replace(usage, units=present.priced)
    if charge.charge_model == v.PERCENTAGE and period is not None:
        fold = await _fold(ctx, window, bucket, period)
        if fold is None:
            return bucket
        priced = replace(priced, event_values=fold, events_count=fold.seen)
    answer = price(
        charge.charge_model,
        bucket.properties,
        priced,
        currency,
        aggregation_type=charge.metric.aggregation_type,
        prorated=charge.prorated,
    )
    amounts = fee_amounts(answer, currency)
    return replace(
        bucket,
        usage=replace(priced, events_count=usage.events_count),
        price=replace(answer, units=present.shown),
        amount_cents=amounts.amount_cents,
        precise_amount_cents=amounts.precise_amount_cents,
        total_aggregated_units=present.shown,
    )


async def _fold(ctx: Context, window: UsageWindow, bucket: PricedBucket, period: PeriodState) -> PercentageFold | None:
    """The walk over the billed events; ``None`` where groups were melted together."""
    if period.free_phase is None:
        return None
    properties = bucket.properties or default_properties(bucket.charge.charge_model)
    terms = PercentageTerms.of(properties, bucket.charge.metric.aggregation_type)
    kept = load_fold(period.free_phase, terms)
    if kept is not None:
        return kept
    fold = PercentageFold(terms)
    async for units in billable_units(ctx, bucket.charge.id, _key(bucket), window):
        fold.add(units)
    return fold
