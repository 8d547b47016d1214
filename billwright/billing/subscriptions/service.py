"""Use cases of subscriptions: create, change the plan, edit, terminate, cancel (spec 03 §6). The only writers besides
due passes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.service import ensure_customer, find_customer, take_currency
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.entitlements.subscriptions import forget_own
from billwright.billing.kernel.errors import NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.service import emit
from billwright.billing.progressive.marks import mark_subscription
from billwright.billing.progressive.thresholds import set_own_thresholds
from billwright.billing.subscriptions.calendar.starts import StartDay, start_day, started_at
from billwright.billing.subscriptions.checking import (
    CheckedCreate,
    check_options,
    checked_create,
    checked_update,
    text_or_none,
)
from billwright.billing.subscriptions.life_cycle import start, terminate
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.overriding import lock_overridable, overridden, override
from billwright.billing.subscriptions.periodic_billing import catch_up
from billwright.billing.subscriptions.plan_changes import change_plan
from billwright.billing.subscriptions.queries import editable_subscription, find_subscription
from billwright.billing.subscriptions.schemas import SubscriptionCreate, SubscriptionUpdate, TerminationOptions
from billwright.billing.subscriptions.successors import Succession, cancel, pending_successors
from billwright.billing.subscriptions.terms import plan_of, refresh_due

_EXTERNAL_ID_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:key, 11))")


async def create_subscription(
    ctx: Context, inp: SubscriptionCreate, *, changing: UUID | None = None, new: bool = False
) -> Subscription:
    """Subscribe a customer to a plan, or change the plan of the subscription with this external id (spec 03 §6.3).

    Re-posting the current plan changes nothing. Returns the new subscription, or for a downgrade the one that runs on
    until its period ends. An unknown external customer id makes a bare customer. ``changing``: only the plan of this
    one may be changed; ``new``: none may. Raises ``NotFound`` (``plan``, ``tax``, ``billing_entity``, ``subscription``)
    and ``ValidationFailed`` with the codes of spec 03 §9.
    """
    plan = await _sellable_plan(ctx, inp.plan_code)
    asked = checked_create(ctx, inp)
    customer = await find_customer(ctx, asked.external_customer_id)
    customer = await _locked(ctx, (customer or await ensure_customer(ctx, asked.external_customer_id)).id)
    currency = asked.overrides.amount_currency if asked.overrides else None
    await take_currency(ctx, customer, currency or plan.amount_currency)
    await ctx.session.execute(_EXTERNAL_ID_LOCK, {"key": f"{ctx.organization_id}:{asked.external_id}"})
    current = await _current(ctx, customer, asked.external_id)
    if current is not None and await _ends_before_now(ctx, customer, current):
        current = None
    if changing is not None and (current is None or current.id != changing):
        raise NotFound("subscription")
    if current is not None and new:
        raise ValidationFailed(external_id="value_already_exist")
    if current is not None:
        return await _post_again(ctx, customer, current, plan, asked, inp)
    if await _taken_elsewhere(ctx, customer, asked.external_id):
        raise ValidationFailed(external_id="value_already_exist")
    now = ctx.now()
    subscription = Subscription(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        customer_id=customer.id,
        plan_id=(await overridden(ctx, plan, asked.overrides)).id,
        live=ctx.organization.kind == "live",
        external_id=asked.external_id,
        name=asked.name,
        billing_time=inp.billing_time or "calendar",
        subscription_at=asked.anchor,
        ending_at=asked.ending_at,
        **_options(inp),
    )
    ctx.session.add(subscription)
    await ctx.session.flush()
    await set_own_thresholds(ctx, subscription, asked.thresholds)
    await _begin(ctx, customer, subscription)
    return subscription


def _options(inp: SubscriptionCreate | SubscriptionUpdate) -> dict[str, Any]:
    """Columns that were sent; null gives a flag its default."""
    sent = {
        name: value
        for name, value in inp.given_values("consolidate_invoice", "progressive_billing_disabled").items()
        if value is not None
    }
    return sent | inp.given_values("purchase_order_number")


async def _begin(ctx: Context, customer: Customer, subscription: Subscription) -> None:
    """Start now, or schedule, by the local date of the anchor (spec 03 §6.4)."""
    now, tz = ctx.now(), applicable_timezone(customer, ctx.organization)
    day = start_day(subscription.subscription_at, now, tz)
    if day is StartDay.future:
        subscription.status = "pending"
        await ctx.session.flush()
        await refresh_due(ctx, subscription, await plan_of(ctx, subscription), tz)
        return
    until = await _invoiced_until(ctx, customer, subscription.external_id) if day is StartDay.past else None
    instant = started_at(subscription.subscription_at, now, tz, invoiced_until=until)
    assert instant is not None
    await start(ctx, customer, subscription, instant, day)


async def _invoiced_until(ctx: Context, customer: Customer, external_id: str) -> datetime | None:
    statement = select(func.max(col(Subscription.terminated_at))).where(
        col(Subscription.organization_id) == ctx.organization_id,
        col(Subscription.customer_id) == customer.id,
        col(Subscription.external_id) == external_id,
        col(Subscription.status) == "terminated",
        col(Subscription.on_termination_invoice) == "generate",
    )
    return (await ctx.session.execute(statement)).scalar_one()


async def _ends_before_now(ctx: Context, customer: Customer, current: Subscription) -> bool:
    """Whether the subscription's last day has come and only the due pass is late: then it ends first (spec 03 §6.6)."""
    due = current.ending_due_at
    if current.status != "active" or due is None or due > ctx.now():
        return False
    await terminate(ctx, customer, current, due, generate_invoice=current.on_termination_invoice != "skip")
    return True


