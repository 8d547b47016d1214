"""From fees to the amount due: the waterfall of spec 04 §3.1, in one place and in its one order.

    fees -> progressive credits -> coupons -> taxes -> total -> credit notes -> wallets -> payment status

Steps run only while an invoice leaves ``generating`` or ``draft``, under the customer's row lock, each taking its own
lock per customer in the order of spec 00 rule 18 (coupon, credit note, prepaid credit); numbers are given afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from billwright.billing.access.context import Context
from billwright.billing.coupons.use import take_coupons
from billwright.billing.credit_notes.use import use_credit_notes
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.rows import Row
from billwright.billing.invoicing.totals import Totals, totals_of
from billwright.billing.invoicing.waterfall import Held, Step, Waterfall
from billwright.billing.kernel.statements import fetch
from billwright.billing.progressive.credit import take_progressive_credits
from billwright.billing.taxes.eu_waiting import check_in_progress
from billwright.billing.wallets.use import pay_with_wallets

__all__ = ["Waterfall", "apply_credits", "run_waterfall"]

CREDITED_TYPES = ("subscription", "progressive_billing")
"""Invoices that credits reduce (spec 05, table on top)."""
UNSETTLED = ("generating", "draft")

BEFORE_TAXES: tuple[Step, ...] = (take_progressive_credits, take_coupons)
"""Progressive credits (drafts too), then coupons (final only)."""
AFTER_TAXES: tuple[Step, ...] = (use_credit_notes, pay_with_wallets)
"""Credit notes, then wallets (both final only)."""

_HELD = """
select
  exists (select from applied_coupons
    where organization_id = $1 and customer_id = $2 and status = 'active'),
  exists (select from credit_notes
    where organization_id = $1 and customer_id = $2 and currency = $3 and status = 'finalized'
      and credit_status = 'available' and balance_amount_cents > 0),
  exists (select from wallets
    where organization_id = $1 and customer_id = $2 and currency = $3 and status = 'active' and balance_cents > 0),
  exists (select from wallets where organization_id = $1 and customer_id = $2 and status = 'active')
"""
"""The kinds of ``Held``, in its order."""


async def run_waterfall(
    ctx: Context,
    customer: Customer,
    invoice: Invoice,
    fees: Sequence[FeeDraft],
    totals: Totals,
    *,
    final: bool,
    rows: Sequence[Row] = (),
) -> Waterfall:
    """Reduce a computed invoice by its credits. ``totals`` are those of the bare ``fees``; ``rows``: what they bill.

    The customer must be locked. Only an invoice that is ``generating`` or ``draft`` is touched, so a second run on the
    same invoice changes nothing; unique indexes on the stored rows are the last guard.
    """
    flow = Waterfall(invoice, fees, totals, final, ctx.now(), Held(), rows_billed=rows)
    if await check_in_progress(ctx, customer.id):
        flow.totals = totals_of(fees, untaxed=True)
    if invoice.invoice_type not in CREDITED_TYPES or invoice.status not in UNSETTLED:
        return flow
    if final and totals.sub_total_including_taxes_amount_cents > 0:
        flow.held = await _held_by(ctx, customer, invoice)
    for step in BEFORE_TAXES:
        await step(ctx, customer, flow)
    if flow.progressive_cents or flow.coupons_cents:
        flow.totals = totals_of(
            fees,
            progressive_credit_cents=flow.progressive_cents,
            coupons_cents=flow.coupons_cents,
            untaxed=flow.totals.untaxed,
        )
    if not flow.totals.untaxed:
        await _reduce_total(ctx, customer, flow)
    return flow


async def resume_waterfall(ctx: Context, customer: Customer, invoice: Invoice, fees: Sequence[FeeDraft]) -> Waterfall:
    """The steps from the taxes on, for a stored invoice that waited for them. ``fees`` hold their discounts; the
    customer must be locked."""
    progressive, coupons = invoice.progressive_billing_credit_amount_cents, invoice.coupons_amount_cents
    totals = totals_of(fees, progressive_credit_cents=progressive, coupons_cents=coupons)
    flow = Waterfall(invoice, fees, totals, True, ctx.now(), Held())
    flow.progressive_cents, flow.coupons_cents = progressive, coupons
    if invoice.invoice_type in CREDITED_TYPES and totals.sub_total_including_taxes_amount_cents > 0:
        flow.held = await _held_by(ctx, customer, invoice)
        await _reduce_total(ctx, customer, flow)
    return flow


async def _reduce_total(ctx: Context, customer: Customer, flow: Waterfall) -> None:
    with ctx.session.no_autoflush:  # they read nothing that an earlier step changed; all is written together
        for step in AFTER_TAXES:
            await step(ctx, customer, flow)
    flow.totals = replace(flow.totals, total_amount_cents=flow.due_cents)


async def _held_by(ctx: Context, customer: Customer, invoice: Invoice) -> Held:
    """One statement for all kinds: most customers have nothing, and each invoice asks."""
    [row] = await fetch(ctx.session, _HELD, ctx.organization_id, customer.id, invoice.currency)
    return Held(*row)


def apply_credits(invoice: Invoice, flow: Waterfall) -> None:
    """Copy what was taken after taxes to the invoice; the rest comes with its totals."""
    invoice.credit_notes_amount_cents = flow.credit_notes_cents
    invoice.prepaid_credit_amount_cents = flow.prepaid_cents
    invoice.prepaid_granted_credit_amount_cents = flow.prepaid_granted_cents
    invoice.prepaid_purchased_credit_amount_cents = flow.prepaid_purchased_cents
