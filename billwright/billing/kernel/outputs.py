"""Types of wire outputs. An output is a ``TypedDict`` of JSON-ready values: built once, encoded as it is.

Values: ``UUID`` for ids, integers for minor units, ``number()`` where the contract has a JSON number,
``money.decimal_string()`` where it has a decimal string, ``clock.iso()``/``iso_ms()`` for instants.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import WithJsonSchema

Id = Annotated[UUID, WithJsonSchema({"type": "string", "format": "uuid"})]
"""An id; encoded as text."""
Instant = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2024-01-31T23:59:59Z"]})
]
"""An instant written by ``clock.iso`` or ``clock.iso_ms``."""
Day = Annotated[date, WithJsonSchema({"type": "string", "format": "date"})]
"""A calendar date."""
DecimalText = Annotated[str, WithJsonSchema({"type": "string", "format": "decimal", "examples": ["10.0"]})]
"""A decimal written by ``money.decimal_string``."""
JsonNumber = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""A decimal that is a number on the wire (rates, ratios), made by ``number()``."""


def number(value: Decimal) -> Decimal:
    """``value`` as it is written as a JSON number: plain notation, no trailing zeros (``20.00`` -> ``20``)."""
    if not value:
        return Decimal(0)
    text = format(value, "f")
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)
