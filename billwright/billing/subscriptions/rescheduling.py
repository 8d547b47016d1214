"""Recomputing due instants after a change of time zone (spec 03 §8.2)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import plan_snapshots
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import refresh_due
from billwright.billing.wallets.models import WalletRule
from billwright.billing.wallets.rules import reschedule_rules


async def reschedule_customer(ctx: Context, customer: Customer) -> None:
    """Recompute the due instants of a locked customer's active and pending subscriptions and of its top-up rules."""
    subscriptions = (
        await ctx.session.scalars(
            select(Subscription).where(
                col(Subscription.organization_id) == ctx.organization_id,
                col(Subscription.customer_id) == customer.id,
                col(Subscription.status).in_(("active", "pending")),
            )
        )
    ).all()
    plans = await plan_snapshots(
        ctx.session, ctx.organization.catalog_revision, {item.plan_id for item in subscriptions}
    )
    tz = applicable_timezone(customer, ctx.organization)
    for item in subscriptions:
        await refresh_due(ctx, item, plans[item.plan_id], tz)
    await reschedule_rules(ctx, customer)


async def customers_on_organization_zone(ctx: Context) -> Sequence[UUID]:
    """Customers without a zone of their own that have a running or scheduled subscription, or a top-up rule."""
    rows = await ctx.session.scalars(
        select(col(Customer.id))
        .where(
            col(Customer.organization_id) == ctx.organization_id,
            col(Customer.timezone).is_(None),
            col(Customer.id).in_(
                select(col(Subscription.customer_id))
                .where(
                    col(Subscription.organization_id) == ctx.organization_id,
                    col(Subscription.status).in_(("active", "pending")),
                )
                .union(
                    select(col(WalletRule.customer_id)).where(
                        col(WalletRule.organization_id) == ctx.organization_id,
                        col(WalletRule.top_up_due_at).is_not(None),
                    )
                )
            ),
        )
        .order_by(col(Customer.id))
    )
    return rows.all()


async def reschedule_by_id(ctx: Context, customer_id: UUID) -> None:
    """Lock one customer and recompute its due instants."""
    customer = await lock_customer(ctx, customer_id)
    if customer is not None:
        await reschedule_customer(ctx, customer)
