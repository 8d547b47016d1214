"""Wallets on invoices: the last step of the waterfall, and what a void gives back (spec 05 D5)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from uuid import UUID

from sqlalchemy import exists, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.locking import lock_scope
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.waterfall import Waterfall
from billwright.billing.kernel.loading import columns_of, objects_of
from billwright.billing.kernel.statements import fetch, flush
from billwright.billing.wallets.allocation import Part, Payer, allocate
from billwright.billing.wallets.amounts import Worth, outflow_of
from billwright.billing.wallets.ledger import announce, new_transaction, settle_inbound, take
from billwright.billing.wallets.marks import mark_wallets
from billwright.billing.wallets.models import Wallet, WalletTransaction


async def pay_with_wallets(ctx: Context, customer: Customer, flow: Waterfall) -> None:
    """The waterfall's wallet step. Nothing on drafts, and nothing where wallets have paid before.

    Drafts and issued invoices both change what is owed: ongoing balances follow (spec 05 D8), those of a wallet that
    pays with its payment.
    """
    if flow.final and flow.held.wallets and flow.due_cents > 0:
        await _pay(ctx, customer, flow)
    if not flow.prepaid_cents and (not flow.final or flow.held.any_wallet):
        await mark_wallets(ctx, customer.id)


async def _pay(ctx: Context, customer: Customer, flow: Waterfall) -> None:
    await lock_scope(ctx, "prepaid_credit", customer.id)
    if flow.is_stored and await _is_paid(ctx, flow.invoice):
        return
    found = await _usable(ctx, customer, flow.invoice.currency)
    wallets = [wallet for wallet, _ in found]
    payers = [
        Payer(wallet.balance_cents, frozenset(wallet.allowed_fee_types), frozenset(map(str, metrics)))
        for wallet, metrics in found
    ]
    granted = purchased = 0
    for wallet, cents in zip(wallets, allocate(parts_of(flow), flow.due_cents, payers), strict=True):
        if cents <= 0:
            continue
        worth = outflow_of(cents, wallet.rate_amount, wallet.currency)
        taken = await take(ctx, wallet, "invoiced", worth, flow.now, invoice_id=flow.invoice.id)
        flow.rows += [taken.transaction, *taken.draws]
        flow.prepaid_cents += cents
        granted += taken.granted_cents
        purchased += taken.purchased_cents
    if granted or purchased:
        flow.prepaid_granted_cents, flow.prepaid_purchased_cents = granted or None, purchased or None


def parts_of(flow: Waterfall) -> list[Part]:
    """What is payable of each fee after discounts, taxes and credit notes, unrounded."""
    found: list[Part] = []
    for fee, taxed in zip(flow.fees, flow.totals.fee_taxes, strict=True):
        base = Fraction(fee.amount_cents) - Fraction(fee.discount)
        rest = base + Fraction(taxed.taxes_precise_amount_cents) - Fraction(fee.credit_notes)
        metric_id = fee.item.get("id") if fee.fee_type == "charge" else None
        found.append(Part(fee.fee_type, metric_id, base, rest))
    return found


async def _is_paid(ctx: Context, invoice: Invoice) -> bool:
    found = await ctx.session.execute(
        select(
            exists().where(
                col(WalletTransaction.invoice_id) == invoice.id,
                col(WalletTransaction.transaction_status) == "invoiced",
            )
        )
    )
    return bool(found.scalar_one())


_USABLE = f"""
select {columns_of(Wallet, "w")},
  array(select billable_metric_id from wallet_metrics where wallet_id = w.id)
from wallets w
where w.organization_id = $1 and w.customer_id = $2 and w.status = 'active' and w.currency = $3 and w.balance_cents > 0
order by w.priority, w.created_at, w.id for update of w
"""  # noqa: S608 - columns of the model


async def _usable(ctx: Context, customer: Customer, currency: str) -> list[tuple[Wallet, Sequence[UUID]]]:
    """Active wallets with money in the invoice's currency, by priority, then creation, and the metrics to whose fees
    each is limited."""
    if ctx.session.autoflush:
        await flush(ctx.session)
    rows = await fetch(ctx.session, _USABLE, ctx.organization_id, customer.id, currency)
    limits: list[Sequence[UUID]] = [row[-1] for row in rows]
    return list(zip(objects_of(ctx.session, Wallet, rows), limits, strict=True))


async def give_wallet_credits_back(ctx: Context, customer: Customer, invoice: Invoice) -> None:
    """Return to the wallets that are still active what they paid of a voided invoice, as granted credits."""
    await lock_scope(ctx, "prepaid_credit", customer.id)
    rows = await ctx.session.execute(
        select(WalletTransaction, Wallet)
        .join(Wallet, col(Wallet.id) == col(WalletTransaction.wallet_id))
        .where(
            col(WalletTransaction.organization_id) == ctx.organization_id,
            col(WalletTransaction.invoice_id) == invoice.id,
            col(WalletTransaction.transaction_status) == "invoiced",
            col(Wallet.status) == "active",
        )
        .order_by(col(Wallet.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    now = ctx.now()
    for paid, wallet in rows.all():
        worth = Worth(paid.amount_cents, paid.credit_amount)
        back = new_transaction(wallet, "granted", worth, now, voided_invoice_id=invoice.id)
        settle_inbound(wallet, back, now, returned=True)
        ctx.session.add(back)
        await ctx.session.flush()
        await announce(ctx, wallet, back, "created")
