"""Changing the plan of a running subscription: upgrades at once, downgrades at the period's end (spec 03 §6.8, §6.9).

Every function expects the customer row to be locked and runs inside the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.catalog.models import Plan
from billwright.billing.catalog.price_changes import RECONSIDER_JOB
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.in_advance.regrouping import regroup_paid_fees
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.rows import new_row
from billwright.billing.notifications.service import emit
from billwright.billing.progressive.thresholds import move_thresholds
from billwright.billing.subscriptions.calendar.periods import Interval
from billwright.billing.subscriptions.calendar.prices import is_upgrade, yearly_amount_cents
from billwright.billing.subscriptions.calendar.termination import unbilled_at
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.periodic_billing import catch_up
from billwright.billing.subscriptions.successors import (
    Succession,
    cancel,
    cancel_successor,
    conclude,
    new_successor,
    pending_successors,
    take_over,
)
from billwright.billing.subscriptions.termination_credits import credit_unused_period
from billwright.billing.subscriptions.terms import plan_of, terms_of


def yearly_price(plan: Plan) -> int:
    """The plan's price of a year, in minor units (spec 03 §6.3)."""
    return yearly_amount_cents(Interval(plan.interval), plan.amount_cents)


async def change_plan(ctx: Context, customer: Customer, current: Subscription, asked: Succession) -> Subscription:
    """Put the active ``current`` on another plan: an upgrade when its yearly price is not lower, else a downgrade.

    ``current`` must be caught up. Returns the new subscription, or ``current`` with its downgrade scheduled.
    """
    before = await ctx.session.get_one(Plan, current.plan_id)
    after = await ctx.session.get_one(Plan, asked.plan_id)
    prices = [(Interval(plan.interval), plan.amount_cents) for plan in (before, after)]
    if not is_upgrade(*prices):
        await schedule_downgrade(ctx, current, asked)
        return current
    successor, _ = await upgrade(ctx, customer, current, asked, ctx.now())
    return successor


async def upgrade(
    ctx: Context, customer: Customer, current: Subscription, asked: Succession, at: datetime
) -> tuple[Subscription, Invoice]:
    """End ``current`` and start its successor at ``at`` (spec 03 §6.8): unused days credited, the day of the upgrade
    among them, and one invoice with the end of the old and, in advance and not in trial, the start of the new one.
    """
    tz = applicable_timezone(customer, ctx.organization)
    plan = await plan_of(ctx, current)
    terms = terms_of(current, plan, tz)
    unbilled = unbilled_at(terms, at, created_at=current.created_at, last_billed_on=current.last_billed_on)
    await cancel_successor(ctx, current)
    successor = new_successor(ctx, current, asked)
    await ctx.session.flush()
    await take_over(ctx, current, successor, at)
    await credit_unused_period(ctx, customer, current, plan, at, upgrade=True)
    row = await new_row(ctx, current, plan, Case.upgrade_old, at, tz, unbilled=unbilled)
    invoice = await conclude(ctx, customer, successor, row, at, tz)
    await regroup_paid_fees(ctx, customer, [current], at, tz, ending=True)
    return successor, invoice


async def schedule_downgrade(ctx: Context, current: Subscription, asked: Succession) -> Subscription:
    """Let a pending successor take over when the running plan period ends; it replaces an older one (spec 03 §6.9)."""
    await cancel_successor(ctx, current)
    successor = new_successor(ctx, current, asked)
    current.updated_at = ctx.now()
    await ctx.session.flush()
    await emit(ctx, "subscription.updated", "subscription", current.id)
    return successor


async def reconsider(
    ctx: Context, customer: Customer, current: Subscription, *, leaving: bool = True, arriving: bool = True
) -> Subscription:
    """Judge the pending downgrade of ``current`` again after a price has changed (spec 03 §2.2).

    ``leaving``: canceled, without a webhook, when the running plan has become cheaper than its target. ``arriving``: an
    immediate upgrade when the target no longer is the cheaper one. Returns the subscription that runs afterwards.
    """
    if current.status != "active":
        return current
    current = await catch_up(ctx, customer, current, ctx.now())
    pending = (await pending_successors(ctx, [current])).get(current.id)
    if pending is None:
        return current
    running = yearly_price(await ctx.session.get_one(Plan, current.plan_id))
    target = yearly_price(await ctx.session.get_one(Plan, pending.plan_id))
    if leaving and running < target:
        await cancel(ctx, pending)
        await ctx.session.flush()
    elif arriving and target >= running:
        current, _ = await upgrade(ctx, customer, current, _again(pending), ctx.now())
        await move_thresholds(ctx, pending.id, current.id)
    return current


def _again(pending: Subscription) -> Succession:
    """What a scheduled downgrade asked for."""
    names = ("consolidate_invoice", "purchase_order_number", "progressive_billing_disabled")
    attributes = {name: getattr(pending, name) for name in names}
    return Succession(pending.plan_id, pending.name, pending.ending_at, attributes)


@job(RECONSIDER_JOB)
async def reconsider_downgrades(call: JobCall) -> None:
    """One transaction per subscription whose downgrade leaves the plan, or leads to it."""
    plan_id = UUID(call.arguments["plan_id"])
    leaving, arriving = bool(call.arguments["leaving"]), bool(call.arguments["arriving"])
    pending = aliased(Subscription)
    statement = (
        select(col(Subscription.id), col(Subscription.customer_id), col(Subscription.plan_id) == plan_id)
        .join(pending, col(pending.previous_subscription_id) == col(Subscription.id))
        .where(
            col(Subscription.organization_id) == call.organization_id,
            col(Subscription.status) == "active",
            col(pending.status) == "pending",
            or_(col(Subscription.plan_id) == plan_id, col(pending.plan_id) == plan_id),
        )
        .order_by(col(Subscription.created_at), col(Subscription.id))
    )
    async with call.runtime.database.reading() as session:
        found = (await session.execute(statement)).all()
    for subscription_id, customer_id, leaves in found:
        async with call.runtime.database.transaction() as session:
            organization = await session.get_one(Organization, call.organization_id)
            ctx = Context(session, organization, event_store=call.runtime.event_store)
            customer = await lock_customer(ctx, customer_id)
            if customer is None:
                continue
            current = await session.get_one(Subscription, subscription_id, populate_existing=True)
            await reconsider(ctx, customer, current, leaving=leaving and leaves, arriving=arriving and not leaves)
