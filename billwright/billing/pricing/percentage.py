"""Percentage: a rate of the units and a fixed amount per event, with free units and limits (spec 02 §5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billwright.billing.kernel.money import decimal_string
from billwright.billing.pricing.exact import ZERO, exact, percent, quotient
from billwright.billing.pricing.percentage_fold import PercentageFold, PercentageTerms
from billwright.billing.pricing.usage import Price, Usage
from billwright.billing.pricing.vocabulary import UNIT_EVENT_AGGREGATIONS


@dataclass(frozen=True, slots=True)
class PercentageParts:
    """A percentage price taken apart; currency units, unrounded."""

    units: Decimal
    free_units: Decimal
    free_events: int
    paid_units: Decimal
    paid_events: int
    rate: Decimal
    percentage_amount: Decimal
    fixed_unit_amount: Decimal
    fixed_amount: Decimal
    adjustment: Decimal

    @property
    def amount(self) -> Decimal:
        return self.percentage_amount + self.fixed_amount + self.adjustment


@exact
def price_percentage(properties: Mapping[str, Any], usage: Usage, aggregation_type: str) -> Price:
    """Price ``usage``; raises ``ValueError`` when fewer event values were delivered than the terms need."""
    terms = PercentageTerms.of(properties, aggregation_type)
    fold = fold_of(terms, usage, aggregation_type)
    if (terms.has_limits or fold.open) and fold.seen != usage.events_count:
        raise ValueError(f"percentage pricing got {fold.seen} event values of {usage.events_count}")
    parts = percentage_parts(terms, usage.units, usage.events_count, fold)
    details = {
        "units": decimal_string(parts.units),
        "free_units": decimal_string(parts.free_units),
        "free_events": parts.free_events,
        "paid_units": decimal_string(parts.paid_units),
        "rate": decimal_string(parts.rate),
        "per_unit_total_amount": decimal_string(parts.percentage_amount),
        "paid_events": parts.paid_events,
        "fixed_fee_unit_amount": decimal_string(parts.fixed_unit_amount),
        "fixed_fee_total_amount": decimal_string(parts.fixed_amount),
        "min_max_adjustment_total_amount": decimal_string(parts.adjustment),
    }
    return Price(usage.units, parts.amount, quotient(parts.amount, usage.units), details)


@exact
def fold_of(terms: PercentageTerms, usage: Usage, aggregation_type: str) -> PercentageFold:
    """The fold over the usage's events; count metrics need no values, each of their events is worth 1."""
    if isinstance(usage.event_values, PercentageFold):
        return usage.event_values
    fold = PercentageFold(terms)
    if usage.event_values is not None:
        fold.extend(usage.event_values)
    elif aggregation_type in UNIT_EVENT_AGGREGATIONS:
        fold.add(Decimal(1), usage.events_count)
    return fold


@exact
def percentage_parts(
    terms: PercentageTerms, units: Decimal, events_count: int, fold: PercentageFold
) -> PercentageParts:
    """Combine the totals of all events with what the fold found out about free units and limits.

    Negative events can leave fewer units than were free: the percentage part is then 0, and with limits each paid event
    costs at least what an event of value 0 does.
    """
    free = fold.free_units
    paid_events = max(events_count - fold.free_events, 0)
    overdrawn = free > units
    percentage_amount = ZERO if overdrawn else (units - free) * percent(terms.rate)
    fixed_amount = paid_events * terms.fixed_amount
    adjustment = ZERO
    if terms.has_limits:
        cost = max(fold.cost, paid_events * terms.cost(ZERO)) if overdrawn else fold.cost
        adjustment = cost - percentage_amount - fixed_amount
    elif not units:
        fixed_amount = ZERO
    return PercentageParts(
        units=units,
        free_units=free,
        free_events=fold.free_events,
        paid_units=max(units - free, ZERO),
        paid_events=paid_events,
        rate=terms.rate,
        percentage_amount=percentage_amount,
        fixed_unit_amount=terms.fixed_amount if paid_events else ZERO,
        fixed_amount=fixed_amount,
        adjustment=adjustment,
    )
