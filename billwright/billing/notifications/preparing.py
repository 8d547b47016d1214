"""From an announced event to one stored payload per endpoint that wants it, in one transaction (spec 06 §16.2)."""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.kernel.ids import new_id
from billwright.billing.notifications.endpoints import FORGET_JOB
from billwright.billing.notifications.event_types import is_wanted
from billwright.billing.notifications.models import Webhook, WebhookEndpoint
from billwright.billing.notifications.payloads import build_payload
from billwright.billing.notifications.service import PREPARE_JOB

BATCH = 1000
log = structlog.get_logger(__name__)


@job(PREPARE_JOB)
async def prepare(call: JobCall) -> None:
    """Serialize the object once, note a delivery for each endpoint. The job is the event: a second run adds nothing."""
    event_type, object_type = call.arguments["event_type"], call.arguments["object_type"]
    object_id = UUID(call.arguments["object_id"])
    runtime = call.runtime
    async with runtime.database.transaction() as session:
        organization = await session.get(Organization, call.organization_id)
        if organization is None:
            return
        rows = await session.scalars(
            select(WebhookEndpoint)
            .where(col(WebhookEndpoint.organization_id) == organization.id)
            .order_by(col(WebhookEndpoint.created_at), col(WebhookEndpoint.id))
            .with_for_update(read=True, key_share=True)
        )
        endpoints = [item for item in rows if is_wanted(event_type, item.event_types)]
        if not endpoints:
            return
        ctx = Context(
            session,
            organization,
            event_store=runtime.event_store,
            api_url=runtime.api_url,
            app_url=runtime.app_url,
        )
        payload = await build_payload(ctx, event_type, object_type, object_id, call.arguments.get("details"))
        if payload is None:
            log.warning("object of an event is gone", event_type=event_type, object_id=str(object_id))
            return
        now = runtime.webhooks.now()
        values = [
            {
                "id": new_id(),
                "created_at": now,
                "updated_at": now,
                "organization_id": organization.id,
                "endpoint_id": endpoint.id,
                "event_id": call.job_id,
                "webhook_type": event_type,
                "object_type": object_type,
                "object_id": object_id,
                "endpoint": endpoint.webhook_url,
                "payload": payload,
                "status": "pending",
                "retries": 0,
                "single_attempt": False,
                "due_at": now,
            }
            for endpoint in endpoints
        ]
        await session.execute(
            insert(Webhook).values(values).on_conflict_do_nothing(index_elements=["event_id", "endpoint_id"])
        )


@job(FORGET_JOB)
async def forget_endpoint(call: JobCall) -> None:
    """Delete the log of a deleted endpoint, in batches."""
    endpoint_id = UUID(call.arguments["endpoint_id"])
    while True:
        async with call.runtime.database.transaction() as session:
            ids = (
                await session.scalars(
                    select(col(Webhook.id))
                    .where(
                        col(Webhook.endpoint_id) == endpoint_id, col(Webhook.organization_id) == call.organization_id
                    )
                    .limit(BATCH)
                )
            ).all()
            if not ids:
                return
            await session.execute(delete(Webhook).where(col(Webhook.id).in_(ids)))
