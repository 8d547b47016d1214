"""Features with their privileges, grants of plans and subscriptions, and removals (spec 07 §9.3)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from billwright.billing.kernel.records import Record, Table, instant, jsonb, key

LIVE = text("deleted_at is null")


class Feature(Record, table=True):
    """A named capability. Deleted softly: hidden, granted to nobody any more, its code is free again at once."""

    __tablename__ = "features"
    __table_args__ = (
        Index("uq_features_code", "organization_id", "code", unique=True, postgresql_where=LIVE),
        Index("ix_features_list", "organization_id", text("created_at desc"), "id", postgresql_where=LIVE),
    )

    organization_id: uuid.UUID = key("organizations.id")
    code: str
    name: str | None = None
    description: str | None = None
    deleted_at: datetime | None = instant(nullable=True)


class Privilege(Record, table=True):
    """A typed value that a grant of the feature may carry.

    ``config`` is ``{"select_options": [...]}`` for ``select``, in the order in which they were added, else ``{}``.
    """

    __tablename__ = "privileges"
    __table_args__ = (
        UniqueConstraint("feature_id", "code"),
        CheckConstraint("value_type in ('string', 'integer', 'boolean', 'select')", name="value_type"),
    )

    feature_id: uuid.UUID = key("features.id")
    code: str
    name: str | None = None
    value_type: str = "string"
    config: dict[str, Any] = jsonb()


class Entitlement(Record, table=True):
    """A feature granted by a plan, or granted or overridden by one subscription. Never both."""

    __tablename__ = "entitlements"
    __table_args__ = (
        Index(
            "uq_entitlements_plan",
            "plan_id",
            "feature_id",
            unique=True,
            postgresql_where=text("plan_id is not null"),
        ),
        Index(
            "uq_entitlements_subscription",
            "subscription_id",
            "feature_id",
            unique=True,
            postgresql_where=text("subscription_id is not null"),
        ),
        Index("ix_entitlements_feature_id", "feature_id"),
        CheckConstraint("(plan_id is null) <> (subscription_id is null)", name="holder"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    feature_id: uuid.UUID = key("features.id")
    plan_id: uuid.UUID | None = key("plans.id", nullable=True)
    subscription_id: uuid.UUID | None = key("subscriptions.id", nullable=True)


class EntitlementValue(Table, table=True):
    """The value of one privilege in a grant, as canonical text: ``10``, ``true``, an option, any text."""

    __tablename__ = "entitlement_values"

    entitlement_id: uuid.UUID = Field(foreign_key="entitlements.id", primary_key=True)
    privilege_id: uuid.UUID = Field(foreign_key="privileges.id", primary_key=True, index=True)
    value: str


class EntitlementRemoval(Table, table=True):
    """What a subscription goes without although its plan grants it: a feature, or one privilege of it."""

    __tablename__ = "entitlement_removals"
    __table_args__ = (
        Index(
            "uq_entitlement_removals_feature",
            "subscription_id",
            "feature_id",
            unique=True,
            postgresql_where=text("privilege_id is null"),
        ),
        Index(
            "uq_entitlement_removals_privilege",
            "subscription_id",
            "privilege_id",
            unique=True,
            postgresql_where=text("privilege_id is not null"),
        ),
        Index("ix_entitlement_removals_feature_id", "feature_id"),
    )

    id: uuid.UUID = key(primary=True)
    subscription_id: uuid.UUID = key("subscriptions.id")
    feature_id: uuid.UUID = key("features.id")
    privilege_id: uuid.UUID | None = key("privileges.id", nullable=True)
    created_at: datetime = instant()
