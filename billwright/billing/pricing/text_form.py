"""How event properties read as values: text form and numeric form (spec 01 §2.4).

Numbers must reach this module as ``int`` or ``Decimal`` (JSON decoded with exact numbers): a float has already lost
the zeros of ``1.50``. The texts are those of PostgreSQL's ``properties ->> key`` on the stored ``jsonb``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

_NUMERIC = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def text_form(value: Any) -> str | None:
    """String -> itself, number -> plain decimal text, booleans -> ``true``/``false``, null -> ``None``, else JSON."""
    if value is None or isinstance(value, str):
        return value
    return _json_text(value)


def numeric_value(value: Any) -> Decimal | None:
    """The number that the text form writes (``-?digits[.digits]``), or ``None``: such events are not aggregated."""
    text = text_form(value)
    return Decimal(text) if text is not None and _NUMERIC.fullmatch(text) else None


def _json_text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        number = Decimal(repr(value)) if isinstance(value, float) else value
        return format(number if number else number.copy_abs(), "f")
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        # jsonb orders keys by length in bytes, then bytewise.
        keys = sorted(members, key=lambda key: (len(key.encode()), key.encode()))
        return (
            "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_json_text(members[key])}" for key in keys) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_json_text(item) for item in cast("list[Any]", value)) + "]"
    raise TypeError(f"not a JSON value: {type(value).__name__}")
