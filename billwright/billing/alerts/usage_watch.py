"""Evaluating the alerts of a subscription: with each refresh of its usage (spec 08 C7, 03 §8.1)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.alerts import kinds
from billwright.billing.alerts.models import Alert
from billwright.billing.alerts.telling import look
from billwright.billing.background.runtime import Runtime
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.loading import load
from billwright.billing.kernel.statements import fetch
from billwright.billing.kernel.transient import retrying
from billwright.billing.metering.aggregation.exact import total
from billwright.billing.metering.usage import CurrentUsage, UsageRequest, usage_of
from billwright.billing.progressive.marks import mark_again
from billwright.billing.progressive.measuring import measure
from billwright.billing.progressive.queries import chain_of, lifetime_usage_of
from billwright.billing.subscriptions.models import Subscription

log = structlog.get_logger(__name__)
RETRY = timedelta(minutes=1)

_ALERTS = "organization_id = $1 and external_subscription_id = $2 and deleted_at is null order by id for update"
_ANY = """
select exists (select from alerts
  where organization_id = $1 and external_subscription_id = $2 and deleted_at is null)
"""


async def is_watched(ctx: Context, external_subscription_id: str) -> bool:
    """Whether the subscription has alerts."""
    [row] = await fetch(ctx.session, _ANY, ctx.organization_id, external_subscription_id)
    return bool(row[0])


async def watch_usage(runtime: Runtime, organization_id: UUID, external_subscription_id: str) -> None:
    """Evaluate a subscription's alerts in a transaction of its own. If usage cannot be computed, the subscription is
    marked again, and whatever else waits for its usage goes on."""

    async def once() -> None:
        async with runtime.database.transaction() as session:
            organization = await session.get_one(Organization, organization_id)
            await evaluate(Context(session, organization, event_store=runtime.event_store), external_subscription_id)

    try:
        await retrying(once, external_subscription_id=external_subscription_id)
    except Exception:
        log.exception("alerts not evaluated", external_subscription_id=external_subscription_id)
        async with runtime.database.transaction() as session:
            await mark_again(session, organization_id, external_subscription_id, RETRY)


async def evaluate(ctx: Context, external_subscription_id: str) -> int:
    """Look at the figures of the active subscription; returns how many alerts told something.

    Usage is computed under the alerts' locks: whoever comes second sees what the first one has seen, or more. Raises
    the event store's and custom aggregators' errors.
    """
    alerts = await load(ctx.session, Alert, _ALERTS, ctx.organization_id, external_subscription_id)
    subscription = await _active(ctx, external_subscription_id) if alerts else None
    if subscription is None:
        return 0
    customer = await ctx.session.get_one(Customer, subscription.customer_id)
    told = 0
    period = [alert for alert in alerts if alert.alert_type in kinds.OF_PERIOD]
    if period:
        usage = await usage_of(ctx, customer, subscription, UsageRequest(apply_taxes=False))
        for alert in period:
            previous = Decimal(0) if _is_new_period(alert, usage) else None
            told += await look(ctx, alert, _figure(alert, usage), previous=previous, subscription_id=subscription.id)
            alert.period_ends_at = usage.windows.charges_to_datetime
    lifetime = [alert for alert in alerts if alert.alert_type == kinds.LIFETIME_USAGE]
    record = await lifetime_usage_of(ctx, subscription.id) if lifetime else None
    if record is not None:
        amount = Decimal((await measure(ctx, customer, subscription, record, ctx.now())).usage.total)
        for alert in lifetime:
            watched = alert.watched_subscription_id
            is_other = watched is not None and watched not in await chain_of(ctx, subscription)
            previous = Decimal(0) if is_other else None
            told += await look(ctx, alert, amount, previous=previous, subscription_id=subscription.id)
    for alert in alerts:
        alert.watched_subscription_id = subscription.id
    await ctx.session.flush()
    return told


def _is_new_period(alert: Alert, usage: CurrentUsage) -> bool:
    """Whether the figure of the last look was another period's or another plan's, however high this one is by now."""
    if alert.period_ends_at is None:
        return False
    is_other = alert.watched_subscription_id != usage.subscription.id
    return is_other or usage.windows.charges_from_datetime > alert.period_ends_at


def _figure(alert: Alert, usage: CurrentUsage) -> Decimal:
    """The watched figure: minor units before taxes, or units; 0 where the plan has no charge of the metric."""
    if alert.alert_type == kinds.CURRENT_USAGE:
        return Decimal(usage.amount_cents)
    buckets = [
        bucket for charge, priced in usage.charges if charge.metric.id == alert.billable_metric_id for bucket in priced
    ]
    if alert.alert_type == kinds.METRIC_UNITS:
        return total(bucket.units for bucket in buckets)
    return Decimal(sum(bucket.amount_cents for bucket in buckets))


async def _active(ctx: Context, external_id: str) -> Subscription | None:
    rows = await ctx.session.scalars(
        select(Subscription).where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.external_id) == external_id,
            col(Subscription.status) == "active",
        )
    )
    return rows.first()
