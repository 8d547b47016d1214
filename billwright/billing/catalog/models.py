"""Billable metrics, plans and charges: what is sold and how it is measured (spec 01 §1, 02 §2, 03 §2)."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from billwright.billing.kernel.records import Record, Table, cents, instant, jsonb, key, numeric, ordered_json

LIVE = text("deleted_at is null")


class BillableMetric(Record, table=True):
    """How events of one ``code`` become units (spec 01 §1.1). Deleted softly; the code is free again at once."""

    __tablename__ = "billable_metrics"
    __table_args__ = (
        Index("uq_billable_metrics_code", "organization_id", "code", unique=True, postgresql_where=LIVE),
        Index("ix_billable_metrics_list", "organization_id", "created_at"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    name: str
    code: str
    description: str | None = None
    aggregation_type: str
    field_name: str | None = None
    recurring: bool = False
    weighted_interval: str | None = None
    expression: str | None = None
    rounding_function: str | None = None
    rounding_precision: int | None = None
    custom_aggregator: str | None = None
    deleted_at: datetime | None = instant(nullable=True)


class BillableMetricFilter(Record, table=True):
    """A property of a metric's events with its known values (spec 01 §1.4)."""

    __tablename__ = "billable_metric_filters"
    __table_args__ = (
        Index("uq_billable_metric_filters_key", "billable_metric_id", "key", unique=True, postgresql_where=LIVE),
    )

    billable_metric_id: uuid.UUID = key("billable_metrics.id")
    key: str
    values: list[str] = jsonb(list)
    deleted_at: datetime | None = instant(nullable=True)


class Plan(Record, table=True):
    """A price list with an interval (spec 03 §2.1). ``parent_id`` is set on a subscription's override."""

    __tablename__ = "plans"
    __table_args__ = (
        Index(
            "uq_plans_code",
            "organization_id",
            "code",
            unique=True,
            postgresql_where=text("deleted_at is null and parent_id is null"),
        ),
        Index("ix_plans_list", "organization_id", "created_at"),
        Index("ix_plans_parent_id", "parent_id", postgresql_where=text("parent_id is not null")),
        CheckConstraint("amount_cents >= 0", name="amount"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    parent_id: uuid.UUID | None = key("plans.id", nullable=True)
    name: str
    invoice_display_name: str | None = None
    code: str
    description: str | None = None
    interval: str
    amount_cents: int = cents()
    amount_currency: str
    pay_in_advance: bool = False
    bill_charges_monthly: bool | None = None
    bill_fixed_charges_monthly: bool | None = None
    trial_period: Decimal | None = numeric(nullable=True)
    custom_metadata: dict[str, str | None] | None = jsonb(nullable=True)
    pending_deletion: bool = False
    deleted_at: datetime | None = instant(nullable=True)


class Charge(Record, table=True):
    """A price for the usage of one metric on one plan (spec 02 §2.1)."""

    __tablename__ = "charges"
    __table_args__ = (
        Index("uq_charges_code", "plan_id", "code", unique=True, postgresql_where=LIVE),
        Index("ix_charges_billable_metric_id", "billable_metric_id"),
        Index(
            "ix_charges_in_advance",
            "billable_metric_id",
            postgresql_where=text("pay_in_advance and deleted_at is null"),
        ),
        Index("ix_charges_plan_id", "plan_id"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    plan_id: uuid.UUID = key("plans.id")
    billable_metric_id: uuid.UUID = key("billable_metrics.id")
    parent_id: uuid.UUID | None = key("charges.id", nullable=True)
    code: str
    charge_model: str
    invoice_display_name: str | None = None
    pay_in_advance: bool = False
    invoiceable: bool = True
    regroup_paid_fees: str | None = None
    prorated: bool = False
    min_amount_cents: int = cents()
    properties: dict[str, Any] = jsonb()
    deleted_at: datetime | None = instant(nullable=True)


class ChargeFilter(Record, table=True):
    """A bucket of a charge with its own price (spec 01 §4.1). ``position`` is the order last sent."""

    __tablename__ = "charge_filters"
    __table_args__ = (Index("ix_charge_filters_charge_id", "charge_id"),)

    charge_id: uuid.UUID = key("charges.id")
    values: dict[str, list[str]] = ordered_json()
    properties: dict[str, Any] = jsonb()
    invoice_display_name: str | None = None
    position: int = 0
    deleted_at: datetime | None = instant(nullable=True)


class PlanTax(Table, table=True):
    """A tax of a plan (spec 05 A2)."""

    __tablename__ = "plans_taxes"

    plan_id: uuid.UUID = Field(foreign_key="plans.id", primary_key=True)
    tax_id: uuid.UUID = Field(foreign_key="taxes.id", primary_key=True, index=True)


class ChargeTax(Table, table=True):
    """A tax of a charge (spec 05 A2)."""

    __tablename__ = "charges_taxes"

    charge_id: uuid.UUID = Field(foreign_key="charges.id", primary_key=True)
    tax_id: uuid.UUID = Field(foreign_key="taxes.id", primary_key=True, index=True)


class Commitment(Record, table=True):
    """The minimum that a plan's subscriptions pay per interval (spec 02 §12). At most one per plan."""

    __tablename__ = "commitments"
    __table_args__ = (
        Index("uq_commitments_plan_id", "plan_id", unique=True),
        CheckConstraint("amount_cents > 0", name="amount"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    plan_id: uuid.UUID = key("plans.id")
    amount_cents: int = cents()
    invoice_display_name: str | None = None


class CommitmentTax(Table, table=True):
    """A tax of a commitment (spec 05 A2)."""

    __tablename__ = "commitments_taxes"

    commitment_id: uuid.UUID = Field(foreign_key="commitments.id", primary_key=True)
    tax_id: uuid.UUID = Field(foreign_key="taxes.id", primary_key=True, index=True)
