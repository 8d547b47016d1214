"""Use cases of applications: giving a coupon to a customer, taking it back, giving it back (spec 05 B2, B3)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.activity_logs.service import record
from billwright.billing.coupons.attributes import FREQUENCIES, check_duration, check_rate
from billwright.billing.coupons.models import AppliedCoupon, Coupon
from billwright.billing.coupons.queries import find_applied_coupon
from billwright.billing.coupons.schemas import ApplyCoupon
from billwright.billing.coupons.targets import overlaps
from billwright.billing.customers.locking import lock_customer, lock_scope
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import get_customer
from billwright.billing.invoicing.models import Credit, Invoice
from billwright.billing.kernel.errors import NotAllowed, NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.money import CURRENCIES


async def apply_coupon(ctx: Context, inp: ApplyCoupon) -> AppliedCoupon:
    """Give a coupon to a customer with its values, or those of ``inp``, as they are now.

    Raises ``NotFound`` (``customer``, ``coupon``), ``NotAllowed("plan_overlapping")`` and ``ValidationFailed``, in the
    order of spec 05 B2.
    """
    found = await get_customer(ctx, inp.external_customer_id or "")
    customer = await _locked(ctx, found.id)
    await lock_scope(ctx, "coupon", customer.id)
    coupon = await _applicable(ctx, inp.coupon_code or "")
    if (coupon.limited_plans or coupon.limited_billable_metrics) and await overlaps(ctx, customer.id, coupon):
        raise NotAllowed("plan_overlapping")
    if not coupon.reusable and await _was_applied(ctx, customer, coupon):
        raise ValidationFailed(coupon="coupon_is_not_reusable")
    values = _values(coupon, inp)
    now = ctx.now()
    if values["amount_currency"] is not None and customer.currency is None:
        customer.currency = values["amount_currency"]
        customer.updated_at = now
    applied = AppliedCoupon(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        customer_id=customer.id,
        coupon_id=coupon.id,
        frequency_duration_remaining=values["frequency_duration"],
        **values,
    )
    ctx.session.add(applied)
    await ctx.session.flush()
    record(ctx, "applied_coupon.created", "applied_coupon", applied.id)
    return applied


async def _locked(ctx: Context, customer_id: UUID) -> Customer:
    customer = await lock_customer(ctx, customer_id)
    if customer is None or customer.deleted_at is not None:
        raise NotFound("customer")
    return customer


async def _applicable(ctx: Context, code: str) -> Coupon:
    """The coupon, kept from being edited or deleted meanwhile; terminated and expired ones are not found."""
    found = await ctx.session.scalars(
        select(Coupon)
        .where(
            col(Coupon.organization_id) == ctx.organization_id,
            col(Coupon.code) == code,
            col(Coupon.deleted_at).is_(None),
        )
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    coupon = found.first()
    if coupon is None or coupon.status != "active":
        raise NotFound("coupon")
    if coupon.expiration == "time_limit" and coupon.expiration_at is not None and coupon.expiration_at < ctx.now():
        raise NotFound("coupon")
    return coupon


async def _was_applied(ctx: Context, customer: Customer, coupon: Coupon) -> bool:
    found = await ctx.session.execute(
        select(
            exists().where(
                col(AppliedCoupon.organization_id) == ctx.organization_id,
                col(AppliedCoupon.customer_id) == customer.id,
                col(AppliedCoupon.coupon_id) == coupon.id,
            )
        )
    )
    return bool(found.scalar_one())


def _values(coupon: Coupon, inp: ApplyCoupon) -> dict[str, Any]:
    """The application's values, checked; type and targets are always the coupon's."""
    problems = Problems()
    frequency = inp.frequency or coupon.frequency
    duration = coupon.frequency_duration if inp.frequency_duration is None else inp.frequency_duration
    if frequency not in FREQUENCIES:
        problems.add("frequency", "value_is_invalid")
    if frequency == "recurring":
        check_duration(duration, problems)
    values: dict[str, Any] = {
        "frequency": frequency,
        "frequency_duration": duration if frequency == "recurring" else None,
        "amount_cents": None,
        "amount_currency": None,
        "percentage_rate": None,
    }
    if coupon.coupon_type == "percentage":
        rate = coupon.percentage_rate if inp.percentage_rate is None else inp.percentage_rate
        check_rate(rate, problems)
        values["percentage_rate"] = rate
    else:
        amount = coupon.amount_cents if inp.amount_cents is None else inp.amount_cents
        currency = (inp.amount_currency or coupon.amount_currency or "").upper()
        if amount is None or amount < 0:
            problems.add("amount_cents", "value_is_out_of_range")
        if currency not in CURRENCIES:
            problems.add("amount_currency", "value_is_invalid")
        values |= {"amount_cents": amount, "amount_currency": currency}
    problems.raise_if_any()
    return values


async def remove_applied_coupon(ctx: Context, external_customer_id: str, applied_id: UUID) -> AppliedCoupon:
    """End an application for good; ending it again changes nothing but that a void no longer brings it back.

    Raises ``NotFound`` (``customer``, ``applied_coupon``).
    """
    found = await get_customer(ctx, external_customer_id)
    customer = await _locked(ctx, found.id)
    await lock_scope(ctx, "coupon", customer.id)
    applied = await find_applied_coupon(ctx, customer, applied_id)
    if applied.status == "active":
        applied.status = "terminated"
        applied.terminated_at = ctx.now()
        record(ctx, "applied_coupon.deleted", "applied_coupon", applied.id)
    applied.ended_by = "removal"
    applied.updated_at = ctx.now()
    await ctx.session.flush()
    return applied


async def end_applications_of(ctx: Context, customer: Customer) -> None:
    """End all applications of a locked customer that is being deleted."""
    now = ctx.now()
    await lock_scope(ctx, "coupon", customer.id)
    await ctx.session.execute(
        update(AppliedCoupon)
        .where(
            col(AppliedCoupon.organization_id) == ctx.organization_id,
            col(AppliedCoupon.customer_id) == customer.id,
            col(AppliedCoupon.status) == "active",
        )
        .values(status="terminated", ended_by="customer", terminated_at=now, updated_at=now)
        .execution_options(synchronize_session=False)
    )


async def give_coupons_back(ctx: Context, customer: Customer, invoice: Invoice) -> None:
    """What voiding ``invoice`` returns (spec 05 B3, 04 §9). Call once, after its status became ``voided``; the customer
    must be locked.

    Its credits stop counting by themselves. A recurring application gets its period back; what ended by consumption is
    active again, unless its coupon is terminated or deleted.
    """
    await lock_scope(ctx, "coupon", customer.id)
    rows = await ctx.session.execute(
        select(AppliedCoupon, Coupon)
        .join(Coupon, col(Coupon.id) == col(AppliedCoupon.coupon_id))
        .join(Credit, col(Credit.applied_coupon_id) == col(AppliedCoupon.id))
        .where(col(AppliedCoupon.organization_id) == ctx.organization_id, col(Credit.invoice_id) == invoice.id)
        .order_by(col(AppliedCoupon.id))
        .with_for_update(of=AppliedCoupon)
        .execution_options(populate_existing=True)
    )
    for applied, coupon in rows:
        if applied.frequency == "recurring" and applied.frequency_duration is not None:
            left = (applied.frequency_duration_remaining or 0) + 1
            applied.frequency_duration_remaining = min(left, applied.frequency_duration)
        usable = coupon.status == "active" and coupon.deleted_at is None
        if applied.status == "terminated" and applied.ended_by == "consumption" and usable:
            applied.status = "active"
            applied.ended_by = None
            applied.terminated_at = None
        applied.updated_at = ctx.now()
    await ctx.session.flush()
