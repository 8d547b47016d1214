"""The activity log on the wire (spec 07 §9.1)."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from billwright.billing.activity_logs.models import ActivityLog
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.outputs import Id, Instant


class ActivityLogOut(TypedDict):
    """``activity_log`` of the contract."""

    activity_id: Id
    user_email: str | None
    activity_type: str
    activity_source: str
    activity_object: dict[str, Any]
    activity_object_changes: dict[str, Any]
    external_customer_id: str | None
    external_subscription_id: str | None
    resource_id: Id
    resource_type: str
    organization_id: Id
    logged_at: Instant
    created_at: Instant


def activity_log_object(row: ActivityLog) -> ActivityLogOut:
    """A change on the wire; objects and changes are as they were written."""
    logged_at = iso(row.logged_at) or ""
    return {
        "activity_id": row.id,
        "user_email": row.user_email,
        "activity_type": row.activity_type,
        "activity_source": row.activity_source,
        "activity_object": row.activity_object,
        "activity_object_changes": row.activity_object_changes,
        "external_customer_id": row.external_customer_id,
        "external_subscription_id": row.external_subscription_id,
        "resource_id": row.resource_id,
        "resource_type": row.resource_type,
        "organization_id": row.organization_id,
        "logged_at": logged_at,
        "created_at": logged_at,
    }
