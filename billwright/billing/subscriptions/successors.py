"""What follows a subscription on another plan: pending successors, and the switch of a downgrade (spec 03 §6.8, §6.9).

A plan change makes a second subscription with the same external id and anchor whose ``previous_subscription_id`` is the
first. Every function expects the customer row to be locked and runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import PlanSnapshot
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.billing import bill
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.rows import Row, new_row
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.statements import fetch, flush
from billwright.billing.notifications.service import emit
from billwright.billing.progressive.service import hand_over_lifetime_usage
from billwright.billing.subscriptions.calendar.due import is_switch_day
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import PlanTerms, plan_of, refresh_due, terms_of, trial_of

_INHERITED = (
    "organization_id",
    "customer_id",
    "live",
    "external_id",
    "billing_time",
    "subscription_at",
    "consolidate_invoice",
    "purchase_order_number",
    "progressive_billing_disabled",
)


@dataclass(frozen=True, slots=True)
class Succession:
    """What a plan change asks of the new subscription; ``attributes`` are columns that it does not inherit."""

    plan_id: UUID
    name: str | None
    ending_at: datetime | None
    attributes: dict[str, Any]


_ANY_PENDING = """
select 1 from subscriptions
where organization_id = $1 and previous_subscription_id = any($2::uuid[]) and status = 'pending' limit 1
"""
"""Asked by every billing run, and the answer is nearly always no."""


async def pending_successors(ctx: Context, subscriptions: Sequence[Subscription]) -> dict[UUID, Subscription]:
    """Pending downgrades by the id of the subscription that they follow."""
    if not subscriptions:
        return {}
    await flush(ctx.session)
    if not await fetch(ctx.session, _ANY_PENDING, ctx.organization_id, [item.id for item in subscriptions]):
        return {}
    rows = await ctx.session.scalars(
        select(Subscription).where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.previous_subscription_id).in_([item.id for item in subscriptions]),
            col(Subscription.status) == "pending",
        )
    )
    return {item.previous_subscription_id: item for item in rows if item.previous_subscription_id is not None}


async def active_successor(ctx: Context, subscription: Subscription) -> Subscription | None:
    """The running subscription that took over from ``subscription``, if any."""
    rows = await ctx.session.scalars(
        select(Subscription).where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.previous_subscription_id) == subscription.id,
            col(Subscription.status) == "active",
        )
    )
    return rows.first()


async def cancel(ctx: Context, subscription: Subscription) -> None:
    """Cancel a pending subscription."""
    now = ctx.now()
    subscription.status = "canceled"
    subscription.canceled_at = now
    subscription.updated_at = now
    subscription.activation_due_at = subscription.due_at = None


async def cancel_successor(ctx: Context, subscription: Subscription) -> Subscription | None:
    """Cancel the pending downgrade of ``subscription``, without a webhook (spec 03 §6.7 step 1, §6.8 step 1)."""
    successor = (await pending_successors(ctx, [subscription])).get(subscription.id)
    if successor is not None:
        await cancel(ctx, successor)
        await ctx.session.flush()
    return successor


def new_successor(ctx: Context, current: Subscription, asked: Succession) -> Subscription:
    """A pending subscription after ``current``: same external id, anchor and billing time (spec 03 §6.8 step 3)."""
    now = ctx.now()
    made = Subscription(
        id=new_id(),
        created_at=now,
        updated_at=now,
        previous_subscription_id=current.id,
        plan_id=asked.plan_id,
        name=asked.name,
        ending_at=asked.ending_at,
        **{name: getattr(current, name) for name in _INHERITED} | asked.attributes,
    )
    ctx.session.add(made)
    return made


async def take_over(ctx: Context, current: Subscription, successor: Subscription, at: datetime) -> None:
    """End ``current`` and start ``successor`` at one instant, in this order: one is active per external id."""
    now = ctx.now()
    current.status = "terminated"
    current.terminated_at = at
    current.updated_at = now
    await ctx.session.flush()
    successor.status = "active"
    successor.started_at = at
    successor.activated_at = now
    successor.updated_at = now
    await ctx.session.flush()


async def switch(
    ctx: Context, customer: Customer, current: Subscription, successor: Subscription, plan: PlanSnapshot, t: datetime
) -> Invoice:
    """Perform a due downgrade at ``t``, the start of a plan period: one invoice with the old subscription's last period
    and, in advance and not in trial, the new one's fee (spec 03 §6.9). No credit note: the period was consumed.
    """
    tz = applicable_timezone(customer, ctx.organization)
    await take_over(ctx, current, successor, t)
    row = await new_row(ctx, current, plan, Case.downgrade_old, t, tz)
    return await conclude(ctx, customer, successor, row, t, tz)


async def conclude(
    ctx: Context, customer: Customer, successor: Subscription, ended: Row, t: datetime, tz: str
) -> Invoice:
    """The common end of both plan changes: the new row, the invoice, due instants, webhooks (spec 03 §7)."""
    plan = await plan_of(ctx, successor)
    trial = await trial_of(ctx, successor, plan)
    rows = [ended]
    if plan.pay_in_advance and not trial.is_running(t):
        rows.append(await new_row(ctx, successor, plan, Case.plan_change_new, t, tz))
    invoice = await bill(ctx, customer, rows, t, tz)
    await refresh_due(ctx, ended.subscription, ended.plan, tz)
    await refresh_due(ctx, successor, plan, tz)
    await hand_over_lifetime_usage(ctx, ended.subscription, successor)
    await emit(ctx, "subscription.terminated", "subscription", ended.subscription.id)
    await emit(ctx, "subscription.started", "subscription", successor.id)
    return invoice


def switches_at(current: Subscription, successor: Subscription | None, plan: PlanTerms, t: datetime, tz: str) -> bool:
    """Whether the billing of ``t`` is the switch: a plan period starts, and the downgrade was asked for before it."""
    if successor is None or successor.created_at >= t:
        return False
    terms = terms_of(current, plan, tz)
    return is_switch_day(terms, terms.local(t))
