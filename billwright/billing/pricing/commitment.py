"""Minimum commitment of a plan: the true-up of one interval (spec 02 §12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billwright.billing.kernel.money import round_half_up
from billwright.billing.pricing.exact import as_decimal, exact


@dataclass(frozen=True, slots=True)
class CommitmentTrueUp:
    """Minor units. ``due``: the commitment for the active days; ``counted``: fees that count towards it."""

    due_cents: int
    counted_cents: int
    amount_cents: int
    precise_amount_cents: Decimal


def commitment_due(amount_cents: int, active_days: int, interval_days: int) -> int:
    """``round(C * active_days / interval_days)``, minor units. No upgrade-day subtraction here."""
    return int(round_half_up(Fraction(amount_cents * active_days, interval_days)))


@exact
def commitment_true_up(
    amount_cents: int,
    *,
    active_days: int,
    interval_days: int,
    counted_cents: Iterable[int],
    precise_counted_cents: Iterable[Decimal],
) -> CommitmentTrueUp | None:
    """What is missing to the commitment, or ``None``.

    ``counted_cents``: amounts before coupons, credits and taxes of the interval's subscription fee, its in-arrears
    charge fees with true-ups, its in-advance event fees and the renewal fees that pay for it; neither progressive
    billing fees nor those of voided invoices.
    """
    due = commitment_due(amount_cents, active_days, interval_days)
    counted = sum(counted_cents)
    if due <= counted:
        return None
    exact_due = Fraction(amount_cents * active_days, interval_days)
    precise = exact_due - sum((Fraction(amount) for amount in precise_counted_cents), Fraction(0))
    return CommitmentTrueUp(due, counted, due - counted, as_decimal(max(precise, Fraction(0))))
