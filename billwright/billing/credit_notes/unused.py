"""Giving back the unused part of a period paid in advance (spec 05 C4, 03 §6.7, §6.8)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.amounts import NoteItem, amounts_of, truncated, value_of
from billwright.billing.credit_notes.balances import Balance, balance_of
from billwright.billing.credit_notes.issuing import Parts, make_note
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Fee
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.kernel.money import round_half_up

if TYPE_CHECKING:
    from billwright.billing.subscriptions.termination_credits import UnusedPeriod


async def credit_unused(
    ctx: Context, customer: Customer, unused: UnusedPeriod, *, option: str, reason: str
) -> CreditNote | None:
    """A note on the invoice of the last subscription fee; ``None`` if nothing is left to give back.

    ``option``: ``credit``, ``refund`` (what was paid for days not used, the rest as credit) or ``offset`` (the same
    refund, the rest off the amount due). The customer must be locked.
    """
    invoice = await find_invoice(ctx, unused.invoice.id, lock=True, visible_only=False)
    balance = await balance_of(ctx, invoice)
    fee = balance.fee(unused.fee.id)
    if fee is None:
        return None
    amount = unused.item_amount_cents(balance.precise_items.get(fee.id, Decimal(0)))
    if amount <= 0:
        return None
    items = [NoteItem(fee, amount)]
    amounts = amounts_of(items, balance.fees, balance.rest)
    total = amounts.total_cents
    if total <= 0:
        return None
    refund = 0
    if option in ("refund", "offset"):
        used = truncated(Fraction(unused.plan_amount_cents * unused.used_days, unused.unused.period_days))
        refund = _refund(balance, unused.fee, value_of([NoteItem(fee, used)]), total)
    rest = total - refund
    offset = min(rest, max(invoice.total_due_amount_cents, 0)) if option == "offset" else 0
    parts = Parts(credit_cents=rest - offset, refund_cents=refund, offset_cents=offset)
    return await make_note(ctx, customer, balance, items, amounts, parts, reason=reason, automatic=True)


def _refund(balance: Balance, fee: Fee, used: Fraction, total_cents: int) -> int:
    """What was paid for the fee less what was used of it, within the note and within what was paid at all."""
    invoice = balance.invoice
    if not invoice.sub_total_including_taxes_amount_cents or balance.is_settling:
        return 0
    worth = Fraction(fee.precise_amount_cents - fee.precise_coupons_amount_cents + fee.taxes_precise_amount_cents)
    paid = worth / invoice.sub_total_including_taxes_amount_cents * invoice.total_paid_amount_cents
    refund = int(round_half_up(min(paid - int(round_half_up(used)), Fraction(total_cents))))
    return max(min(refund, balance.unrefunded_cents), 0)
