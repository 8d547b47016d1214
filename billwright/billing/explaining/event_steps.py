"""The amount of one event of a charge paid in advance: what the model costs with it, less what it costs without
(spec 02 §10.2-10.4)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from billwright.billing.explaining.lines import ChargeLine
from billwright.billing.explaining.pricing_steps import NOTHING, add_up, convert, stored_amount, tier_label
from billwright.billing.explaining.steps import Explanation
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.exact import ZERO
from billwright.billing.pricing.tiers import read_tiers, walk


def event_price_steps(x: Explanation, line: ChargeLine) -> None:
    """Units that the event bills, their price, and its conversion to minor units."""
    event = line.event or {}
    billable = Decimal(str(event.get("billable_units", line.priced_units)))
    x.add("aggregation", "Units that the event bills", "billable_units", "units", billable_units=billable)
    convert(x, _MODELS[line.charge_model](x, line, billable))


def _standard(x: Explanation, line: ChargeLine, billable: Decimal) -> str:
    days, period_days = (line.event or {}).get("days") or (None, None)
    units: Decimal | str = billable
    if days is not None:
        units = x.add(
            "proration",
            "Days from the event to the end of the period",
            "ceil(billable_units * days / period_days, 5)",
            "units",
            billable_units=billable,
            days=days,
            period_days=period_days,
        )
    amount = Decimal(line.price["amount"])
    return x.add("pricing", "Price per unit", "units * amount", x.currency, units=units, amount=amount)


def _position(line: ChargeLine, billable: Decimal) -> tuple[Decimal, Decimal]:
    """Units of the period before the event and with it; usage below zero counts as zero."""
    aggregated = Decimal(str((line.event or {}).get("aggregated_units", billable)))
    start = max(aggregated - billable, ZERO)
    return start, start + billable


def _graduated(x: Explanation, line: ChargeLine, billable: Decimal) -> str:
    return _tiers(x, line, billable, "graduated_ranges", "per_unit_amount", "per_unit_amount")


def _graduated_percentage(x: Explanation, line: ChargeLine, billable: Decimal) -> str:
    return _tiers(x, line, billable, "graduated_percentage_ranges", "rate", "rate / 100")


def _tiers(x: Explanation, line: ChargeLine, billable: Decimal, key: str, price_key: str, price: str) -> str:
    start, end = _position(line, billable)
    if not billable:
        return x.add("pricing", "The event raises no maximum: nothing to bill", NOTHING, x.currency, units=billable)
    tiers = read_tiers(line.price[key], price_key)
    known = len(walk(tiers, start)) if start else 0
    parts: list[str] = []
    for index, tier in enumerate(walk(tiers, end)):
        new = index >= known
        if not new and tier.upper is not None and tier.upper <= start:
            continue
        inputs: dict[str, Any] = {"units_before": start, "units_with": end, "tier_start": tier.lower}
        top = "units_with"
        if tier.upper is not None:
            top = "min(units_with, tier_end)"
            inputs["tier_end"] = tier.upper
        formula = f"({top} - max(units_before, tier_start)) * {price}"
        inputs[price_key] = tier.price
        if new:
            formula += " + flat_amount"
            inputs["flat_amount"] = tier.flat
        parts.append(x.add("pricing", tier_label(index, tier), formula, x.currency, **inputs))
    return add_up(x, parts)


def _package(x: Explanation, line: ChargeLine, billable: Decimal) -> str:
    start, end = _position(line, billable)
    before = "ceil(max(units_before - free_units, 0) / package_size)"
    packages = x.add(
        "pricing",
        "Packages that the event starts",
        f"{before.replace('units_before', 'units_with')} - {before}",
        "packages",
        units_before=start,
        units_with=end,
        free_units=Decimal(str(line.price["free_units"])),
        package_size=int(line.price["package_size"]),
    )
    amount = Decimal(line.price["amount"])
    return x.add("pricing", "Price per package", "packages * amount", x.currency, packages=packages, amount=amount)


def _percentage(x: Explanation, line: ChargeLine, billable: Decimal) -> str:
    """The fee's details are differences already: with the event less without it."""
    details = {name: Decimal(str(value)) for name, value in line.details.items()}
    parts = [
        x.add(
            "pricing",
            "Rate of the paid units",
            "paid_units * rate / 100",
            x.currency,
            units=details["units"],
            free_units=details["free_units"],
            paid_units=details["paid_units"],
            rate=details["rate"],
        )
    ]
    fixed, paid_events = details["fixed_fee_total_amount"], details["paid_events"]
    if fixed and fixed == paid_events * details["fixed_fee_unit_amount"]:
        parts.append(
            x.add(
                "pricing",
                "Fixed amount per paid event",
                "paid_events * fixed_amount",
                x.currency,
                paid_events=paid_events,
                fixed_amount=details["fixed_fee_unit_amount"],
            )
        )
    elif fixed:
        # Events without units owe no fixed amount; the first unit brings those of all paid events before it.
        label = "Fixed amounts that are owed with this event, of it and of events before it"
        parts.append(x.add("pricing", label, "fixed_amounts", x.currency, fixed_amounts=fixed))
    adjustment = details["min_max_adjustment_total_amount"]
    if adjustment:
        limited = adjustment + sum((Decimal(part) for part in parts), ZERO)
        inputs = {f"part_{number}": part for number, part in enumerate(parts, 1)}
        parts.append(
            x.add(
                "pricing",
                "Minimum and maximum per event",
                "limited_cost - " + " - ".join(inputs),
                x.currency,
                limited_cost=limited,
                minimum=line.price.get("per_transaction_min_amount"),
                maximum=line.price.get("per_transaction_max_amount"),
                **inputs,
            )
        )
    return add_up(x, parts, not_negative=True)


def _own_amount(x: Explanation, line: ChargeLine, billable: Decimal) -> str:
    label = "Amount that the event brought along" if line.charge_model == v.DYNAMIC else "Amount added by the event"
    return stored_amount(x, line, label)


_MODELS: dict[str, Callable[[Explanation, ChargeLine, Decimal], str]] = {
    v.STANDARD: _standard,
    v.GRADUATED: _graduated,
    v.GRADUATED_PERCENTAGE: _graduated_percentage,
    v.PACKAGE: _package,
    v.PERCENTAGE: _percentage,
    v.DYNAMIC: _own_amount,
    v.CUSTOM: _own_amount,
}
