"""What DataLoaders load about customers, see ``batches``."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.coupons.models import AppliedCoupon
from billwright.billing.invoicing.models import Invoice
from billwright.billing.subscriptions.models import Subscription
from billwright.graphql.batches import count_by, grouped


async def pending_subscriptions(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    return await count_by(ctx, Subscription.customer_id, Subscription, ids, col(Subscription.status) == "pending")


async def draft_invoices(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    return await count_by(ctx, Invoice.customer_id, Invoice, ids, col(Invoice.status) == "draft")


async def active_coupons(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    return await count_by(ctx, AppliedCoupon.customer_id, AppliedCoupon, ids, col(AppliedCoupon.status) == "active")


async def applied_coupons(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[AppliedCoupon]]:
    """All applications of coupons, those in use first, then newest."""
    rows = await ctx.session.scalars(
        select(AppliedCoupon)
        .where(col(AppliedCoupon.organization_id) == ctx.organization_id, col(AppliedCoupon.customer_id).in_(ids))
        .order_by(col(AppliedCoupon.status) != "active", col(AppliedCoupon.created_at).desc(), col(AppliedCoupon.id))
    )
    return grouped(rows, "customer_id")
