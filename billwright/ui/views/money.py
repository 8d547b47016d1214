"""Amounts as people write them in forms, and back."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from billwright.billing.kernel.money import CURRENCIES, exponent, parse_decimal

_AMBIGUOUS = re.compile(r"-?[1-9]\d{0,2},\d{3}")
"""One thousand to those who group by commas, one to those whose decimal point is a comma."""


def written(amount_cents: int | str | None, currency: str | None) -> str:
    """Minor units as currency units, plain: ``4900`` USD is ``49.00``."""
    if amount_cents is None or currency is None:
        return ""
    digits = exponent(currency)
    return f"{Decimal(int(amount_cents)).scaleb(-digits):.{digits}f}"


def minor_units(text: str, currency: str) -> str | None:
    """Currency units as minor units: ``49.5`` USD is ``4950``; ``None`` for no amount or too many digits."""
    if currency not in CURRENCIES:
        return None
    plain = _plain(text)
    try:
        cents = Decimal(plain).scaleb(exponent(currency))
    except (InvalidOperation, ValueError):
        return None
    if not cents.is_finite() or cents != cents.to_integral_value() or abs(cents) >= 2**63:
        return None
    return str(int(cents))


def decimal_text(text: str) -> str | None:
    """A number as the API takes it, ``None`` for what is none: ``21,5`` is ``21.5``."""
    plain = _plain(text)
    return plain if parse_decimal(plain) is not None else None


def _plain(text: str) -> str:
    """A comma as the decimal point; ``1,000``, which may mean two things, stays what no number looks like."""
    plain = text.strip().replace(" ", "").replace("\u00a0", "")
    if plain.count(",") == 1 and "." not in plain and not _AMBIGUOUS.fullmatch(plain):
        return plain.replace(",", ".")
    return plain
