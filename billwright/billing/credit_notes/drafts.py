"""Credit notes of draft invoices: they follow their invoice through refreshes and become final with it (spec 05 C4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.amounts import NoteItem, amounts_of, truncated
from billwright.billing.credit_notes.balances import Balance, balance_of
from billwright.billing.credit_notes.issuing import Parts, delete_parts, finalize_note, insert_parts, put_amounts
from billwright.billing.credit_notes.models import CreditNote, CreditNoteItem
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Fee, Invoice

_IDENTITY = ("fee_type", "subscription_id", "charge_id", "charge_filter_id", "group_key", "add_on_id")
FeeIdentity = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class DetachedItem:
    """What a draft note gave back of a fee that is about to be replaced."""

    fee: FeeIdentity
    fee_amount_cents: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class DetachedNote:
    """A draft note without its items."""

    note: CreditNote
    items: Sequence[DetachedItem]


def _identity(fee: Fee) -> FeeIdentity:
    return (*(getattr(fee, name) for name in _IDENTITY), fee.true_up_parent_fee_id is not None)


async def _draft_notes(ctx: Context, invoice: Invoice) -> Sequence[CreditNote]:
    rows = await ctx.session.scalars(
        select(CreditNote)
        .where(
            col(CreditNote.organization_id) == ctx.organization_id,
            col(CreditNote.invoice_id) == invoice.id,
            col(CreditNote.status) == "draft",
        )
        .order_by(col(CreditNote.sequential_id))
    )
    return rows.all()


async def detach_notes(ctx: Context, invoice: Invoice) -> list[DetachedNote]:
    """Take the draft notes of a draft invoice off its fees, before these are deleted."""
    detached: list[DetachedNote] = []
    for note in await _draft_notes(ctx, invoice):
        rows = await ctx.session.execute(
            select(CreditNoteItem, Fee)
            .join(Fee, col(Fee.id) == col(CreditNoteItem.fee_id))
            .where(col(CreditNoteItem.credit_note_id) == note.id)
            .order_by(col(CreditNoteItem.position))
        )
        items = [DetachedItem(_identity(fee), fee.amount_cents, item.precise_amount_cents) for item, fee in rows]
        await delete_parts(ctx, note)
        detached.append(DetachedNote(note, items))
    return detached


async def attach_notes(ctx: Context, invoice: Invoice, detached: Sequence[DetachedNote]) -> None:
    """Put them on the new fees, each item scaled with its fee, and compute them anew; what became empty is deleted."""
    for entry in detached:
        await _attach(ctx, entry, await balance_of(ctx, invoice, without=entry.note.id))


async def _attach(ctx: Context, entry: DetachedNote, balance: Balance) -> None:
    note = entry.note
    fees = {_identity(row): balance.fee(row.id) for row in balance.rows.values()}
    items: list[NoteItem] = []
    for item in entry.items:
        fee = fees.get(item.fee)
        if fee is None or not item.fee_amount_cents:
            continue
        amount = item.amount
        if fee.amount_cents != item.fee_amount_cents:
            amount = truncated(Fraction(amount) * fee.amount_cents / item.fee_amount_cents)
        amount = min(amount, Decimal(fee.creditable_cents))
        if amount > 0:
            items.append(NoteItem(fee, amount))
    amounts = amounts_of(items, balance.fees, balance.rest)
    note.updated_at = ctx.now()
    if not items or amounts.total_cents <= 0:
        await _delete(ctx, note)
        return
    total = amounts.total_cents
    offset = min(note.offset_amount_cents, total, max(balance.invoice.total_due_amount_cents, 0))
    refund = min(note.refund_amount_cents, total - offset, balance.unrefunded_cents)
    if note.offset_amount_cents and not note.credit_amount_cents:
        offset = min(total - refund, max(balance.invoice.total_due_amount_cents, 0))
    put_amounts(note, amounts, Parts(total - refund - offset, refund, offset))
    await ctx.session.flush()
    await insert_parts(ctx, note, items, amounts)


async def finalize_notes(ctx: Context, customer: Customer, invoice: Invoice) -> None:
    """Make the notes of an invoice that has just been issued or closed final (spec 04 §8.2)."""
    for note in await _draft_notes(ctx, invoice):
        await finalize_note(ctx, customer, invoice, note)


async def delete_notes(ctx: Context, invoice: Invoice) -> None:
    """Delete the notes of a draft that is being deleted (spec 04 §8.4)."""
    for note in await _draft_notes(ctx, invoice):
        await delete_parts(ctx, note)
        await _delete(ctx, note)


async def _delete(ctx: Context, note: CreditNote) -> None:
    note.status = "deleted"
    note.refund_status = None
    note.updated_at = ctx.now()
    await ctx.session.flush()
