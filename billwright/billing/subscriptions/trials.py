"""The end of a trial (spec 03 §5). The customer row must be locked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import PlanSnapshot
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.billing import bill
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.invoicing.rows import new_row
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.calendar.timezones import start_of_day
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import plan_of, refresh_due, terms_of, trial_of


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
