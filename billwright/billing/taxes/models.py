"""Taxes of an organization (spec 05 A1). Who pays which is kept beside customers, plans and charges."""

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
