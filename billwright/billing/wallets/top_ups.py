"""Top-ups that rules cause: at an interval, and when the ongoing balance reaches a threshold (spec 05 D7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.customers.locking import lock_scope
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.money import from_minor_units, to_minor_units
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.kernel.statements import fetch
from billwright.billing.subscriptions.calendar.timezones import local_date, start_of_day
from billwright.billing.wallets.amounts import Worth, credits_of, fits
from billwright.billing.wallets.ledger import locked_wallet
from billwright.billing.wallets.models import Wallet, WalletRule, WalletTransaction
from billwright.billing.wallets.rule_amounts import ZERO, Terms, TopUp, is_reached, top_up_of
from billwright.billing.wallets.rules import active_rule, end_rule, is_expired, schedule
from billwright.billing.wallets.transactions import Order, carry_out

TOP_UP: Final = "wallet.threshold_top_up"
DELAY: Final = timedelta(seconds=2)
PAUSE: Final = timedelta(hours=1)
"""After a failed purchase a threshold rule buys nothing for so long, unless one was paid meanwhile."""

_QUEUED = "select exists (select from jobs where unique_key = $1 and status = 'queued')"


def terms_of(wallet: Wallet, rule: WalletRule) -> Terms:
    """The rule and the wallet's limits in exact credits."""
    limited = not rule.ignore_paid_top_up_limits
    return Terms(
        trigger=rule.trigger,
        method=rule.method,
        paid=Fraction(rule.paid_credits),
        granted=Fraction(rule.granted_credits),
        threshold=Fraction(rule.threshold_credits or 0),
        target=Fraction(rule.target_ongoing_balance or 0),
        grants_target=bool(rule.grants_target_top_up),
        least=_limit(wallet, wallet.paid_top_up_min_amount_cents) if limited else None,
        most=_limit(wallet, wallet.paid_top_up_max_amount_cents) if limited else None,
    )


def _limit(wallet: Wallet, cents: int | None) -> Fraction | None:
    return None if cents is None else _credits(wallet, cents)


def _credits(wallet: Wallet, cents: int) -> Fraction:
    return Fraction(from_minor_units(cents, wallet.currency)) / Fraction(wallet.rate_amount)


async def pending_credits(ctx: Context, wallet: Wallet) -> Fraction:
    """Credits of the wallet that are bought and not paid yet."""
    found = await ctx.session.scalar(
        select(func.coalesce(func.sum(WalletTransaction.credit_amount), 0)).where(
            col(WalletTransaction.organization_id) == ctx.organization_id,
            col(WalletTransaction.wallet_id) == wallet.id,
            col(WalletTransaction.status) == "pending",
        )
    )
    return Fraction(Decimal(found or 0))


async def is_due(ctx: Context, wallet: Wallet, rule: WalletRule | None) -> bool:
    """Whether the wallet's threshold rule fires at its ongoing balance."""
    if rule is None or rule.trigger != "threshold" or is_expired(rule, ctx.now()):
        return False
    ongoing, terms = _credits(wallet, wallet.ongoing_balance_cents), terms_of(wallet, rule)
    return is_reached(terms, ongoing, ZERO) and is_reached(terms, ongoing, await pending_credits(ctx, wallet))


async def queue_top_up(ctx: Context, wallet: Wallet) -> None:
    """A job that lets the wallet's threshold rule act, one queued at a time; in live after a moment.

    A running one may have looked at the balance already, hence only a queued one counts.
    """
    key = f"{TOP_UP}:{wallet.id}"
    arguments = {"wallet_id": str(wallet.id)}
    run_at = system_now() + DELAY if wallet.live else None
    for unique_key in (key, None):
        if (await fetch(ctx.session, _QUEUED, key))[0][0]:
            return
        await enqueue(ctx.session, ctx.organization_id, TOP_UP, arguments, unique_key=unique_key, run_at=run_at)


@job(TOP_UP)
async def top_up_at_threshold(call: JobCall) -> None:
    """Let a threshold rule act if it still fires."""
    async with call.runtime.database.transaction() as session:
        organization = await session.get_one(Organization, call.organization_id)
        ctx = Context(session, organization, event_store=call.runtime.event_store)
        wallet = await locked_wallet(ctx, UUID(call.arguments["wallet_id"]))
        if wallet is None or wallet.status != "active":
            return
        rule = await active_rule(ctx, wallet.id)
        if rule is not None and await is_due(ctx, wallet, rule):
            await _top_up(ctx, wallet, rule)


