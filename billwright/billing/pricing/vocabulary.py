"""Names of charge models and of metric aggregations, as they stand on the wire."""

from __future__ import annotations

STANDARD = "standard"
GRADUATED = "graduated"
PACKAGE = "package"
PERCENTAGE = "percentage"
VOLUME = "volume"
GRADUATED_PERCENTAGE = "graduated_percentage"
DYNAMIC = "dynamic"
CUSTOM = "custom"

CHARGE_MODELS: tuple[str, ...] = (
    STANDARD,
    GRADUATED,
    PACKAGE,
    PERCENTAGE,
    VOLUME,
    GRADUATED_PERCENTAGE,
    DYNAMIC,
    CUSTOM,
)

COUNT = "count_agg"
SUM = "sum_agg"
MAX = "max_agg"
UNIQUE_COUNT = "unique_count_agg"
WEIGHTED_SUM = "weighted_sum_agg"
LATEST = "latest_agg"
CUSTOM_AGGREGATION = "custom_agg"

AGGREGATION_TYPES: tuple[str, ...] = (COUNT, SUM, MAX, UNIQUE_COUNT, WEIGHTED_SUM, LATEST, CUSTOM_AGGREGATION)

PER_EVENT_AGGREGATIONS = frozenset({COUNT, SUM, UNIQUE_COUNT})
"""Aggregations whose events may be free or limited one by one (spec 02 §3)."""

UNIT_EVENT_AGGREGATIONS = frozenset({COUNT, UNIQUE_COUNT})
"""Aggregations in which every unit is one event of value 1 (spec 02 §5.4)."""

ALL_FILTER_VALUES = "__ALL_FILTER_VALUES__"
"""Stands for every value that the metric lists now for a filter key."""
