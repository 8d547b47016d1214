"""Use case of ``POST /wallet_transactions``: buying, granting and voiding credits (spec 05 D3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.wallets.amounts import Worth, fits, inflow_of, outflow_of, read_credits, void_of
from billwright.billing.wallets.ledger import announce, locked_wallet, new_transaction, settle_inbound, take
from billwright.billing.wallets.metadata import read_entries, read_name
from billwright.billing.wallets.models import Wallet, WalletTransaction
from billwright.billing.wallets.schemas import WalletTransactionInput

_NOBODY = UUID(int=0)
BILL_PURCHASE = "wallet.bill_purchase"
LOWEST_PRIORITY = 50


@dataclass(slots=True)
class Order:
    """What is to happen to a wallet at once; amounts that are not wanted are ``None``."""

    paid: Worth | None = None
    granted: Worth | None = None
    voided: Worth | None = None
    voided_of: WalletTransaction | None = None
    """The only inflow that the void may take from."""
    requires_successful_payment: bool = False
    name: str | None = None
    entries: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    priority: int = LOWEST_PRIORITY
    source: str = "manual"


async def create_transactions(ctx: Context, inp: WalletTransactionInput) -> list[WalletTransaction]:
    """Carry out what was asked, all or nothing; the transactions in the order paid, granted, voided.

    Raises ``ValidationFailed`` with the codes of spec 05 D3.
    """
    wallet = await locked_wallet(ctx, parse_id(inp.wallet_id or "") or _NOBODY)
    if wallet is None:
        raise ValidationFailed(wallet_id="wallet_not_found")
    if wallet.status != "active":
        raise ValidationFailed(wallet_id="wallet_is_terminated")
    problems = Problems()
    inp.refuse_unsupported(problems)
    unlimited = bool(inp.ignore_paid_top_up_limits)
    requires = inp.invoice_requires_successful_payment
    order = Order(
        paid=read_paid(wallet, inp.paid_credits, problems, unlimited=unlimited),
        granted=read_inflow(wallet, "granted_credits", inp.granted_credits, problems),
        requires_successful_payment=wallet.invoice_requires_successful_payment if requires is None else requires,
        name=read_name(inp.name, problems),
        entries=read_entries(inp.metadata, problems),
        priority=read_priority(inp.priority, "priority", problems),
    )
    if inp.voided_transaction_id is None:
        order.voided = _read_void(wallet, inp.voided_credits, problems)
    else:
        await _read_void_of(ctx, wallet, inp, order, problems)
    problems.raise_if_any()
    return await carry_out(ctx, wallet, order)


def read_paid(wallet: Wallet, raw: Any, problems: Problems, *, unlimited: bool) -> Worth | None:
    """Paid credits within the wallet's limits, which are in money (``amount_below_minimum``, ``..._maximum``)."""
    worth = read_inflow(wallet, "paid_credits", raw, problems)
    if worth is None or unlimited:
        return worth
    least, most = wallet.paid_top_up_min_amount_cents, wallet.paid_top_up_max_amount_cents
    if least is not None and worth.amount_cents < least:
        problems.add("paid_credits", "amount_below_minimum")
    elif most is not None and worth.amount_cents > most:
        problems.add("paid_credits", "amount_above_maximum")
    return worth


def read_inflow(wallet: Wallet, name: str, raw: Any, problems: Problems) -> Worth | None:
    """Credits to add; ``None`` for zero, null and what is refused (``invalid_<name>``, ``amount_rounds_to_zero``)."""
    credits = _credits(name, raw, problems)
    if not credits:
        return None
    return _worth(name, inflow_of(credits, wallet.rate_amount, wallet.currency), problems)


def _credits(name: str, raw: Any, problems: Problems) -> Decimal | None:
    if raw is None:
        return None
    credits = read_credits(raw)
    if credits is None:
        problems.add(name, f"invalid_{name}")
        problems.add(name, "invalid_amount")
    return credits


