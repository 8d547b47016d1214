"""Coupons and applications with what belongs to them, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.coupons.models import AppliedCoupon, Coupon
from billwright.billing.coupons.schemas import AppliedCouponOut, CouponOut, applied_coupon_object, coupon_object
from billwright.billing.coupons.targets import codes_of
from billwright.billing.coupons.use import used_amounts
from billwright.billing.customers.queries import customers_by_id
from billwright.billing.invoicing.credit_lines import credits_of_coupons


async def coupon_objects(ctx: Context, coupons: Sequence[Coupon]) -> list[CouponOut]:
    """Coupons on the wire."""
    codes = await codes_of(ctx, coupons)
    return [
        coupon_object(coupon, plan_codes=codes[coupon.id][0], metric_codes=codes[coupon.id][1]) for coupon in coupons
    ]


async def applied_coupon_objects(
    ctx: Context, applied: Sequence[AppliedCoupon], *, with_credits: bool = False
) -> list[AppliedCouponOut]:
    """Applications on the wire, in lists with the credits they gave."""
    if not applied:
        return []
    coupons = {
        coupon.id: coupon
        for coupon in await ctx.session.scalars(
            select(Coupon).where(
                col(Coupon.organization_id) == ctx.organization_id,
                col(Coupon.id).in_({item.coupon_id for item in applied}),
            )
        )
    }
    customers = await customers_by_id(ctx, list({item.customer_id for item in applied}))
    used = await used_amounts(ctx, [item.id for item in applied])
    shown = [
        applied_coupon_object(
            item,
            coupons[item.coupon_id],
            external_customer_id=customers[item.customer_id].external_id,
            used_cents=used.get(item.id, 0),
        )
        for item in applied
    ]
    if with_credits:
        credits = await credits_of_coupons(ctx, [item.id for item in applied])
        for answer in shown:
            answer["credits"] = credits.get(answer["lago_id"], [])
    return shown
