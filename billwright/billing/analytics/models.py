"""Usage by day, until when it is noted (spec 07 §8.8), and figures that are kept (§8.1)."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from billwright.billing.kernel.records import Table, instant, jsonb, key, ordered_json


class DailyUsage(Table, table=True):
    """The usage of a subscription's billing period up to the end of a local day, and what that day added.

    ``usage`` and ``usage_diff`` map the id of a billable metric to ``{"units": decimal, "amount_cents": integer}``,
    amounts in minor units of ``currency``. A day that added nothing has no row.
    """

    __tablename__ = "daily_usages"
    __table_args__ = (
        Index("uq_daily_usages_day", "subscription_id", "usage_date", unique=True),
        Index("ix_daily_usages_organization", "organization_id", "usage_date"),
    )

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    customer_id: uuid.UUID = key("customers.id")
    subscription_id: uuid.UUID = key("subscriptions.id")
    usage_date: date
    """In the customer's time zone."""
    period_start: date
    """First local day of the billing period of charges, whole as the calendar has it."""
    currency: str
    usage: dict[str, Any] = jsonb()
    usage_diff: dict[str, Any] = jsonb()
    from_invoice: bool = False
    """The last day of a period: what was invoiced of charges in arrears."""
    created_at: datetime = instant()


class DailyUsageMark(Table, table=True):
    """Until when an organization's days are noted, on its clock."""

    __tablename__ = "daily_usage_marks"

    organization_id: uuid.UUID = key("organizations.id", primary=True)
    noted_until: datetime = instant()


class AnalyticsFigure(Table, table=True):
    """A figure of an organization with very many invoices, whole: ``content`` is ``{"rows": [...]}``, rows as they go
    over the wire. ``computed_at`` is system time, ``clock`` the organization's at that moment."""

    __tablename__ = "analytics_figures"

    organization_id: uuid.UUID = key("organizations.id", primary=True)
    figure: str = Field(primary_key=True)
    content: dict[str, Any] = ordered_json()
    computed_at: datetime = instant()
    clock: datetime = instant()
