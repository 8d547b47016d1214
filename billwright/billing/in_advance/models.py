"""Events that wait to be billed, and the high-water marks of charges paid in advance (spec 01 §7, 02 §10)."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field

from billwright.billing.kernel.records import Table, instant, jsonb, key, numeric


class InstantEvent(Table, table=True):
    """An accepted event whose metric some charge bills in advance, until its fees exist.

    Written by the transaction that accepts the event (``metering.store``), deleted by the one that bills it. ``job_id``
    is the job that answers for it; ``error`` why it could not be billed so far. A ``parked_at`` event has used up its
    job's attempts: later events go on without it, and it is tried again when that job is.
    """

    __tablename__ = "instant_events"
    __table_args__ = (
        Index(
            "ix_instant_events_waiting",
            "organization_id",
            "external_subscription_id",
            "timestamp",
            "seq",
            postgresql_where=text("parked_at is null"),
        ),
        Index("ix_instant_events_job_id", "job_id"),
    )

    organization_id: uuid.UUID = key(primary=True)
    external_subscription_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    """Place of the event in ingestion order."""
    code: str
    transaction_id: str
    timestamp: datetime = instant()
    properties: dict[str, Any] = jsonb()
    precise_total_amount_cents: Decimal | None = numeric(40, 15, nullable=True)
    job_id: uuid.UUID = key()
    error: str | None = None
    parked_at: datetime | None = instant(nullable=True)


class UnitMark(Table, table=True):
    """The unit state that one event left behind; the state of a period is the last written row of its window.

    ``current``, ``maximum``, ``max_prorated``: spec 01 §7. ``billable`` is what the event added to what is billed;
    ``events_count`` and ``billed_units`` count the period's events and sum their billable units, this one included.
    ``free_phase``: how far the percentage model's free units are used up. ``custom_state``: the fold of a custom
    aggregation after the event. Count metrics have no state and no rows.
    """

    __tablename__ = "unit_marks"
    __table_args__ = (
        Index(
            "ix_unit_marks_state",
            "organization_id",
            "external_subscription_id",
            "charge_id",
            "charge_filter_id",
            "group_key",
            "position",
        ),
    )

    position: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    """Order of writing; rows of one key are written under the subscription's lock."""
    organization_id: uuid.UUID = key("organizations.id")
    external_subscription_id: str
    charge_id: uuid.UUID = key("charges.id")
    charge_filter_id: uuid.UUID | None = key("charge_filters.id", nullable=True)
    group_key: str = ""
    event_transaction_id: str
    timestamp: datetime = instant()
    fee_id: uuid.UUID = key("fees.id")
    current: Decimal = numeric()
    maximum: Decimal = numeric()
    max_prorated: Decimal = numeric()
    billable: Decimal = numeric()
    events_count: int = Field(sa_type=BigInteger)
    billed_units: Decimal = numeric()
    free_phase: dict[str, Any] | None = jsonb(nullable=True)
    custom_state: dict[str, Any] | None = jsonb(nullable=True)
