"""The invoice that a preview shows, made by the code that bills (spec 04 §15). Runs inside a dry run.

The customer must be locked and without a grace period, so that invoices come out issued, with all their credits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import select, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.catalog.snapshot import PlanSnapshot
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.billing import bill
from billwright.billing.invoicing.dates import finalization_instant
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.rows import Row, new_row
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.previewing.schemas import PreviewInput, PreviewSubscriptions
from billwright.billing.subscriptions.calendar.due import billing_days, switch_day
from billwright.billing.subscriptions.calendar.starts import StartDay, activation_at, start_day
from billwright.billing.subscriptions.calendar.timezones import local_date, start_of_day
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.life_cycle import start, terminate
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.periodic_billing import bill_periodic, catch_up
from billwright.billing.subscriptions.plan_changes import schedule_downgrade, upgrade, yearly_price
from billwright.billing.subscriptions.successors import Succession, cancel_successor
from billwright.billing.subscriptions.terms import plan_of, refresh_due, terms_of, trial_of
from billwright.billing.wallets.models import Wallet

BILLING_TIMES = ("calendar", "anniversary")
MAX_BILLINGS_AHEAD = 60
"""Periodic invoices between now and a termination that a preview is willing to compute."""
_YEARS = range(1970, 9000)


async def proposal(ctx: Context, customer: Customer, inp: PreviewInput, grace_period: int) -> Invoice:
    """The first invoice of a new subscription to a plan: its subscription fee, without usage.

    ``grace_period``: the days that its draft will wait.

    Raises ``NotFound("plan")``; ``ValidationFailed``: ``billing_time: value_is_invalid``, ``subscription_at:
    invalid_date``.
    """
    plan = await _sellable_plan(ctx, inp.plan_code)
    if inp.billing_time is not None and inp.billing_time not in BILLING_TIMES:
        raise ValidationFailed(billing_time="value_is_invalid")
    anchor = ctx.now()
    if inp.subscription_at is not None:
        parsed = parse_instant(inp.subscription_at)
        if parsed is None or parsed.year not in _YEARS:
            raise ValidationFailed(subscription_at="invalid_date")
        anchor = parsed
    subscription = _new_subscription(ctx, customer, plan, anchor, inp.billing_time or "calendar")
    ctx.session.add(subscription)
    await ctx.session.flush()
    snapshot, tz = await plan_of(ctx, subscription), applicable_timezone(customer, ctx.organization)
    row = await _first_row(ctx, subscription, snapshot, tz)
    await _let_time_pass(ctx, customer, row.windows.timestamp, grace_period)
    feeless = replace(row, plan=replace(row.plan, charges=()), windows=replace(row.windows, bills_charges=False))
    return await bill(ctx, customer, [feeless], row.windows.timestamp, tz)


def _new_subscription(
    ctx: Context, customer: Customer, plan: Plan, anchor: datetime, billing_time: str
) -> Subscription:
    now, tz = ctx.now(), applicable_timezone(customer, ctx.organization)
    started_at = activation_at(anchor, tz) if start_day(anchor, now, tz) is StartDay.future else anchor
    identity = new_id()
    return Subscription(
        id=identity,
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        customer_id=customer.id,
        plan_id=plan.id,
        live=ctx.organization.kind == "live",
        external_id=str(identity),
        status="active",
        billing_time=billing_time,
        subscription_at=anchor,
        started_at=started_at,
        activated_at=started_at,
    )


async def _first_row(ctx: Context, subscription: Subscription, plan: PlanSnapshot, tz: str) -> Row:
    """In advance at the start, or at the end of a trial; in arrears when the first period has ended."""
    started_at = subscription.started_at or subscription.subscription_at
    trial = await trial_of(ctx, subscription, plan)
    if plan.pay_in_advance:
        at = trial.end if trial.end is not None and trial.is_running(started_at) else started_at
        return await new_row(ctx, subscription, plan, Case.starting, at, tz)
    terms = terms_of(subscription, plan, tz)
    following = start_of_day(switch_day(terms, terms.local(started_at)), tz)
    return await new_row(ctx, subscription, plan, Case.periodic, following, tz)


async def projection(
    ctx: Context, customer: Customer, chosen: PreviewSubscriptions, grace_period: int
) -> Invoice | None:
    """The next invoice of running subscriptions, of one that ends or changes its plan, or of a pending one that starts.
    ``grace_period``: the days that its draft will wait.

    ``None`` when nothing would be billed. Raises ``NotFound`` (``subscription``, ``plan``) and ``ValidationFailed``
    with the codes of spec 04 §15.
    """
    subscriptions = await _running(ctx, customer, chosen.external_ids or ())
    if not subscriptions:
        pending = await _pending(ctx, customer, chosen)
        subscriptions = [pending]
        started = await _start(ctx, customer, pending, chosen, grace_period)
        if started is not None:
            return started
    elif chosen.terminated_at is not None:
        return await _termination(ctx, customer, subscriptions, chosen.terminated_at, grace_period)
    elif chosen.plan_code is not None:
        return await _plan_change(ctx, customer, subscriptions, chosen.plan_code, grace_period)
    return await _next_periodic(ctx, customer, subscriptions, grace_period)


async def _let_time_pass(ctx: Context, customer: Customer, t: datetime, grace_period: int) -> None:
    """End the wallets that will have expired when an invoice of billing instant ``t`` takes its credits: then, or when
    its draft is finalized."""
    until = t
    if grace_period > 0:
        billed_on = local_date(t, applicable_timezone(customer, ctx.organization))
        until = finalization_instant(billed_on + timedelta(days=grace_period))
    await ctx.session.flush()
    await ctx.session.execute(
        update(Wallet)
        .where(
            col(Wallet.organization_id) == ctx.organization_id,
            col(Wallet.customer_id) == customer.id,
            col(Wallet.status) == "active",
            col(Wallet.expiration_due_at) < until,
        )
        .values(status="terminated")
    )


async def _running(ctx: Context, customer: Customer, external_ids: Sequence[str]) -> list[Subscription]:
    rows = await ctx.session.scalars(
        select(Subscription)
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.customer_id) == customer.id,
            col(Subscription.external_id).in_(list(external_ids)),
            col(Subscription.status) == "active",
        )
        .order_by(col(Subscription.created_at), col(Subscription.id))
    )
    return list(rows.all())


async def _pending(ctx: Context, customer: Customer, chosen: PreviewSubscriptions) -> Subscription:
    """The one scheduled subscription asked for; ending it bills nothing, so that is not found."""
    wanted = set(chosen.external_ids or ())
    if len(wanted) != 1 or chosen.terminated_at is not None:
        raise NotFound("subscription")
    rows = await ctx.session.scalars(
        select(Subscription).where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.customer_id) == customer.id,
            col(Subscription.external_id).in_(wanted),
            col(Subscription.status) == "pending",
            col(Subscription.previous_subscription_id).is_(None),
        )
    )
    pending = rows.first()
    if pending is None:
        raise NotFound("subscription")
    return pending


async def _start(
    ctx: Context, customer: Customer, pending: Subscription, chosen: PreviewSubscriptions, grace_period: int
) -> Invoice | None:
    """Start a scheduled subscription, on another plan if one is named."""
    if chosen.plan_code is not None:
        plan = await _sellable_plan(ctx, chosen.plan_code)
        if plan.id == pending.plan_id:
            raise ValidationFailed(base="new_plan_should_be_different_from_existing_plan")
        pending.plan_id = plan.id
    tz = applicable_timezone(customer, ctx.organization)
    at = activation_at(pending.subscription_at, tz)
    await _let_time_pass(ctx, customer, at, grace_period)
    return await start(ctx, customer, pending, at, StartDay.today)


async def _next_periodic(
    ctx: Context, customer: Customer, subscriptions: Sequence[Subscription], grace_period: int
) -> Invoice | None:
    """One invoice for all, when their running period ends; a scheduled ending that comes first ends it."""
    plans = {item.id: await plan_of(ctx, item) for item in subscriptions}
    if len({plan.amount_currency for plan in plans.values()}) > 1:
        raise ValidationFailed(base="subscription_currencies_does_not_match")
    for item in subscriptions:
        await refresh_due(ctx, item, plans[item.id], applicable_timezone(customer, ctx.organization))
    due = {item.next_billing_at or item.ending_due_at for item in subscriptions}
    if len(due) > 1:
        raise ValidationFailed(base="billing_periods_does_not_match")
    t = due.pop()
    if t is None:
        return None
    await _let_time_pass(ctx, customer, t, grace_period)
    for item in subscriptions:
        item.consolidate_invoice, item.purchase_order_number = True, None
        if len(subscriptions) > 1:
            await cancel_successor(ctx, item)
    billed = [await catch_up(ctx, customer, item, t) for item in subscriptions]
    if all(item.next_billing_at is None for item in billed):
        ended = [await terminate(ctx, customer, item, t) for item in billed]
        return ended[0]
    invoices = await bill_periodic(ctx, customer, billed, t)
    return invoices[0] if invoices else None


async def _termination(
    ctx: Context, customer: Customer, subscriptions: Sequence[Subscription], terminated_at: str, grace_period: int
) -> Invoice | None:
    if len(subscriptions) > 1:
        raise ValidationFailed(subscriptions="only_one_subscription_allowed_for_termination")
    at = parse_instant(terminated_at)
    if at is None or at.year not in _YEARS:
        raise ValidationFailed(terminated_at="invalid_timestamp")
    if at < ctx.now():
        raise ValidationFailed(terminated_at="cannot_be_in_past")
    [subscription] = subscriptions
    at = min(at, subscription.ending_due_at or at)
    plan = await plan_of(ctx, subscription)
    terms = terms_of(subscription, plan, applicable_timezone(customer, ctx.organization))
    ahead = billing_days(
        terms,
        before=terms.local(at),
        created_at=subscription.created_at,
        last_billed_on=subscription.last_billed_on,
    )
    if len(list(islice(ahead, MAX_BILLINGS_AHEAD + 1))) > MAX_BILLINGS_AHEAD:
        raise ValidationFailed(terminated_at="invalid_timestamp")
    subscription.ending_at = None
    await _let_time_pass(ctx, customer, at, grace_period)
    return await terminate(ctx, customer, subscription, at)


async def _plan_change(
    ctx: Context, customer: Customer, subscriptions: Sequence[Subscription], plan_code: str, grace_period: int
) -> Invoice | None:
    """An upgrade is billed at once, a downgrade when the running plan period ends."""
    if len(subscriptions) > 1:
        raise ValidationFailed(subscriptions="only_one_subscription_allowed_for_plan_change")
    [subscription] = subscriptions
    plan = await _sellable_plan(ctx, plan_code)
    before = await ctx.session.get_one(Plan, subscription.plan_id)
    if plan.id in (before.id, before.parent_id):
        raise ValidationFailed(base="new_plan_should_be_different_from_existing_plan")
    if plan.amount_currency != before.amount_currency:
        raise ValidationFailed(currency="currencies_does_not_match")
    now, tz = ctx.now(), applicable_timezone(customer, ctx.organization)
    current = await catch_up(ctx, customer, subscription, now)
    asked = Succession(plan.id, None, current.ending_at, {})
    if yearly_price(plan) >= yearly_price(before):
        await _let_time_pass(ctx, customer, now, grace_period)
        _, invoice = await upgrade(ctx, customer, current, asked, now)
        return invoice
    await schedule_downgrade(ctx, current, asked)
    terms = terms_of(current, await plan_of(ctx, current), tz)
    switch_at = start_of_day(switch_day(terms, terms.local(now)), tz)
    await _let_time_pass(ctx, customer, switch_at, grace_period)
    current = await catch_up(ctx, customer, current, switch_at)
    invoices = await bill_periodic(ctx, customer, [current], switch_at)
    return invoices[0] if invoices else None


async def _sellable_plan(ctx: Context, code: str | None) -> Plan:
    rows = await ctx.session.scalars(
        select(Plan).where(
            col(Plan.organization_id) == ctx.organization_id,
            col(Plan.code) == (code or ""),
            col(Plan.parent_id).is_(None),
            col(Plan.deleted_at).is_(None),
            col(Plan.pending_deletion).is_(False),
        )
    )
    plan = rows.first()
    if plan is None:
        raise NotFound("plan")
    return plan
