"""Making a credit note: its rows, its number, and what follows when it is final (spec 05 C1, C3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.amounts import NoteAmounts, NoteItem
from billwright.billing.credit_notes.balances import Balance
from billwright.billing.credit_notes.models import CreditNote, CreditNoteItem, CreditNoteTax
from billwright.billing.credit_notes.refunding import start_refund
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.issuing import buyer_of, seller_of
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.updates import set_payment_status
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.money import round_half_up
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.mailing.scenarios import CREDIT_NOTE, announce
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.calendar.timezones import local_date


@dataclass(frozen=True, slots=True)
class Parts:
    """How a note's total is given back: to the customer's balance, as money, or off the amount due of its invoice."""

    credit_cents: int = 0
    refund_cents: int = 0
    offset_cents: int = 0

    @property
    def total_cents(self) -> int:
        return self.credit_cents + self.refund_cents + self.offset_cents

    def adjusted(self, total_cents: int, balance: Balance) -> Parts:
        """The parts of a note worth ``total_cents``: the difference goes to the credit if there is one, else to the
        refund, else to the offset (spec 05 C2). A part never grows beyond what was paid or is due.
        """
        difference = total_cents - self.total_cents
        if difference < 0:
            taken: dict[str, int] = {}
            for name in ("credit_cents", "refund_cents", "offset_cents"):
                part: int = getattr(self, name)
                cut = min(part, -difference)
                taken[name] = part - cut
                difference += cut
            return replace(self, **taken)
        refundable = balance.unrefunded_cents
        offsettable = balance.invoice.total_due_amount_cents
        if not self.credit_cents and self.refund_cents and self.refund_cents + difference <= refundable:
            return replace(self, refund_cents=self.refund_cents + difference)
        if not self.credit_cents and self.offset_cents and self.offset_cents + difference <= offsettable:
            return replace(self, offset_cents=self.offset_cents + difference)
        return replace(self, credit_cents=self.credit_cents + difference)


async def make_note(
    ctx: Context,
    customer: Customer,
    balance: Balance,
    items: Sequence[NoteItem],
    amounts: NoteAmounts,
    parts: Parts,
    *,
    reason: str,
    description: str | None = None,
    automatic: bool = False,
    metadata: dict[str, Any] | None = None,
) -> CreditNote:
    """Store a note worth ``amounts.total_cents``; final unless its invoice is a draft. Customer and invoice are locked.

    ``parts`` must add up to that total.
    """
    if parts.total_cents != amounts.total_cents:
        raise ValueError(f"parts {parts} do not add up to {amounts.total_cents}")
    invoice, now = balance.invoice, ctx.now()
    draft = invoice.status == "draft"
    tz = applicable_timezone(customer, ctx.organization)
    sequence = await _next_sequence(ctx, invoice)
    note = CreditNote(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        customer_id=customer.id,
        invoice_id=invoice.id,
        status="draft",
        number=number_of(invoice, sequence),
        sequential_id=sequence,
        currency=invoice.currency,
        timezone=tz,
        issuing_date=local_date(now, tz),
        reason=reason,
        description=description,
        automatic=automatic,
        custom_metadata=metadata,
    )
    put_amounts(note, amounts, parts)
    ctx.session.add(note)
    await ctx.session.flush()
    await insert_parts(ctx, note, items, amounts)
    if not draft:
        await finalize_note(ctx, customer, invoice, note)
    return note


async def _next_sequence(ctx: Context, invoice: Invoice) -> int:
    found = await ctx.session.execute(
        select(func.coalesce(func.max(col(CreditNote.sequential_id)), 0)).where(
            col(CreditNote.organization_id) == ctx.organization_id, col(CreditNote.invoice_id) == invoice.id
        )
    )
    return int(found.scalar_one()) + 1


def number_of(invoice: Invoice, sequence: int) -> str:
    """``<invoice number>-CN<seq>``, three digits or more (spec 05 C1)."""
    return f"{invoice.number}-CN{sequence:03d}"


def put_amounts(note: CreditNote, amounts: NoteAmounts, parts: Parts) -> None:
    """Copy amounts and parts to a note that was not used yet."""
    note.credit_amount_cents = parts.credit_cents
    note.refund_amount_cents = parts.refund_cents
    note.offset_amount_cents = parts.offset_cents
    note.total_amount_cents = parts.total_cents
    note.balance_amount_cents = parts.credit_cents
    note.refund_status = "pending" if parts.refund_cents else None
    note.taxes_amount_cents = amounts.taxes_cents
    note.precise_taxes_amount_cents = amounts.precise_taxes
    note.precise_total_amount_cents = amounts.precise_total
    note.taxes_rate = amounts.taxes_rate
    note.sub_total_excluding_taxes_amount_cents = amounts.sub_total_cents
    note.coupons_adjustment_amount_cents = amounts.coupons_adjustment_cents
    note.precise_coupons_adjustment_amount_cents = amounts.precise_coupons_adjustment


async def insert_parts(ctx: Context, note: CreditNote, items: Sequence[NoteItem], amounts: NoteAmounts) -> None:
    """Store the note's items and taxes."""
    common: dict[str, Any] = {
        "organization_id": note.organization_id,
        "credit_note_id": note.id,
        "currency": note.currency,
        "created_at": note.created_at,
    }
    if items:
        await ctx.session.execute(
            insert(CreditNoteItem),
            [
                {
                    **common,
                    "id": new_id(),
                    "fee_id": item.fee.id,
                    "position": position,
                    "amount_cents": item.amount_cents,
                    "precise_amount_cents": round_half_up(item.amount, 5),
                }
                for position, item in enumerate(items)
            ],
        )
    if amounts.applied:
        await ctx.session.execute(
            insert(CreditNoteTax),
            [
                {
                    **common,
                    "id": new_id(),
                    "tax_id": applied.tax.id,
                    "tax_code": applied.tax.code,
                    "tax_name": applied.tax.name,
                    "tax_description": applied.tax.description,
                    "tax_rate": applied.tax.rate,
                    "base_amount_cents": applied.base_amount_cents,
                    "amount_cents": applied.amount_cents,
                }
                for applied in amounts.applied
            ],
        )


