"""Charge models: units to an exact amount in currency units (spec 02 §5, §6)."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from tests.simulation.checker.money import ZERO, number

Properties = dict[str, Any]


def price(
    model: str,
    properties: Properties,
    units: Fraction,
    *,
    events: int = 0,
    values: list[Fraction] | None = None,
    limited: bool = False,
    money: Fraction = ZERO,
) -> Fraction:
    """``values``: of the events in order; ``limited``: the metric knows free units and limits per transaction;
    ``money``: what the events say they cost, in currency units."""
    if model == "standard":
        return units * number(properties.get("amount"))
    if model == "graduated":
        return _graduated(properties["graduated_ranges"], units, "per_unit_amount", Fraction(1))
    if model == "graduated_percentage":
        return _graduated(properties["graduated_percentage_ranges"], units, "rate", Fraction(1, 100))
    if model == "package":
        paid = units - number(properties.get("free_units"))
        packages = math.ceil(paid / number(properties["package_size"])) if paid > 0 else 0
        return packages * number(properties["amount"])
    if model == "volume":
        tier = next(tier for tier in properties["volume_ranges"] if holds(tier, units))
        return units * number(tier["per_unit_amount"]) + number(tier["flat_amount"])
    if model == "dynamic":
        return money if units else ZERO
    assert model == "percentage", model
    return _percentage(properties, units, events, values if limited else None)


def holds(tier: Properties, units: Fraction) -> bool:
    return tier["to_value"] is None or units <= number(tier["to_value"])


def _graduated(tiers: list[Properties], units: Fraction, key: str, scale: Fraction) -> Fraction:
    amount, bottom = ZERO, ZERO
    for tier in tiers:
        top = units if holds(tier, units) else number(tier["to_value"])
        amount += (top - bottom) * number(tier[key]) * scale + number(tier["flat_amount"])
        if holds(tier, units):
            break
        bottom = top
    return amount


def _percentage(properties: Properties, units: Fraction, events: int, values: list[Fraction] | None) -> Fraction:
    rate = number(properties["rate"]) / 100
    fixed = number(properties.get("fixed_amount"))
    if values is None:
        return units * rate + (events * fixed if units else ZERO)
    free_events, free_amount = (
        properties.get("free_units_per_events"),
        properties.get("free_units_per_total_aggregation"),
    )
    low, high = properties.get("per_transaction_min_amount"), properties.get("per_transaction_max_amount")
    free, whole_free, total = ZERO, 0, ZERO
    available = bool(free_events or free_amount is not None)
    for index, value in enumerate(values, 1):
        if free_events and index > int(free_events):
            available = False
        if free_amount is not None and free >= number(free_amount):
            available = False
        part = ZERO
        if available:
            if free_amount is None or free + value < number(free_amount):
                free, whole_free = free + value, whole_free + 1
                continue
            part = number(free_amount) - free
            free += part
        paid = (value - part) * rate + fixed
        if low is not None:
            paid = max(paid, number(low))
        if high is not None:
            paid = min(paid, number(high))
        total += paid
    if low is not None or high is not None:
        return total
    return max(units - free, ZERO) * rate + ((events - whole_free) * fixed if units else ZERO)


def graduated_by_days(tiers: list[Properties], steps: list[tuple[Fraction, Fraction]], units: Fraction) -> Fraction:
    """Graduated prices of prorated units (spec 02 §6.3): ``steps`` of full and prorated value, in order."""
    if not units:
        return number(tiers[0]["flat_amount"])
    running, highest, amount = ZERO, ZERO, ZERO
    for full, prorated in steps:
        if not full or (full > 0 and not prorated) or (full < 0 and not prorated and running + full < 0):
            continue
        begin, running = running, running + full
        highest = max(highest, running)
        low, high = sorted((begin, running))
        bottom: Fraction | None = None
        for tier in tiers:
            top = None if tier["to_value"] is None else number(tier["to_value"])
            part = (high if top is None else min(high, top)) - (low if bottom is None else max(low, bottom))
            if part > 0:
                sign = 1 if full > 0 else -1
                amount += sign * part * (prorated / full) * number(tier["per_unit_amount"])
            bottom = top
            if top is None:
                break
    if running < 0:
        return ZERO
    flats = ZERO
    for tier in tiers:
        flats += number(tier["flat_amount"])
        if holds(tier, highest):
            break
    return max(amount, ZERO) + flats