def _worth(name: str, worth: Worth, problems: Problems) -> Worth | None:
    if not worth.amount_cents:
        problems.add(name, "amount_rounds_to_zero")
        return None
    if not fits(worth):
        problems.add(name, f"invalid_{name}")
        problems.add(name, "invalid_amount")
        return None
    return worth


def read_priority(raw: int | None, name: str, problems: Problems) -> int:
    """1 (first) to 50 (last, the default); ``value_is_invalid`` outside."""
    if raw is not None and not 1 <= raw <= LOWEST_PRIORITY:
        problems.add(name, "value_is_invalid")
    return LOWEST_PRIORITY if raw is None else raw


def _read_void(wallet: Wallet, raw: Any, problems: Problems) -> Worth | None:
    credits = _credits("voided_credits", raw, problems)
    if not credits:
        return None
    worth = void_of(credits, wallet.rate_amount, wallet.currency)
    if worth.credits > wallet.credits_balance:
        problems.add("voided_credits", "insufficient_credits")
        return None
    # Credits and money drift apart by earlier voids: the money that is there is the most that can go.
    return _worth("voided_credits", Worth(min(worth.amount_cents, wallet.balance_cents), worth.credits), problems)


async def _read_void_of(
    ctx: Context, wallet: Wallet, inp: WalletTransactionInput, order: Order, problems: Problems
) -> None:
    """A void of what is left of one inflow, or of the credits named."""
    source: WalletTransaction | None = await ctx.session.scalar(
        select(WalletTransaction)
        .where(
            col(WalletTransaction.organization_id) == ctx.organization_id,
            col(WalletTransaction.wallet_id) == wallet.id,
            col(WalletTransaction.transaction_type) == "inbound",
            col(WalletTransaction.id) == (parse_id(inp.voided_transaction_id or "") or _NOBODY),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if source is None:
        problems.add("voided_transaction_id", "wallet_transaction_not_found")
        return
    rest = source.remaining_amount_cents or 0
    if rest == 0:
        problems.add("voided_transaction_id", "no_remaining_amount")
        return
    if inp.voided_credits is None:
        order.voided = outflow_of(rest, wallet.rate_amount, wallet.currency)
    else:
        order.voided = _read_void(wallet, inp.voided_credits, problems)
        if order.voided is not None and order.voided.amount_cents > rest:
            problems.add("voided_transaction_id", "exceeds_remaining_transaction_amount")
    order.voided_of = source


async def carry_out(ctx: Context, wallet: Wallet, order: Order) -> list[WalletTransaction]:
    """Write an order to a locked wallet's ledger. A purchase stays pending; a job after commit bills it (D4)."""
    now = ctx.now()
    made: list[WalletTransaction] = []
    common: dict[str, Any] = {
        "source": order.source,
        "name": order.name,
        "entries": order.entries,
        "priority": order.priority,
        "invoice_requires_successful_payment": order.requires_successful_payment,
    }
    if order.paid is not None:
        made.append(await _store(ctx, new_transaction(wallet, "purchased", order.paid, now, **common)))
        await announce(ctx, wallet, made[-1], "created")
        await queue_billing(ctx, made[-1])
    if order.granted is not None:
        granted = new_transaction(wallet, "granted", order.granted, now, **common)
        settle_inbound(wallet, granted, now)
        made.append(await _store(ctx, granted))
        await announce(ctx, wallet, granted, "created")
    if order.voided is not None:
        flow = await take(ctx, wallet, "voided", order.voided, now, only=order.voided_of, **common)
        made.append(await _store(ctx, flow.transaction))
        ctx.session.add_all(flow.draws)
    await ctx.session.flush()
    return made


async def _store(ctx: Context, transaction: WalletTransaction) -> WalletTransaction:
    ctx.session.add(transaction)
    await ctx.session.flush()
    return transaction


async def queue_billing(ctx: Context, transaction: WalletTransaction) -> None:
    """Have a purchase billed after commit; equal requests collapse while one is unfinished."""
    await enqueue(
        ctx.session,
        ctx.organization_id,
        BILL_PURCHASE,
        {"transaction_id": str(transaction.id)},
        unique_key=f"{BILL_PURCHASE}:{transaction.id}",
    )
