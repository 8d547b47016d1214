"""A billable metric in words and by example: how units are counted, and an event that it counts (spec 07 §7.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Data = Mapping[str, Any]
AGGREGATIONS: Mapping[str, str] = {
    "count_agg": "Count",
    "unique_count_agg": "Unique count",
    "latest_agg": "Latest",
    "max_agg": "Maximum",
    "sum_agg": "Sum",
    "weighted_sum_agg": "Weighted sum",
    "custom_agg": "Custom",
}
ROUNDING: Mapping[str, str] = {"round": "To the nearest", "ceil": "Up", "floor": "Down"}
_IN_EXPRESSION = re.compile(r"event\.properties\.([A-Za-z_][A-Za-z0-9_]*)")
_IN_CODE = re.compile(r"""event\[["']properties["']\](?:\[|\.get\()\s*["']([^"'\\]+)["']""")


def counting(metric: Data) -> list[dict[str, str]]:
    """How units are counted, as facts: what is not set is left out."""
    rounding, precision = metric["roundingFunction"], metric["roundingPrecision"] or 0
    facts = [
        ("Aggregation", AGGREGATIONS.get(metric["aggregationType"], metric["aggregationType"])),
        ("Type", "Recurring: units are carried over" if metric["recurring"] else "Metered: units begin at zero"),
        ("Property", metric["fieldName"]),
        ("Expression", metric["expression"]),
        ("Rounding", f"{ROUNDING[rounding]}, {precision} decimal{'' if precision == 1 else 's'}" if rounding else None),
        ("Weighted by", metric["weightedInterval"]),
    ]
    return [{"label": label, "value": value} for label, value in facts if value]


def expression_properties(expression: str) -> dict[str, Any]:
    """The properties that an expression reads, each with a value to begin with."""
    return dict.fromkeys(_IN_EXPRESSION.findall(expression), 1)


def event_properties(metric: Data) -> dict[str, Any]:
    """Properties of an event that the metric counts: those that it reads, and the first value of each filter."""
    if metric["expression"]:
        found = expression_properties(metric["expression"])
    elif metric["customAggregator"]:
        found = dict.fromkeys(_IN_CODE.findall(metric["customAggregator"]), 1)
    elif metric["fieldName"]:
        found = {metric["fieldName"]: "user-1" if metric["aggregationType"] == "unique_count_agg" else 1}
    else:
        found = {}
    return {**found, **{row["key"]: row["values"][0] for row in metric["filters"] if row["values"]}}
