"""From rows to calendar values: terms, trial and due instants of a subscription."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import PlanSnapshot, plan_snapshots
from billwright.billing.subscriptions.alerts import alert_instant
from billwright.billing.subscriptions.calendar.due import next_billing_at
from billwright.billing.subscriptions.calendar.periods import BillingTime, Interval
from billwright.billing.subscriptions.calendar.starts import activation_at, ending_instant
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.trial import NO_TRIAL, Trial, trial_end
from billwright.billing.subscriptions.models import Subscription


class PlanTerms(Protocol):
    """What of a plan decides dates; plan rows and plan snapshots both have it."""

    @property
    def interval(self) -> str: ...
    @property
    def pay_in_advance(self) -> bool: ...
    @property
    def bill_charges_monthly(self) -> bool | None: ...
    @property
    def trial_period(self) -> Decimal | None: ...


async def plan_of(ctx: Context, subscription: Subscription) -> PlanSnapshot:
    """The subscription's plan as it is now."""
    found = await plan_snapshots(ctx.session, ctx.organization.catalog_revision, [subscription.plan_id])
    return found[subscription.plan_id]


def terms_of(subscription: Subscription, plan: PlanTerms, tz: str) -> Terms:
    """Calendar terms in zone ``tz``; a pending subscription counts as started at its anchor."""
    return Terms(
        interval=Interval(plan.interval),
        billing_time=BillingTime(subscription.billing_time),
        pay_in_advance=plan.pay_in_advance,
        bill_charges_monthly=bool(plan.bill_charges_monthly),
        subscription_at=subscription.subscription_at,
        started_at=subscription.started_at or subscription.subscription_at,
        terminated_at=subscription.terminated_at,
        tz=tz,
    )


async def first_started_at(ctx: Context, customer_id: UUID, external_id: str) -> datetime | None:
    """Earliest start among all subscriptions of the customer with this external id (spec 03 §5)."""
    statement = select(func.min(col(Subscription.started_at))).where(
        col(Subscription.organization_id) == ctx.organization_id,
        col(Subscription.customer_id) == customer_id,
        col(Subscription.external_id) == external_id,
    )
    return (await ctx.session.execute(statement)).scalar_one()


async def trial_of(ctx: Context, subscription: Subscription, plan: PlanTerms) -> Trial:
    """The subscription's trial; its length is the present plan's, its start the external id's first (spec 03 §5)."""
    if not plan.trial_period:
        return NO_TRIAL
    first = await first_started_at(ctx, subscription.customer_id, subscription.external_id)
    starts = [instant for instant in (first, subscription.started_at) if instant is not None]
    if not starts:
        return NO_TRIAL
    return Trial(trial_end(min(starts), plan.trial_period), subscription.trial_ended_at)


def put_ending_off(subscription: Subscription) -> None:
    """Let a due ending wait until ``refresh_due`` is called: the taxes of the period paid in advance are not known."""
    subscription.ending_due_at = None
    others = (
        subscription.activation_due_at,
        subscription.next_billing_at,
        subscription.trial_due_at,
        subscription.alert_due_at,
    )
    subscription.due_at = min((instant for instant in others if instant is not None), default=None)


async def refresh_due(ctx: Context, subscription: Subscription, plan: PlanTerms, tz: str) -> None:
    """Recompute the instants at which the scheduler must act on ``subscription`` (spec 03 §8.1, §8.2)."""
    activation = ending = billing = trial = alert = None
    if subscription.is_scheduled:
        activation = activation_at(subscription.subscription_at, tz)
    elif subscription.status == "active":
        if subscription.ending_at is not None:
            started = subscription.started_at or subscription.subscription_at
            ending = max(ending_instant(subscription.ending_at, tz), started)
            alert = alert_instant(subscription, ctx.now())
        billing = next_billing_at(
            terms_of(subscription, plan, tz),
            created_at=subscription.created_at,
            ending_at=subscription.ending_at,
            last_billed_on=subscription.last_billed_on,
        )
        if plan.trial_period and subscription.trial_ended_at is None:
            trial = (await trial_of(ctx, subscription, plan)).end
    due = [instant for instant in (activation, ending, billing, trial, alert) if instant is not None]
    instants = {
        "activation_due_at": activation,
        "ending_due_at": ending,
        "next_billing_at": billing,
        "trial_due_at": trial,
        "alert_due_at": alert,
        "due_at": min(due) if due else None,
    }
    for name, instant in instants.items():
        if getattr(subscription, name) != instant:
            setattr(subscription, name, instant)
