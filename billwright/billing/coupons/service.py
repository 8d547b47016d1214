"""Use cases of coupons (spec 05 B1): create, edit, terminate, expire, delete. Applying is in ``applying.py``."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.activity_logs.service import record
from billwright.billing.coupons.attributes import NAMES, CouponValues, changes_of, columns_of, expiration_due
from billwright.billing.coupons.models import AppliedCoupon, Coupon
from billwright.billing.coupons.queries import find_coupon
from billwright.billing.coupons.schemas import CouponInput
from billwright.billing.coupons.targets import remove_targets, replace_targets
from billwright.billing.kernel.errors import Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id


async def create_coupon(ctx: Context, inp: CouponInput) -> Coupon:
    """A new coupon.

    Raises ``ValidationFailed`` with the codes of spec 05 B1, ``NotAllowed`` for two kinds of targets and ``NotFound``
    (``plans``, ``billable_metrics``) for unknown ones.
    """
    problems = Problems()
    now = ctx.now()
    values = replace(CouponValues(), **changes_of(inp, now, problems, applied=False))
    columns = columns_of(values, problems)
    if values.code and await _code_taken(ctx, values.code):
        problems.add("code", "value_already_exist")
    problems.raise_if_any()
    coupon = Coupon(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        live=ctx.organization.kind == "live",
        expiration_due_at=expiration_due("active", values.expiration, values.expiration_at),
        **columns,
    )
    try:
        async with ctx.session.begin_nested():
            ctx.session.add(coupon)
    except IntegrityError:
        raise ValidationFailed(code="value_already_exist") from None
    if inp.applies_to is not None:
        await replace_targets(ctx, coupon, inp.applies_to)
    record(ctx, "coupon.created", "coupon", coupon.id)
    return coupon


async def update_coupon(ctx: Context, code: str, inp: CouponInput) -> Coupon:
    """Change what was sent; once applied to anybody only name, description and expiration, the rest is ignored.

    Raises ``NotFound("coupon")`` and what ``create_coupon`` raises.
    """
    coupon = await find_coupon(ctx, code, lock=True)
    applied = await _was_applied(ctx, coupon)
    problems = Problems()
    before = CouponValues(**{name: getattr(coupon, name) for name in NAMES})
    values = replace(before, **changes_of(inp, ctx.now(), problems, applied=applied))
    columns = columns_of(values, problems)
    if values.code and values.code != coupon.code and await _code_taken(ctx, values.code):
        problems.add("code", "value_already_exist")
    problems.raise_if_any()
    try:
        async with ctx.session.begin_nested():
            for name, value in columns.items():
                setattr(coupon, name, value)
            coupon.expiration_due_at = expiration_due(coupon.status, values.expiration, values.expiration_at)
            coupon.updated_at = ctx.now()
    except IntegrityError:
        raise ValidationFailed(code="value_already_exist") from None
    if inp.applies_to is not None and not applied:
        await replace_targets(ctx, coupon, inp.applies_to)
    record(ctx, "coupon.updated", "coupon", coupon.id)
    return coupon


async def terminate_coupon(ctx: Context, code: str) -> Coupon:
    """No more applications; existing ones go on. Terminating again changes nothing. Raises ``NotFound("coupon")``."""
    coupon = await find_coupon(ctx, code, lock=True)
    if coupon.status == "active":
        _terminate(ctx, coupon, ctx.now())
        await ctx.session.flush()
    return coupon


def _terminate(ctx: Context, coupon: Coupon, now: datetime) -> None:
    coupon.status = "terminated"
    coupon.terminated_at = now
    coupon.updated_at = now
    coupon.expiration_due_at = None
    record(ctx, "coupon.updated", "coupon", coupon.id)


async def delete_coupon(ctx: Context, code: str) -> Coupon:
    """Soft-delete: the code is free, the targets go, every active application ends. Raises ``NotFound("coupon")``."""
    coupon = await find_coupon(ctx, code, lock=True)
    now = ctx.now()
    coupon.deleted_at = now
    coupon.updated_at = now
    coupon.expiration_due_at = None
    await remove_targets(ctx, coupon)
    active = await ctx.session.scalars(
        select(col(AppliedCoupon.id))
        .where(
            col(AppliedCoupon.organization_id) == ctx.organization_id,
            col(AppliedCoupon.coupon_id) == coupon.id,
            col(AppliedCoupon.status) == "active",
        )
        .order_by(col(AppliedCoupon.id))
        .with_for_update()
    )
    await ctx.session.execute(
        update(AppliedCoupon)
        .where(col(AppliedCoupon.id).in_(active.all()), col(AppliedCoupon.status) == "active")
        .values(status="terminated", ended_by="coupon", terminated_at=now, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    await ctx.session.flush()
    record(ctx, "coupon.deleted", "coupon", coupon.id)
    return coupon


async def expire_coupons(ctx: Context, now: datetime) -> int:
    """Terminate the organization's coupons whose slot has come (spec 03 §8.1, rank 9); returns how many."""
    coupons = await ctx.session.scalars(
        select(Coupon)
        .where(col(Coupon.organization_id) == ctx.organization_id, col(Coupon.expiration_due_at) <= now)
        .order_by(col(Coupon.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = coupons.all()
    for coupon in found:
        if coupon.status == "active" and coupon.deleted_at is None:
            _terminate(ctx, coupon, now)
        coupon.expiration_due_at = None
    await ctx.session.flush()
    return len(found)


async def _code_taken(ctx: Context, code: str) -> bool:
    found = await ctx.session.execute(
        select(
            exists().where(
                col(Coupon.organization_id) == ctx.organization_id,
                col(Coupon.code) == code,
                col(Coupon.deleted_at).is_(None),
            )
        )
    )
    return bool(found.scalar_one())


async def _was_applied(ctx: Context, coupon: Coupon) -> bool:
    found = await ctx.session.execute(
        select(
            exists().where(
                col(AppliedCoupon.organization_id) == ctx.organization_id, col(AppliedCoupon.coupon_id) == coupon.id
            )
        )
    )
    return bool(found.scalar_one())