async def _post_again(
    ctx: Context,
    customer: Customer,
    current: Subscription,
    plan: Plan,
    asked: CheckedCreate,
    inp: SubscriptionCreate,
) -> Subscription:
    """The external id is in use: nothing, another plan for a scheduled one, an upgrade or a downgrade (03 §6.3)."""
    if current.status == "active" and current.plan_id != plan.id:
        current = await catch_up(ctx, customer, current, ctx.now())
    if current.plan_id == plan.id:
        return current
    if current.status == "pending":
        return await _reschedule(ctx, customer, current, plan, asked, inp)
    target = await overridden(ctx, plan, asked.overrides)
    running = await change_plan(
        ctx,
        customer,
        current,
        Succession(
            plan_id=target.id,
            name=asked.name,
            ending_at=asked.ending_at if inp.given("ending_at") else current.ending_at,
            attributes=_options(inp),
        ),
    )
    await _set_thresholds_of_successor(ctx, current, running, asked)
    return running


async def _set_thresholds_of_successor(
    ctx: Context, current: Subscription, running: Subscription, asked: CheckedCreate
) -> None:
    """Thresholds sent with a plan change are those of the subscription that it makes, be it pending."""
    if asked.thresholds is None:
        return
    successor = (await pending_successors(ctx, [current])).get(current.id) if running is current else running
    if successor is not None and await set_own_thresholds(ctx, successor, asked.thresholds):
        await mark_subscription(ctx, successor.external_id)


async def _reschedule(
    ctx: Context,
    customer: Customer,
    current: Subscription,
    plan: Plan,
    asked: CheckedCreate,
    inp: SubscriptionCreate,
) -> Subscription:
    """A scheduled subscription gets another plan in place, whatever the prices; its dates stay (spec 03 §6.3)."""
    left = await ctx.session.get_one(Plan, current.plan_id)
    if plan.id != (left.parent_id or left.id):
        await forget_own(ctx.session, current.id)
    current.plan_id = (await overridden(ctx, plan, asked.overrides)).id
    if inp.given("name"):
        current.name = asked.name
    current.updated_at = ctx.now()
    await set_own_thresholds(ctx, current, asked.thresholds)
    if left.parent_id is not None:
        left.deleted_at = left.updated_at = ctx.now()
    await ctx.session.flush()
    tz = applicable_timezone(customer, ctx.organization)
    await refresh_due(ctx, current, await plan_of(ctx, current), tz)
    return current


async def _sellable_plan(ctx: Context, code: str | None) -> Plan:
    """The plan, kept from being edited or deleted until the subscription stands (spec 03 §2.2, §2.3)."""
    statement = (
        select(Plan)
        .where(
            col(Plan.organization_id) == ctx.organization_id,
            col(Plan.code) == (code or ""),
            col(Plan.parent_id).is_(None),
            col(Plan.deleted_at).is_(None),
            col(Plan.pending_deletion).is_(False),
        )
        .with_for_update(read=True, key_share=True)
    )
    plan = (await ctx.session.scalars(statement)).first()
    if plan is None:
        raise NotFound("plan")
    return plan


async def _locked(ctx: Context, customer_id: UUID) -> Customer:
    customer = await lock_customer(ctx, customer_id)
    if customer is None:
        raise NotFound("customer")
    return customer


async def _current(ctx: Context, customer: Customer, external_id: str) -> Subscription | None:
    """Active, else scheduled-pending, of this customer with this external id."""
    statement = (
        select(Subscription)
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.customer_id) == customer.id,
            col(Subscription.external_id) == external_id,
            or_(
                col(Subscription.status) == "active",
                (col(Subscription.status) == "pending") & col(Subscription.previous_subscription_id).is_(None),
            ),
        )
        .order_by(col(Subscription.status))
        .limit(1)
    )
    return (await ctx.session.scalars(statement)).first()