async def delete_parts(ctx: Context, note: CreditNote) -> None:
    """Remove the items and taxes of a draft note before they are made anew."""
    await ctx.session.execute(delete(CreditNoteItem).where(col(CreditNoteItem.credit_note_id) == note.id))
    await ctx.session.execute(delete(CreditNoteTax).where(col(CreditNoteTax.credit_note_id) == note.id))


async def finalize_note(ctx: Context, customer: Customer, invoice: Invoice, note: CreditNote) -> None:
    """Make a stored note final: usable, numbered, its offset taken off the invoice, announced (spec 05 C3)."""
    now = ctx.now()
    note.status = "finalized"
    note.number = number_of(invoice, note.sequential_id)
    note.timezone = applicable_timezone(customer, ctx.organization)
    note.issuing_date = local_date(now, note.timezone)
    note.finalized_at = now
    note.updated_at = now
    note.issued_parties = {"seller": seller_of(ctx.organization), "buyer": buyer_of(customer)}
    if note.offset_amount_cents:
        await _offset(ctx, invoice, note.offset_amount_cents)
    await ctx.session.flush()
    await emit(ctx, "credit_note.created", "credit_note", note.id)
    await queue_document(ctx, note)
    await announce(ctx, CREDIT_NOTE, note.id)
    if note.refund_amount_cents:
        await start_refund(ctx, invoice, note)


async def _offset(ctx: Context, invoice: Invoice, offset_cents: int) -> None:
    """Take an offset off the amount due; an invoice of which nothing is due any more is paid."""
    invoice.offset_amount_cents += offset_cents
    invoice.updated_at = ctx.now()
    await ctx.session.flush()
    if invoice.status == "finalized" and invoice.total_due_amount_cents <= 0:
        await set_payment_status(ctx, invoice, "succeeded")


async def queue_document(ctx: Context, note: CreditNote) -> None:
    """Ask for the PDF; equal requests collapse while one is unfinished (spec 04 §18)."""
    await enqueue(
        ctx.session,
        ctx.organization_id,
        "credit_note.document",
        {"credit_note_id": str(note.id)},
        unique_key=f"credit_note.document:{note.id}",
        max_attempts=6,
    )