async def run_rules(ctx: Context, customer: Customer, t: datetime) -> None:
    """The pass of a locked customer's rules: end those that have expired, top up by those whose day has come.

    Conditions are looked at again: a rule acts once a local day, never on the day of the wallet's creation.
    """
    await lock_scope(ctx, "prepaid_credit", customer.id)
    rows = await ctx.session.execute(
        select(WalletRule, Wallet)
        .join(Wallet, col(Wallet.id) == col(WalletRule.wallet_id))
        .where(
            col(WalletRule.organization_id) == ctx.organization_id,
            col(WalletRule.customer_id) == customer.id,
            col(WalletRule.due_at) <= t,
        )
        .order_by(col(WalletRule.created_at), col(WalletRule.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    now = ctx.now()
    for rule, wallet in rows.all():
        if is_expired(rule, now) or wallet.status != "active":
            end_rule(rule, now)
            continue
        if not await _has_acted(ctx, customer, wallet, now):
            await _top_up(ctx, wallet, rule)
        schedule(ctx, customer, wallet, rule, after_today=True)
    await ctx.session.flush()


async def _has_acted(ctx: Context, customer: Customer, wallet: Wallet, now: datetime) -> bool:
    """Whether the day is one on which no rule acts any more: it has, or the wallet was made today."""
    tz = applicable_timezone(customer, ctx.organization)
    today = local_date(now, tz)
    if local_date(wallet.created_at, tz) == today:
        return True
    found = await ctx.session.scalar(
        select(col(WalletTransaction.id))
        .where(
            col(WalletTransaction.organization_id) == ctx.organization_id,
            col(WalletTransaction.wallet_id) == wallet.id,
            col(WalletTransaction.source) == "interval",
            col(WalletTransaction.transaction_type) == "inbound",
            col(WalletTransaction.created_at) >= start_of_day(today, tz),
        )
        .limit(1)
    )
    return found is not None


async def _top_up(ctx: Context, wallet: Wallet, rule: WalletRule) -> None:
    """Buy and grant what the rule says at the present balances of a locked wallet."""
    pending = await pending_credits(ctx, wallet)
    wanted = top_up_of(terms_of(wallet, rule), _credits(wallet, wallet.ongoing_balance_cents), pending)
    if rule.trigger == "threshold" and wanted.paid and await _must_pause(ctx, wallet):
        return
    order = _order(wallet, rule, wanted)
    if order.paid or order.granted:
        await carry_out(ctx, wallet, order)


def _order(wallet: Wallet, rule: WalletRule, wanted: TopUp) -> Order:
    return Order(
        paid=_worth(wallet, wanted.paid),
        granted=_worth(wallet, wanted.granted),
        requires_successful_payment=rule.invoice_requires_successful_payment,
        name=rule.transaction_name,
        entries=rule.entries,
        source=rule.trigger,
    )


def _worth(wallet: Wallet, credits: Fraction) -> Worth | None:
    """The money that credits are worth, and the credits that this money is; ``None`` where it is none or too much."""
    cents = to_minor_units(credits * Fraction(wallet.rate_amount), wallet.currency)
    worth = Worth(cents, credits_of(cents, wallet.rate_amount, wallet.currency))
    return worth if cents > 0 and fits(worth) else None


async def _must_pause(ctx: Context, wallet: Wallet) -> bool:
    """Whether the last purchase of the rule has failed within the hour and none was paid since."""
    own = (
        col(WalletTransaction.organization_id) == ctx.organization_id,
        col(WalletTransaction.wallet_id) == wallet.id,
        col(WalletTransaction.transaction_status) == "purchased",
    )
    last: WalletTransaction | None = await ctx.session.scalar(
        select(WalletTransaction)
        .where(*own, col(WalletTransaction.source) == "threshold")
        .order_by(col(WalletTransaction.created_at).desc(), col(WalletTransaction.id).desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    if last is None or last.status != "failed" or last.failed_at is None or last.failed_at <= ctx.now() - PAUSE:
        return False
    paid = await ctx.session.scalar(
        select(col(WalletTransaction.id)).where(*own, col(WalletTransaction.settled_at) >= last.failed_at).limit(1)
    )
    return paid is None
