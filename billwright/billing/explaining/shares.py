"""What coupons and progressive invoices took off each fee: noted while the invoice is computed (spec 09 §2)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, Protocol

from billwright.billing.explaining.formula import evaluate, plain
from billwright.billing.explaining.steps import Explanation
from billwright.billing.kernel.money import PRECISE

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


def note_progressive_shares(
    fees: Sequence[SharedFee],
    billed_cents: Sequence[int],
    given: Sequence[Decimal],
    number: str,
    credit_cents: int,
) -> None:
    """Note what the fees bear of a progressive invoice's credit: ``billed_cents`` of each was billed by it already, and
    the credit is spread over that first (spec 02 §13.5)."""
    for fee, billed, share in zip(fees, billed_cents, given, strict=True):
        if not share:
            continue
        noted = {
            "kind": "progressive credit",
            "label": f"Usage already billed on {number}",
            "credit_cents": credit_cents,
            "billed_cents": billed,
            "all_billed_cents": sum(billed_cents),
            "fee_cents": fee.amount_cents,
            "all_fees_cents": sum(item.amount_cents for item in fees),
            "share": plain(share),
        }
        fee.explanation = {**fee.explanation, "shares": [*fee.explanation.get("shares", ()), noted]}


def _progressive(noted: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Formula and inputs of a share of a progressive credit, without its remainder."""
    names = ["credit_cents", "billed_cents", "all_billed_cents"]
    formula = "credit_cents * billed_cents / all_billed_cents"
    if noted["credit_cents"] > noted["all_billed_cents"]:
        names += ["fee_cents", "all_fees_cents"]
        formula = (
            "billed_cents + (credit_cents - all_billed_cents) * (fee_cents - billed_cents)"
            " / (all_fees_cents - all_billed_cents)"
        )
    return f"round({formula}, {PLACES})", {name: noted[name] for name in names}


def _proportional(noted: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The same of a coupon."""
    inputs = {
        "credit_cents": noted["credit_cents"],
        "fee_left_cents": noted["left_cents"],
        "all_left_cents": noted["cap_cents"],
    }
    return f"min(round(credit_cents * fee_left_cents / all_left_cents, {PLACES}), fee_left_cents)", inputs


def share_steps(x: Explanation, shares: Sequence[dict[str, Any]], discount_cents: Decimal) -> None:
    """One step per credit that reduced the fee."""
    for noted in shares:
        formula, inputs = (_proportional if "cap_cents" in noted else _progressive)(noted)
        remainder = Fraction(str(noted["share"])) - evaluate(formula, inputs)
        if remainder:
            # What rounding left over goes to the largest fees, so that the shares add up to the credit.
            inputs["remainder"] = remainder
            formula += " + remainder"
        x.add(noted["kind"], noted["label"], formula, "cents", **inputs)
    told = sum((Decimal(str(noted["share"])) for noted in shares), Decimal(0))
    if told != discount_cents:
        x.add("coupon share", "Coupons and usage billed before", "share", "cents", share=discount_cents - told)
        x.notes.append("Which credit took how much of this fee was not stored with it.")
