"""What the payment of a purchase does to its wallet (spec 05 D4). The customer must be locked.

A success settles the purchase, once, also after a failure; what is settled is never undone.
"""

from __future__ import annotations

from billwright.billing.access.context import Context
from billwright.billing.customers.locking import lock_customer, lock_scope
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.issuing import issue
from billwright.billing.invoicing.models import Invoice
from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.wallets.ledger import announce, locked_wallet, settle_inbound
from billwright.billing.wallets.models import Wallet, WalletTransaction
from billwright.billing.wallets.purchase_queries import locked_purchase


async def follow_payment(ctx: Context, invoice: Invoice, status: str) -> None:
    """Carry the new payment ``status`` of an invoice of type ``credit`` to its purchase and to the invoice itself."""
    customer = await lock_customer(ctx, invoice.customer_id)
    if customer is None:
        return
    if status == "succeeded" and invoice.status == "open":
        now = ctx.now()
        invoice.issuing_date = local_date(now, applicable_timezone(customer, ctx.organization))
        invoice.payment_due_date = invoice.issuing_date
        await issue(ctx, customer, invoice, now)
    await lock_scope(ctx, "prepaid_credit", customer.id)
    found = await locked_purchase(ctx, invoice.id)
    wallet = None if found is None else await locked_wallet(ctx, found.wallet_id)
    if found is None or wallet is None:
        return
    if status == "succeeded":
        await _settle(ctx, wallet, found)
    elif status == "failed" and found.status == "pending":
        await fail_purchase(ctx, wallet, found)


async def _settle(ctx: Context, wallet: Wallet, purchase: WalletTransaction) -> None:
    if purchase.status == "settled" or purchase.cancelled:
        return
    settle_inbound(wallet, purchase, ctx.now())
    await ctx.session.flush()
    await announce(ctx, wallet, purchase, "updated")


async def fail_purchase(ctx: Context, wallet: Wallet, purchase: WalletTransaction, *, cancelled: bool = False) -> None:
    """Mark a purchase that is not settled as failed. ``cancelled``: for good."""
    now = ctx.now()
    purchase.status = "failed"
    purchase.failed_at = now
    purchase.updated_at = now
    purchase.cancelled = cancelled
    await ctx.session.flush()
    await announce(ctx, wallet, purchase, "updated")
