"""Coupons, what they are limited to, and their applications to customers (spec 05 B1, B2)."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, text

from billwright.billing.kernel.records import Record, Table, cents, instant, key, numeric

_LIVE = text("deleted_at is null")


class Coupon(Record, table=True):
    """A discount that customers can be given. ``status``: ``active`` -> ``terminated``.

    ``amount_cents`` in minor units of ``amount_currency`` (fixed amounts), ``percentage_rate`` in percent
    (percentages), ``frequency_duration`` in invoices (recurring). ``expiration_due_at`` is the slot at which the
    expiry pass ends it; null when nothing can. Deleted softly; the code is free again at once.
    """

    __tablename__ = "coupons"
    __table_args__ = (
        Index("uq_coupons_code", "organization_id", "code", unique=True, postgresql_where=_LIVE),
        Index("ix_coupons_list", "organization_id", "status", "created_at", postgresql_where=_LIVE),
        Index(
            "ix_coupons_expiration_due",
            "expiration_due_at",
            postgresql_where=text("expiration_due_at is not null and live"),
        ),
        Index(
            "ix_coupons_organization_expiration_due",
            "organization_id",
            "expiration_due_at",
            postgresql_where=text("expiration_due_at is not null"),
        ),
        CheckConstraint(
            "(coupon_type = 'fixed_amount' and amount_cents > 0 and amount_currency is not null)"
            " or (coupon_type = 'percentage' and percentage_rate > 0)",
            name="value",
        ),
    )

    organization_id: uuid.UUID = key("organizations.id")
    live: bool = True
    """Whether the organization is on system time; keeps sandboxes out of the live tick's index."""
    name: str
    code: str
    description: str | None = None
    status: str = "active"
    coupon_type: str
    amount_cents: int | None = cents(nullable=True)
    amount_currency: str | None = None
    percentage_rate: Decimal | None = numeric(nullable=True)
    frequency: str
    frequency_duration: int | None = cents(nullable=True)
    expiration: str
    expiration_at: datetime | None = instant(nullable=True)
    expiration_due_at: datetime | None = instant(nullable=True)
    reusable: bool = True
    limited_plans: bool = False
    limited_billable_metrics: bool = False
    terminated_at: datetime | None = instant(nullable=True)
    deleted_at: datetime | None = instant(nullable=True)


class CouponTarget(Table, table=True):
    """A plan or a billable metric that a coupon is limited to: exactly one of the two."""

    __tablename__ = "coupon_targets"
    __table_args__ = (
        Index(
            "uq_coupon_targets",
            "coupon_id",
            "plan_id",
            "billable_metric_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("(plan_id is null) <> (billable_metric_id is null)", name="one"),
    )

    id: uuid.UUID = key(primary=True)
    coupon_id: uuid.UUID = key("coupons.id")
    plan_id: uuid.UUID | None = key("plans.id", nullable=True)
    billable_metric_id: uuid.UUID | None = key("billable_metrics.id", nullable=True)


class AppliedCoupon(Record, table=True):
    """A coupon given to a customer, with the values it had then (spec 05 B2). ``status``: ``active``, ``terminated``.

    ``frequency_duration_remaining``: invoices a recurring one still reduces. ``ended_by`` says why a terminated one
    ended: ``consumption`` (a voided invoice brings it back), ``removal``, ``coupon`` or ``customer`` (deleted).
    """

    __tablename__ = "applied_coupons"
    __table_args__ = (
        Index("ix_applied_coupons_list", "organization_id", "created_at", "id"),
        Index("ix_applied_coupons_customer", "customer_id", "created_at"),
        Index("ix_applied_coupons_active", "customer_id", "created_at", postgresql_where=text("status = 'active'")),
        Index("ix_applied_coupons_coupon", "coupon_id", "status"),
        CheckConstraint("frequency_duration_remaining >= 0", name="remaining"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    customer_id: uuid.UUID = key("customers.id")
    coupon_id: uuid.UUID = key("coupons.id")
    status: str = "active"
    amount_cents: int | None = cents(nullable=True)
    amount_currency: str | None = None
    percentage_rate: Decimal | None = numeric(nullable=True)
    frequency: str
    frequency_duration: int | None = cents(nullable=True)
    frequency_duration_remaining: int | None = cents(nullable=True)
    ended_by: str | None = None
    terminated_at: datetime | None = instant(nullable=True)
