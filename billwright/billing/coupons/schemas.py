"""Coupons and their applications on the wire (spec 05 B1, B2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired

from typing_extensions import TypedDict

from billwright.billing.coupons.models import AppliedCoupon, Coupon
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import Input, Integer, Number, Text
from billwright.billing.kernel.money import decimal_string
from billwright.billing.kernel.outputs import DecimalText, Id, Instant


class AppliesTo(Input):
    """What a coupon is limited to: plans or metrics, not both. An empty list clears."""

    plan_codes: list[Text] | None = None
    billable_metric_codes: list[Text] | None = None


class CouponInput(Input):
    """Body of ``POST /coupons`` and ``PUT /coupons/{code}``; which attributes are mandatory, the service says.

    ``amount_cents`` in minor units, ``percentage_rate`` in percent, ``frequency_duration`` in invoices.
    """

    name: Text | None = None
    code: Text | None = None
    description: Text | None = None
    coupon_type: Text | None = None
    amount_cents: Integer | None = None
    amount_currency: Text | None = None
    percentage_rate: Number | None = None
    frequency: Text | None = None
    frequency_duration: Integer | None = None
    expiration: Text | None = None
    expiration_at: Text | None = None
    reusable: bool | None = None
    applies_to: AppliesTo | None = None


class ApplyCoupon(Input):
    """Body of ``POST /applied_coupons``: whom, which coupon, and values that replace the coupon's own."""

    external_customer_id: Text | None = None
    coupon_code: Text | None = None
    amount_cents: Integer | None = None
    amount_currency: Text | None = None
    percentage_rate: Number | None = None
    frequency: Text | None = None
    frequency_duration: Integer | None = None


class CouponOut(TypedDict):
    """The ``coupon`` object of the contract."""

    lago_id: Id
    name: str
    code: str
    description: str | None
    coupon_type: str
    amount_cents: int | None
    amount_currency: str | None
    percentage_rate: DecimalText | None
    frequency: str
    frequency_duration: int | None
    reusable: bool
    limited_plans: bool
    plan_codes: Sequence[str]
    limited_billable_metrics: bool
    billable_metric_codes: Sequence[str]
    expiration: str
    expiration_at: Instant | None
    created_at: Instant
    terminated_at: Instant | None


class AppliedCouponOut(TypedDict):
    """The ``applied_coupon`` object of the contract; ``credits`` in lists."""

    lago_id: Id
    lago_coupon_id: Id
    coupon_code: str
    coupon_name: str
    coupon_status: str
    coupon_deleted_at: Instant | None
    lago_customer_id: Id
    external_customer_id: str
    status: str
    amount_cents: int | None
    amount_cents_remaining: int | None
    amount_currency: str | None
    percentage_rate: DecimalText | None
    frequency: str
    frequency_duration: int | None
    frequency_duration_remaining: int | None
    expiration_at: Instant | None
    created_at: Instant
    terminated_at: Instant | None
    credits: NotRequired[Sequence[Any]]


def coupon_object(coupon: Coupon, *, plan_codes: Sequence[str], metric_codes: Sequence[str]) -> CouponOut:
    """A coupon on the wire with the codes that it is limited to."""
    return {
        "lago_id": coupon.id,
        "name": coupon.name,
        "code": coupon.code,
        "description": coupon.description,
        "coupon_type": coupon.coupon_type,
        "amount_cents": coupon.amount_cents,
        "amount_currency": coupon.amount_currency,
        "percentage_rate": None if coupon.percentage_rate is None else decimal_string(coupon.percentage_rate),
        "frequency": coupon.frequency,
        "frequency_duration": coupon.frequency_duration,
        "reusable": coupon.reusable,
        "limited_plans": coupon.limited_plans,
        "plan_codes": plan_codes,
        "limited_billable_metrics": coupon.limited_billable_metrics,
        "billable_metric_codes": metric_codes,
        "expiration": coupon.expiration,
        "expiration_at": iso(coupon.expiration_at),
        "created_at": iso(coupon.created_at) or "",
        "terminated_at": iso(coupon.terminated_at),
    }


def applied_coupon_object(
    applied: AppliedCoupon, coupon: Coupon, *, external_customer_id: str, used_cents: int
) -> AppliedCouponOut:
    """An application on the wire. ``used_cents``: what it has taken; only fixed amounts given once count down."""
    counts_down = applied.frequency == "once" and applied.amount_cents is not None and applied.percentage_rate is None
    return {
        "lago_id": applied.id,
        "lago_coupon_id": coupon.id,
        "coupon_code": coupon.code,
        "coupon_name": coupon.name,
        "coupon_status": coupon.status,
        "coupon_deleted_at": iso(coupon.deleted_at),
        "lago_customer_id": applied.customer_id,
        "external_customer_id": external_customer_id,
        "status": applied.status,
        "amount_cents": applied.amount_cents,
        "amount_cents_remaining": max((applied.amount_cents or 0) - used_cents, 0) if counts_down else None,
        "amount_currency": applied.amount_currency,
        "percentage_rate": None if applied.percentage_rate is None else decimal_string(applied.percentage_rate),
        "frequency": applied.frequency,
        "frequency_duration": applied.frequency_duration,
        "frequency_duration_remaining": applied.frequency_duration_remaining,
        "expiration_at": iso(coupon.expiration_at),
        "created_at": iso(applied.created_at) or "",
        "terminated_at": iso(applied.terminated_at),
    }
