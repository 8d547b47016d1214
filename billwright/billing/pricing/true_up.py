"""Spending minimum of a charge and its true-up (spec 02 §9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billwright.billing.kernel.money import round_half_up
from billwright.billing.pricing.exact import as_decimal, exact


@dataclass(frozen=True, slots=True)
class TrueUp:
    """Minor units. The fee has 1 unit, 1 total aggregated unit, no events, no filter and no details."""

    amount_cents: int
    precise_amount_cents: Decimal


@dataclass(frozen=True, slots=True)
class Window:
    """The billed part of a charges period, in days.

    ``days``: ``days(charges_from, charges_to)`` of the window. ``period_days``: D, of the whole charges period.
    ``upgraded``: the subscription was terminated by an upgrade, whose day belongs to the new plan.
    """

    days: int
    period_days: int
    upgraded: bool = False

    @property
    def billed_days(self) -> int:
        return max(self.days - self.upgraded, 0)


def spending_minimum(min_amount_cents: int, window: Window) -> Fraction:
    """What is due for the window: ``M / D * d_window``, minor units, exact."""
    return Fraction(min_amount_cents * window.billed_days, window.period_days)


@exact
def true_up(
    min_amount_cents: int,
    window: Window,
    amounts_cents: Iterable[int],
    precise_amounts_cents: Iterable[Decimal],
) -> TrueUp | None:
    """The fee that lifts the charge to its minimum, or ``None`` when the fees reach it (to the minor unit).

    ``amounts_cents`` and ``precise_amounts_cents``: those of **all** fees of the charge on this invoice, whatever their
    filter and group.
    """
    due = spending_minimum(min_amount_cents, window)
    missing = int(round_half_up(due - sum(amounts_cents)))
    if missing <= 0:
        return None
    precise = due - sum((Fraction(amount) for amount in precise_amounts_cents), Fraction(0))
    return TrueUp(missing, as_decimal(max(precise, Fraction(0))))
