"""``properties`` of a charge or of a charge filter: validation, stored form, wire form (spec 02 §2.3).

Stored form: only the model's keys; amounts and rates as plain decimal strings with all digits given; tier bounds and
counts as JSON numbers; ``pricing_group_keys`` only when there are any.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any, cast

from billwright.billing.kernel.errors import Problems
from billwright.billing.kernel.money import parse_decimal
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.amount_text import as_amount, as_bound, as_count, as_quantity
from billwright.billing.pricing.tiers import wire_number

FIELD = "properties"
_ZERO_TIER: dict[str, Any] = {"from_value": 0, "to_value": None, "flat_amount": "0"}

_DEFAULTS: dict[str, dict[str, Any]] = {
    v.STANDARD: {"amount": "0"},
    v.GRADUATED: {"graduated_ranges": [{**_ZERO_TIER, "per_unit_amount": "0"}]},
    v.PACKAGE: {"amount": "0", "package_size": 1, "free_units": 0},
    v.PERCENTAGE: {"rate": "0"},
    v.VOLUME: {"volume_ranges": [{**_ZERO_TIER, "per_unit_amount": "0"}]},
    v.GRADUATED_PERCENTAGE: {"graduated_percentage_ranges": [{**_ZERO_TIER, "rate": "0"}]},
    v.DYNAMIC: {},
    v.CUSTOM: {},
}

TIER_KEYS = {
    v.GRADUATED: "graduated_ranges",
    v.VOLUME: "volume_ranges",
    v.GRADUATED_PERCENTAGE: "graduated_percentage_ranges",
}


def default_properties(charge_model: str) -> dict[str, Any]:
    """A fresh copy of the model's default: everything costs nothing. ``{}`` for an unknown model."""
    return deepcopy(_DEFAULTS.get(charge_model, {}))


def validate_properties(
    charge_model: str, raw: Any, problems: Problems, *, aggregation_type: str, default_when_empty: bool = True
) -> dict[str, Any]:
    """The stored form of ``raw``; what is wrong goes to ``problems`` under ``properties``, each code once.

    Absent (``None``) or empty ``raw`` means the model's default; a filter passes ``default_when_empty=False``, because
    its blank price is a mistake and not "free" (spec 02 §4.1). With problems the answer must not be stored.
    """
    if charge_model not in _DEFAULTS:
        return {}
    if (raw is None or raw == {}) and default_when_empty:
        raw = default_properties(charge_model)
    if raw is None:
        raw = {}
    if not isinstance(raw, Mapping):
        problems.add(FIELD, "invalid_type")
        return {}
    given = cast("Mapping[str, Any]", raw)
    result = _VALIDATORS[charge_model](given, problems)
    if charge_model in (v.PERCENTAGE, v.GRADUATED_PERCENTAGE) and aggregation_type == v.LATEST:
        problems.add(FIELD, "invalid_value")
    if "custom_properties" in given and aggregation_type == v.CUSTOM_AGGREGATION:
        result["custom_properties"] = _custom_properties(given.get("custom_properties"))
    keys = _group_keys(given, problems)
    if keys:
        result["pricing_group_keys"] = keys
    return result


