"""Features inside webhooks (spec 06 §16.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.entitlements.models import Feature
from billwright.billing.entitlements.queries import feature_views
from billwright.billing.entitlements.views import feature_object
from billwright.billing.notifications.payloads import payload_of


@payload_of("feature")
async def feature_payload(ctx: Context, event_type: str, object_id: UUID) -> Mapping[str, Any] | None:
    """The REST object; a deleted one as it was."""
    found = await ctx.session.scalar(
        select(Feature).where(col(Feature.id) == object_id, col(Feature.organization_id) == ctx.organization_id)
    )
    return feature_object((await feature_views(ctx, [found]))[0]) if found else None
