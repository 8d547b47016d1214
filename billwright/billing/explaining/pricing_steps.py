"""From priced units to an amount, per charge model (spec 02 §5, §6): one step per tier, package or percentage part.

Amounts are in currency units until the last step, the only one that rounds money.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from billwright.billing.explaining.formula import plain
from billwright.billing.explaining.lines import ChargeLine
from billwright.billing.explaining.steps import CONVERSION, Explanation
from billwright.billing.kernel.money import exponent
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.tiers import Tier, read_tiers, walk

NOTHING = "0"
_FLAT_WITHOUT_USAGE = (v.GRADUATED, v.GRADUATED_PERCENTAGE)


def price_steps(x: Explanation, line: ChargeLine) -> None:
    """The model's steps, their sum, and its conversion to minor units."""
    amount = _amount(x, line)
    if amount is not None:
        convert(x, amount)


def convert(x: Explanation, amount: str) -> None:
    """Currency units to minor units, rounded once; settles the explanation."""
    cents = x.add(
        CONVERSION,
        "Rounded to minor units",
        "round(amount * minor_units)",
        "cents",
        amount=amount,
        minor_units=10 ** exponent(x.currency),
    )
    x.settle(cents)


def add_up(x: Explanation, parts: Sequence[str], *, not_negative: bool = False) -> str:
    """The sum of several parts; one part needs no step of its own."""
    if len(parts) == 1 and not (not_negative and Decimal(parts[0]) < 0):
        return parts[0]
    inputs = {f"part_{number}": part for number, part in enumerate(parts, 1)}
    total = " + ".join(inputs)
    return x.add("pricing", "Sum", f"max({total}, 0)" if not_negative else total, x.currency, **inputs)


def _amount(x: Explanation, line: ChargeLine) -> str | None:
    """The unrounded amount; ``None`` where the model's steps went on to minor units by themselves."""
    shown = Decimal(line.figures.get("shown", line.units))
    if shown < 0 or (line.priced_units < 0 and not (line.prorated and line.charge_model == v.GRADUATED)):
        return x.add("pricing", "Negative usage costs nothing", NOTHING, x.currency, units=line.priced_units)
    if line.renewed and not line.units and line.charge_model in _FLAT_WITHOUT_USAGE:
        return x.add("pricing", "Nothing in use, nothing billed in advance", NOTHING, x.currency, units=line.units)
    return _MODELS[line.charge_model](x, line)


def _standard(x: Explanation, line: ChargeLine) -> str:
    return x.add(
        "pricing",
        "Price per unit",
        "units * amount",
        x.currency,
        units=line.priced_units,
        amount=Decimal(line.price["amount"]),
    )


def tier_label(index: int, tier: Tier) -> str:
    """``Tier 2: above 10, up to 20``."""
    if tier.upper is None:
        return f"Tier {index + 1}: above {plain(tier.lower)}"
    return f"Tier {index + 1}: above {plain(tier.lower)}, up to {plain(tier.upper)}"


def _tiers(x: Explanation, line: ChargeLine, key: str, price_key: str, price: str) -> str:
    parts: list[str] = []
    for index, tier in enumerate(walk(read_tiers(line.price[key], price_key), line.priced_units)):
        inputs: dict[str, Any] = {"units": line.priced_units, "tier_start": tier.lower}
        if tier.upper is None:
            share = "(units - tier_start)"
        else:
            share = "(min(units, tier_end) - tier_start)"
            inputs["tier_end"] = tier.upper
        inputs.update({price_key: tier.price, "flat_amount": tier.flat})
        parts.append(
            x.add("pricing", tier_label(index, tier), f"{share} * {price} + flat_amount", x.currency, **inputs)
        )
    return add_up(x, parts)


def _graduated(x: Explanation, line: ChargeLine) -> str | None:
    if line.prorated:
        return _prorated_graduated(x, line)
    return _tiers(x, line, "graduated_ranges", "per_unit_amount", "per_unit_amount")


def _graduated_percentage(x: Explanation, line: ChargeLine) -> str:
    return _tiers(x, line, "graduated_percentage_ranges", "rate", "rate / 100")


def _prorated_graduated(x: Explanation, line: ChargeLine) -> str | None:
    path = line.facts.get("path")
    if path is None:
        x.notes.append("The days that units spent in each tier were not stored with this fee.")
        return stored_amount(x, line, "Tiers, by the days of use")
    tiers = read_tiers(line.price["graduated_ranges"], "per_unit_amount")
    if Decimal(path["total"]) < 0:
        return x.add("pricing", "Negative usage costs nothing", NOTHING, x.currency, units=path["total"])
    if not line.priced_units:
        return x.add("pricing", tier_label(0, tiers[0]), "flat_amount", x.currency, flat_amount=tiers[0].flat)
    inputs: dict[str, Any] = {"period_days": line.facts["window"]["days"]}
    paid: list[str] = []
    for index, (tier, unit_days) in enumerate(zip(tiers, path["unit_days"], strict=True), 1):
        if not Decimal(unit_days):
            continue
        x.add(
            "pricing",
            tier_label(index - 1, tier),
            "unit_days * per_unit_amount / period_days",
            x.currency,
            unit_days=unit_days,
            per_unit_amount=tier.price,
            period_days=inputs["period_days"],
        )
        inputs.update({f"unit_days_{index}": unit_days, f"per_unit_amount_{index}": tier.price})
        paid.append(f"unit_days_{index} * per_unit_amount_{index}")
    flats: list[str] = []
    for index, tier in enumerate(walk(tiers, Decimal(path["highest"])), 1):
        inputs[f"flat_amount_{index}"] = tier.flat
        flats.append(f"flat_amount_{index}")
    formula = f"max(({' + '.join(paid) or '0'}) / period_days, 0) + {' + '.join(flats)}"
    x.add("pricing", "Days in each tier, and the flat amounts of all tiers reached", formula, x.currency, **inputs)
    # The quotient may never end: it is carried into the conversion as it is, not as it is shown.
    x.settle(
        x.add(
            CONVERSION,
            "Rounded to minor units",
            f"round(({formula}) * minor_units)",
            "cents",
            **inputs,
            minor_units=10 ** exponent(x.currency),
        )
    )
    return None


