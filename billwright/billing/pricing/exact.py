"""Exact arithmetic: inside an ``exact`` function every sum, product and comparison of decimals keeps all digits.

Python's default context silently rounds to 28 digits. Pricing runs in a context that raises instead of rounding, so a
lost digit is an error and never a wrong price; quotients are the only place where digits may be cut, and they keep 100
(spec 02 §1.1 asks for 28).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from fractions import Fraction
from functools import wraps
from typing import ParamSpec, TypeVar

from billwright.billing.kernel.money import PRECISE, decimal_of

EXACT = Context(prec=5000, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
ZERO = Decimal(0)
HUNDRED = Decimal(100)

P = ParamSpec("P")
R = TypeVar("R")


def exact(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` with exact decimal arithmetic."""

    @wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return inner


def quotient(dividend: Decimal, divisor: Decimal) -> Decimal:
    """``dividend / divisor`` to 100 significant digits (exact when it terminates before); 0 when ``divisor`` is 0."""
    return PRECISE.divide(dividend, divisor) if divisor else ZERO


def ceil_quotient(dividend: Decimal, divisor: Decimal) -> Decimal:
    """The smallest integer >= ``dividend / divisor``, decided on the exact quotient."""
    ratio = Fraction(dividend) / Fraction(divisor)
    return Decimal(-(-ratio.numerator // ratio.denominator))


def percent(rate: Decimal) -> Decimal:
    """The factor that a percentage stands for: ``1.2`` -> ``0.012``."""
    return rate.scaleb(-2)


def as_decimal(value: Fraction) -> Decimal:
    """A fraction as a decimal of at least 100 significant digits."""
    return decimal_of(value, 100)
