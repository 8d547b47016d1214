"""Telling the outside what happened. Written to the outbox in the transaction that made it happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from billwright.billing.access.context import Context
from billwright.billing.activity_logs.service import record
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.notifications.event_types import is_wanted_by_any

PREPARE_JOB = "webhook.prepare"

log = structlog.get_logger(__name__)


async def emit(
    ctx: Context,
    event_type: str,
    object_type: str,
    object_id: UUID,
    details: Mapping[str, Any] | None = None,
    *,
    item: Any = None,
    logged: bool = True,
) -> None:
    """Announce ``event_type`` (such as ``invoice.created``) about one object (spec 06 §16.7).

    After commit, a job turns the object (``notifications.payloads``) into a payload under the key ``object_type`` for
    each webhook endpoint that wants the type. ``details`` (JSON values) are merged into the object; for keys without an
    object of their own, such as ``payment_provider_error``, they are the whole of it.

    No job where no endpoint wants the type: the organization's row says so. In any case the change goes to the activity
    log (``activity_logs.service.record``, also about ``item``), unless it is not ``logged``: what another row tells.
    """
    log.debug(
        "domain event",
        event_type=event_type,
        object_type=object_type,
        object_id=str(object_id),
        organization_id=str(ctx.organization_id),
    )
    if logged:
        record(ctx, event_type, object_type, object_id, item)
    if not is_wanted_by_any(event_type, ctx.organization.webhook_event_types):
        return
    arguments: dict[str, Any] = {"event_type": event_type, "object_type": object_type, "object_id": str(object_id)}
    if details is not None:
        arguments["details"] = dict(details)
    await enqueue(ctx.session, ctx.organization_id, PREPARE_JOB, arguments)
