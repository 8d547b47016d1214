"""Typed inputs: pydantic models whose failures become the product's error codes (spec 07 §1.4).

A key that is absent leaves an attribute alone, a key with null clears it: services ask ``inp.given("name")``.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Self, TypeVar, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.money import CURRENCIES, parse_decimal

MAX_INT = 2**63 - 1
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}", re.ASCII)


class Input(BaseModel):
    """Base of every input. Unknown keys are ignored; ``given`` tells absent from null."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=False, arbitrary_types_allowed=True)

    def given(self, name: str) -> bool:
        """Whether the caller sent ``name`` (null included)."""
        return name in self.model_fields_set

    def given_values(self, *names: str) -> dict[str, Any]:
        """The sent values among ``names``."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}

    @classmethod
    def parse(cls, raw: Any) -> Self:
        """Validate ``raw`` (a decoded JSON object); raises ``ValidationFailed`` with one code per problem."""
        try:
            return cls.model_validate(raw)
        except ValidationError as failure:
            raise ValidationFailed(error_details(failure)) from None


_SETTINGS = "billing_configuration"


def error_details(failure: ValidationError) -> dict[str, list[str]]:
    """Codes per top-level field of a pydantic failure; settings below ``billing_configuration`` have their own name."""
    problems = Problems()
    for error in failure.errors(include_url=False, include_context=False, include_input=True):
        names = [part for part in error["loc"] if isinstance(part, str)]
        field = next((name for name in names if name != _SETTINGS), names[0] if names else "base")
        kind = error["type"]
        if kind in _CUSTOM_CODES or kind.startswith(
            ("value_", "invalid_", "not_a_", "must_be_", "url_", "currencies_")
        ):
            code = kind
        elif kind == "missing" or error.get("input") is None:
            code = "value_is_mandatory"
        elif kind in ("string_too_long", "too_long"):
            code = "value_is_too_long"
        elif kind in ("string_too_short", "too_short"):
            code = "value_is_too_short"
        elif kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
            code = "value_is_out_of_range"
        else:
            code = "value_is_invalid"
        problems.add(field, code)
    return problems.details


_CUSTOM_CODES: set[str] = set()
T = TypeVar("T")


def as_list(value: object) -> list[Any] | None:
    """``value`` where it is a list (or a tuple) of whatever, else None: for values of JSON that nobody has checked."""
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else None


def as_mapping(value: object) -> dict[str, Any] | None:
    """``value`` where it is an object of JSON, else None."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def refuse(code: str) -> PydanticCustomError:
    """An error to raise from a validator; ``code`` reaches the caller as it is."""
    _CUSTOM_CODES.add(code)
    return PydanticCustomError(code, "refused")  # pyright: ignore[reportArgumentType]


def _text(value: Any) -> Any:
    """Accept numbers where text is expected (as the reference does); refuse NUL, which PostgreSQL cannot store."""
    if isinstance(value, bool):
        raise refuse("value_is_invalid")
    if isinstance(value, int | float | Decimal):
        value = str(value)
    if isinstance(value, str) and ("\x00" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value)):
        raise refuse("value_is_invalid")
    return value


def _mandatory(value: str) -> str:
    if not value.strip():
        raise refuse("value_is_mandatory")
    return value


def _currency(value: str) -> str:
    if value.upper() not in CURRENCIES:
        raise refuse("value_is_invalid")
    return value.upper()


def whole_number(text: str) -> int | None:
    """Text of an integer: digits and a sign. Text like ``49.00`` is ``None``: who writes so may mean another unit."""
    stripped = text.strip()
    return int(stripped) if _WHOLE.fullmatch(stripped) else None


def _int(value: Any) -> Any:
    """Integers, integral floats and texts of integers (spec 07 §1.2); bounded to 64 bits."""
    if isinstance(value, bool):
        raise refuse("value_is_invalid")
    if isinstance(value, str):
        value = whole_number(value)
        if value is None:
            raise refuse("value_is_invalid")
    if isinstance(value, float | Decimal):
        if value != value or value in (float("inf"), float("-inf")) or value != int(value):
            raise refuse("value_is_invalid")
        value = int(value)
    if isinstance(value, int) and not -MAX_INT <= value <= MAX_INT:
        raise refuse("value_is_out_of_range")
    return value


def _decimal(value: Any) -> Any:
    if isinstance(value, bool):
        raise refuse("value_is_invalid")
    if isinstance(value, int | float):
        value = str(value)
    if isinstance(value, str):
        number = parse_decimal(value)
        if number is None:
            raise refuse("value_is_invalid")
        return number
    return value


def _non_negative(value: Any) -> Any:
    if value is not None and value < 0:
        raise refuse("value_is_out_of_range")
    return value


Text = Annotated[str, BeforeValidator(_text)]
"""Any text without NUL."""
RequiredText = Annotated[str, BeforeValidator(_text), AfterValidator(_mandatory)]
"""Text that is not blank (``value_is_mandatory``)."""
CurrencyCode = Annotated[str, BeforeValidator(_text), AfterValidator(_currency)]
"""ISO 4217 code of spec 02 §1.2, any case in, upper case kept (``value_is_invalid``)."""
Integer = Annotated[int, BeforeValidator(_int)]
"""64-bit integer; numeric strings accepted."""
NonNegativeInteger = Annotated[int, BeforeValidator(_int), AfterValidator(_non_negative)]
"""64-bit integer >= 0 (``value_is_out_of_range``)."""
Number = Annotated[Decimal, BeforeValidator(_decimal)]
"""Exact decimal from a JSON number or numeric string."""
