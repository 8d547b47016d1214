"""Spreading a progressive credit over the fees of the invoice that takes it (spec 02 §13.5). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billwright.billing.kernel.money import PRECISE, round_half_up

PLACES = 5
"""Decimals of stored shares."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A fee of a charge that the progressive invoice billed. ``billed_cents``: what that billed of the same charge,
    filter and group; 0 if nothing.
    """

    amount_cents: int
    billed_cents: int

    @property
    def weight(self) -> int:
        return max(min(self.billed_cents, self.amount_cents), 0)


def shares(fees: Sequence[Bearer], credit_cents: int) -> list[Decimal]:
    """What each fee bears of ``credit_cents``, which is at most their sum; the shares add up to it exactly.

    First what was billed already of each fee, then what the fees have grown by. The largest fee takes what rounding
    leaves over; no share exceeds its fee.
    """
    cap = sum(fee.amount_cents for fee in fees)
    weights = sum(fee.weight for fee in fees)
    if credit_cents <= 0 or cap <= 0:
        return [Decimal(0) for _ in fees]
    exact = [_share(fee, credit_cents, weights, cap) for fee in fees]
    rounded = [
        min(round_half_up(share, PLACES), Decimal(fee.amount_cents)) for share, fee in zip(exact, fees, strict=True)
    ]
    left = Decimal(credit_cents)
    for share in rounded:
        left = PRECISE.subtract(left, share)
    for index in sorted(range(len(fees)), key=lambda index: (-fees[index].amount_cents, index)):
        if not left:
            break
        moved = min(max(PRECISE.add(rounded[index], left), Decimal(0)), Decimal(fees[index].amount_cents))
        left = PRECISE.subtract(left, PRECISE.subtract(moved, rounded[index]))
        rounded[index] = moved
    return rounded


def _share(fee: Bearer, credit_cents: int, weights: int, cap: int) -> Fraction:
    if credit_cents <= weights:
        return Fraction(credit_cents * fee.weight, weights)
    return fee.weight + Fraction((credit_cents - weights) * (fee.amount_cents - fee.weight), cap - weights)
