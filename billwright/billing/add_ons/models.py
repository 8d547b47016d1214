"""Add-ons: what one-off invoices sell (spec 04 §14)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from billwright.billing.kernel.records import Record, Table, cents, instant, key

LIVE = text("deleted_at is null")


class AddOn(Record, table=True):
    """A thing with a price. ``amount_cents`` in minor units of ``amount_currency``, above 0.

    Deleted softly: hidden, its code is free again at once, fees keep pointing to it.
    """

    __tablename__ = "add_ons"
    __table_args__ = (
        Index("uq_add_ons_code", "organization_id", "code", unique=True, postgresql_where=LIVE),
        Index("ix_add_ons_list", "organization_id", text("created_at desc"), "id", postgresql_where=LIVE),
        CheckConstraint("amount_cents > 0", name="amount"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    name: str
    code: str
    description: str | None = None
    invoice_display_name: str | None = None
    amount_cents: int = cents()
    amount_currency: str
    deleted_at: datetime | None = instant(nullable=True)


class AddOnTax(Table, table=True):
    """A tax of an add-on (spec 05 A2)."""

    __tablename__ = "add_ons_taxes"

    add_on_id: uuid.UUID = Field(foreign_key="add_ons.id", primary_key=True)
    tax_id: uuid.UUID = Field(foreign_key="taxes.id", primary_key=True, index=True)
