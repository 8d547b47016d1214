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

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.amounts import CreditedFee, NoteItem, amounts_of
from billwright.billing.credit_notes.balances import Balance, balance_of
from billwright.billing.credit_notes.issuing import Parts, make_note
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.invoicing.waterfall import Excess, Waterfall
from billwright.billing.kernel.money import round_half_up
from billwright.billing.progressive.models import ExcessNote

log = structlog.get_logger(__name__)
PLACES = 5


async def give_excess_back(ctx: Context, customer: Customer, flow: Waterfall) -> None:
    """Make the credit notes of a stored, final invoice. The customer must be locked. Never makes the billing fail for
    want of something to credit."""
    if not flow.final:
        return
    for excess in flow.excesses:
        left = excess.amount_cents
        for invoice_id in (excess.invoice_id, *excess.earlier):
            if left > 0:
                left -= await _credit(ctx, customer, flow.invoice.id, excess, invoice_id, left)
        if left:
            log.warning("progressive excess not credited", invoice_id=str(excess.invoice_id), amount_cents=left)


async def _credit(
    ctx: Context, customer: Customer, closing_id: UUID, excess: Excess, invoice_id: UUID, net_cents: int
) -> int:
    """Credit up to ``net_cents`` (before taxes) on one invoice; returns how much of it that was."""
    invoice = await find_invoice(ctx, invoice_id, lock=True)
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
