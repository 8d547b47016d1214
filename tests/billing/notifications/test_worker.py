"""``billwright worker`` delivers webhooks (spec 06 §16.4)."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from billwright.billing.access.context import Context
from billwright.billing.access.service import create_organization
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.notifications.endpoints import create_endpoint
from billwright.billing.notifications.keys import WebhookKeys
from billwright.billing.notifications.schemas import EndpointInput
from billwright.billing.notifications.service import emit
from tests.support.webhook_receiver import HANG, Receiver

pytestmark = pytest.mark.timeout(120)
KEY = "A" * 43 + "="


@pytest.fixture
async def worker(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with (tmp_path / "worker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "billwright.server.cli", "worker"),
            env={
                **os.environ,
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "SECRET_KEY": "s" * 40,
                "ENCRYPTION_KEY": KEY,
                "API_URL": "https://api.billwright.test",
                "WEBHOOK_ALLOW_PRIVATE_NETWORKS": "true",
            },
            stdout=log,
            stderr=log,
        )
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


async def test_a_worker_delivers_retries_and_gives_back(
    worker: asyncio.subprocess.Process, database: Database, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [503, 200, HANG]
    async with database.transaction() as session:
        organization = (await create_organization(session, "Hooli")).organization
        ctx = Context(session, organization, allow_private_networks=True)
        await create_endpoint(ctx, EndpointInput.parse({"webhook_url": receiver.url}))
        await emit(ctx, "payment_provider.error", "payment_provider_error", uuid4(), {"n": 1})
    first = await receiver.next(60)
    begun = time.monotonic()
    again = await receiver.next(15)
    assert 2.5 < time.monotonic() - begun < 12
    assert (again.key, again.body) == (first.key, first.body)
    public = await WebhookKeys(SecretBox(KEY)).public_key(database)
    again.check(public_key=base64.b64decode(public), issuer="https://api.billwright.test")
    async with database.transaction() as session:
        ctx = Context(session, await session.get_one(type(organization), organization.id))
        await emit(ctx, "payment_provider.error", "payment_provider_error", uuid4(), {"n": 2})
    hanging = await receiver.next(30)
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(worker.wait(), 20) == 0, (tmp_path / "worker.log").read_text()
    async with database.reading() as session:
        rows = await session.execute(
            text(
                "select id::text, status, retries, lease_until is null, due_at is null from webhooks"
                " order by created_at"
            )
        )
        assert [tuple(row) for row in rows] == [
            (first.key, "succeeded", 1, True, True),
            (hanging.key, "pending", 0, True, False),
        ]
