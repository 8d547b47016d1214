"""The recurring top-up rule of a wallet: stored, changed, ended, and when it is due (spec 05 D7, 03 §8.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.kernel.ids import new_id
from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.wallets.models import Wallet, WalletRule
from billwright.billing.wallets.rule_calendar import slot_at, top_up_due
from billwright.billing.wallets.rule_reading import RuleRequest, RuleValues

END_MINUTE = 50
_DAY = timedelta(days=1)


async def active_rule(ctx: Context, wallet_id: UUID) -> WalletRule | None:
    """The wallet's rule, read afresh; callers hold the customer's ``prepaid_credit`` lock."""
    statement = (
        select(WalletRule)
        .where(
            col(WalletRule.organization_id) == ctx.organization_id,
            col(WalletRule.wallet_id) == wallet_id,
            col(WalletRule.status) == "active",
        )
        .execution_options(populate_existing=True)
    )
    return (await ctx.session.scalars(statement)).first()


def is_expired(rule: WalletRule, now: datetime) -> bool:
    """Whether the rule's time is over; such a rule never fires, also before the pass ends it."""
    return rule.expiration_at is not None and rule.expiration_at <= now


async def rules_of(ctx: Context, wallet_ids: Sequence[UUID]) -> dict[UUID, WalletRule]:
    """The rules that answers show, by wallet: active and unexpired."""
    if not wallet_ids:
        return {}
    rows = await ctx.session.scalars(
        select(WalletRule).where(
            col(WalletRule.organization_id) == ctx.organization_id,
            col(WalletRule.wallet_id).in_(list(wallet_ids)),
            col(WalletRule.status) == "active",
        )
    )
    now = ctx.now()
    return {rule.wallet_id: rule for rule in rows if not is_expired(rule, now)}


async def carry_out_request(
    ctx: Context, customer: Customer, wallet: Wallet, active: WalletRule | None, request: RuleRequest
) -> None:
    """Make the wallet's rule what a checked request asks for."""
    if request.keep:
        return
    now = ctx.now()
    if active is not None and not request.changes_active:
        end_rule(active, now)
        await ctx.session.flush()
    if request.values is None:
        return
    if active is not None and request.changes_active:
        rule = active
        rule.updated_at = now
    else:
        rule = WalletRule(
            id=new_id(),
            created_at=now,
            updated_at=now,
            organization_id=wallet.organization_id,
            customer_id=wallet.customer_id,
            wallet_id=wallet.id,
            live=wallet.live,
            trigger=request.values.trigger,
            method=request.values.method,
        )
    for name in RuleValues.__slots__:
        if name != "entries":
            setattr(rule, name, getattr(request.values, name))
    rule.entries = list(request.values.entries)
    schedule(ctx, customer, wallet, rule)
    ctx.session.add(rule)
    await ctx.session.flush()


def end_rule(rule: WalletRule, now: datetime) -> None:
    """Terminate a rule; ending it again changes nothing."""
    if rule.status == "active":
        rule.status = "terminated"
        rule.terminated_at = now
        rule.updated_at = now
    rule.top_up_due_at = rule.expiration_due_at = rule.due_at = None


def schedule(ctx: Context, customer: Customer, wallet: Wallet, rule: WalletRule, *, after_today: bool = False) -> None:
    """Compute when the rule is due next, in the customer's time zone: never on the day of the wallet's creation, and
    with ``after_today`` not today either."""
    now, tz = ctx.now(), applicable_timezone(customer, ctx.organization)
    earliest = local_date(wallet.created_at, tz) + _DAY
    if after_today:
        earliest = max(earliest, local_date(now, tz) + _DAY)
    rule.top_up_due_at = (
        top_up_due(
            rule.started_at or wallet.created_at,
            rule.interval,
            tz,
            earliest=earliest,
            not_before=now,
            until=rule.expiration_at,
        )
        if rule.interval is not None
        else None
    )
    rule.expiration_due_at = None if rule.expiration_at is None else slot_at(rule.expiration_at, END_MINUTE)
    rule.due_at = min((due for due in (rule.top_up_due_at, rule.expiration_due_at) if due is not None), default=None)


async def reschedule_rules(ctx: Context, customer: Customer) -> None:
    """Compute the due instants of a customer again whose time zone has changed."""
    rows = await ctx.session.execute(
        select(WalletRule, Wallet)
        .join(Wallet, col(Wallet.id) == col(WalletRule.wallet_id))
        .where(
            col(WalletRule.organization_id) == ctx.organization_id,
            col(WalletRule.customer_id) == customer.id,
            col(WalletRule.top_up_due_at).is_not(None),
        )
    )
    for rule, wallet in rows.all():
        schedule(ctx, customer, wallet, rule)
