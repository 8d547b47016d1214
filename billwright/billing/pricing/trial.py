"""What a price would cost: worked examples and the price curve of a charge that is being written (spec 07 §7.6).

Nothing here computes a price of its own: every figure is ``models.price`` on made-up usage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billwright.billing.kernel.errors import Problems, Unprocessable
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.exact import ZERO, exact, quotient
from billwright.billing.pricing.fee_amounts import FeeAmounts, fee_amounts
from billwright.billing.pricing.models import price
from billwright.billing.pricing.percentage_fold import PercentageFold, PercentageTerms
from billwright.billing.pricing.properties import TIER_KEYS, validate_properties
from billwright.billing.pricing.usage import Usage

MAX_UNITS = Decimal(10) ** 15
MAX_EVENTS = 10**9
_POINTS = 32
_STEPS = 60
"""Packages of a curve that are drawn as stairs; a finer staircase is drawn as the line through its corners."""


@dataclass(frozen=True, slots=True)
class PricePoint:
    """A point of a price curve; ``amount`` in currency units, unrounded."""

    units: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PriceTrial:
    """What the units would cost, and the curve around them, ascending by units."""

    fee: FeeAmounts
    curve: tuple[PricePoint, ...]


@exact
def try_price(
    charge_model: str,
    raw_properties: Any,
    units: Decimal,
    currency: str,
    *,
    aggregation_type: str,
    events_count: int | None = None,
) -> PriceTrial | None:
    """The price of ``units`` in one period, un-prorated, that came in ``events_count`` events of the same size.

    Without a count, or where each unit is an event, there are as many events as units. ``None`` where nothing can be
    said: a price that is not valid yet, usage out of range, and models whose price comes with the events.
    """
    if charge_model not in v.CHARGE_MODELS or charge_model in (v.DYNAMIC, v.CUSTOM):
        return None
    problems = Problems()
    properties = validate_properties(charge_model, raw_properties, problems, aggregation_type=aggregation_type)
    if problems or not 0 <= units <= MAX_UNITS or not 0 <= (events_count or 0) <= MAX_EVENTS:
        return None
    counted = events_count is not None and aggregation_type not in v.UNIT_EVENT_AGGREGATIONS
    size = quotient(units, Decimal(events_count)) if counted and events_count else Decimal(1)

    def cost(amount_of: Decimal) -> Any:
        events = int(quotient(amount_of, size).to_integral_value()) if size else 0
        usage = _usage(charge_model, properties, amount_of, events, aggregation_type)
        return price(charge_model, properties, usage, currency, aggregation_type=aggregation_type)

    try:
        fee = fee_amounts(cost(units), currency)
    except Unprocessable:
        return None
    return PriceTrial(fee, tuple(PricePoint(at, cost(at).amount) for at in _places(charge_model, properties, units)))


def _usage(
    charge_model: str, properties: Mapping[str, Any], units: Decimal, events: int, aggregation_type: str
) -> Usage:
    if charge_model != v.PERCENTAGE:
        return Usage(units=units, events_count=events)
    fold = PercentageFold(PercentageTerms.of(properties, aggregation_type))
    if events:
        fold.add(quotient(units, Decimal(events)), events)
    return Usage(units=units, events_count=events, event_values=fold)


def _places(charge_model: str, properties: Mapping[str, Any], units: Decimal) -> list[Decimal]:
    """Where the curve is computed: evenly from zero to beyond the units and the last tier, and around each jump."""
    jumps = _jumps(charge_model, properties)
    end = max([units * 3 / 2, *(at * 5 / 4 for at in jumps), Decimal(10)]).to_integral_value()
    if charge_model == v.PACKAGE:
        first, size = Decimal(properties["free_units"]), Decimal(properties["package_size"])
        end = max(end, first + size * 4)
        packages = int((end - first) // size)
        if packages > _STEPS:
            corners = {first + size * (packages * step // _POINTS) for step in range(_POINTS + 1)}
            return sorted({ZERO, units, *corners})
        jumps = [first + size * step for step in range(packages + 1)]
    nearly = quotient(end, Decimal(1000))
    even = (quotient(end * step, Decimal(_POINTS)) for step in range(_POINTS + 1))
    places = {at.to_integral_value() if end > _POINTS * 2 else at for at in even}
    for at in jumps:
        places |= {at, at + min(nearly, Decimal(1))}
    if units:
        places.add(units)
    return sorted(place for place in places if ZERO <= place <= end)


def _jumps(charge_model: str, properties: Mapping[str, Any]) -> list[Decimal]:
    """Units after which the price changes its slope or jumps."""
    if charge_model in TIER_KEYS:
        ends = [row["to_value"] for row in properties[TIER_KEYS[charge_model]]]
        return [ZERO, *(Decimal(end) for end in ends if end is not None)]
    free = properties.get("free_units_per_total_aggregation") or properties.get("free_units")
    return [Decimal(free)] if free else []
