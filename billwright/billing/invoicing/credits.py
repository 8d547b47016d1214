"""From fees to the amount due: the waterfall of spec 04 §3.1, in one place and in its one order.

    fees -> progressive credits -> coupons -> taxes -> total -> credit notes -> wallets -> payment status

A step takes the ``Waterfall``, lowers what it may lower and leaves behind the rows to be stored with the invoice.
Steps run only while an invoice leaves ``generating`` or ``draft``, under the customer's row lock, each taking its own
lock per customer in the order of spec 00 rule 18 (coupon, credit note, prepaid credit); numbers are given afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.totals import Totals, totals_of
from billwright.billing.kernel.records import Table

CREDITED_TYPES = ("subscription", "progressive_billing")
"""Invoices that credits reduce (spec 05, table on top)."""
UNSETTLED = ("generating", "draft")


@dataclass(slots=True)
class Waterfall:
    """An invoice on its way from fees to the amount due. Amounts in minor units of ``invoice.currency``.

    Steps before taxes raise ``FeeDraft.discount`` by exactly what they add to ``progressive_cents`` or
    ``coupons_cents``. Steps after taxes raise ``FeeDraft.credit_notes`` where they spread what they take.
    ``final``: the invoice is being issued; false on drafts, where nothing is consumed. ``rows``: what to store once
    the invoice's row exists.
    """

    invoice: Invoice
    fees: Sequence[FeeDraft]
    totals: Totals
    final: bool
    progressive_cents: int = 0
    coupons_cents: int = 0
    credit_notes_cents: int = 0
    prepaid_cents: int = 0
    rows: list[Table] = field(default_factory=list[Table])

    @property
    def sub_total_excluding_taxes_cents(self) -> int:
        """What is left of the fees before taxes."""
        return self.totals.fees_amount_cents - self.progressive_cents - self.coupons_cents

    @property
    def due_cents(self) -> int:
        """What is left of the total; meaningful after taxes."""
        return self.totals.sub_total_including_taxes_amount_cents - self.credit_notes_cents - self.prepaid_cents


Step = Callable[[Context, Customer, Waterfall], Awaitable[None]]

BEFORE_TAXES: tuple[Step, ...] = ()
"""Progressive credits (drafts too), then coupons (final only)."""
AFTER_TAXES: tuple[Step, ...] = ()
"""Credit notes, then wallets (both final only)."""


async def run_waterfall(
    ctx: Context, customer: Customer, invoice: Invoice, fees: Sequence[FeeDraft], totals: Totals, *, final: bool
) -> Waterfall:
    """Reduce a computed invoice by its credits. ``totals`` are those of the bare ``fees``.

    The customer must be locked. Only an invoice that is ``generating`` or ``draft`` is touched, so a second run on the
    same invoice changes nothing; unique indexes on the stored rows are the last guard.
    """
    flow = Waterfall(invoice, fees, totals, final)
    if invoice.invoice_type not in CREDITED_TYPES or invoice.status not in UNSETTLED:
        return flow
    for step in BEFORE_TAXES:
        await step(ctx, customer, flow)
    if flow.progressive_cents or flow.coupons_cents:
        flow.totals = totals_of(fees, progressive_credit_cents=flow.progressive_cents, coupons_cents=flow.coupons_cents)
    for step in AFTER_TAXES:
        await step(ctx, customer, flow)
    flow.totals = replace(flow.totals, total_amount_cents=flow.due_cents)
    return flow


def apply_credits(invoice: Invoice, flow: Waterfall) -> None:
    """Copy what was taken after taxes to the invoice; the rest comes with its totals."""
    invoice.credit_notes_amount_cents = flow.credit_notes_cents
    invoice.prepaid_credit_amount_cents = flow.prepaid_cents


async def store_credits(ctx: Context, flow: Waterfall) -> None:
    """Store the rows that the steps left behind; the invoice's row must exist."""
    if flow.rows:
        ctx.session.add_all(flow.rows)
        await ctx.session.flush()
