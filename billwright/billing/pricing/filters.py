"""Charge filters: validation, and the one bucket of each event (spec 02 §4.1, 01 §4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import prod
from typing import Any, cast
from uuid import UUID

from billwright.billing.kernel.errors import Problems
from billwright.billing.pricing.text_form import text_form
from billwright.billing.pricing.vocabulary import ALL_FILTER_VALUES

FilterValues = Mapping[str, Sequence[str]]
"""Filter key -> values; a charge filter may have ``[ALL_FILTER_VALUES]`` for a key."""


@dataclass(frozen=True, slots=True)
class ChargeFilter:
    """What matching needs to know of a stored charge filter."""

    id: UUID
    values: FilterValues
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Bucket:
    """A charge filter with its values expanded: an event matches when each key's text form is among its values."""

    filter_id: UUID
    conditions: tuple[tuple[str, frozenset[str]], ...]

    def matches(self, texts: Mapping[str, str | None]) -> bool:
        return all(texts[key] in values for key, values in self.conditions)


class Buckets:
    """The ordered buckets of one charge; an event belongs to the first that matches, else to the default bucket."""

    __slots__ = ("keys", "ordered")

    def __init__(self, ordered: Sequence[Bucket]) -> None:
        self.ordered = tuple(ordered)
        self.keys = tuple(dict.fromkeys(key for bucket in self.ordered for key, _ in bucket.conditions))
        """The event properties that decide the bucket."""

    def bucket_of(self, properties: Mapping[str, Any]) -> UUID | None:
        """Id of the charge filter whose bucket the event falls in; ``None`` = default bucket."""
        texts = {key: text_form(properties.get(key)) for key in self.keys}
        return next((bucket.filter_id for bucket in self.ordered if bucket.matches(texts)), None)


def ordered_buckets(filters: Iterable[ChargeFilter], metric_filters: Mapping[str, Collection[str]]) -> Buckets:
    """Buckets in order of precedence (spec 01 §4.3): most keys, then the smaller product of (expanded) value counts,
    then the oldest. ``metric_filters``: the values the metric lists now, for all-values filters."""
    ranked: list[tuple[tuple[int, int, datetime, UUID], Bucket]] = []
    for item in filters:
        conditions = tuple((key, expand(key, values, metric_filters)) for key, values in item.values.items())
        if conditions:
            breadth = prod(len(values) for _, values in conditions)
            ranked.append(((-len(conditions), breadth, item.created_at, item.id), Bucket(item.id, conditions)))
    return Buckets([bucket for _, bucket in sorted(ranked, key=lambda pair: pair[0])])


def expand(key: str, values: Collection[str], metric_filters: Mapping[str, Collection[str]]) -> frozenset[str]:
    """``values`` with all-values replaced by what the metric lists now for ``key``."""
    return frozenset(metric_filters.get(key, ()) if is_all_values(values) else values)


def is_all_values(values: Collection[str]) -> bool:
    return len(values) == 1 and ALL_FILTER_VALUES in values


def validate_filter_values(
    raw: Any, metric_filters: Mapping[str, Collection[str]], problems: Problems
) -> dict[str, list[str]]:
    """The stored form of a charge filter's ``values``: order kept, values once.

    Codes: ``values: value_is_mandatory`` (no map, empty map, a key without values), ``values: value_is_invalid``
    (unknown value, all-values beside others), ``billable_metric_filter: relation_must_exist`` (unknown key).
    """
    if not isinstance(raw, Mapping) or not raw:
        problems.add("values", "value_is_mandatory" if raw is None or raw == {} else "value_is_invalid")
        return {}
    result: dict[str, list[str]] = {}
    for key, given in cast("Mapping[str, Any]", raw).items():
        if key not in metric_filters:
            problems.add("billable_metric_filter", "relation_must_exist")
            problems.add("values", "value_is_invalid", at=f"values.{key}")
            continue
        if given is None or given == []:
            problems.add("values", "value_is_mandatory", at=f"values.{key}")
            continue
        texts = _texts(given)
        if texts is None or not (is_all_values(texts) or set(texts) <= set(metric_filters[key])):
            problems.add("values", "value_is_invalid", at=f"values.{key}")
            continue
        result[key] = texts
    return result


def _texts(given: Any) -> list[str] | None:
    if not isinstance(given, list | tuple):
        return None
    items = cast("list[Any]", given)
    if not all(isinstance(item, str | int | Decimal) and not isinstance(item, bool) for item in items):
        return None
    return list(dict.fromkeys(cast("str", text_form(item)) for item in items))


def same_values(one: FilterValues, other: FilterValues) -> bool:
    """Whether two filters have the same ``values`` map, whatever the order of keys and values (spec 02 §4.1)."""
    return one.keys() == other.keys() and all(set(one[key]) == set(other[key]) for key in one)


def after_metric_change(values: FilterValues, metric_filters: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """What is left of a charge filter when the metric's filters become ``metric_filters`` (spec 01 §1.4).

    A key keeps the values still listed and goes when none is left; ``{}`` means: delete the charge filter.
    """
    kept = {
        key: [value for value in listed if value == ALL_FILTER_VALUES or value in metric_filters[key]]
        for key, listed in values.items()
        if key in metric_filters
    }
    return {key: listed for key, listed in kept.items() if listed}


def filter_display_name(values: FilterValues, invoice_display_name: str | None = None) -> str:
    """The filter's own name, else its values joined by ``", "`` with the key standing for all-values."""
    if invoice_display_name:
        return invoice_display_name
    return ", ".join(
        text for key, listed in values.items() for text in ([key] if is_all_values(listed) else list(listed))
    )
