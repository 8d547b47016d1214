"""Credit notes on a later invoice: taken after taxes, oldest first (spec 05 C5, 04 §3.1 step 6)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.customers.locking import lock_scope
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.models import Credit
from billwright.billing.invoicing.totals import Totals
from billwright.billing.invoicing.waterfall import Waterfall
from billwright.billing.kernel.money import PRECISE, round_half_up

PLACES = 5


async def use_credit_notes(ctx: Context, customer: Customer, flow: Waterfall) -> None:
    """The waterfall's credit-note step. Nothing on drafts, and nothing where a credit note was used before."""
    if not flow.final or not flow.held.credit_notes or flow.due_cents <= 0:
        return
    await lock_scope(ctx, "credit_note", customer.id)
    if flow.is_stored and await _is_credited(ctx, flow.invoice.id):
        return
    notes = await ctx.session.scalars(
        _usable(ctx, customer, flow)
        .order_by(col(CreditNote.created_at), col(CreditNote.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for note in notes.all():
        due = flow.due_cents
        if due <= 0:
            break
        taken = min(note.balance_amount_cents, due)
        spread(flow.fees, flow.totals, taken, due)
        flow.credit_notes_cents += taken
        flow.credit(taken, before_taxes=False, credit_note_id=note.id)
        note.balance_amount_cents -= taken
        note.updated_at = flow.now
        if note.balance_amount_cents == 0:
            note.credit_status = "consumed"


def _usable(ctx: Context, customer: Customer, flow: Waterfall) -> Any:
    return select(CreditNote).where(
        col(CreditNote.organization_id) == ctx.organization_id,
        col(CreditNote.customer_id) == customer.id,
        col(CreditNote.currency) == flow.invoice.currency,
        col(CreditNote.status) == "finalized",
        col(CreditNote.credit_status) == "available",
        col(CreditNote.balance_amount_cents) > 0,
        col(CreditNote.invoice_id) != flow.invoice.id,
    )


async def _is_credited(ctx: Context, invoice_id: UUID) -> bool:
    found = await ctx.session.execute(
        select(exists().where(col(Credit.invoice_id) == invoice_id, col(Credit.credit_note_id).is_not(None)))
    )
    return bool(found.scalar_one())


def spread(fees: Sequence[FeeDraft], totals: Totals, credit_cents: int, due_cents: int) -> None:
    """Raise the fees' shares of credit notes by ``credit_cents``, in proportion to what is left of each.

    A fee holds at most ``amount - discount + taxes``; shares have 5 decimals. Wallets read the rest (spec 05 D5).
    """
    for fee, taxed in zip(fees, totals.fee_taxes, strict=True):
        after = PRECISE.add(
            PRECISE.subtract(Decimal(fee.amount_cents), fee.discount), Decimal(taxed.taxes_amount_cents)
        )
        rest = PRECISE.subtract(after, fee.credit_notes)
        share = round_half_up(Fraction(credit_cents) * Fraction(rest) / due_cents, PLACES)
        fee.credit_notes = min(PRECISE.add(fee.credit_notes, share), after)
