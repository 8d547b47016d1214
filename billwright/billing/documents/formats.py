"""Dates, money, unit prices, units and rates as documents print them (spec 04 §20).

The formats are part of the product and differ from CLDR. Decimals of a currency come from the kernel's table. The
separator that shows as a space is U+0020; the template keeps such numbers from wrapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from billwright.billing.documents.locales import DocumentLocale
from billwright.billing.kernel.money import exponent, from_minor_units, round_half_up

_DOLLARS = """ARS AUD BBD BMD BND BSD BZD CAD CLP COP DOP FJD GYD HKD JMD KYD LRD MXN NAD NZD SBD SGD SRD TTD TWD USD
UYU XCD""".split()
SYMBOLS: Mapping[str, str] = {**dict.fromkeys(_DOLLARS, "$"), "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥"}
"""Of documents; every other currency is written by its code."""
NARROW_SYMBOLS: Mapping[str, str] = {
    **dict.fromkeys("DKK ISK NOK SEK".split(), "kr"), **dict.fromkeys("EGP FKP GIP SHP".split(), "£"), **SYMBOLS,
    "AZN": "₼", "BDT": "৳", "BOB": "Bs", "BRL": "R$", "CRC": "₡", "CZK": "Kč", "GEL": "₾", "GHS": "GH₵", "GTQ": "Q",
    "HUF": "Ft", "IDR": "Rp", "ILS": "₪", "INR": "₹", "KHR": "៛", "KRW": "₩", "KZT": "₸", "LAK": "₭", "MMK": "K",
    "MNT": "₮", "MYR": "RM", "NGN": "₦", "PHP": "₱", "PLN": "zł", "PYG": "₲", "RON": "lei", "RUB": "₽", "THB": "฿",
    "TRY": "₺", "UAH": "₴", "VND": "₫", "ZAR": "R",
}  # fmt: skip
"""Of the portal (spec 07 §5.2): the narrow symbols of CLDR."""


def format_date(locale: DocumentLocale, day: date) -> str:
    """``Jan 05, 2025``, ``5 janv. 2025``, ``05. Jan. 2025`` ... by the locale's pattern."""
    return locale.date_pattern.format(
        d=day.day,
        dd=f"{day.day:02}",
        m=day.month,
        mm=f"{day.month:02}",
        mon=locale.months[day.month - 1],
        yyyy=day.year,
    )


def format_money(locale: DocumentLocale, amount_cents: int, currency: str, symbols: Mapping[str, str] = SYMBOLS) -> str:
    """``amount_cents`` minor units of ``currency`` with the currency's decimals: ``-€1,234.50``, ``CHF 1,234.50``."""
    number = _plain(from_minor_units(amount_cents, currency), exponent(currency))
    return _with_currency(locale, number, currency, symbols)


def format_unit_price(
    locale: DocumentLocale, price: Decimal, currency: str, symbols: Mapping[str, str] = SYMBOLS
) -> str:
    """A price per unit in currency units: 6 decimals from 1 upwards, else 6 significant digits, at least the
    currency's decimals: ``$123.123457``, ``$0.000000012345``, ``$0.10``."""
    return _with_currency(locale, _at_least(_six(price), exponent(currency)), currency, symbols)


def format_units(units: Decimal) -> str:
    """A quantity: 6 decimals from 1 upwards, else 6 significant digits; no trailing zeros, always a decimal point."""
    return _six(units)


def format_number(locale: DocumentLocale, number: Decimal) -> str:
    """A quantity as the language writes numbers, with the digits of ``format_units``: ``1.234,5``."""
    text = _six(number)
    return f"-{_grouped(locale, text[1:])}" if text.startswith("-") else _grouped(locale, text)


def format_rate(rate: Decimal) -> str:
    """A tax rate in percent without the sign: at least one decimal, ``20.0``, ``8.875``."""
    return _at_least(_strip(round_half_up(rate, 6)), 1)


def format_coupon_rate(rate: Decimal) -> str:
    """A coupon's percentage without the sign, two decimals: ``10.00``."""
    return _plain(rate, 2)


def _plain(value: Decimal, places: int) -> str:
    return format(round_half_up(value, places), f".{places}f")


def _six(value: Decimal) -> str:
    """6 decimals when the magnitude is at least 1, 6 significant digits below; plain notation, no trailing zeros."""
    if not value:
        return "0"
    places = 6 if abs(value) >= 1 else 5 - value.adjusted()
    return _strip(round_half_up(value, places))


def _strip(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _at_least(number: str, places: int) -> str:
    whole, _, fraction = number.partition(".")
    fraction = fraction.ljust(places, "0")
    return f"{whole}.{fraction}" if fraction else whole


def _grouped(locale: DocumentLocale, number: str) -> str:
    whole, _, fraction = number.partition(".")
    grouped = f"{int(whole):,}".replace(",", locale.group)
    return f"{grouped}{locale.decimal}{fraction}" if fraction else grouped


def _with_currency(locale: DocumentLocale, number: str, currency: str, symbols: Mapping[str, str]) -> str:
    negative, number = number.startswith("-"), number.lstrip("-")
    amount = _grouped(locale, number)
    symbol = symbols.get(currency)
    if symbol:
        text = locale.symbol_pattern.format(symbol=symbol, amount=amount)
    else:
        text = locale.iso_pattern.format(code=currency, amount=amount)
    return f"-{text}" if negative else text
