"""What credit notes ask of wallets (spec 05 C6): refunds of a purchase, and the end of an unpaid one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.prepaid import TopUp, connect
from billwright.billing.customers.locking import lock_scope
from billwright.billing.invoicing.models import Invoice
from billwright.billing.wallets.amounts import outflow_of
from billwright.billing.wallets.ledger import locked_wallet, take
from billwright.billing.wallets.models import Wallet, WalletTransaction
from billwright.billing.wallets.purchase_queries import locked_purchase, purchase_of
from billwright.billing.wallets.settling import fail_purchase


class Purchases:
    """The door that ``credit_notes.prepaid`` describes."""

    async def top_up(self, ctx: Context, invoice: Invoice) -> TopUp | None:
        await lock_scope(ctx, "prepaid_credit", invoice.customer_id)
        purchase = await purchase_of(ctx, invoice.id)
        if purchase is None:
            return None
        await ctx.session.refresh(purchase)
        wallet = await ctx.session.get_one(Wallet, purchase.wallet_id)
        return _top_up(wallet, purchase)

    async def top_ups(self, ctx: Context, invoices: Sequence[Invoice]) -> dict[UUID, TopUp]:
        rows = await ctx.session.execute(
            select(Wallet, WalletTransaction)
            .join(WalletTransaction, col(WalletTransaction.wallet_id) == col(Wallet.id))
            .where(
                col(WalletTransaction.organization_id) == ctx.organization_id,
                col(WalletTransaction.invoice_id).in_([invoice.id for invoice in invoices]),
                col(WalletTransaction.transaction_status) == "purchased",
            )
        )
        return {purchase.invoice_id: _top_up(wallet, purchase) for wallet, purchase in rows if purchase.invoice_id}

    async def refund(self, ctx: Context, invoice: Invoice, note: CreditNote, amount_cents: int) -> None:
        wallet, purchase = await _purchase(ctx, invoice)
        worth = outflow_of(amount_cents, wallet.rate_amount, wallet.currency)
        taken = await take(ctx, wallet, "voided", worth, ctx.now(), only=purchase, credit_note_id=note.id)
        ctx.session.add(taken.transaction)
        await ctx.session.flush()
        ctx.session.add_all(taken.draws)
        await ctx.session.flush()

    async def fail(self, ctx: Context, invoice: Invoice) -> None:
        wallet, purchase = await _purchase(ctx, invoice)
        if purchase.status != "settled":
            await fail_purchase(ctx, wallet, purchase, cancelled=True)


def _top_up(wallet: Wallet, purchase: WalletTransaction) -> TopUp:
    return TopUp(
        wallet_name=wallet.name,
        wallet_is_active=wallet.status == "active",
        remaining_amount_cents=purchase.remaining_amount_cents or 0,
    )


async def _purchase(ctx: Context, invoice: Invoice) -> tuple[Wallet, WalletTransaction]:
    await lock_scope(ctx, "prepaid_credit", invoice.customer_id)
    purchase = await locked_purchase(ctx, invoice.id)
    wallet = None if purchase is None else await locked_wallet(ctx, purchase.wallet_id)
    if purchase is None or wallet is None:
        raise RuntimeError(f"invoice {invoice.id} bills no purchase of credits")
    return wallet, purchase


connect(Purchases())
