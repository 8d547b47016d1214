"""Pricing groups: each combination of group values is computed and billed on its own (spec 02 §4.2, 01 §4.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from billwright.billing.pricing.text_form import text_form

GroupValues = tuple[str | None, ...]


def group_of(properties: Mapping[str, Any], keys: Sequence[str]) -> GroupValues:
    """The event's group, in the order of ``keys``; missing, null and ``""`` are one group, ``None``."""
    return tuple(text_form(properties.get(key)) or None for key in keys)


def grouped_by(keys: Sequence[str], group: GroupValues) -> dict[str, str | None]:
    """``{key: value or None}`` as fees and usage show it; ``{}`` when not grouped."""
    return dict(zip(keys, group, strict=True))


def null_group(keys: Sequence[str]) -> GroupValues:
    """The group of the zero computation of a bucket without events."""
    return (None,) * len(keys)
