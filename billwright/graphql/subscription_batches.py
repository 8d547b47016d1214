"""What DataLoaders load about subscriptions, see ``batches``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.invoicing.models import VISIBLE_STATUSES, Invoice, InvoiceSubscription
from billwright.billing.subscriptions.calendar.trial import trial_end
from billwright.billing.subscriptions.models import Subscription
from billwright.graphql import batches

PERIODS_SHOWN = 24
"""Billed periods of a subscription that are loaded, newest first."""


async def successors(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Subscription]:
    """The subscription that follows on another plan: the newest that is not canceled (spec 03 §6.1)."""
    rows = await ctx.session.scalars(
        select(Subscription)
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.previous_subscription_id).in_(ids),
            col(Subscription.status) != "canceled",
        )
        .order_by(col(Subscription.created_at), col(Subscription.id))
    )
    return {row.previous_subscription_id: row for row in rows if row.previous_subscription_id is not None}


async def periods_of_subscription(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[InvoiceSubscription]]:
    """Rows of visible invoices, newest first, of each subscription ``PERIODS_SHOWN`` at most."""
    newest = col(InvoiceSubscription.timestamp).desc()
    age = func.row_number().over(partition_by=col(InvoiceSubscription.subscription_id), order_by=newest)
    ranked = (
        select(col(InvoiceSubscription.id).label("id"), age.label("age"))
        .join(Invoice, col(Invoice.id) == col(InvoiceSubscription.invoice_id))
        .where(
            col(InvoiceSubscription.organization_id) == ctx.organization_id,
            col(InvoiceSubscription.subscription_id).in_(ids),
            col(Invoice.status).in_(VISIBLE_STATUSES),
        )
        .subquery()
    )
    rows = await ctx.session.scalars(
        select(InvoiceSubscription)
        .join(ranked, ranked.c.id == col(InvoiceSubscription.id))
        .where(ranked.c.age <= PERIODS_SHOWN)
        .order_by(newest, col(InvoiceSubscription.id))
    )
    return batches.grouped(rows, "subscription_id")


async def trial_ends(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, datetime | None]:
    """When the trials of started subscriptions end or have ended (spec 03 §5)."""
    found = {key: item for key, item in (await batches.subscriptions(ctx, ids)).items() if item.started_at is not None}
    plans = await batches.plans(ctx, [item.plan_id for item in found.values()])
    chains = [(item.customer_id, item.external_id) for item in found.values()]
    identity = tuple_(col(Subscription.customer_id), col(Subscription.external_id))
    rows = await ctx.session.execute(
        select(col(Subscription.customer_id), col(Subscription.external_id), func.min(col(Subscription.started_at)))
        .where(col(Subscription.organization_id) == ctx.organization_id, identity.in_(chains))
        .group_by(col(Subscription.customer_id), col(Subscription.external_id))
    )
    first: dict[tuple[UUID, str], datetime] = {(row[0], row[1]): instant for row in rows if (instant := row[2])}
    return {
        key: trial_end(first[item.customer_id, item.external_id], plans[item.plan_id].trial_period)
        for key, item in found.items()
    }
