"""How many credits a rule buys and grants (spec 05 D7). Pure and exact; everything in credits."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule asks for. ``least`` and ``most``: the wallet's limits of a purchase, ``None`` where ignored or not
    set."""

    trigger: str
    method: str
    paid: Fraction = ZERO
    granted: Fraction = ZERO
    threshold: Fraction = ZERO
    target: Fraction = ZERO
    grants_target: bool = False
    least: Fraction | None = None
    most: Fraction | None = None


@dataclass(frozen=True, slots=True)
class TopUp:
    """Credits to buy and to grant."""

    paid: Fraction = ZERO
    granted: Fraction = ZERO


def is_reached(terms: Terms, ongoing: Fraction, pending: Fraction) -> bool:
    """Whether a threshold rule fires; what is bought and not paid yet counts."""
    return ongoing <= terms.threshold and ongoing + pending <= terms.threshold


def top_up_of(terms: Terms, ongoing: Fraction, pending: Fraction) -> TopUp:
    """What the rule does when it fires at these balances."""
    if terms.method == "target":
        gap = terms.target - ongoing
        if gap <= 0:
            return TopUp()
        if terms.grants_target:
            return TopUp(granted=gap)
        return TopUp(paid=max(gap, terms.least or ZERO))
    if terms.trigger == "interval":
        return TopUp(terms.paid, terms.granted)
    gap = terms.threshold - ongoing - terms.granted - pending
    paid = terms.paid
    if paid > 0 and gap >= paid:
        paid *= gap // paid + 1
        if terms.most is not None:
            paid = min(paid, terms.most)
    return TopUp(paid, terms.granted)
