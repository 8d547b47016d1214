"""Taxes of an organization (spec 05 A1) and checks of VAT numbers. Who pays which tax is kept beside customers, plans
and charges.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from billwright.billing.kernel.records import Record, instant, key, numeric

LIVE = text("deleted_at is null")


class Tax(Record, table=True):
    """A tax. ``rate`` in percent. Deleted softly; the code is free again at once.

    ``applied_to_organization``: a default of all customers without taxes of their own.
    """

    __tablename__ = "taxes"
    __table_args__ = (
        Index("uq_taxes_code", "organization_id", "code", unique=True, postgresql_where=LIVE),
        Index("ix_taxes_list", "organization_id", "name", "id", postgresql_where=LIVE),
        CheckConstraint("rate >= 0", name="rate"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    name: str
    code: str
    description: str | None = None
    rate: Decimal = numeric()
    applied_to_organization: bool = False
    auto_generated: bool = Field(default=False)
    deleted_at: datetime | None = instant(nullable=True)


class ViesCheck(Record, table=True):
    """A check of a customer's VAT number that has not been answered yet (spec 05 A7); gone once it is.

    While it is there, invoices of the customer wait. ``revision`` changes whenever the check begins anew, so that an
    answer about earlier data is not taken for one about the present. ``last_attempt_at`` and ``next_attempt_at`` are
    system time.
    """

    __tablename__ = "vies_checks"
    __table_args__ = (
        Index("uq_vies_checks_customer", "customer_id", unique=True),
        Index("ix_vies_checks_next_attempt", "next_attempt_at"),
    )

    organization_id: uuid.UUID = key("organizations.id", index=True)
    customer_id: uuid.UUID = key("customers.id")
    revision: uuid.UUID = key()
    attempts_count: int = 0
    last_attempt_at: datetime | None = instant(nullable=True)
    last_error_type: str | None = None
    last_error_message: str | None = None
    next_attempt_at: datetime = instant()
