"""The price of one event of a charge paid in advance: the model with it minus without it (spec 02 §10.3-4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from billwright.billing.kernel.money import decimal_string, from_minor_units, precise_minor_units, round_half_up
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.exact import ZERO, exact, quotient
from billwright.billing.pricing.fee_amounts import FeeAmounts, rounded_cents
from billwright.billing.pricing.graduated import price_graduated
from billwright.billing.pricing.graduated_percentage import price_graduated_percentage
from billwright.billing.pricing.package import price_package
from billwright.billing.pricing.percentage import PercentageParts, percentage_parts
from billwright.billing.pricing.percentage_fold import PercentageFold, PercentageTerms
from billwright.billing.pricing.properties import default_properties
from billwright.billing.pricing.standard import price_standard
from billwright.billing.pricing.unit_state import Step, prorated_units
from billwright.billing.pricing.usage import Price, Usage


@dataclass(frozen=True, slots=True)
class InAdvanceEvent:
    """One event as metering prepared it, under the lock of its unit state.

    ``step``: what it bills (``unit_state``). ``aggregated_units``: A, units of the bucket x group up to and including
    the event; recurring metrics include what was carried over.
    ``earlier_count``, ``earlier_units``: number of earlier events of the period, and the sum of their billable units
    (percentage model; count metrics need only the number).
    ``earlier_values``: these billable units one by one in order, for percentage charges on sum and unique count with
    free units; a prefix is enough: until the fold is no longer ``open``. ``earlier_fold``, already fed with all of
    them, stands for them.
    ``precise_total_amount_cents``: the event's own amount, minor units (dynamic model).
    ``custom_amount``: what the fold of this event added to ``state.amount`` (custom model).
    ``proration``: (days from the event to the period's end, D), prorated standard charges only.
    """

    step: Step
    aggregated_units: Decimal
    earlier_count: int = 0
    earlier_units: Decimal = ZERO
    earlier_values: Iterable[Decimal] = field(default=())
    earlier_fold: PercentageFold | None = None
    precise_total_amount_cents: Decimal = ZERO
    custom_amount: Decimal | None = None
    proration: tuple[int, int] | None = None


@exact
def price_event(
    charge_model: str, properties: Mapping[str, Any], event: InAdvanceEvent, currency: str, *, aggregation_type: str
) -> FeeAmounts:
    """Amounts of the event's fee (its ``events_count`` is 1). A delta below zero is 0; decreases are never credited.

    Raises ``ValueError`` for models that cannot be paid in advance.
    """
    properties = properties or default_properties(charge_model)
    amount, details = _delta(charge_model, properties, event, currency, aggregation_type)
    amount = max(amount, ZERO)
    cents = rounded_cents(amount, currency)
    shown = event.step.shown
    return FeeAmounts(
        units=shown,
        amount_cents=cents,
        precise_amount_cents=precise_minor_units(amount, currency),
        precise_unit_amount=quotient(from_minor_units(cents, currency), shown),
        amount_details=details,
    )


def custom_step(units_before: Decimal, units_after: Decimal) -> Step:
    """Custom metrics: the event bills what it added to ``total_units`` (01 §9.4); a decrease bills nothing."""
    added = max(units_after - units_before, ZERO)
    return Step(added, added)


def _delta(
    charge_model: str, properties: Mapping[str, Any], event: InAdvanceEvent, currency: str, aggregation_type: str
) -> tuple[Decimal, dict[str, Any]]:
    """The unrounded difference in currency units, and its details."""
    if event.proration is not None and charge_model != v.STANDARD:
        raise ValueError(f"{charge_model} charges paid in advance cannot be prorated")
    match charge_model:
        case v.STANDARD:
            billable = event.step.billable
            if event.proration is not None:
                billable = prorated_units(billable, *event.proration)
            return price_standard(properties, Usage(billable, 1)).amount, {}
        case v.PERCENTAGE:
            return _percentage_delta(PercentageTerms.of(properties, aggregation_type), event, aggregation_type)
        case v.DYNAMIC:
            return from_minor_units(event.precise_total_amount_cents, currency), {}
        case v.CUSTOM:
            if event.custom_amount is None:
                raise ValueError("custom pricing needs the folded amount")
            return event.custom_amount, {}
        case v.GRADUATED | v.PACKAGE | v.GRADUATED_PERCENTAGE:
            # Usage below zero counts as zero: what is billed then starts at the first unit.
            start = max(event.aggregated_units - event.step.billable, ZERO)
            before = _price_at(charge_model, properties, start)
            after = _price_at(charge_model, properties, start + event.step.billable)
            details: dict[str, Any] = {}
            if charge_model == v.GRADUATED_PERCENTAGE:
                details = _tier_differences(before.amount_details, after.amount_details)
            return after.amount - before.amount, details
        case _:
            raise ValueError(f"{charge_model} charges cannot be paid in advance")


def _price_at(charge_model: str, properties: Mapping[str, Any], units: Decimal) -> Price:
    """The model at a position. At zero units no flat amount is due: the first unit brings it, once (§10.3)."""
    if units <= 0:
        return Price(ZERO, ZERO, ZERO)
    usage = Usage(units, 0)
    if charge_model == v.GRADUATED:
        return price_graduated(properties, usage)
    if charge_model == v.PACKAGE:
        return price_package(properties, usage)
    return price_graduated_percentage(properties, usage)


def _tier_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Tier-wise differences; ``per_unit_total_amount`` is the tier's total per unit, rounded to 2 decimals."""
    key = "graduated_percentage_ranges"
    earlier: list[dict[str, Any]] = before.get(key, [])
    tiers: list[dict[str, Any]] = []
    for index, tier in enumerate(after.get(key, [])):
        old = earlier[index] if index < len(earlier) else {}

        def difference(name: str, tier: dict[str, Any] = tier, old: dict[str, Any] = old) -> Decimal:
            return Decimal(tier[name]) - Decimal(old.get(name, "0"))

        units, total = difference("units"), difference("total_with_flat_amount")
        tiers.append(
            {
                "from_value": tier["from_value"],
                "to_value": tier["to_value"],
                "units": decimal_string(units),
                "rate": tier["rate"],
                "per_unit_total_amount": decimal_string(round_half_up(quotient(total, units), 2)),
                "flat_unit_amount": decimal_string(difference("flat_unit_amount")),
                "total_with_flat_amount": decimal_string(total),
            }
        )
    return {key: tiers} if tiers else {}


def _percentage_delta(
    terms: PercentageTerms, event: InAdvanceEvent, aggregation_type: str
) -> tuple[Decimal, dict[str, Any]]:
    """The list with this event minus the list without it; events enter with their billable units as value."""
    fold = PercentageFold(terms)
    earlier_units = event.earlier_units
    if aggregation_type == v.COUNT:
        earlier_units = Decimal(event.earlier_count)
        fold.add(Decimal(1), event.earlier_count)
    elif event.earlier_fold is not None:
        fold = event.earlier_fold
    elif terms.has_free_units:
        fold.extend(event.earlier_values)
        if fold.open and fold.seen != event.earlier_count:
            raise ValueError(f"percentage pricing got {fold.seen} event values of {event.earlier_count}")
    # Of the earlier paid events only the totals matter: their costs are on both sides.
    before = percentage_parts(terms, earlier_units, event.earlier_count, fold)
    with_event = fold.copy()
    with_event.add(event.step.billable)
    after = percentage_parts(terms, earlier_units + event.step.billable, event.earlier_count + 1, with_event)
    return after.amount - before.amount, _percentage_details(before, after)


def _percentage_details(before: PercentageParts, after: PercentageParts) -> dict[str, Any]:
    """Every key is a difference and a string, except the prices."""
    units = after.units - before.units
    paid_units = after.paid_units - before.paid_units
    return {
        "units": decimal_string(units),
        "free_units": decimal_string(units - paid_units),
        "free_events": decimal_string(after.free_events - before.free_events),
        "paid_units": decimal_string(paid_units),
        "rate": decimal_string(after.rate),
        "per_unit_total_amount": decimal_string(after.percentage_amount - before.percentage_amount),
        "paid_events": decimal_string(after.paid_events - before.paid_events),
        "fixed_fee_unit_amount": decimal_string(after.fixed_unit_amount),
        "fixed_fee_total_amount": decimal_string(after.fixed_amount - before.fixed_amount),
        "min_max_adjustment_total_amount": decimal_string(after.adjustment - before.adjustment),
    }