def wire_properties(charge_model: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Stored properties as the API shows them: group keys under both names, bounds as JSON numbers."""
    wire: dict[str, Any] = deepcopy({**properties})
    ranges = TIER_KEYS.get(charge_model)
    for row in cast("list[dict[str, Any]]", wire.get(ranges, []) if ranges else []):
        for key in ("from_value", "to_value"):
            row[key] = None if row[key] is None else wire_number(row[key])
    if wire.get("pricing_group_keys"):
        wire["grouped_by"] = list(wire["pricing_group_keys"])
    return wire


def pricing_group_keys(properties: Mapping[str, Any]) -> tuple[str, ...]:
    """The group keys of stored properties, in order; empty when not grouped."""
    return tuple(properties.get("pricing_group_keys") or ())


def same_properties(one: object, other: object) -> bool:
    """Deep equality in which numbers and numeric strings compare by value: ``"1"`` equals ``"1.0"`` (spec 03 §2.6)."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        left, right = cast("Mapping[str, Any]", one), cast("Mapping[str, Any]", other)
        return left.keys() == right.keys() and all(same_properties(left[key], right[key]) for key in left)
    if isinstance(one, list) and isinstance(other, list):
        first, second = cast("list[Any]", one), cast("list[Any]", other)
        return len(first) == len(second) and all(map(same_properties, first, second))
    numbers = _number(one), _number(other)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return parse_decimal(str(value))
    return parse_decimal(value) if isinstance(value, str) else None


def _amount(given: Mapping[str, Any], key: str, code: str, problems: Problems, *, inside: str = "") -> str:
    text = as_amount(given.get(key))
    if text is None:
        problems.add(FIELD, code, at=_at(inside + key))
    return text or "0"


def _at(path: str) -> str:
    return f"{FIELD}.{path}"


def _standard(given: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    return {"amount": _amount(given, "amount", "invalid_amount", problems)}


def _package(given: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    size, free = as_count(given.get("package_size")), as_count(given.get("free_units"))
    amount = _amount(given, "amount", "invalid_amount", problems)
    if not size:
        problems.add(FIELD, "invalid_package_size", at=_at("package_size"))
    if free is None:
        problems.add(FIELD, "invalid_free_units", at=_at("free_units"))
    return {"amount": amount, "package_size": size, "free_units": free}


_PERCENTAGE_OPTIONS = (
    ("fixed_amount", "invalid_fixed_amount"),
    ("free_units_per_total_aggregation", "invalid_free_units_per_total_aggregation"),
    ("per_transaction_min_amount", "invalid_amount"),
    ("per_transaction_max_amount", "invalid_amount"),
)


def _percentage(given: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    result: dict[str, Any] = {"rate": _amount(given, "rate", "invalid_rate", problems)}
    if given.get("free_units_per_events") is not None:
        events = as_count(given["free_units_per_events"])
        if not events:
            problems.add(FIELD, "invalid_free_units_per_events", at=_at("free_units_per_events"))
        result["free_units_per_events"] = events
    for key, code in _PERCENTAGE_OPTIONS:
        if given.get(key) is not None:
            result[key] = (
                as_quantity(given[key]) if key == "free_units_per_total_aggregation" else as_amount(given[key])
            )
            if result[key] is None:
                problems.add(FIELD, code, at=_at(key))
    low, high = result.get("per_transaction_min_amount"), result.get("per_transaction_max_amount")
    if low is not None and high is not None and Decimal(high) < Decimal(low):
        place = _at("per_transaction_max_amount")
        problems.add(FIELD, "per_transaction_max_lower_than_per_transaction_min", at=place)
    return result


def _ranges(key: str, price_key: str, price_code: str) -> Callable[[Mapping[str, Any], Problems], dict[str, Any]]:
    def validate(given: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
        rows: Any = given.get(key)
        if rows is None or rows in ([], {}, ""):
            problems.add(FIELD, f"missing_{key}")
            return {}
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in cast("list[Any]", rows)):
            problems.add(FIELD, f"invalid_{key}")
            return {}
        tiers = cast("list[Mapping[str, Any]]", rows)
        result: list[dict[str, Any]] = [
            {
                "from_value": as_bound(row.get("from_value")),
                "to_value": as_bound(row.get("to_value")),
                price_key: _amount(row, price_key, price_code, problems, inside=f"{key}.{index}."),
                "flat_amount": _amount(row, "flat_amount", "invalid_amount", problems, inside=f"{key}.{index}."),
            }
            for index, row in enumerate(tiers)
        ]
        wrong = _misfit(result) if tiers[-1].get("to_value") is None else len(tiers) - 1
        if wrong is not None:
            problems.add(FIELD, f"invalid_{key}", at=_at(f"{key}.{wrong}.to_value"))
        return {key: result}

    return validate


def _misfit(tiers: Sequence[Mapping[str, Any]]) -> int | None:
    """The first tier whose bounds do not fit: first ``from_value`` 0 or 1, every next one the previous ``to_value`` or
    one more, each tier of some width, only the last one open."""
    allowed: tuple[Any, ...] = (0, 1)
    for index, tier in enumerate(tiers[:-1]):
        start, end = tier["from_value"], tier["to_value"]
        if start is None or end is None or start not in allowed or end <= start:
            return index
        allowed = (end, end + 1)
    start = tiers[-1]["from_value"]
    return None if start is not None and start in allowed else len(tiers) - 1


def _nothing(_given: Mapping[str, Any], _problems: Problems) -> dict[str, Any]:
    return {}


_VALIDATORS: dict[str, Callable[[Mapping[str, Any], Problems], dict[str, Any]]] = {
    v.STANDARD: _standard,
    v.GRADUATED: _ranges("graduated_ranges", "per_unit_amount", "invalid_amount"),
    v.PACKAGE: _package,
    v.PERCENTAGE: _percentage,
    v.VOLUME: _ranges("volume_ranges", "per_unit_amount", "invalid_amount"),
    v.GRADUATED_PERCENTAGE: _ranges("graduated_percentage_ranges", "rate", "invalid_rate"),
    v.DYNAMIC: _nothing,
    v.CUSTOM: _nothing,
}


def _group_keys(given: Mapping[str, Any], problems: Problems) -> list[str]:
    """``pricing_group_keys``, else its old spelling ``grouped_by``; without blanks and repetitions."""
    raw = given.get("pricing_group_keys")
    if raw is None:
        raw = given.get("grouped_by")
    if raw is None:
        return []
    keys = cast("list[Any]", raw) if isinstance(raw, list | tuple) else [None]
    if not all(isinstance(key, str) and _storable(key) for key in keys):
        problems.add(FIELD, "invalid_type", at=_at("pricing_group_keys"))
        return []
    return [key for key in dict.fromkeys(cast("list[str]", keys)) if key.strip()]


def _storable(text: str) -> bool:
    """PostgreSQL stores neither NUL nor lone surrogates."""
    return "\x00" not in text and not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


def _custom_properties(raw: Any) -> Any:
    """An object, or the value of JSON text; unreadable text, null and numbers that cannot be stored give ``{}``."""
    value = raw
    if isinstance(raw, str):
        try:
            value = json.loads(raw, parse_float=Decimal, parse_constant=_refuse)
        except (ValueError, RecursionError, ArithmeticError):
            return {}
    return {} if value is None or not _json_storable(value) else deepcopy(value)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _json_storable(value: Any, depth: int = 0) -> bool:
    if depth > 100:
        return False
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, list):
        return all(_json_storable(item, depth + 1) for item in cast("list[Any]", value))
    if isinstance(value, dict):
        pairs = cast("dict[Any, Any]", value).items()
        return all(isinstance(key, str) and _storable(key) and _json_storable(item, depth + 1) for key, item in pairs)
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int | float | Decimal):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        return number.is_finite() and cast("int", number.as_tuple().exponent) > -1000 and number.adjusted() < 1000
    return False
