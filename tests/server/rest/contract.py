"""Checks answers against the types of the REST contract (``tests/contract/rest_types.json``).

    assert problems("Invoice", answer.json()) == []

Says what is missing, of another type or outside an enumeration. The specification's own decisions override the contract
where it is silent about null: ``NULL_HERE``. ``foreign_keys`` says what an answer holds beyond the contract.
``tests/contract/recorder.py`` holds every answer of every test against the types of its route.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

TYPES = Path(__file__).parents[2] / "contract" / "rest_types.json"
NULL_HERE = re.compile(
    r"""(
      \.file_url                        # until the PDF exists (spec 04 §1.3)
    | \.sequential_id                   # of drafts (spec 04 §4)
    | \.payment_dispute_lost_at         # without a lost dispute (spec 04 §1.3)
    | \.total_aggregated_units          # of subscription fees (spec 02 §11.1)
    | \.pricing_unit_details            # never produced (spec 02 §11.1)
    | \.applied_pricing_unit
    | \.lago_(fixed_charge|original_fee)_id
    | \.payment_method\.payment_method_id   # spec 03 §6.1
    | \.billing_configuration\.\w+      # null inherits (spec 03 §1.4)
    | \.plans?(\[\d+\])?\.(invoice_display_name|description|trial_period)   # null = none (spec 03 §2.1)
    | \.payment_provider_(code|type)    # of manual payments (spec 06 §1)
    | \.provider_customer_id
    | \.xml_url
    )$""",
    re.VERBOSE,
)


@cache
def _schemas() -> dict[str, Any]:
    return json.loads(TYPES.read_text())


def problems(name: str, value: Any) -> list[str]:
    """Where ``value`` is not what the contract's schema ``name`` says; empty when it is."""
    found: list[str] = []
    _check(_schemas()[name], value, "", found)
    return found


def problems_of(schema: dict[str, Any], value: Any) -> list[str]:
    """As ``problems``, for a schema of ``rest_routes.json``."""
    found: list[str] = []
    _check(schema, value, "", found)
    return found


def foreign_keys(schema: dict[str, Any], value: Any, path: str = "") -> list[str]:
    """Paths (``.fees[].id``) of keys that no branch of the schema names; free-form objects count as known."""
    parts = _parts(schema)
    if isinstance(value, list):
        items = [part["items"] for part in parts if "items" in part]
        return [found for item in value for found in foreign_keys({"anyOf": items}, item, f"{path}[]")] if items else []
    if not isinstance(value, dict):
        return []
    properties: dict[str, list[Any]] = {}
    for part in parts:
        for name, item in part.get("properties", {}).items():
            properties.setdefault(name, []).append(item)
    others = [part["additionalProperties"] for part in parts if part.get("additionalProperties")]
    found: list[str] = []
    for name, item in value.items():
        if name in properties:
            found += foreign_keys({"anyOf": properties[name]}, item, f"{path}.{name}")
        elif properties and not others:
            found.append(f"{path}.{name}")
    return found


def keys_of(schema: dict[str, Any], value: Any) -> set[tuple[str, str]]:
    """``(schema, key)`` of every key at any depth that the value holds, for objects with a named schema."""
    found: set[tuple[str, str]] = set()
    names, parts = _named(schema), _parts(schema)
    if isinstance(value, list):
        items = {"anyOf": [part["items"] for part in parts if "items" in part]}
        return found.union(*(keys_of(items, item) for item in value))
    if isinstance(value, dict):
        for name, item in value.items():
            found |= {(owner, name) for owner in names if name in _names(_schemas()[owner])}
            below = [part["properties"][name] for part in parts if name in part.get("properties", {})]
            if below:
                found |= keys_of({"anyOf": below}, item)
    return found


def named_keys(schema: str) -> set[str]:
    """Every key that the contract's schema names."""
    return _names(_schemas()[schema])


def _parts(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The schema itself and all that it refers to or is put together from."""
    found = [schema]
    if "$ref" in schema:
        found += _parts(_schemas()[schema["$ref"]])
    for kind in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(kind, ()):
            found += _parts(part)
    return found


def _named(schema: dict[str, Any]) -> set[str]:
    return {part["$ref"] for part in _parts(schema) if "$ref" in part}


def unknown_keys(name: str, value: dict[str, Any]) -> set[str]:
    """Keys of an object that the contract's schema does not name."""
    return set(value) - _names(_schemas()[name])


def _names(schema: dict[str, Any]) -> set[str]:
    found = set(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        found |= _names(part)
    return found | _names(_schemas()[schema["$ref"]]) if "$ref" in schema else found


def _check(schema: dict[str, Any], value: Any, path: str, found: list[str]) -> None:
    if value is None and NULL_HERE.search(path):
        return
    if "$ref" in schema:
        _check(_schemas()[schema["$ref"]], value, path, found)
    for part in schema.get("allOf", ()):
        _check(part, value, path, found)
    for kind in ("oneOf", "anyOf"):
        if kind in schema:
            trials = [_trial(part, value, path) for part in schema[kind]]
            if all(trials):
                found.extend(min(trials, key=len))
    types = schema.get("type")
    if types is not None:
        allowed = [types] if isinstance(types, str) else types
        if not any(_is(value, each) for each in allowed):
            found.append(f"{path or '.'}: {value!r} is not {' or '.join(allowed)}")
            return
    if value is None:
        return
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path}: {value!r} is none of {schema['enum']}")
    if isinstance(value, str) and not _has_format(value, schema.get("format")):
        found.append(f"{path}: {value!r} is no {schema['format']}")
    if isinstance(value, dict):
        _check_object(schema, value, path, found)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            _check(schema["items"], item, f"{path}[{index}]", found)


def _check_object(schema: dict[str, Any], value: dict[str, Any], path: str, found: list[str]) -> None:
    found.extend(f"{path}.{name} is missing" for name in schema.get("required", ()) if name not in value)
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name, item in value.items():
        if name in properties:
            _check(properties[name], item, f"{path}.{name}", found)
        elif isinstance(others, dict):
            _check(others, item, f"{path}.{name}", found)


def _trial(schema: dict[str, Any], value: Any, path: str) -> list[str]:
    found: list[str] = []
    _check(schema, value, path, found)
    return found


def _is(value: Any, kind: str) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


def _has_format(value: str, name: str | None) -> bool:
    try:
        match name:
            case "uuid":
                return str(UUID(value)) == value
            case "date":
                return date.fromisoformat(value).isoformat() == value
            case "date-time":
                return "T" in value and datetime.fromisoformat(value).tzinfo is not None
            case _:
                return True
    except ValueError:
        return False
