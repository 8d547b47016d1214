"""Start and end of a subscription, the invoices they cause and their webhooks (spec 03 §6.4, §6.6, §6.7, §7).

Plan changes are in ``plan_changes.py`` and ``successors.py``, periodic billing in ``periodic_billing.py``, ends of
trials in ``trials.py``. Every function expects the customer row to be locked and runs inside the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.in_advance.regrouping import regroup_paid_fees
from billwright.billing.invoicing.billing import bill
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.rows import new_row
from billwright.billing.notifications.service import emit
from billwright.billing.progressive.service import freeze_lifetime_usage, open_lifetime_usage
from billwright.billing.subscriptions.calendar.starts import StartDay, bills_at_start
from billwright.billing.subscriptions.calendar.termination import unbilled_at
from billwright.billing.subscriptions.calendar.trial import ended_at_creation
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.periodic_billing import catch_up
from billwright.billing.subscriptions.successors import cancel, cancel_successor
from billwright.billing.subscriptions.termination_credits import credit_unused_period
from billwright.billing.subscriptions.terms import plan_of, refresh_due, terms_of, trial_of
from billwright.billing.wallets.marks import mark_wallets


async def start(
    ctx: Context, customer: Customer, subscription: Subscription, started_at: datetime, day: StartDay
) -> Invoice | None:
    """Make ``subscription`` active from ``started_at``; a plan in advance is invoiced unless the start is past.

    Returns the start invoice, if any (spec 03 §6.4).
    """
    now, tz = ctx.now(), applicable_timezone(customer, ctx.organization)
    plan = await plan_of(ctx, subscription)
    subscription.status = "active"
    subscription.started_at = started_at
    subscription.activated_at = now
    subscription.updated_at = now
    if subscription not in ctx.session:
        ctx.session.add(subscription)
    await ctx.session.flush()
    trial = await trial_of(ctx, subscription, plan)
    if day is StartDay.past:
        subscription.trial_ended_at = ended_at_creation(trial.end, now)
    invoice = None
    if bills_at_start(day, pay_in_advance=plan.pay_in_advance, in_trial=trial.is_running(started_at)):
        row = await new_row(ctx, subscription, plan, Case.starting, started_at, tz)
        invoice = await bill(ctx, customer, [row], started_at, tz)
    await refresh_due(ctx, subscription, plan, tz)
    await open_lifetime_usage(ctx, subscription)
    await emit(ctx, "subscription.started", "subscription", subscription.id)
    return invoice


async def terminate(
    ctx: Context, customer: Customer, subscription: Subscription, at: datetime, *, generate_invoice: bool = True
) -> Invoice | None:
    """End an active subscription at ``at``: its pending downgrade is canceled, the unused days of a plan in advance are
    credited, and the final invoice is made unless it is skipped (spec 03 §6.7).

    Billing days before the day of ``at`` that were missed are billed first (spec 03 §8.5); if one of them was a
    downgrade's switch, it is the successor that ends.
    """
    tz = applicable_timezone(customer, ctx.organization)
    subscription = await catch_up(ctx, customer, subscription, at)
    plan = await plan_of(ctx, subscription)
    terms = terms_of(subscription, plan, tz)
    unbilled = unbilled_at(terms, at, created_at=subscription.created_at, last_billed_on=subscription.last_billed_on)
    await cancel_successor(ctx, subscription)
    await freeze_lifetime_usage(ctx, customer, subscription, at)
    subscription.status = "terminated"
    subscription.terminated_at = at
    subscription.updated_at = ctx.now()
    if plan.pay_in_advance and subscription.on_termination_credit_note is None:
        subscription.on_termination_credit_note = "credit"
    await ctx.session.flush()
    await credit_unused_period(
        ctx, customer, subscription, plan, at, option=subscription.on_termination_credit_note or "credit"
    )
    invoice = None
    if generate_invoice:
        row = await new_row(ctx, subscription, plan, Case.terminating, at, tz, unbilled=unbilled)
        invoice = await bill(ctx, customer, [row], at, tz)
    await regroup_paid_fees(ctx, customer, [subscription], at, tz, ending=True)
    await refresh_due(ctx, subscription, plan, tz)
    await emit(ctx, "subscription.terminated", "subscription", subscription.id)
    if invoice is None:
        await mark_wallets(ctx, customer.id)
    return invoice


async def wind_up(ctx: Context, customer: Customer, subscription: Subscription, *, plan_id: UUID | None = None) -> None:
    """End ``subscription`` because its customer or its plan (``plan_id``) is deleted: an active one is terminated with
    its stored options, a pending one canceled without a webhook (spec 03 §1.5, §2.3). What has ended, or left the plan
    by a downgrade that was due, is left alone.
    """
    if subscription.status == "pending":
        await cancel(ctx, subscription)
        await ctx.session.flush()
    if subscription.status != "active":
        return
    now = ctx.now()
    current = await catch_up(ctx, customer, subscription, now)
    if current.status == "active" and plan_id in (None, current.plan_id):
        skipped = current.on_termination_invoice == "skip"
        await terminate(ctx, customer, current, now, generate_invoice=not skipped)
