"""Moves of a wallet's balance, the only ones there are (spec 05 D3, D6).

Callers hold the customer's ``prepaid_credit`` lock and have read the wallet under it (``locked_wallet``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.alerts.kinds import MOVED_AT_ONCE
from billwright.billing.alerts.wallet_watch import watch_wallet
from billwright.billing.customers.locking import lock_scope
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.loading import load
from billwright.billing.kernel.statements import flush
from billwright.billing.notifications.service import emit
from billwright.billing.wallets.amounts import Worth
from billwright.billing.wallets.marks import mark_wallets
from billwright.billing.wallets.models import Wallet, WalletDraw, WalletTransaction


def _own(ctx: Context, wallet_id: UUID) -> Any:
    return select(Wallet).where(col(Wallet.id) == wallet_id, col(Wallet.organization_id) == ctx.organization_id)


async def locked_wallet(ctx: Context, wallet_id: UUID) -> Wallet | None:
    """The wallet under its customer's ``prepaid_credit`` lock, read afresh; ``None`` if there is none."""
    found: Wallet | None = await ctx.session.scalar(_own(ctx, wallet_id))
    if found is None:
        return None
    await lock_scope(ctx, "prepaid_credit", found.customer_id)
    statement = _own(ctx, wallet_id).with_for_update().execution_options(populate_existing=True)
    wallet: Wallet | None = await ctx.session.scalar(statement)
    return wallet


def new_transaction(wallet: Wallet, kind: str, worth: Worth, now: datetime, **values: Any) -> WalletTransaction:
    """A line of the ledger that is pending and has moved nothing yet; not stored."""
    return WalletTransaction(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=wallet.organization_id,
        wallet_id=wallet.id,
        transaction_type="inbound" if kind in ("purchased", "granted") else "outbound",
        transaction_status=kind,
        status="pending",
        amount_cents=worth.amount_cents,
        credit_amount=worth.credits,
        entries=values.pop("entries", []),
        **values,
    )


def settle_inbound(wallet: Wallet, transaction: WalletTransaction, now: datetime, *, returned: bool = False) -> None:
    """Add a pending or failed inflow to the balance. ``returned``: it takes back what was consumed before."""
    _settle(transaction, now)
    transaction.remaining_amount_cents = transaction.amount_cents
    cents, credits = transaction.amount_cents, transaction.credit_amount
    wallet.balance_cents += cents
    wallet.credits_balance += credits
    if returned:
        back, back_credits = min(cents, wallet.consumed_amount_cents), min(credits, wallet.consumed_credits)
        wallet.consumed_amount_cents -= back
        wallet.consumed_credits -= back_credits
        cents, credits = cents - back, credits - back_credits
    wallet.funded_amount_cents += cents
    wallet.funded_credits += credits
    _moved(wallet, now)


def settle_outbound(
    wallet: Wallet, transaction: WalletTransaction, sources: Sequence[WalletTransaction], now: datetime
) -> list[WalletDraw]:
    """Take a pending outflow from the balance and from ``sources`` in their order; the draws are not stored yet.

    The amount must not exceed the balance. The counter of credits, which may have drifted, ends at zero at least.
    """
    _settle(transaction, now)
    wallet.balance_cents -= transaction.amount_cents
    taken = min(transaction.credit_amount, wallet.credits_balance)
    wallet.credits_balance -= taken
    wallet.consumed_credits += taken
    wallet.consumed_amount_cents += transaction.amount_cents
    wallet.last_consumed_credit_at = now
    _moved(wallet, now)
    return _draw(transaction, sources, now)


def _settle(transaction: WalletTransaction, now: datetime) -> None:
    transaction.status = "settled"
    transaction.settled_at = now
    transaction.failed_at = None
    transaction.updated_at = now


def _moved(wallet: Wallet, now: datetime) -> None:
    wallet.ongoing_balance_cents = wallet.balance_cents - wallet.ongoing_usage_balance_cents
    wallet.moved = True
    wallet.last_balance_sync_at = now
    wallet.updated_at = now


def _draw(outbound: WalletTransaction, sources: Sequence[WalletTransaction], now: datetime) -> list[WalletDraw]:
    draws: list[WalletDraw] = []
    rest = outbound.amount_cents
    for source in sources:
        left = source.remaining_amount_cents or 0
        taken = min(left, rest)
        if taken <= 0:
            continue
        source.remaining_amount_cents = left - taken
        source.updated_at = now
        rest -= taken
        draws.append(
            WalletDraw(
                id=new_id(),
                organization_id=outbound.organization_id,
                outbound_id=outbound.id,
                inbound_id=source.id,
                amount_cents=taken,
                created_at=now,
            )
        )
        if rest == 0:
            return draws
    raise RuntimeError(f"wallet {outbound.wallet_id}: {rest} of {outbound.amount_cents} have no source")


_SOURCES = """
organization_id = $1 and wallet_id = $2 and remaining_amount_cents > 0
order by priority, transaction_status <> 'granted', created_at, id for update
"""


async def sources_of(ctx: Context, wallet: Wallet) -> list[WalletTransaction]:
    """Settled inflows with a rest in the order of use: priority, granted before purchased, oldest first (D6)."""
    if ctx.session.autoflush:
        await flush(ctx.session)
    return await load(ctx.session, WalletTransaction, _SOURCES, ctx.organization_id, wallet.id)


@dataclass(slots=True)
class Outflow:
    """A settled outflow with its draws, neither stored yet, and its split by the origin of the credits."""

    transaction: WalletTransaction
    draws: list[WalletDraw] = field(default_factory=list[WalletDraw])
    granted_cents: int = 0
    purchased_cents: int = 0


async def take(
    ctx: Context,
    wallet: Wallet,
    kind: str,
    worth: Worth,
    now: datetime,
    *,
    only: WalletTransaction | None = None,
    **values: Any,
) -> Outflow:
    """Debit a wallet, from ``only`` alone where one is named. Announced; stored by the caller."""
    transaction = new_transaction(wallet, kind, worth, now, **values)
    sources = [only] if only is not None else await sources_of(ctx, wallet)
    flow = Outflow(transaction, settle_outbound(wallet, transaction, sources, now))
    kinds = {item.id: item.transaction_status for item in sources}
    for draw in flow.draws:
        if kinds[draw.inbound_id] == "granted":
            flow.granted_cents += draw.amount_cents
        else:
            flow.purchased_cents += draw.amount_cents
    await announce(ctx, wallet, transaction, "created")
    return flow


async def announce(ctx: Context, wallet: Wallet, transaction: WalletTransaction, what: str) -> None:
    """Tell about a transaction (``created`` or ``updated``), and about the wallet where the balance moved; then all
    ongoing balances of the customer are computed again at once."""
    if what == "created":
        await emit(ctx, "wallet_transaction.created", "wallet_transaction", transaction.id, item=transaction)
    else:
        await emit(ctx, "wallet_transaction.updated", "wallet_transaction", transaction.id)
    if transaction.status == "settled":
        await emit(ctx, "wallet.updated", "wallet", wallet.id, logged=False)  # the transaction tells it
        await watch_wallet(ctx, wallet, MOVED_AT_ONCE)
        await mark_wallets(ctx, wallet.customer_id, at_once=True)
