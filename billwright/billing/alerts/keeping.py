"""Thresholds as the database keeps them, which is their wire form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from billwright.billing.alerts.crossing import Threshold
from billwright.billing.kernel.money import decimal_string


def stored(thresholds: Iterable[Threshold]) -> list[dict[str, Any]]:
    """Thresholds to be kept."""
    return [
        {"code": item.code, "value": decimal_string(item.value), "recurring": item.recurring} for item in thresholds
    ]


def thresholds_of(rows: Iterable[Mapping[str, Any]]) -> list[Threshold]:
    """Stored thresholds as values."""
    return [Threshold(Decimal(row["value"]), row["recurring"], row["code"]) for row in rows]
