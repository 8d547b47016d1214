"""Usage thresholds, what was invoiced because of them, and lifetime usage (spec 02 §13)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlmodel import Field

from billwright.billing.kernel.records import Record, Table, cents, instant, key

_LIVE = "deleted_at is null"


class UsageThreshold(Record, table=True):
    """A lifetime usage that makes an invoice when it is reached: on a plan, or of a subscription itself.

    ``amount_cents`` in minor units of the plan's currency, before taxes. ``recurring``: reached again each time usage
    grows by the amount after the last step. A threshold that was dropped stays for the invoices that name it.
    """

    __tablename__ = "usage_thresholds"
    __table_args__ = (
        Index(
            "uq_usage_thresholds_plan",
            "plan_id",
            "recurring",
            "amount_cents",
            unique=True,
            postgresql_where=text(f"plan_id is not null and {_LIVE}"),
        ),
        Index(
            "uq_usage_thresholds_subscription",
            "subscription_id",
            "recurring",
            "amount_cents",
            unique=True,
            postgresql_where=text(f"subscription_id is not null and {_LIVE}"),
        ),
        Index("ix_usage_thresholds_organization", "organization_id", postgresql_where=text(_LIVE)),
        CheckConstraint("amount_cents > 0", name="amount"),
        CheckConstraint("num_nonnulls(plan_id, subscription_id) = 1", name="owner"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    plan_id: uuid.UUID | None = key("plans.id", nullable=True)
    subscription_id: uuid.UUID | None = key("subscriptions.id", nullable=True)
    amount_cents: int = cents()
    threshold_display_name: str | None = None
    recurring: bool = False
    deleted_at: datetime | None = instant(nullable=True)


class AppliedUsageThreshold(Record, table=True):
    """A threshold that an invoice was made for, with the lifetime usage that passed it."""

    __tablename__ = "applied_usage_thresholds"
    __table_args__ = (
        Index("uq_applied_usage_thresholds", "invoice_id", "usage_threshold_id", unique=True),
        Index("ix_applied_usage_thresholds_threshold", "usage_threshold_id"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    usage_threshold_id: uuid.UUID = key("usage_thresholds.id")
    invoice_id: uuid.UUID = key("invoices.id")
    lifetime_usage_amount_cents: int = cents()


class LifetimeUsage(Record, table=True):
    """Usage of a chain of subscriptions (same external id and ``subscription_at``) since its beginning.

    Belongs to the chain's running subscription. ``external_historical_usage_amount_cents`` is set by the user. The two
    other parts are computed whenever they are asked for; when the subscription ends, they are kept here as they stood.
    """

    __tablename__ = "lifetime_usages"
    __table_args__ = (
        Index("uq_lifetime_usages_subscription", "subscription_id", unique=True),
        CheckConstraint("external_historical_usage_amount_cents >= 0", name="historical"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    subscription_id: uuid.UUID = key("subscriptions.id")
    external_historical_usage_amount_cents: int = cents()
    invoiced_usage_amount_cents: int | None = cents(nullable=True)
    current_usage_amount_cents: int | None = cents(nullable=True)


class LifetimeUsageMark(Table, table=True):
    """Something changed the lifetime usage of an external subscription id, or its thresholds: they must be checked.

    Only ever inserted and deleted, so that whoever marks never waits for a check. ``due_at`` is system time.
    """

    __tablename__ = "lifetime_usage_marks"
    __table_args__ = (Index("ix_lifetime_usage_marks_owner", "organization_id", "external_subscription_id"),)

    position: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    organization_id: uuid.UUID = key()
    external_subscription_id: str
    due_at: datetime = instant()


class ProgressiveInvoice(Table, table=True):
    """Why a progressive invoice was made; the unique index is what makes it once (spec 02 §13.4).

    ``invoiced_amount_cents``: historical and invoiced usage then, progressive invoices not counted.
    ``threshold_amount_cents``: of the last passed threshold; ``passed_amount_cents``: the lifetime usage that it stands
    for, which for a recurring one is the last multiple reached. ``previous_invoice_id``: for a recurring one, the
    progressive invoice of the period before it.
    """

    __tablename__ = "progressive_invoices"
    __table_args__ = (
        Index(
            "uq_progressive_invoices",
            "organization_id",
            "external_subscription_id",
            "charges_from_datetime",
            "invoiced_amount_cents",
            "threshold_amount_cents",
            "recurring",
            "previous_invoice_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    invoice_id: uuid.UUID = key("invoices.id", primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    external_subscription_id: str
    charges_from_datetime: datetime = instant()
    invoiced_amount_cents: int = cents()
    lifetime_usage_amount_cents: int = cents()
    threshold_amount_cents: int = cents()
    passed_amount_cents: int = cents()
    recurring: bool = False
    previous_invoice_id: uuid.UUID | None = key("invoices.id", nullable=True)


class ExcessNote(Table, table=True):
    """A credit note for usage that a progressive invoice had billed and that its period did not keep (spec 02 §13.5).

    ``progressive_invoice_id``: which one's; the note stands on it, or on an earlier one of the period. ``invoice_id``:
    the invoice whose finalization gave it.
    """

    __tablename__ = "progressive_excess_notes"
    __table_args__ = (Index("ix_progressive_excess_notes_invoice", "progressive_invoice_id"),)

    credit_note_id: uuid.UUID = key("credit_notes.id", primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    progressive_invoice_id: uuid.UUID = key("invoices.id")
    invoice_id: uuid.UUID = key("invoices.id")
