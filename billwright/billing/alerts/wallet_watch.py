"""Evaluating the alerts of a wallet: with each move of its balance, and each refresh (spec 05 D8)."""

from __future__ import annotations

from collections.abc import Iterable

from billwright.billing.access.context import Context
from billwright.billing.alerts.figures import wallet_figure
from billwright.billing.alerts.kinds import TYPES
from billwright.billing.alerts.models import Alert
from billwright.billing.alerts.telling import look
from billwright.billing.kernel.loading import load
from billwright.billing.wallets.models import Wallet

_ALERTS = "wallet_id = $1 and deleted_at is null and alert_type = any($2::text[]) order by id for update"


async def watch_wallet(ctx: Context, wallet: Wallet, types: Iterable[str] = TYPES["wallet"]) -> None:
    """Look at the figures of an active wallet, which the caller has locked with its customer's ``prepaid_credit`` lock;
    ``types``: those that are right at the moment."""
    if wallet.status != "active":
        return
    for alert in await load(ctx.session, Alert, _ALERTS, wallet.id, list(types)):
        await look(ctx, alert, wallet_figure(wallet, alert.alert_type))
