"""What can be given back of an invoice: its fees, the notes issued on it, and the amounts left (spec 05 C2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.amounts import CreditedFee, NoteTax, Rest, creditable_of
from billwright.billing.credit_notes.models import CreditNote, CreditNoteItem
from billwright.billing.invoicing.models import Fee, FeeTax, Invoice
from billwright.billing.invoicing.presenting import fees_of_invoices, grouped, taxes_of_fees
from billwright.billing.kernel.money import round_half_up


@dataclass(frozen=True, slots=True)
class Balance:
    """An invoice with the notes on it, deleted ones left out. Amounts in minor units of the invoice's currency.

    ``precise_items``: by fee, the unrounded items ever issued on it.
    """

    invoice: Invoice
    rows: Mapping[UUID, Fee]
    fees: Sequence[CreditedFee]
    notes: Sequence[CreditNote]
    precise_items: Mapping[UUID, Decimal]

    def fee(self, fee_id: UUID) -> CreditedFee | None:
        """The invoice's fee with this id."""
        return next((fee for fee in self.fees if fee.id == fee_id), None)

    @property
    def rest(self) -> Rest:
        """What the notes leave of the invoice."""
        invoice, notes = self.invoice, self.notes
        return Rest(
            sub_total_cents=invoice.sub_total_excluding_taxes_amount_cents
            - sum(note.sub_total_excluding_taxes_amount_cents for note in notes),
            taxes_cents=invoice.taxes_amount_cents - sum(note.taxes_amount_cents for note in notes),
            rounding=sum((note.taxes_amount_cents - note.precise_taxes_amount_cents for note in notes), Decimal(0)),
        )

    @property
    def gross_cents(self) -> int:
        """All fees with their taxes as if nothing had been discounted; bounds of requested parts (spec 05, trap 12)."""
        amount = sum(fee.amount_cents for fee in self.fees)
        taxes = sum((Fraction(fee.amount_cents) * Fraction(fee.taxes_rate) / 100 for fee in self.fees), Fraction(0))
        return amount + int(round_half_up(taxes))

    @property
    def credited_cents(self) -> int:
        return sum(note.credit_amount_cents for note in self.notes)

    @property
    def refunded_cents(self) -> int:
        """Refunds asked for so far. A failed one counts: it may still be made good by hand."""
        return sum(note.refund_amount_cents for note in self.notes)

    @property
    def offset_cents(self) -> int:
        return sum(note.offset_amount_cents for note in self.notes)

    @property
    def noted_cents(self) -> int:
        """Totals of all notes."""
        return sum(note.total_amount_cents for note in self.notes)

    @property
    def is_settling(self) -> bool:
        """Everything was paid, but the payment has not succeeded yet."""
        invoice = self.invoice
        return invoice.total_paid_amount_cents == invoice.total_amount_cents and invoice.payment_status != "succeeded"

    @property
    def unrefunded_cents(self) -> int:
        """What was paid and not refunded yet."""
        return max(self.invoice.total_paid_amount_cents - self.refunded_cents, 0)

    @property
    def creditable_cents(self) -> int:
        """What notes may still give back, taxes included; 0 for drafts and purchases of wallet credits."""
        invoice = self.invoice
        if invoice.status == "draft" or invoice.invoice_type == "credit":
            return 0
        return max(creditable_of(self.fees, self.rest), 0)

    @property
    def refundable_cents(self) -> int:
        """Of that, what was paid and can be paid back; 0 while a full payment has not succeeded."""
        return 0 if self.is_settling else min(self.unrefunded_cents, self.creditable_cents)

    @property
    def offsettable_cents(self) -> int:
        """Of that, what may come off the amount due of this very invoice."""
        return max(min(self.invoice.total_due_amount_cents, self.creditable_cents), 0)


async def balance_of(ctx: Context, invoice: Invoice, *, without: UUID | None = None) -> Balance:
    """Load the balance of an invoice; ``without`` leaves one of its notes out. Lock the invoice before writing."""
    return (await balances_of(ctx, [invoice], without=without))[invoice.id]


async def balances_of(ctx: Context, invoices: Sequence[Invoice], *, without: UUID | None = None) -> dict[UUID, Balance]:
    """The balances of invoices by their ids, in a constant number of queries."""
    rows = await fees_of_invoices(ctx, invoices)
    taxes = await taxes_of_fees(ctx, [fee.id for own in rows.values() for fee in own])
    statement = select(CreditNote).where(
        col(CreditNote.organization_id) == ctx.organization_id,
        col(CreditNote.invoice_id).in_([invoice.id for invoice in invoices]),
        col(CreditNote.status) != "deleted",
    )
    if without is not None:
        statement = statement.where(col(CreditNote.id) != without)
    notes = (await ctx.session.scalars(statement.order_by(col(CreditNote.sequential_id)))).all()
    credited: dict[UUID, int] = {}
    precise: dict[UUID, Decimal] = {}
    if notes:
        items = await ctx.session.execute(
            select(
                col(CreditNoteItem.fee_id),
                func.sum(col(CreditNoteItem.amount_cents)),
                func.sum(col(CreditNoteItem.precise_amount_cents)),
            )
            .where(col(CreditNoteItem.credit_note_id).in_([note.id for note in notes]))
            .group_by(col(CreditNoteItem.fee_id))
        )
        for fee_id, cents, amount in items:
            credited[fee_id] = int(cents)
            precise[fee_id] = amount
    issued = grouped(notes, "invoice_id")
    return {
        invoice.id: Balance(
            invoice=invoice,
            rows={fee.id: fee for fee in rows.get(invoice.id, [])},
            fees=[
                CreditedFee(
                    id=fee.id,
                    amount_cents=fee.amount_cents,
                    discount=fee.precise_coupons_amount_cents,
                    taxes=tuple(_tax(row) for row in taxes.get(fee.id, [])),
                    credited_cents=credited.get(fee.id, 0),
                )
                for fee in rows.get(invoice.id, [])
            ],
            notes=issued.get(invoice.id, []),
            precise_items={fee.id: precise[fee.id] for fee in rows.get(invoice.id, []) if fee.id in precise},
        )
        for invoice in invoices
    }


def _tax(row: FeeTax) -> NoteTax:
    return NoteTax(row.tax_id, row.tax_code, row.tax_name, row.tax_description, row.tax_rate)
