"""What coupons and progressive invoices took off each fee: noted while the invoice is computed (spec 09 §2)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, Protocol

from billwright.billing.explaining.formula import plain
from billwright.billing.explaining.steps import Explanation
from billwright.billing.kernel.money import PRECISE, round_half_up

PLACES = 5
ShareKind = Literal["progressive credit", "coupon share"]


class SharedFee(Protocol):
    """A fee that a credit reduces."""

    amount_cents: int
    discount: Decimal
    explanation: dict[str, Any]


def discounts_of(fees: Sequence[SharedFee]) -> list[Decimal]:
    """The fees' discounts before a credit is spread: see ``note_shares``."""
    return [fee.discount for fee in fees]


def note_shares(
    fees: Sequence[SharedFee],
    before: Sequence[Decimal],
    kind: ShareKind,
    label: str,
    credit_cents: int,
    cap_cents: Decimal,
) -> None:
    """Note on each fee the share of a credit that was just spread: ``credit_cents`` in all, in proportion to what was
    left of the fees (``cap_cents`` in all)."""
    for fee, earlier in zip(fees, before, strict=True):
        share = PRECISE.subtract(fee.discount, earlier)
        if not share:
            continue
        noted = {
            "kind": kind,
            "label": label,
            "credit_cents": credit_cents,
            "left_cents": plain(PRECISE.subtract(Decimal(fee.amount_cents), earlier)),
            "cap_cents": plain(cap_cents),
            "share": plain(share),
        }
        fee.explanation = {**fee.explanation, "shares": [*fee.explanation.get("shares", ()), noted]}


def share_steps(x: Explanation, shares: Sequence[dict[str, Any]], discount_cents: Decimal) -> None:
    """One step per credit that reduced the fee."""
    for noted in shares:
        credit, left, cap = (Decimal(str(noted[name])) for name in ("credit_cents", "left_cents", "cap_cents"))
        inputs: dict[str, Any] = {"credit_cents": credit, "fee_left_cents": left, "all_left_cents": cap}
        formula = f"min(round(credit_cents * fee_left_cents / all_left_cents, {PLACES}), fee_left_cents)"
        rounded = min(round_half_up(Fraction(credit) * Fraction(left) / Fraction(cap), PLACES), left)
        remainder = PRECISE.subtract(Decimal(str(noted["share"])), rounded)
        if remainder:
            # What rounding left over goes to the largest fees, so that the shares add up to the credit.
            inputs["remainder"] = remainder
            formula += " + remainder"
        x.add(noted["kind"], noted["label"], formula, "cents", **inputs)
    told = sum((Decimal(str(noted["share"])) for noted in shares), Decimal(0))
    if told != discount_cents:
        x.add("coupon share", "Coupons and usage billed before", "share", "cents", share=discount_cents - told)
        x.notes.append("Which credit took how much of this fee was not stored with it.")
