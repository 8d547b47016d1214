"""What a coupon takes off an invoice, and how that is spread over its fees (spec 05 B3, 04 §3.1 step 3). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from billwright.billing.kernel.money import PRECISE, round_down, round_half_up

PLACES = 5
"""Decimals of stored shares."""


class DiscountedFee(Protocol):
    """A fee whose ``discount`` (minor units, 5 decimals) grows with every credit before taxes."""

    amount_cents: int
    discount: Decimal


@dataclass(frozen=True, slots=True)
class Discount:
    """The values of an application. Exactly one of ``amount_cents`` (minor units, what is left of it for ``once``) and
    ``percentage_rate`` (percent, above 100 as 100) is given.
    """

    amount_cents: int | None = None
    percentage_rate: Decimal | None = None


def rest_of(fee: DiscountedFee) -> Decimal:
    """What earlier credits left of a fee, in minor units."""
    return PRECISE.subtract(Decimal(fee.amount_cents), fee.discount)


def cap_of(fees: Sequence[DiscountedFee]) -> Decimal:
    """The most a limited coupon can take: what is left of its fees."""
    total = Decimal(0)
    for fee in fees:
        total = PRECISE.add(total, rest_of(fee))
    return total


def credit_of(discount: Discount, cap: Decimal) -> int:
    """Whole minor units taken of ``cap``; a decimal result is truncated before the spread (spec 05 B3 step 4)."""
    if discount.percentage_rate is not None:
        value = Fraction(cap) * Fraction(discount.percentage_rate) / 100
        taken = cap if value >= cap else min(round_half_up(value), cap)
    else:
        taken = min(Decimal(discount.amount_cents or 0), cap)
    return int(round_down(taken))


def spread(fees: Sequence[DiscountedFee], credit_cents: int, cap: Decimal) -> None:
    """Raise the discounts of ``fees`` by ``credit_cents`` in all, in proportion to what is left of each.

    Shares have 5 decimals; what rounding leaves over goes to the largest fees, so that the shares add up exactly and
    no discount exceeds its fee.
    """
    if not credit_cents or cap <= 0:
        return
    rests = [rest_of(fee) for fee in fees]
    shares = [round_half_up(Fraction(credit_cents) * Fraction(rest) / Fraction(cap), PLACES) for rest in rests]
    shares = [min(share, rest) for share, rest in zip(shares, rests, strict=True)]
    left = Decimal(credit_cents)
    for share in shares:
        left = PRECISE.subtract(left, share)
    for index in sorted(range(len(fees)), key=lambda index: (-fees[index].amount_cents, index)):
        if not left:
            break
        moved = min(max(PRECISE.add(shares[index], left), Decimal(0)), rests[index])
        left = PRECISE.subtract(left, PRECISE.subtract(moved, shares[index]))
        shares[index] = moved
    for fee, share in zip(fees, shares, strict=True):
        fee.discount = PRECISE.add(fee.discount, share)
