"""Organizations with endpoints, a runtime whose system clock the test holds, and a receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import select, text

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.service import create_organization
from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.background.registration import register_all
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.notifications.endpoints import create_endpoint
from billwright.billing.notifications.keys import WebhookKeys
from billwright.billing.notifications.models import Webhook, WebhookEndpoint
from billwright.billing.notifications.options import WebhookOptions
from billwright.billing.notifications.schemas import EndpointInput
from billwright.billing.notifications.service import emit
from billwright.integrations.outbound import OutboundHttp
from billwright.integrations.webhooks import HttpWebhookSender
from tests.support.webhook_receiver import Receiver
from tests.support.webhook_receiver import receiver as listening

API_URL = "https://api.billwright.test"
BOX = SecretBox("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
KINDS = ("payment_provider_error", "dunning_campaign")
"""Object keys without an object of their own: what is announced under them is sent as it is."""


@dataclass
class Desk:
    """``runtime`` delivers at the time ``moment``, which stands still but for ``wait``."""

    runtime: Runtime
    organization: Organization
    moment: datetime = field(default_factory=system_now)

    def now(self) -> datetime:
        return self.moment

    def wait(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def another(self, **options: Any) -> Runtime:
        """The runtime of another process (same database here), with other options."""
        return replace(self.runtime, webhooks=replace(self.runtime.webhooks, **options))

    @asynccontextmanager
    async def context(self, organization: Organization | None = None) -> AsyncIterator[Context]:
        async with self.runtime.database.transaction() as session:
            found = await session.get_one(Organization, (organization or self.organization).id)
            yield Context(session, found, allow_private_networks=True)

    async def endpoint(
        self, url: str, algorithm: str = "hmac", *, organization: Organization | None = None, **attributes: Any
    ) -> WebhookEndpoint:
        async with self.context(organization) as ctx:
            sent = {"webhook_url": url, "signature_algo": algorithm, **attributes}
            return await create_endpoint(ctx, EndpointInput.parse(sent))

    async def announce(
        self,
        event_type: str = "payment_provider.error",
        *,
        organization: Organization | None = None,
        times: int = 1,
        **details: Any,
    ) -> None:
        """Announce and prepare; ``details`` are the object."""
        async with self.context(organization) as ctx:
            for _ in range(times):
                await emit(ctx, event_type, "payment_provider_error", uuid4(), details or {"n": 1})
        for job_id in await due_jobs(self.runtime.database, limit=1000):
            assert await run_job(self.runtime, job_id) in ("succeeded", "skipped")

    async def rows(self) -> Sequence[Webhook]:
        async with self.runtime.database.reading() as session:
            return (await session.scalars(select(Webhook).order_by(Webhook.created_at, Webhook.id))).all()

    async def row(self) -> Webhook:
        (found,) = await self.rows()
        return found

    async def hmac_key(self, organization: Organization | None = None) -> str:
        async with self.context(organization) as ctx:
            return await self.runtime.webhooks.keys.hmac_key(ctx.session, ctx.organization_id)

    async def organization_named(self, name: str) -> Organization:
        async with self.runtime.database.transaction() as session:
            return (await create_organization(session, name)).organization

    async def delete_endpoint_row(self, endpoint_id: UUID) -> None:
        async with self.runtime.database.transaction() as session:
            await session.execute(text("delete from webhook_endpoints where id = :id"), {"id": endpoint_id})


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    """A live organization. Receivers on 127.0.0.1 are allowed, and get half a second."""
    register_all()
    pool = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=2)
    store = PostgresEventStore(pool)
    sender = HttpWebhookSender(OutboundHttp(allow_private=True, timeout=0.5))
    options = WebhookOptions(keys=WebhookKeys(BOX), sender=sender, longest_seconds=2.0)
    async with database.transaction() as session:
        organization = (await create_organization(session, "Hooli")).organization
    made = Desk(Runtime(database, store, api_url=API_URL, box=BOX, webhooks=options), organization)
    made.runtime = made.another(now=made.now)
    yield made
    await sender.close()
    await store.close()
    await pool.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as made:
        yield made
