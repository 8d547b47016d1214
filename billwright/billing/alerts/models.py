"""Alerts and what they have told (spec 07 §9.4)."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, text

from billwright.billing.kernel.records import Record, Table, instant, jsonb, key, numeric

_LIVE = "deleted_at is null"
_ON_SUBSCRIPTION = text(f"external_subscription_id is not null and {_LIVE}")
_ON_WALLET = text(f"wallet_id is not null and {_LIVE}")


class Alert(Record, table=True):
    """Watches one figure of a subscription, known by its external id so that a change of plan keeps it, or of a wallet.

    ``thresholds``: ``{"value": decimal text, "recurring": bool, "code": text or null}``, fixed ones ascending, then the
    recurring one. Values and ``previous_value``, the figure at the last evaluation, are minor units, units or credits,
    as ``alert_type`` says. ``watched_subscription_id`` and ``period_ends_at``: whose usage that was, and until when it
    counts; another period's usage starts at 0.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        Index(
            "uq_alerts_subscription_code",
            "organization_id",
            "external_subscription_id",
            "code",
            unique=True,
            postgresql_where=_ON_SUBSCRIPTION,
        ),
        Index(
            "uq_alerts_subscription_type",
            "organization_id",
            "external_subscription_id",
            "alert_type",
            "billable_metric_id",
            unique=True,
            postgresql_where=_ON_SUBSCRIPTION,
            postgresql_nulls_not_distinct=True,
        ),
        Index("uq_alerts_wallet_code", "wallet_id", "code", unique=True, postgresql_where=_ON_WALLET),
        Index("uq_alerts_wallet_type", "wallet_id", "alert_type", unique=True, postgresql_where=_ON_WALLET),
        Index(
            "ix_alerts_metric",
            "billable_metric_id",
            postgresql_where=text(f"billable_metric_id is not null and {_LIVE}"),
        ),
        CheckConstraint("num_nonnulls(external_subscription_id, wallet_id) = 1", name="owner"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    external_subscription_id: str | None = None
    wallet_id: uuid.UUID | None = key("wallets.id", nullable=True)
    billable_metric_id: uuid.UUID | None = key("billable_metrics.id", nullable=True)
    alert_type: str
    code: str
    name: str | None = None
    thresholds: list[dict[str, Any]] = jsonb(list)
    previous_value: Decimal = numeric()
    last_processed_at: datetime | None = instant(nullable=True)
    watched_subscription_id: uuid.UUID | None = key("subscriptions.id", nullable=True)
    period_ends_at: datetime | None = instant(nullable=True)
    deleted_at: datetime | None = instant(nullable=True)


class TriggeredAlert(Table, table=True):
    """One crossing that was told: the values before and after, and the thresholds between them, ascending."""

    __tablename__ = "triggered_alerts"
    __table_args__ = (
        Index("ix_triggered_alerts_alert", "alert_id", text("triggered_at desc"), text("id desc")),
        Index("ix_triggered_alerts_organization", "organization_id"),
    )

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    alert_id: uuid.UUID = key("alerts.id")
    subscription_id: uuid.UUID | None = key("subscriptions.id", nullable=True)
    previous_value: Decimal = numeric()
    current_value: Decimal = numeric()
    crossed_thresholds: list[dict[str, Any]] = jsonb(list)
    triggered_at: datetime = instant()
