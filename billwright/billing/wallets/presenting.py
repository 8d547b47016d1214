"""Wallets and transactions with what belongs to them, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.customers.queries import customers_by_id
from billwright.billing.wallets.models import Wallet, WalletTransaction
from billwright.billing.wallets.queries import metrics_of
from billwright.billing.wallets.rules import rules_of
from billwright.billing.wallets.schemas import WalletOut, WalletTransactionOut, transaction_object, wallet_object


async def wallet_objects(ctx: Context, wallets: Sequence[Wallet]) -> list[WalletOut]:
    """Wallets on the wire."""
    if not wallets:
        return []
    customers = await customers_by_id(ctx, list({wallet.customer_id for wallet in wallets}))
    metrics = await metrics_of(ctx, [wallet.id for wallet in wallets])
    rules = await rules_of(ctx, [wallet.id for wallet in wallets])
    entity = billing_entity_code(ctx.organization)
    return [
        wallet_object(
            wallet,
            external_customer_id=customers[wallet.customer_id].external_id,
            billing_entity_code=entity,
            metric_codes=[metric.code for metric in metrics.get(wallet.id, ())],
            rule=rules.get(wallet.id),
        )
        for wallet in wallets
    ]


async def transaction_objects(ctx: Context, found: Sequence[WalletTransaction]) -> list[WalletTransactionOut]:
    """Transactions on the wire."""
    if not found:
        return []
    rows = await ctx.session.scalars(
        select(Wallet).where(
            col(Wallet.organization_id) == ctx.organization_id, col(Wallet.id).in_({item.wallet_id for item in found})
        )
    )
    wallets = {wallet.id: wallet for wallet in rows}
    return [transaction_object(item, wallets[item.wallet_id]) for item in found]
