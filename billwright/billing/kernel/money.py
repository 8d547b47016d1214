"""Money and decimal text: currency exponents, rounding, and the wire form of decimals (spec 02 §1).

Amounts are either integers in the currency's minor unit (``*_amount_cents``) or exact ``Decimal`` values in
currency units. Rounding is always half away from zero and happens once, where a rule says so.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from fractions import Fraction

PRECISE = Context(prec=100, rounding=ROUND_HALF_UP)
"""Arithmetic context of all money computation: 100 significant digits (spec 01 §0 asks for at least 60)."""

_ZERO_DECIMALS = "BIF CLP DJF GNF HUF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD JOD KWD"
_FOUR_DECIMALS = "CLF"

CURRENCIES: frozenset[str] = frozenset(
    """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLF
    CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR
    ILS INR IRR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRO MUR
    MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP
    SLL SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR
    ZMW""".split()
)

_EXPONENTS: dict[str, int] = {
    **dict.fromkeys(_ZERO_DECIMALS.split(), 0),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
    **dict.fromkeys(_FOUR_DECIMALS.split(), 4),
}


def exponent(currency: str) -> int:
    """Number of decimals of ``currency`` (spec 02 §1.2; deliberately not Babel's table)."""
    return _EXPONENTS.get(currency, 2)


def round_half_up(value: Decimal | Fraction, places: int = 0) -> Decimal:
    """Round half away from zero to ``places`` decimals (may be negative: -1 rounds to tens)."""
    if isinstance(value, Fraction):
        scaled = abs(value) * Fraction(10) ** places
        whole = (scaled.numerator * 2 + scaled.denominator) // (2 * scaled.denominator)
        signed = -whole if value < 0 else whole
        return Decimal(signed).scaleb(-places, PRECISE)
    return _quantize(value, places, ROUND_HALF_UP)


def round_up(value: Decimal | Fraction, places: int = 0) -> Decimal:
    """Round towards positive infinity to ``places`` decimals."""
    if isinstance(value, Fraction):
        scaled = value * Fraction(10) ** places
        return Decimal(-((-scaled.numerator) // scaled.denominator)).scaleb(-places, PRECISE)
    return _quantize(value, places, ROUND_CEILING)


def round_down(value: Decimal | Fraction, places: int = 0) -> Decimal:
    """Round towards negative infinity to ``places`` decimals."""
    if isinstance(value, Fraction):
        scaled = value * Fraction(10) ** places
        return Decimal(scaled.numerator // scaled.denominator).scaleb(-places, PRECISE)
    return _quantize(value, places, ROUND_FLOOR)


def _quantize(value: Decimal, places: int, rounding: str) -> Decimal:
    context = Context(prec=max(100, len(value.as_tuple().digits) + abs(places) + 40), rounding=rounding)
    quantum = Decimal(1).scaleb(-places)
    rounded = value.quantize(quantum, rounding=rounding, context=context)
    return rounded if rounded else Decimal(0)


def to_minor_units(amount: Decimal | Fraction, currency: str) -> int:
    """Currency units to integer minor units, rounded once, half away from zero (spec 02 §1.2)."""
    places = exponent(currency)
    return int(round_half_up(amount, places).scaleb(places, PRECISE))


def precise_minor_units(amount: Decimal, currency: str) -> Decimal:
    """Currency units to minor units without rounding (``precise_amount_cents``)."""
    return amount.scaleb(exponent(currency), PRECISE)


def from_minor_units(amount_cents: int | Decimal, currency: str) -> Decimal:
    """Minor units to currency units, exact."""
    return Decimal(amount_cents).scaleb(-exponent(currency), PRECISE)


def decimal_of(value: Fraction, places: int = 40) -> Decimal:
    """A fraction as ``Decimal`` with at least 40 significant digits (exact when it terminates)."""
    return Context(prec=max(60, places)).divide(Decimal(value.numerator), Decimal(value.denominator))


def decimal_string(value: Decimal | int) -> str:
    """Wire form of a decimal: plain notation, trailing zeros dropped, at least one fractional digit.

    ``29`` -> ``"29.0"``, ``2.50`` -> ``"2.5"``, ``-0`` -> ``"0.0"``, ``1e-7`` -> ``"0.0000001"`` (spec 01 §0).
    """
    number = Decimal(value)
    if not number:
        return "0.0"
    text = format(number, "f")
    if "." not in text:
        return text + ".0"
    text = text.rstrip("0")
    return text + "0" if text.endswith(".") else text


_DECIMAL_TEXT = re.compile(r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?\s*$", re.ASCII)


def parse_decimal(text: str) -> Decimal | None:
    """Plain or scientific notation to ``Decimal``; ``None`` for anything else (NaN, infinity, blanks)."""
    if len(text) > 400 or not _DECIMAL_TEXT.match(text):
        return None
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None
