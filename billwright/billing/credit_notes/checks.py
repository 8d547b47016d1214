"""Checks of a requested credit note, in their order (spec 05 C3, C6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from billwright.billing.credit_notes.amounts import CreditedFee, NoteAmounts, NoteItem
from billwright.billing.credit_notes.balances import Balance
from billwright.billing.credit_notes.issuing import Parts
from billwright.billing.credit_notes.schemas import REASONS
from billwright.billing.kernel.errors import NotAllowed, NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.inputs import MAX_INT

CREDITABLE_STATUSES = ("finalized", "voided", "draft")
TOLERANCE = 1


def check_status(balance: Balance) -> None:
    """Only issued and draft invoices can be credited. Raises ``NotAllowed("invalid_type_or_status")``."""
    if balance.invoice.status not in CREDITABLE_STATUSES:
        raise NotAllowed("invalid_type_or_status")


def check_reason(reason: str | None) -> str:
    """The reason, ``other`` by default; raises ``ValidationFailed``."""
    if reason is None:
        return "other"
    if reason not in REASONS:
        raise ValidationFailed(reason="value_is_invalid")
    return reason


def read_items(raw: Any, balance: Balance, *, prepaid_rest: int | None = None) -> list[NoteItem]:
    """The requested items; stops at the first bad one.

    ``prepaid_rest``: what a purchase of wallet credits can still give back. Raises ``ValidationFailed``
    (``items: must_be_an_array``; ``amount_cents``: ``invalid_value``, ``higher_than_remaining_fee_amount``,
    ``higher_than_wallet_balance``) and ``NotFound("fee")``.
    """
    if not isinstance(raw, list):
        raise ValidationFailed(items="must_be_an_array")
    left = {fee.id: fee for fee in balance.fees}
    items: list[NoteItem] = []
    for entry in cast("list[Any]", raw):
        fee, amount = _item(entry, left)
        if amount > fee.creditable_cents:
            raise ValidationFailed(amount_cents="higher_than_remaining_fee_amount")
        if prepaid_rest is not None:
            prepaid_rest -= amount
            if prepaid_rest < 0:
                raise ValidationFailed(amount_cents="higher_than_wallet_balance")
        items.append(NoteItem(fee, Decimal(amount)))
        left[fee.id] = replace(fee, credited_cents=fee.credited_cents + amount)
    return items


def _item(entry: Any, fees: Mapping[UUID, CreditedFee]) -> tuple[CreditedFee, int]:
    values = cast("Mapping[str, Any]", entry if isinstance(entry, dict) else {})
    fee_id = parse_id(str(values.get("fee_id")))
    fee = fees.get(fee_id) if fee_id is not None else None
    if fee is None:
        raise NotFound("fee")
    return fee, _whole(values.get("amount_cents"))


def _whole(raw: Any) -> int:
    """A whole amount >= 0 from a JSON number or a numeric text."""
    value = raw
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)
    if isinstance(value, Decimal | float) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_INT:
        raise ValidationFailed(amount_cents="invalid_value")
    return value


def check_parts(balance: Balance, amounts: NoteAmounts, parts: Parts) -> None:
    """The bounds of a requested note, all evaluated and reported together. Raises ``ValidationFailed``."""
    invoice, problems = balance.invoice, Problems()
    remainder = balance.gross_cents - balance.credited_cents - balance.offset_cents
    if abs(parts.total_cents - amounts.expected_cents) > TOLERANCE:
        problems.add("base", "does_not_match_item_amounts")
    if parts.refund_cents:
        if not invoice.total_paid_amount_cents or balance.is_settling:
            problems.add("refund_amount_cents", "cannot_refund_unpaid_invoice")
        elif parts.refund_cents > balance.unrefunded_cents:
            problems.add("refund_amount_cents", "higher_than_remaining_invoice_amount")
    if parts.credit_cents > remainder + TOLERANCE:
        problems.add("credit_amount_cents", "higher_than_remaining_invoice_amount")
    if parts.offset_cents > max(min(invoice.total_due_amount_cents, remainder), 0):
        problems.add("offset_amount_cents", "higher_than_remaining_invoice_amount")
    if parts.total_cents > balance.gross_cents - balance.noted_cents + TOLERANCE:
        problems.add("base", "higher_than_remaining_invoice_amount")
    if not parts.total_cents:
        problems.add("base", "total_amount_must_be_positive")
    problems.raise_if_any()


def check_worth(amounts: NoteAmounts) -> None:
    """A note whose items are worth nothing after discounts is refused like one that asks for nothing."""
    if amounts.total_cents <= 0:
        raise ValidationFailed(base="total_amount_must_be_positive")


def merged(items: Sequence[NoteItem]) -> list[NoteItem]:
    """Items on the same fee as one."""
    found: dict[UUID, NoteItem] = {}
    for item in items:
        known = found.get(item.fee.id)
        found[item.fee.id] = item if known is None else NoteItem(known.fee, known.amount + item.amount)
    return list(found.values())
