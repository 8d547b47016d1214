"""Giving back what progressive invoices billed and their period did not keep (spec 02 §13.5, 05 C4).

A credit note per invoice: on the latest progressive one, and what that cannot hold on the period's earlier ones, newest
first. The notes' subtotals add up to the excess, so an item on a fee is grossed up by what discounts took off the fee.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.amounts import CreditedFee, NoteItem, amounts_of
from billwright.billing.credit_notes.balances import Balance, balance_of
from billwright.billing.credit_notes.issuing import Parts, make_note
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice, InvoiceSubscription
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.invoicing.waterfall import Excess, Waterfall
from billwright.billing.kernel.money import round_half_up
from billwright.billing.progressive.credit import open_credit
from billwright.billing.progressive.models import ExcessNote
from billwright.billing.progressive.queries import CLOSING_REASONS, progressive_invoices

log = structlog.get_logger(__name__)
PLACES = 5
_DECIDED = ("finalized", "closed")


async def give_excess_back(ctx: Context, customer: Customer, flow: Waterfall) -> None:
    """Make the credit notes of a stored, final invoice. The customer must be locked. Never makes the billing fail for
    want of something to credit. An invoice that waits for its taxes gives nothing back yet."""
    if flow.final and flow.invoice.status in _DECIDED:
        await _give_back(ctx, customer, flow.invoice.id, flow.excesses)


async def give_late_excess_back(ctx: Context, customer: Customer, invoice: Invoice) -> None:
    """The same for an invoice that waited for its taxes and is final now: what follows for its periods, and, if it is a
    progressive one, for itself. Call it once everything of ``invoice`` is stored."""
    rows = await ctx.session.scalars(
        select(InvoiceSubscription).where(
            col(InvoiceSubscription.organization_id) == ctx.organization_id,
            col(InvoiceSubscription.invoice_id) == invoice.id,
        )
    )
    excesses: list[Excess] = []
    for row in rows.all():
        if row.invoicing_reason in CLOSING_REASONS or invoice.invoice_type == "progressive_billing":
            made = await progressive_invoices(
                ctx, row.subscription_id, row.charges_from_datetime, row.charges_to_datetime
            )
            excesses += await _open_excesses(ctx, invoice, row, made)
    await _give_back(ctx, customer, invoice.id, excesses)


async def _open_excesses(
    ctx: Context, invoice: Invoice, row: InvoiceSubscription, made: Sequence[Invoice]
) -> list[Excess]:
    """What is left of the progressive invoice that ``invoice`` credited, and of ``invoice`` itself where a later one
    has credited it already."""
    ids = [item.id for item in made]
    place = ids.index(invoice.id) if invoice.id in ids else -1
    chosen = made[place + 1 : place + 2]
    if place > 0 or (place == 0 and await _is_closed(ctx, row)):
        chosen = [*chosen, made[place]]
    return [
        Excess(item.id, ids[ids.index(item.id) + 1 :], left)
        for item in chosen
        if (left := await open_credit(ctx, item)) > 0
    ]


async def _is_closed(ctx: Context, row: InvoiceSubscription) -> bool:
    """Whether the window in which a progressive invoice was made has a final invoice."""
    found = await ctx.session.scalars(
        select(col(InvoiceSubscription.id))
        .join(Invoice, col(Invoice.id) == col(InvoiceSubscription.invoice_id))
        .where(
            col(InvoiceSubscription.subscription_id) == row.subscription_id,
            col(InvoiceSubscription.invoicing_reason).in_(CLOSING_REASONS),
            col(InvoiceSubscription.charges_from_datetime) <= row.timestamp,
            col(InvoiceSubscription.charges_to_datetime) >= row.timestamp,
            col(Invoice.status).in_(_DECIDED),
        )
        .limit(1)
    )
    return found.first() is not None


async def _give_back(ctx: Context, customer: Customer, closing_id: UUID, excesses: Sequence[Excess]) -> None:
    for excess in excesses:
        source = await find_invoice(ctx, excess.invoice_id, lock=True)
        if source.status != "finalized":
            continue  # given back when it is
        left = excess.amount_cents
        for invoice_id in (excess.invoice_id, *excess.earlier):
            if left > 0:
                left -= await _credit(ctx, customer, closing_id, excess, invoice_id, left)
        if left:
            log.warning("progressive excess not credited", invoice_id=str(excess.invoice_id), amount_cents=left)


async def _credit(
    ctx: Context, customer: Customer, closing_id: UUID, excess: Excess, invoice_id: UUID, net_cents: int
) -> int:
    """Credit up to ``net_cents`` (before taxes) on one invoice; returns how much of it that was."""
    invoice = await find_invoice(ctx, invoice_id, lock=True)
    if invoice.status != "finalized":
        return 0
    balance = await balance_of(ctx, invoice)
    items, net = items_worth(balance, min(net_cents, max(balance.rest.sub_total_cents, 0)))
    if not items or net <= 0:
        return 0
    amounts = amounts_of(items, balance.fees, balance.rest)
    if amounts.total_cents <= 0:
        return 0
    parts = Parts(credit_cents=amounts.total_cents)
    note = await make_note(ctx, customer, balance, items, amounts, parts, reason="other", automatic=True)
    _remember(ctx, note, excess, closing_id)
    return amounts.sub_total_cents


def _remember(ctx: Context, note: CreditNote, excess: Excess, closing_id: UUID) -> None:
    ctx.session.add(
        ExcessNote(
            credit_note_id=note.id,
            organization_id=ctx.organization_id,
            progressive_invoice_id=excess.invoice_id,
            invoice_id=closing_id,
        )
    )


def items_worth(balance: Balance, net_cents: int) -> tuple[list[NoteItem], Fraction]:
    """Items that are worth ``net_cents`` before taxes, discounts taken off, and what they are worth: the largest fees
    first, each up to what may still be credited of it."""
    items: list[NoteItem] = []
    left = Fraction(net_cents)
    for fee in _largest_first(balance.fees):
        worth = _worth_of_one(fee)
        if left <= 0 or worth <= 0:
            continue
        free = Fraction(Decimal(fee.amount_cents) - balance.precise_items.get(fee.id, Decimal(0)))
        free = min(free, Fraction(fee.creditable_cents))
        gross = min(left / worth, free)
        amount = round_half_up(gross, PLACES)
        if amount > 0:
            items.append(NoteItem(fee, amount))
            left -= gross * worth
    return items, net_cents - left


def _largest_first(fees: Sequence[CreditedFee]) -> list[CreditedFee]:
    return sorted(fees, key=lambda fee: -fee.amount_cents)


def _worth_of_one(fee: CreditedFee) -> Fraction:
    """What one minor unit of the fee was worth after its discounts."""
    if fee.amount_cents <= 0:
        return Fraction(0)
    return (fee.amount_cents - Fraction(fee.discount)) / fee.amount_cents
