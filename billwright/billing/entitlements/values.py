"""Values of privileges: checked as they are sent, kept as text, answered typed (spec 07 §9.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from billwright.billing.kernel.inputs import MAX_INT, whole_number

VALUE_TYPES: Final = ("string", "integer", "boolean", "select")
SELECT_OPTIONS: Final = "select_options"

Value = str | int | bool
"""A privilege's value on the wire."""
_BOOLEANS: Final = {"true": True, "false": False}


class BadValue(Exception):
    """``code``: ``value_is_invalid`` or ``value_not_in_select_options``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def as_text(value_type: str, options: list[str], sent: Any) -> str:
    """The canonical text of ``sent``. Integers (64 bits) and booleans may be sent as text. Raises ``BadValue``."""
    if value_type == "integer":
        return str(_integer(sent))
    if value_type == "boolean":
        text = str(sent).strip().lower() if isinstance(sent, bool | str) else ""
        if text not in _BOOLEANS:
            raise BadValue("value_is_invalid")
        return text
    if not isinstance(sent, str) or "\x00" in sent:
        raise BadValue("value_is_invalid")
    if value_type == "select" and sent not in options:
        raise BadValue("value_not_in_select_options")
    return sent


def _integer(sent: Any) -> int:
    found = whole_number(sent) if isinstance(sent, str) else sent
    if isinstance(found, Decimal) and found == found.to_integral_value():  # 10.0 of a JSON body
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not -MAX_INT <= found <= MAX_INT:
        raise BadValue("value_is_invalid")
    return found


def typed(value_type: str, text: str) -> Value:
    """What ``text``, made by ``as_text``, is on the wire."""
    if value_type == "integer":
        return int(text)
    return _BOOLEANS[text] if value_type == "boolean" else text
