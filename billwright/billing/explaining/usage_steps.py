"""From events to priced units: aggregation, proration, the metric's rounding (spec 01 §5, §6, §8)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from billwright.billing.explaining.lines import ChargeLine
from billwright.billing.explaining.steps import Explanation
from billwright.billing.pricing import vocabulary as v

_LABELS = {
    v.COUNT: "Number of events",
    v.SUM: "Sum of {field}",
    v.MAX: "Highest {field}",
    v.LATEST: "Latest {field}",
    v.UNIQUE_COUNT: "Different values of {field}",
    v.WEIGHTED_SUM: "Sum of {field}, weighted by time",
    v.CUSTOM_AGGREGATION: "Units of the custom aggregation",
}
NO_FIGURES = "The partial figures of the aggregation were not stored with this fee: it was made by an earlier version."


def usage_steps(x: Explanation, line: ChargeLine) -> None:
    """The steps up to the units that are priced."""
    label = _LABELS[line.aggregation_type].format(field=line.field_name or "the field")
    figures = line.figures
    if not figures:
        x.add("aggregation", label, "units", "units", type=line.aggregation_type, units=line.priced_units)
        x.notes.append(NO_FIGURES)
        return
    units = _aggregated(x, line, label, figures)
    if line.rounding_function is not None:
        formula = f"{line.rounding_function}(units, places)"
        units = x.add(
            "rounding", "Rounding of the metric", formula, "units", units=units, places=line.rounding_precision or 0
        )
    if Decimal(units) != line.priced_units:
        x.add("aggregation", "Units billed in advance so far", "units", "units", units=line.priced_units)


def _aggregated(x: Explanation, line: ChargeLine, label: str, figures: dict[str, str]) -> str:
    kind = line.aggregation_type
    if line.prorated:
        return _prorated(x, line, label, figures)
    if "unit_seconds" in figures:
        return x.add(
            "aggregation",
            label,
            "ceil(unit_seconds / (period_days * 86400), 20)",
            "units",
            type=kind,
            carried=figures.get("carried"),
            unit_seconds=figures["unit_seconds"],
            period_days=line.facts["window"]["days"],
        )
    return _counted(x, line, label, figures, figures["units"])


def _counted(x: Explanation, line: ChargeLine, label: str, figures: dict[str, str], units: str) -> str:
    kind, carried = line.aggregation_type, figures.get("carried")
    if carried is not None and kind == v.SUM:
        added = Fraction(units) - Fraction(carried)
        return x.add("aggregation", label, "carried + added", "units", type=kind, carried=carried, added=added)
    return x.add("aggregation", label, "units", "units", type=kind, units=units)


def _prorated(x: Explanation, line: ChargeLine, label: str, figures: dict[str, str]) -> str:
    _counted(x, line, label, figures, figures["full"])
    window = line.facts["window"]
    days, unit_days = window["days"], Fraction(figures["unit_days"])
    if line.aggregation_type != v.SUM:
        return x.add(
            "proration",
            "Days in use of the period's days",
            "ceil(unit_days / period_days, 5)",
            "units",
            unit_days=unit_days,
            period_days=days,
        )
    carried = Fraction(figures.get("carried", "0"))
    carried_days = max((date.fromisoformat(window["end_day"]) - date.fromisoformat(window["start_day"])).days + 1, 0)
    return x.add(
        "proration",
        "Days in use of the period's days",
        "ceil((carried * carried_days + added_unit_days) / period_days, 5)",
        "units",
        carried=carried,
        carried_days=carried_days,
        added_unit_days=unit_days - carried * carried_days,
        period_days=days,
    )
