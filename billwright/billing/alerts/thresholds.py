"""Reading the thresholds of an alert (spec 07 §9.4)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billwright.billing.alerts.crossing import Threshold
from billwright.billing.alerts.schemas import AlertThresholdInput
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.inputs import as_list, as_mapping

MOST = 20
MAX_DIGITS, MAX_PLACES = 30, 20
"""Digits before and after the point that a value may have."""

_FIELD, _VALUE = "thresholds", "thresholds:value"


def parse_thresholds(raw: Any, problems: Problems) -> list[Threshold]:
    """1 to 20 thresholds, at most one of them recurring, in stored order; mistakes go to ``problems``."""
    given = as_list(raw)
    if not given:
        problems.add(_FIELD, "value_is_mandatory" if raw is None or given is not None else "value_is_invalid")
        return []
    if len(given) > MOST:
        problems.add(_FIELD, "too_many_thresholds")
        return []
    found: list[Threshold] = []
    for index, item in enumerate(given):
        entry = as_mapping(item)
        if entry is None:
            problems.add(_FIELD, "value_is_invalid", at=f"{_FIELD}.{index}")
            continue
        threshold = _parsed(entry, index, problems)
        if threshold is not None:
            found.append(threshold)
    if sum(item.recurring for item in found) > 1:
        problems.add(_FIELD, "too_many_thresholds")
    if len({(item.recurring, item.value) for item in found}) < len(found):
        problems.add(_FIELD, "duplicate_threshold_values")
    return sorted(found, key=lambda item: (item.recurring, item.value))


def _parsed(entry: Mapping[str, Any], index: int, problems: Problems) -> Threshold | None:
    place = f"{_FIELD}.{index}"
    try:
        inp = AlertThresholdInput.parse(entry)
    except ValidationFailed as failure:
        for name, codes in failure.details.items():
            for code in codes:
                problems.add(f"{_FIELD}:{name}", code, at=f"{place}.{name}")
        return None
    value, recurring = inp.value, bool(inp.recurring)
    if value is None:
        problems.add(_VALUE, "value_is_mandatory", at=f"{place}.value")
    elif not _fits(value):
        problems.add(_VALUE, "value_is_invalid", at=f"{place}.value")
    elif recurring and value <= 0:
        problems.add(_VALUE, "recurring_value_is_negative", at=f"{place}.value")
    else:
        return Threshold(value, recurring, (inp.code or "").strip() or None)
    return None


def _fits(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        return False
    return not value or (value.adjusted() < MAX_DIGITS and (exponent >= -MAX_PLACES or _short(value)))


def _short(value: Decimal) -> bool:
    """Whether the digits beyond the last place that is kept are zeros."""
    return value == value.quantize(Decimal(1).scaleb(-MAX_PLACES))