async def _taken_elsewhere(ctx: Context, customer: Customer, external_id: str) -> bool:
    statement = select(col(Subscription.id)).where(
        col(Subscription.organization_id) == ctx.organization_id,
        col(Subscription.customer_id) != customer.id,
        col(Subscription.external_id) == external_id,
        col(Subscription.status).in_(("active", "pending")),
    )
    return (await ctx.session.scalars(statement.limit(1))).first() is not None


async def update_subscription(ctx: Context, external_id: str, status: str, inp: SubscriptionUpdate) -> Subscription:
    """Edit name, ending, a scheduled start, prices of its own and options (spec 03 §6.10).

    Raises ``NotFound`` (``subscription``, ``plan``, ``tax``, ``billing_entity``) and ``ValidationFailed``.
    """
    found = await editable_subscription(ctx, external_id, status)
    sent = checked_update(ctx, inp, found)
    if sent.overrides is not None:
        await lock_overridable(ctx, found)
    customer = await _locked(ctx, found.customer_id)
    subscription = await ctx.session.get_one(Subscription, found.id, populate_existing=True)
    tz = applicable_timezone(customer, ctx.organization)
    plan = await plan_of(ctx, subscription)
    if inp.given("ending_at"):
        subscription.ending_at = sent.ending_at
    if inp.given("name"):
        subscription.name = text_or_none(inp.name)
    for name, value in _options(inp).items():
        setattr(subscription, name, value)
    if inp.on_termination_invoice is not None:
        subscription.on_termination_invoice = inp.on_termination_invoice
    if inp.on_termination_credit_note is not None and plan.pay_in_advance:
        subscription.on_termination_credit_note = inp.on_termination_credit_note
    subscription.updated_at = ctx.now()
    scheduled = subscription.is_scheduled
    if scheduled and inp.subscription_at is not None and sent.anchor != subscription.subscription_at:
        subscription.subscription_at = sent.anchor
    else:
        scheduled = False
    done = None if sent.overrides is None else await override(ctx, customer, subscription, sent.overrides)
    subscription = done.subscription if done else subscription
    own = await set_own_thresholds(ctx, subscription, sent.thresholds)
    others = sent.overrides is not None and sent.overrides.usage_thresholds is not None
    if own or others or inp.given("progressive_billing_disabled"):
        await mark_subscription(ctx, subscription.external_id)
    if scheduled:
        await _begin(ctx, customer, subscription)
    else:
        await refresh_due(ctx, subscription, await plan_of(ctx, subscription), tz)
    if done is not None:
        await done.publish(ctx)
    await emit(ctx, "subscription.updated", "subscription", subscription.id)
    return subscription


async def terminate_subscription(
    ctx: Context, external_id: str, options: TerminationOptions, *, status: str = "active"
) -> Subscription:
    """Terminate the active subscription, or cancel the pending one with ``status="pending"`` (spec 03 §6.7).

    Raises ``NotFound("subscription")``, for any other status too, and ``ValidationFailed`` for an unknown option, with
    nothing changed.
    """
    found = await find_subscription(ctx, external_id, status)
    customer = await _locked(ctx, found.customer_id)
    subscription = await ctx.session.get_one(Subscription, found.id, populate_existing=True)
    if subscription.status != found.status or subscription.status not in ("active", "pending"):
        raise NotFound("subscription")
    problems = Problems()
    check_options(options.on_termination_credit_note, options.on_termination_invoice, problems)
    problems.raise_if_any()
    if subscription.status == "pending":
        await _cancel_pending(ctx, subscription)
        return subscription
    at = ctx.now()
    if subscription.ending_due_at is not None and subscription.ending_due_at < at:
        at = subscription.ending_due_at
    subscription = await catch_up(ctx, customer, subscription, at)
    plan = await plan_of(ctx, subscription)
    if options.on_termination_invoice is not None:
        subscription.on_termination_invoice = options.on_termination_invoice
    if plan.pay_in_advance and options.on_termination_credit_note is not None:
        subscription.on_termination_credit_note = options.on_termination_credit_note
    skipped = subscription.on_termination_invoice == "skip"
    await terminate(ctx, customer, subscription, at, generate_invoice=not skipped)
    return subscription


async def _cancel_pending(ctx: Context, subscription: Subscription) -> None:
    """Cancel a scheduled subscription or a downgrade, whose running subscription then has changed too (03 §7)."""
    await cancel(ctx, subscription)
    await ctx.session.flush()
    await emit(ctx, "subscription.terminated", "subscription", subscription.id)
    if subscription.previous_subscription_id is not None:
        await emit(ctx, "subscription.updated", "subscription", subscription.previous_subscription_id)
