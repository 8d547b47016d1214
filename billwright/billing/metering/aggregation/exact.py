"""Exact arithmetic: no result of this module is ever rounded."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact
from fractions import Fraction

_EXACT = Context(prec=400_000, Emax=999_999, Emin=-999_999, traps=[Inexact])


def add(x: Decimal, y: Decimal) -> Decimal:
    """x + y, every digit kept."""
    return _EXACT.add(x, y)


def multiply(x: Decimal, y: int) -> Decimal:
    """x * y, every digit kept."""
    return _EXACT.multiply(x, Decimal(y))


def total(values: Iterable[Decimal]) -> Decimal:
    """Sum of ``values``, every digit kept."""
    result = Decimal(0)
    for value in values:
        result = _EXACT.add(result, value)
    return result


def decimal_exactly(value: Fraction) -> Decimal:
    """The decimal that equals ``value``; ``decimal.Inexact`` if its expansion does not end."""
    twos = fives = 0
    rest = value.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        raise Inexact(f"{value} has no finite decimal expansion")
    places = max(twos, fives)
    scaled = value.numerator * 2 ** (places - twos) * 5 ** (places - fives)
    return _EXACT.scaleb(_EXACT.create_decimal(scaled), -places)
