"""Metadata of wallet transactions: a list of pairs (spec 05 D3)."""

from __future__ import annotations

from typing import Any, cast

from billwright.billing.kernel.errors import Problems

MAX_PAIRS = 15
MAX_PAIRS_OF_TOP_UPS = 5
"""Pairs that a wallet or a rule may carry for the top-ups it causes."""
MAX_KEY = 20
MAX_VALUE = 100
MAX_NAME = 255


def read_entries(
    raw: Any, problems: Problems, *, most: int = MAX_PAIRS, name: str = "metadata"
) -> list[dict[str, str]]:
    """The pairs; ``None``, ``[]`` and ``{}`` are none. Codes under ``name``: ``invalid_type``, ``too_many_keys``,
    ``invalid_key_value_pair``, ``key_too_long``, ``value_too_long``, ``nested_structure_not_allowed``.
    """
    if raw is None or raw == {}:
        return []
    if not isinstance(raw, list):
        problems.add(name, "invalid_type")
        return []
    pairs = cast("list[Any]", raw)
    if len(pairs) > most:
        problems.add(name, "too_many_keys")
    found: list[dict[str, str]] = []
    for raw_pair in pairs:
        code = _fault(raw_pair)
        if code is not None:
            problems.add(name, code)
            continue
        found.append({"key": str(raw_pair["key"]), "value": str(raw_pair["value"])})
    return found


def _fault(raw: Any) -> str | None:
    if not isinstance(raw, dict):
        return "invalid_key_value_pair"
    pair = cast("dict[str, Any]", raw)
    if set(pair) != {"key", "value"}:
        return "invalid_key_value_pair"
    if any(isinstance(value, dict | list) for value in pair.values()):
        return "nested_structure_not_allowed"
    if not all(isinstance(value, str) and "\x00" not in value for value in pair.values()):
        return "invalid_key_value_pair"
    if len(pair["key"]) > MAX_KEY:
        return "key_too_long"
    return "value_too_long" if len(pair["value"]) > MAX_VALUE else None


def read_name(raw: Any, problems: Problems, *, name: str = "name") -> str | None:
    """A transaction's name: text of at most 255 characters (``invalid_value``, ``too_long``); blank is none."""
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str) or "\x00" in raw:
        problems.add(name, "invalid_value")
        return None
    if len(raw) > MAX_NAME:
        problems.add(name, "too_long")
    return raw
