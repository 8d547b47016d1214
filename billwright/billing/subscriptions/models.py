"""Subscriptions (spec 03 §6) with the instants at which they are due."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import Index, text

from billwright.billing.kernel.records import Record, contains_index, instant, key


class Subscription(Record, table=True):
    """A customer on a plan. ``status``: ``pending`` -> ``active`` -> ``terminated``, or ``pending`` -> ``canceled``.

    The ``*_due_at`` columns hold the instants (UTC) at which the scheduler must act; they are null when nothing is
    due, recomputed whenever dates, plan or time zone change, and indexed so that an idle tick costs nothing
    (spec 03 §8.1, §8.2).
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        Index(
            "uq_subscriptions_active_external_id",
            "organization_id",
            "external_id",
            unique=True,
            postgresql_where=text("status = 'active'"),
        ),
        Index("ix_subscriptions_external_id", "organization_id", "external_id"),
        contains_index("ix_subscriptions_search", "name", "external_id"),
        Index("ix_subscriptions_states", "organization_id", "status"),
        Index(
            "ix_subscriptions_previous",
            "previous_subscription_id",
            postgresql_where=text("previous_subscription_id is not null"),
        ),
        Index("ix_subscriptions_customer_id", "customer_id"),
        Index("ix_subscriptions_plan_id", "plan_id"),
        Index("ix_subscriptions_plan_customers", "plan_id", "customer_id", postgresql_where=text("status = 'active'")),
        Index(
            "ix_subscriptions_list",
            "organization_id",
            text("subscription_at desc nulls last"),
            text("created_at desc"),
            "id",
            postgresql_include=["status"],
        ),
        Index(
            "ix_subscriptions_due",
            "due_at",
            postgresql_where=text("due_at is not null and live"),
        ),
        Index(
            "ix_subscriptions_organization_due",
            "organization_id",
            "due_at",
            postgresql_where=text("due_at is not null"),
        ),
        Index(
            "uq_subscriptions_pending_successor",
            "previous_subscription_id",
            unique=True,
            postgresql_where=text("status = 'pending'"),
        ),
    )

    organization_id: uuid.UUID = key("organizations.id")
    customer_id: uuid.UUID = key("customers.id")
    plan_id: uuid.UUID = key("plans.id")
    previous_subscription_id: uuid.UUID | None = key("subscriptions.id", nullable=True)
    live: bool = True
    """Whether the organization is on system time; keeps sandboxes out of the live tick's index."""
    external_id: str
    name: str | None = None
    status: str = "pending"
    billing_time: str = "calendar"
    subscription_at: datetime = instant()
    started_at: datetime | None = instant(nullable=True)
    ending_at: datetime | None = instant(nullable=True)
    terminated_at: datetime | None = instant(nullable=True)
    canceled_at: datetime | None = instant(nullable=True)
    activated_at: datetime | None = instant(nullable=True)
    trial_ended_at: datetime | None = instant(nullable=True)
    on_termination_credit_note: str | None = None
    on_termination_invoice: str = "generate"
    consolidate_invoice: bool = True
    progressive_billing_disabled: bool = False
    purchase_order_number: str | None = None

    activation_due_at: datetime | None = instant(nullable=True)
    ending_due_at: datetime | None = instant(nullable=True)
    next_billing_at: datetime | None = instant(nullable=True)
    trial_due_at: datetime | None = instant(nullable=True)
    alert_due_at: datetime | None = instant(nullable=True)
    due_at: datetime | None = instant(nullable=True)
    """The earliest of the five instants above; what the tick looks at."""
    alerted_on: date | None = None
    """UTC date of the last termination alert: one a day at most (spec 03 §6.6)."""
    last_billed_on: date | None = None
    """Local date (in the zone then in force) of the last periodic invoice row (spec 03 §8.2)."""
    last_charges_from: datetime | None = instant(nullable=True)
    last_charges_to: datetime | None = instant(nullable=True)
    last_timezone: str | None = None
    """Charges window and zone of the latest start or periodic row (continuity rule, spec 03 §3.7)."""
    last_event_on: date | None = None

    @property
    def is_scheduled(self) -> bool:
        """Whether it waits for its own start (spec 03 §6.2); a pending downgrade waits for the running one's end."""
        return self.status == "pending" and self.previous_subscription_id is None
