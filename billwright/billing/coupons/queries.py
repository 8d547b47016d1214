"""Reads of coupons and their applications, scoped by organization (spec 05 B1, B2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import case, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.coupons.models import AppliedCoupon, Coupon
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import like_pattern
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.pagination import Page, PageRequest, paginate

STATUSES = ("active", "terminated")


def _live(ctx: Context) -> Any:
    return select(Coupon).where(col(Coupon.organization_id) == ctx.organization_id, col(Coupon.deleted_at).is_(None))


async def find_coupon(ctx: Context, code: str, *, lock: bool = False) -> Coupon:
    """The coupon with ``code``; raises ``NotFound("coupon")``."""
    return await find(ctx.session, _live(ctx).where(col(Coupon.code) == code), "coupon", lock=lock)


async def coupon_by_id(ctx: Context, coupon_id: UUID | None) -> Coupon:
    """A coupon that is not deleted; raises ``NotFound("coupon")``."""
    return await find(ctx.session, _live(ctx).where(col(Coupon.id) == coupon_id), "coupon")


async def applied_coupon_by_id(ctx: Context, applied_id: UUID | None) -> AppliedCoupon:
    """An application of the organization; raises ``NotFound("applied_coupon")``."""
    applied = await ctx.session.scalar(
        select(AppliedCoupon).where(
            col(AppliedCoupon.organization_id) == ctx.organization_id, col(AppliedCoupon.id) == applied_id
        )
    )
    if applied is None:
        raise NotFound("applied_coupon")
    return applied


async def list_coupons(
    ctx: Context, page: PageRequest, *, search: str | None = None, status: str | None = None
) -> Page[Coupon]:
    """Coupons: active ones first, then those without expiration, then by expiration, newest first.

    ``search`` looks for a part of name or code, ``%`` and ``_`` being literal.
    """
    statement = _live(ctx)
    if search:
        pattern = like_pattern(search)
        statement = statement.where(or_(col(Coupon.name).ilike(pattern), col(Coupon.code).ilike(pattern)))
    if status in STATUSES:
        statement = statement.where(col(Coupon.status) == status)
    return await paginate(
        ctx.session,
        statement.order_by(
            case((col(Coupon.status) == "active", 0), else_=1),
            case((col(Coupon.expiration) == "no_expiration", 0), else_=1),
            col(Coupon.expiration_at).asc().nulls_last(),
            col(Coupon.created_at).desc(),
            col(Coupon.id),
        ),
        page,
    )


@dataclass(frozen=True, slots=True)
class AppliedCouponFilters:
    """Filters of a list of applications, combined with AND."""

    status: str | None = None
    external_customer_id: str | None = None
    customer_id: UUID | None = None
    coupon_codes: Sequence[str] | None = None


async def list_applied_coupons(ctx: Context, filters: AppliedCouponFilters, page: PageRequest) -> Page[AppliedCoupon]:
    """Applications of customers that are not deleted, newest first. An unknown status is ignored."""
    statement = (
        select(AppliedCoupon)
        .join(Customer, col(Customer.id) == col(AppliedCoupon.customer_id))
        .where(col(AppliedCoupon.organization_id) == ctx.organization_id, col(Customer.deleted_at).is_(None))
    )
    if filters.status in STATUSES:
        statement = statement.where(col(AppliedCoupon.status) == filters.status)
    if filters.customer_id is not None:
        statement = statement.where(col(AppliedCoupon.customer_id) == filters.customer_id)
    if filters.external_customer_id is not None:
        statement = statement.where(col(Customer.external_id) == filters.external_customer_id)
    if filters.coupon_codes:
        statement = statement.join(Coupon, col(Coupon.id) == col(AppliedCoupon.coupon_id)).where(
            col(Coupon.code).in_(list(filters.coupon_codes))
        )
    return await paginate(
        ctx.session, statement.order_by(col(AppliedCoupon.created_at).desc(), col(AppliedCoupon.id).desc()), page
    )


async def find_applied_coupon(ctx: Context, customer: Customer, applied_id: UUID) -> AppliedCoupon:
    """The customer's application, locked; raises ``NotFound("applied_coupon")``."""
    found = await ctx.session.scalars(
        select(AppliedCoupon)
        .where(
            col(AppliedCoupon.organization_id) == ctx.organization_id,
            col(AppliedCoupon.customer_id) == customer.id,
            col(AppliedCoupon.id) == applied_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    applied = found.first()
    if applied is None:
        raise NotFound("applied_coupon")
    return applied
