"""What a wallet's alerts watch (spec 07 §9.4)."""

from __future__ import annotations

from decimal import Decimal

from billwright.billing.alerts import kinds
from billwright.billing.wallets.amounts import credits_of
from billwright.billing.wallets.models import Wallet


def wallet_figure(wallet: Wallet, alert_type: str) -> Decimal:
    """The wallet's figure as it stands: minor units or credits."""
    if alert_type == kinds.WALLET_BALANCE:
        return Decimal(wallet.balance_cents)
    if alert_type == kinds.WALLET_CREDITS:
        return wallet.credits_balance
    if alert_type == kinds.WALLET_ONGOING:
        return Decimal(wallet.ongoing_balance_cents)
    return credits_of(wallet.ongoing_balance_cents, wallet.rate_amount, wallet.currency)