def _volume(x: Explanation, line: ChargeLine) -> str:
    tiers = read_tiers(line.price["volume_ranges"], "per_unit_amount")
    visited = walk(tiers, line.units)
    label = tier_label(len(visited) - 1, visited[-1])
    return x.add(
        "pricing",
        f"{label} prices all units",
        "units * per_unit_amount + flat_amount",
        x.currency,
        tier_units=line.units,
        units=line.priced_units,
        per_unit_amount=visited[-1].price,
        flat_amount=visited[-1].flat,
    )


def _package(x: Explanation, line: ChargeLine) -> str:
    packages = x.add(
        "pricing",
        "Packages started beyond the free units",
        "ceil(max(units - free_units, 0) / package_size)",
        "packages",
        units=line.priced_units,
        free_units=Decimal(str(line.price["free_units"])),
        package_size=int(line.price["package_size"]),
    )
    return x.add(
        "pricing",
        "Price per package",
        "packages * amount",
        x.currency,
        packages=packages,
        amount=Decimal(line.price["amount"]),
    )


def _percentage(x: Explanation, line: ChargeLine) -> str:
    details = line.details
    if not details:
        # Negative events can cost less than nothing, which is then nothing, without details (spec 02 §5).
        if line.amount_cents:
            return stored_amount(x, line, "Rate of the paid units")
        return x.add("pricing", "A negative amount costs nothing", NOTHING, x.currency, units=line.priced_units)
    parts = [
        x.add(
            "pricing",
            "Rate of the paid units",
            "max(units - free_units, 0) * rate / 100",
            x.currency,
            units=line.priced_units,
            free_units=Decimal(str(details["free_units"])),
            free_events=int(Decimal(str(details["free_events"]))),
            rate=Decimal(str(details["rate"])),
        )
    ]
    fixed = Decimal(str(details["fixed_fee_total_amount"]))
    if fixed:
        parts.append(
            x.add(
                "pricing",
                "Fixed amount per paid event",
                "paid_events * fixed_amount",
                x.currency,
                paid_events=int(Decimal(str(details["paid_events"]))),
                fixed_amount=Decimal(str(details["fixed_fee_unit_amount"])),
            )
        )
    return add_up(x, [*parts, *_limits(x, line, parts)])


def _limits(x: Explanation, line: ChargeLine, parts: Sequence[str]) -> list[str]:
    """What minimum and maximum per event add or take: the cost of the single events less their parts."""
    adjustment = Decimal(str(line.details["min_max_adjustment_total_amount"]))
    if not adjustment:
        return []
    inputs = {f"part_{number}": part for number, part in enumerate(parts, 1)}
    limited = adjustment + sum((Decimal(part) for part in parts), Decimal(0))
    return [
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
    ]


def _dynamic(x: Explanation, line: ChargeLine) -> str:
    if not line.priced_units:
        return x.add("pricing", "No units, no amount", NOTHING, x.currency, units=line.priced_units)
    cents = line.figures.get("event_amounts_cents", "0" if line.figures else plain(line.precise_amount_cents))
    return x.add(
        "pricing",
        "Amounts that the events brought along",
        "max(event_amounts_cents, 0) / minor_units" if Decimal(cents) < 0 else "event_amounts_cents / minor_units",
        x.currency,
        event_amounts_cents=cents,
        minor_units=10 ** exponent(x.currency),
    )


def _custom(x: Explanation, line: ChargeLine) -> str:
    figures = line.figures
    if "amount" not in figures:
        return stored_amount(x, line, "Amount of the custom aggregation")
    return add_up(
        x,
        [x.add("pricing", "Amount of the custom aggregation", "amount", x.currency, amount=figures["amount"])],
        not_negative=True,
    )


def stored_amount(x: Explanation, line: ChargeLine, label: str) -> str:
    """What is left where the figures behind an amount were not stored: the unrounded amount itself."""
    amount = line.precise_amount_cents.scaleb(-exponent(x.currency))
    return x.add("pricing", label, "amount", x.currency, amount=amount)


_MODELS: dict[str, Callable[[Explanation, ChargeLine], str | None]] = {
    v.STANDARD: _standard,
    v.GRADUATED: _graduated,
    v.PACKAGE: _package,
    v.PERCENTAGE: _percentage,
    v.VOLUME: _volume,
    v.GRADUATED_PERCENTAGE: _graduated_percentage,
    v.DYNAMIC: _dynamic,
    v.CUSTOM: _custom,
}
