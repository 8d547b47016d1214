"""Fees of a draft that were set by hand (spec 02 §14)."""

from __future__ import annotations

import uuid
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index

from billwright.billing.kernel.records import Record, jsonb, key, numeric


class AdjustedFee(Record, table=True):
    """What a person set on one fee of a draft. It names the fee by what is billed, not by the fee's id: the fee itself
    is made anew each time the draft is rebuilt. A subscription stands once on an invoice, so its period is given.

    ``units`` with ``unit_precise_amount`` (currency units): both were set. ``units`` alone: the amount is recomputed.
    Neither: only the name was set.
    """

    __tablename__ = "adjusted_fees"
    __table_args__ = (
        Index(
            "uq_adjusted_fees_bucket",
            "invoice_id",
            "subscription_id",
            "fee_type",
            "charge_id",
            "charge_filter_id",
            "group_key",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("units >= 0", name="units"),
        CheckConstraint("unit_precise_amount >= 0", name="unit_precise_amount"),
        CheckConstraint("unit_precise_amount is null or units is not null", name="units_of_amount"),
        CheckConstraint("fee_type in ('charge', 'subscription')", name="fee_type"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    invoice_id: uuid.UUID = key("invoices.id")
    subscription_id: uuid.UUID = key("subscriptions.id")
    fee_type: str
    charge_id: uuid.UUID | None = key("charges.id", nullable=True)
    charge_filter_id: uuid.UUID | None = key("charge_filters.id", nullable=True)
    grouped_by: dict[str, str | None] = jsonb()
    group_key: str = ""
    """As ``Fee.group_key``."""
    units: Decimal | None = numeric(nullable=True)
    unit_precise_amount: Decimal | None = numeric(30, 15, nullable=True)
    invoice_display_name: str | None = None

    @property
    def kind(self) -> str | None:
        """``adjusted_units``, ``adjusted_amount``, or ``None`` when only the name was set."""
        if self.units is None:
            return None
        return "adjusted_units" if self.unit_precise_amount is None else "adjusted_amount"
