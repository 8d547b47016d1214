"""The activity log: one row per change, written in the transaction of the change and never edited (spec 07 §9.1)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, text

from billwright.billing.kernel.records import Table, instant, key, ordered_json

_LATEST = (text("logged_at desc"), text("id desc"))


class ActivityLog(Table, table=True):
    """One change. ``logged_at`` is on the organization's clock; the id tells the system's time.

    ``user_email`` is the address that the user had; ``api_key_id`` is kept after the key's end. Both are null for jobs,
    the portal and payment providers.
    """

    __tablename__ = "activity_logs"
    __table_args__ = (
        Index("ix_activity_logs_list", "organization_id", *_LATEST),
        Index("ix_activity_logs_resource", "organization_id", "resource_id", *_LATEST),
        Index("ix_activity_logs_type", "organization_id", "activity_type", *_LATEST),
        Index(
            "ix_activity_logs_customer",
            "organization_id",
            "external_customer_id",
            *_LATEST,
            postgresql_where=text("external_customer_id is not null"),
        ),
        Index(
            "ix_activity_logs_subscription",
            "organization_id",
            "external_subscription_id",
            *_LATEST,
            postgresql_where=text("external_subscription_id is not null"),
        ),
        Index(
            "ix_activity_logs_user",
            "organization_id",
            "user_email",
            *_LATEST,
            postgresql_where=text("user_email is not null"),
        ),
    )

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    logged_at: datetime = instant()
    activity_type: str
    activity_source: str
    """``api``, ``front`` or ``system``."""
    user_email: str | None = None
    api_key_id: uuid.UUID | None = key(nullable=True)
    resource_type: str
    resource_id: uuid.UUID = key()
    external_customer_id: str | None = None
    external_subscription_id: str | None = None
    activity_object: dict[str, Any] = ordered_json()
    """The REST object after the change, before it for deletions; without the objects that have a log of their own."""
    activity_object_changes: dict[str, Any] = ordered_json()
    """``{attribute: [old, new]}`` of updates."""
