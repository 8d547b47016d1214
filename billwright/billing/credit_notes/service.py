"""Use cases of credit notes (spec 05 C3, C5): issue by hand, estimate, change, void."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.catalog.plan_metadata import validated_metadata
from billwright.billing.credit_notes import prepaid
from billwright.billing.credit_notes.amounts import NoteAmounts, NoteItem, amounts_of
from billwright.billing.credit_notes.balances import Balance, balance_of
from billwright.billing.credit_notes.checks import (
    check_parts,
    check_reason,
    check_status,
    check_worth,
    merged,
    read_items,
)
from billwright.billing.credit_notes.issuing import Parts, make_note
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.queries import find_credit_note
from billwright.billing.credit_notes.refunding import REFUND_STATUSES, report_refund
from billwright.billing.credit_notes.schemas import (
    CreditNoteCreate,
    CreditNoteEstimateInput,
    CreditNoteEstimateOut,
    CreditNoteUpdate,
    estimate_object,
)
from billwright.billing.customers.locking import lock_customer, lock_scope
from billwright.billing.invoicing.drafts import locked_invoice
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.kernel.errors import NotAllowed, NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import parse_id

_NOBODY = UUID(int=0)


async def create_credit_note(ctx: Context, inp: CreditNoteCreate) -> CreditNote:
    """A credit note on fees of one invoice; a draft while the invoice is one.

    Raises ``NotFound`` (``invoice``, ``fee``), ``NotAllowed("invalid_type_or_status")`` and ``ValidationFailed`` with
    the codes of spec 05 C3 and C6, in that order.
    """
    invoice, customer = await locked_invoice(ctx, parse_id(inp.invoice_id or "") or _NOBODY)
    await lock_scope(ctx, "credit_note", customer.id)
    balance = await balance_of(ctx, invoice)
    check_status(balance)
    top_up = await prepaid.top_up_of(ctx, invoice) if invoice.invoice_type == "credit" else None
    reason = check_reason(inp.reason)
    parts = Parts(inp.credit_amount_cents or 0, inp.refund_amount_cents or 0, inp.offset_amount_cents or 0)
    rest = None
    if top_up is not None:
        prepaid.check_kind(invoice, parts)
        rest = prepaid.creditable_rest(balance, top_up) if prepaid.is_paid(invoice) else None
    items = merged(read_items(inp.items, balance, prepaid_rest=rest))
    metadata = _metadata(inp.metadata)
    amounts = amounts_of(items, balance.fees, balance.rest)
    check_parts(balance, amounts, parts)
    check_worth(amounts)
    if top_up is not None:
        await prepaid.cancel_purchase(ctx, invoice, parts)
    note = await make_note(
        ctx,
        customer,
        balance,
        items,
        amounts,
        parts.adjusted(amounts.total_cents, balance),
        reason=reason,
        description=inp.description,
        metadata=metadata,
    )
    if top_up is not None:
        await prepaid.void_credits(ctx, invoice, note)
    return note


async def estimate_credit_note(ctx: Context, inp: CreditNoteEstimateInput) -> CreditNoteEstimateOut:
    """What a note with these items could give back at most; stores nothing. Raises as ``create_credit_note``."""
    invoice = await find_invoice(ctx, parse_id(inp.invoice_id or "") or _NOBODY)
    balance = await balance_of(ctx, invoice)
    check_status(balance)
    if invoice.invoice_type == "credit":
        return await _estimate_purchase(ctx, balance, inp)
    items = merged(read_items(inp.items, balance))
    amounts = amounts_of(items, balance.fees, balance.rest)
    creditable, taxes = _estimated(amounts)
    return estimate_object(
        invoice,
        amounts,
        _lines(items),
        creditable_cents=creditable,
        refundable_cents=min(creditable, balance.refundable_cents),
        offsettable_cents=max(min(invoice.total_due_amount_cents, creditable), 0),
        taxes_cents=taxes,
    )


def _estimated(amounts: NoteAmounts) -> tuple[int, int]:
    """Total and taxes after the rounding rule of estimates: the total gives way, or else the taxes (spec 05 C3)."""
    total, taxes = amounts.expected_cents, amounts.taxes_cents
    difference = total - amounts.total_cents
    if difference > 0:
        total -= difference
    elif difference < 0:
        taxes = max(taxes + difference, 0)
    return total, taxes


async def _estimate_purchase(ctx: Context, balance: Balance, inp: CreditNoteEstimateInput) -> CreditNoteEstimateOut:
    invoice: Invoice = balance.invoice
    top_up = await prepaid.top_up_of(ctx, invoice)
    if not prepaid.is_paid(invoice):
        raise NotAllowed("invalid_type_or_status")
    rest = prepaid.creditable_rest(balance, top_up)
    items = merged(read_items(inp.items, balance, prepaid_rest=rest))
    amounts = amounts_of(items, balance.fees, balance.rest)
    return estimate_object(
        invoice,
        amounts,
        _lines(items),
        creditable_cents=0,
        refundable_cents=min(amounts.total_cents, rest),
        offsettable_cents=0,
        taxes_cents=amounts.taxes_cents,
    )


def _lines(items: list[NoteItem]) -> list[Any]:
    return [{"lago_fee_id": item.fee.id, "amount_cents": item.amount_cents} for item in items]


async def update_credit_note(ctx: Context, note_id: UUID, inp: CreditNoteUpdate) -> CreditNote:
    """Report a refund by hand and merge metadata.

    A refund that has succeeded stays so; a note without a refund has none to report. Raises
    ``NotFound("credit_note")``, also for drafts, and ``ValidationFailed``.
    """
    note = await find_credit_note(ctx, note_id, lock=True)
    if inp.refund_status is not None and inp.refund_status not in REFUND_STATUSES:
        raise ValidationFailed(refund_status="value_is_invalid")
    if inp.metadata is not None:
        _put_metadata(ctx, note, {**(note.custom_metadata or {}), **_metadata_object(inp.metadata)})
    if inp.refund_status is not None:
        await report_refund(ctx, note, inp.refund_status)
    await ctx.session.flush()
    return note


async def void_credit_note(ctx: Context, note_id: UUID) -> CreditNote:
    """Take back what is left of the credit; the refund is untouched.

    Raises ``NotFound("credit_note")``; ``NotAllowed("no_voidable_amount")`` without a balance.
    """
    found = await find_credit_note(ctx, note_id)
    if await lock_customer(ctx, found.customer_id) is None:
        raise NotFound("credit_note")
    await lock_scope(ctx, "credit_note", found.customer_id)
    note = await find_credit_note(ctx, note_id, lock=True)
    if note.balance_amount_cents <= 0 or note.credit_status == "voided":
        raise NotAllowed("no_voidable_amount")
    void_balance(ctx, note)
    await ctx.session.flush()
    return note


def void_balance(ctx: Context, note: CreditNote) -> None:
    """Mark a locked note as voided: nothing of its credit can be used any more."""
    note.balance_amount_cents = 0
    note.credit_status = "voided"
    note.voided_at = ctx.now()
    note.updated_at = ctx.now()


async def replace_metadata(ctx: Context, note_id: UUID, raw: Any) -> dict[str, Any] | None:
    """Make ``raw`` the note's metadata; null clears. Raises ``NotFound("credit_note")``, ``ValidationFailed``."""
    note = await find_credit_note(ctx, note_id, lock=True)
    return _put_metadata(ctx, note, raw)


