"""Credits and money (spec 05 D2)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billwright.billing.kernel.inputs import MAX_INT
from billwright.billing.kernel.money import from_minor_units, parse_decimal, round_down, round_half_up, to_minor_units

PLACES = 5
"""Decimals of stored credits and rates."""
MAX_DIGITS = 40
"""More digits than any stored amount of credits has; beyond, a text is no amount."""


@dataclass(frozen=True, slots=True)
class Worth:
    """An amount of credits in both units: minor units of the wallet's currency, and credits with 5 decimals."""

    amount_cents: int
    credits: Decimal


def inflow_of(credits: Decimal, rate: Decimal, currency: str) -> Worth:
    """Paid and granted credits: money is rounded and the credits are what that money is worth."""
    cents = cents_of(credits, rate, currency)
    return Worth(cents, credits_of(cents, rate, currency))


def void_of(credits: Decimal, rate: Decimal, currency: str) -> Worth:
    """Voided credits: they are exact to 5 decimals, only the money is rounded."""
    return Worth(cents_of(credits, rate, currency), round_down(credits, PLACES))


def outflow_of(amount_cents: int, rate: Decimal, currency: str) -> Worth:
    """Credits worth an amount of money: what invoices and refunds take."""
    return Worth(amount_cents, credits_of(amount_cents, rate, currency))


def cents_of(credits: Decimal, rate: Decimal, currency: str) -> int:
    """Minor units that credits are worth, rounded once; credits beyond 5 decimals are cut off first."""
    return to_minor_units(Fraction(round_down(credits, PLACES)) * Fraction(rate), currency)


def credits_of(amount_cents: int, rate: Decimal, currency: str) -> Decimal:
    """Credits that minor units are worth, rounded to 5 decimals; negative amounts give negative credits."""
    return round_half_up(Fraction(from_minor_units(amount_cents, currency)) / Fraction(rate), PLACES)


def read_credits(raw: Any) -> Decimal | None:
    """Credits as callers send them: decimal text, not negative. ``None`` for anything else, JSON numbers included."""
    value = parse_decimal(raw) if isinstance(raw, str) else None
    if value is None or value < 0 or value.adjusted() > MAX_DIGITS:
        return None
    return value


def fits(worth: Worth) -> bool:
    """Whether the database can hold the amount."""
    return worth.amount_cents <= MAX_INT // 100 and worth.credits < Decimal(10) ** 30
