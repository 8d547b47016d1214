"""Batches of coupons and add-ons: one query for all rows of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.add_ons.queries import customer_counts, taxes_of_add_ons
from billwright.billing.catalog.models import BillableMetric, Plan
from billwright.billing.coupons.models import AppliedCoupon, Coupon, CouponTarget
from billwright.billing.coupons.use import used_amounts
from billwright.billing.taxes.models import Tax


async def coupons(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Coupon]:
    """By id, deleted ones too."""
    rows = await ctx.session.scalars(
        select(Coupon).where(col(Coupon.organization_id) == ctx.organization_id, col(Coupon.id).in_(ids))
    )
    return {row.id: row for row in rows}


async def _targets(ctx: Context, model: Any, column: Any, ids: Sequence[UUID]) -> dict[UUID, list[Any]]:
    rows = await ctx.session.execute(
        select(col(CouponTarget.coupon_id), model)
        .join(model, col(model.id) == col(column))
        .where(col(model.organization_id) == ctx.organization_id, col(CouponTarget.coupon_id).in_(ids))
        .order_by(col(model.name), col(model.id))
    )
    found: dict[UUID, list[Any]] = {}
    for coupon_id, row in rows:
        found.setdefault(coupon_id, []).append(row)
    return found


async def plans_of_coupon(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[Plan]]:
    """What coupons are limited to."""
    return await _targets(ctx, Plan, CouponTarget.plan_id, ids)


async def metrics_of_coupon(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[BillableMetric]]:
    """What coupons are limited to."""
    return await _targets(ctx, BillableMetric, CouponTarget.billable_metric_id, ids)


async def _count(ctx: Context, counted: Any, ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = await ctx.session.execute(
        select(col(AppliedCoupon.coupon_id), counted)
        .where(col(AppliedCoupon.organization_id) == ctx.organization_id, col(AppliedCoupon.coupon_id).in_(ids))
        .group_by(col(AppliedCoupon.coupon_id))
    )
    return {row[0]: int(row[1]) for row in rows}


async def customers_by_coupon(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many customers have each coupon."""
    return await _count(ctx, func.count(func.distinct(col(AppliedCoupon.customer_id))), ids)


async def applications_by_coupon(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """How often each coupon was given."""
    return await _count(ctx, func.count(), ids)


async def used_of_application(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Minor units that each application has taken."""
    return dict(await used_amounts(ctx, list(ids)))


async def taxes_of_add_on(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[Tax]]:
    """Own taxes."""
    return await taxes_of_add_ons(ctx, ids)


async def customers_by_add_on(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many customers were billed each."""
    return await customer_counts(ctx, ids)