async def merge_metadata(ctx: Context, note_id: UUID, raw: Any) -> dict[str, Any] | None:
    """Set the keys of ``raw`` and keep the others. Raises as ``replace_metadata``."""
    note = await find_credit_note(ctx, note_id, lock=True)
    if raw is None:
        return note.custom_metadata
    return _put_metadata(ctx, note, {**(note.custom_metadata or {}), **_metadata_object(raw)})


async def delete_metadata(ctx: Context, note_id: UUID, key: str | None = None) -> dict[str, Any] | None:
    """Remove all metadata, or one key. Raises ``NotFound`` (``credit_note``, ``metadata``)."""
    note = await find_credit_note(ctx, note_id, lock=True)
    if key is None:
        return _put_metadata(ctx, note, None)
    if key not in (note.custom_metadata or {}):
        raise NotFound("metadata")
    return _put_metadata(ctx, note, {name: text for name, text in (note.custom_metadata or {}).items() if name != key})


def _metadata(raw: Any) -> dict[str, Any] | None:
    problems = Problems()
    checked = validated_metadata(raw, problems)
    problems.raise_if_any()
    return cast("dict[str, Any] | None", checked)


def _metadata_object(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValidationFailed(metadata="invalid_type")
    return cast("dict[str, Any]", raw)


def _put_metadata(ctx: Context, note: CreditNote, raw: Any) -> dict[str, Any] | None:
    note.custom_metadata = _metadata(raw)
    note.updated_at = ctx.now()
    return note.custom_metadata
