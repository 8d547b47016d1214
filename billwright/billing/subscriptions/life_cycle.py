"""Transitions of a subscription, the invoices they cause and their webhooks (spec 03 §5, §6.4-§6.7, §7, §8).

Every function expects the customer row to be locked and runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import PlanSnapshot, plan_snapshots
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.billing import bill
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.invoicing.rows import new_row
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.calendar.due import billing_days, is_due
from billwright.billing.subscriptions.calendar.starts import StartDay, bills_at_start
from billwright.billing.subscriptions.calendar.termination import unbilled_at
from billwright.billing.subscriptions.calendar.timezones import start_of_day
from billwright.billing.subscriptions.calendar.trial import ended_at_creation
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import refresh_due, terms_of, trial_of


async def plan_of(ctx: Context, subscription: Subscription) -> PlanSnapshot:
    """The subscription's plan as it is now."""
    found = await plan_snapshots(ctx.session, ctx.organization.catalog_revision, [subscription.plan_id])
    return found[subscription.plan_id]


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
    await emit(ctx, "subscription.started", "subscription", subscription.id)
    return invoice


async def terminate(
    ctx: Context, customer: Customer, subscription: Subscription, at: datetime, *, generate_invoice: bool = True
) -> Invoice | None:
    """End an active subscription at ``at`` with its final invoice, unless that is skipped (spec 03 §6.7).

    Billing days before the day of ``at`` that were missed are billed first (spec 03 §8.5).
    """
    tz = applicable_timezone(customer, ctx.organization)
    plan = await plan_of(ctx, subscription)
    terms = terms_of(subscription, plan, tz)
    missed = list(
        billing_days(
            terms,
            before=terms.local(at),
            created_at=subscription.created_at,
            ending_at=subscription.ending_at,
            last_billed_on=subscription.last_billed_on,
        )
    )
    for day in missed:
        await bill_periodic(ctx, customer, [subscription], start_of_day(day, tz))
    unbilled = unbilled_at(terms, at, created_at=subscription.created_at, last_billed_on=subscription.last_billed_on)
    subscription.status = "terminated"
    subscription.terminated_at = at
    subscription.updated_at = ctx.now()
    await ctx.session.flush()
    invoice = None
    if generate_invoice:
        row = await new_row(ctx, subscription, plan, Case.terminating, at, tz, unbilled=unbilled)
        invoice = await bill(ctx, customer, [row], at, tz)
    await refresh_due(ctx, subscription, plan, tz)
    await emit(ctx, "subscription.terminated", "subscription", subscription.id)
    return invoice


async def cancel(ctx: Context, subscription: Subscription) -> None:
    """Cancel a pending subscription."""
    now = ctx.now()
    subscription.status = "canceled"
    subscription.canceled_at = now
    subscription.updated_at = now
    subscription.activation_due_at = subscription.due_at = None


async def end_trial(ctx: Context, customer: Customer, subscription: Subscription) -> Invoice | None:
    """Stamp the end of a trial; a plan in advance gets its first invoice, with ``t`` = the trial's end (spec 03 §5)."""
    tz = applicable_timezone(customer, ctx.organization)
    plan = await plan_of(ctx, subscription)
    trial = await trial_of(ctx, subscription, plan)
    if trial.end is None or subscription.trial_ended_at is not None:
        await refresh_due(ctx, subscription, plan, tz)
        return None
    invoice = None
    started_at = subscription.started_at or subscription.subscription_at
    billed = await _fee_billed_for_period(ctx, subscription, plan, trial.end, tz)
    if trial.bills_at_end(pay_in_advance=plan.pay_in_advance, started_at=started_at, fee_billed=billed):
        row = await new_row(ctx, subscription, plan, Case.starting, trial.end, tz)
        invoice = await bill(ctx, customer, [row], trial.end, tz)
    subscription.trial_ended_at = trial.end
    subscription.updated_at = ctx.now()
    await refresh_due(ctx, subscription, plan, tz)
    await emit(ctx, "subscription.trial_ended", "subscription", subscription.id)
    return invoice


async def _fee_billed_for_period(
    ctx: Context, subscription: Subscription, plan: PlanSnapshot, at: datetime, tz: str
) -> bool:
    period = terms_of(subscription, plan, tz).fee_period(terms_of(subscription, plan, tz).local(at))
    found = await ctx.session.scalars(
        select(col(Fee.id))
        .join(Invoice, col(Invoice.id) == col(Fee.invoice_id))
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.subscription_id) == subscription.id,
            col(Fee.fee_type) == "subscription",
            col(Invoice.status) != "voided",
            col(Fee.to_datetime) > start_of_day(period.start, tz),
        )
        .limit(1)
    )
    return found.first() is not None


async def bill_periodic(
    ctx: Context, customer: Customer, subscriptions: Sequence[Subscription], t: datetime
) -> list[Invoice]:
    """Bill those of ``subscriptions`` that are due at ``t``, grouped as spec 03 §8.3 says; others only get their due
    instants recomputed. Running it twice bills once.
    """
    tz = applicable_timezone(customer, ctx.organization)
    plans = await plan_snapshots(
        ctx.session, ctx.organization.catalog_revision, {item.plan_id for item in subscriptions}
    )
    due = [
        item
        for item in sorted(subscriptions, key=lambda item: (item.created_at, item.id))
        if item.status == "active"
        and is_due(
            terms_of(item, plans[item.plan_id], tz),
            t,
            created_at=item.created_at,
            ending_at=item.ending_at,
            last_billed_on=item.last_billed_on,
        )
    ]
    invoices: list[Invoice] = []
    for group in billing_groups(due, plans):
        rows = [await new_row(ctx, item, plans[item.plan_id], Case.periodic, t, tz) for item in group]
        invoices.append(await bill(ctx, customer, rows, t, tz))
    for item in subscriptions:
        await refresh_due(ctx, item, plans[item.plan_id], tz)
    return invoices


def billing_groups(due: Sequence[Subscription], plans: Mapping[UUID, PlanSnapshot]) -> list[list[Subscription]]:
    """Subscriptions that share an invoice: by currency and purchase order, then those billed on their own."""
    shared: dict[tuple[str, str | None], list[Subscription]] = {}
    single: list[list[Subscription]] = []
    for item in due:
        plan = plans[item.plan_id]

        if item.consolidate_invoice:
            shared.setdefault((plan.amount_currency, item.purchase_order_number), []).append(item)
        else:
            single.append([item])
    return [*shared.values(), *single]
