"""Which thresholds a figure has passed between two looks at it (spec 07 §9.4). Pure and exact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Literal

Direction = Literal["increasing", "decreasing"]

MOST_MULTIPLES = 1000
"""So many passed multiples of a recurring threshold are told, those nearest to the present value."""

_EXACT = Context(prec=2000)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value, or with ``recurring`` a step beyond the last fixed value; a passed multiple of it has its ``code``."""

    value: Decimal
    recurring: bool = False
    code: str | None = None


def crossed(
    thresholds: Iterable[Threshold], previous: Decimal, current: Decimal, direction: Direction
) -> list[Threshold]:
    """What the figure passed on its way from ``previous`` to ``current``, ascending; a recurring threshold stands for
    each of its multiples on the way, with that value. Fixed values are distinct; at most one is recurring and positive.

    Increasing: ``previous < t <= current``; the recurring step ``R`` adds ``L + kR``, ``L`` the largest fixed value or
    0, ``k >= 1``. Decreasing is the mirror: ``current <= t < previous`` and ``S - kR`` from the smallest.
    """
    known = list(thresholds)
    if direction == "decreasing":
        mirrored = [item if item.recurring else _mirror(item) for item in known]
        found = _passed(mirrored, previous.copy_negate(), current.copy_negate())
        return [_mirror(item) for item in reversed(found)]
    return _passed(known, previous, current)


def _mirror(item: Threshold) -> Threshold:
    return Threshold(item.value.copy_negate() if item.value else _ZERO, item.recurring, item.code)


def _passed(thresholds: list[Threshold], previous: Decimal, current: Decimal) -> list[Threshold]:
    fixed = sorted((item for item in thresholds if not item.recurring), key=lambda item: item.value)
    found = [item for item in fixed if previous < item.value <= current]
    step = next((item for item in thresholds if item.recurring), None)
    if step is None:
        return found
    origin = fixed[-1].value if fixed else _ZERO
    last = _multiples(current, origin, step.value)
    first = max(_multiples(previous, origin, step.value), 0, last - MOST_MULTIPLES) + 1
    for count in range(first, last + 1):
        value = _EXACT.fma(step.value, Decimal(count), origin)
        found.append(Threshold(value, recurring=True, code=step.code))
    return found


def _multiples(value: Decimal, origin: Decimal, step: Decimal) -> int:
    """How many steps of the way from ``origin`` are done at ``value``; negative before it."""
    return (Fraction(value) - Fraction(origin)) // Fraction(step)
