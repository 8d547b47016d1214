"""Credit notes that voiding an invoice makes (spec 04 §9)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.amounts import NoteItem, amounts_of, truncated
from billwright.billing.credit_notes.balances import Balance, balance_of
from billwright.billing.credit_notes.issuing import Parts, make_note
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.service import void_balance
from billwright.billing.customers.locking import lock_scope
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import ValidationFailed


async def check_credit_of_void(ctx: Context, invoice: Invoice, *, credit_cents: int, refund_cents: int) -> None:
    """Whether voiding ``invoice`` may give back these parts; call it while the invoice is still finalized.

    Raises ``ValidationFailed(credit_refund_amount=total_amount_exceeds_invoice_amount)``.
    """
    balance = await balance_of(ctx, invoice)
    creditable = balance.creditable_cents
    exceeds = credit_cents > creditable or refund_cents > balance.refundable_cents
    if exceeds or credit_cents + refund_cents > creditable:
        raise ValidationFailed(credit_refund_amount="total_amount_exceeds_invoice_amount")


async def credit_voided_invoice(
    ctx: Context, customer: Customer, invoice: Invoice, *, credit_cents: int, refund_cents: int
) -> list[CreditNote]:
    """One note with what was asked for, over all remaining fee amounts in proportion, and one with the rest that is
    voided at once, so that nothing is left to credit. The parts were checked; customer and invoice are locked.
    """
    await lock_scope(ctx, "credit_note", customer.id)
    notes: list[CreditNote] = []
    balance = await balance_of(ctx, invoice)
    requested, creditable = credit_cents + refund_cents, balance.creditable_cents
    if requested:
        whole = requested >= creditable
        items = _items(balance, Fraction(1) if whole else Fraction(requested, creditable))
        amounts = amounts_of(items, balance.fees, balance.rest)
        parts = Parts(credit_cents=credit_cents, refund_cents=refund_cents)
        if amounts.total_cents > 0:
            adjusted = parts.adjusted(amounts.total_cents, balance)
            notes.append(await make_note(ctx, customer, balance, items, amounts, adjusted, reason="other"))
    balance = await balance_of(ctx, invoice)
    items = _items(balance, Fraction(1))
    amounts = amounts_of(items, balance.fees, balance.rest)
    if items and amounts.total_cents > 0:
        rest = Parts(credit_cents=amounts.total_cents)
        note = await make_note(ctx, customer, balance, items, amounts, rest, reason="other")
        void_balance(ctx, note)
        await ctx.session.flush()
        notes.append(note)
    return notes


def _items(balance: Balance, share: Fraction) -> list[NoteItem]:
    """All remaining fee amounts, scaled."""
    items: list[NoteItem] = []
    for fee in balance.fees:
        amount = Decimal(fee.creditable_cents) if share == 1 else truncated(fee.creditable_cents * share)
        if amount > 0:
            items.append(NoteItem(fee, amount))
    return items
