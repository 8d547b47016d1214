"""Two furnished organizations on one server with every door: whatever one of them asks, it must not meet the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
import redis.asyncio

from billwright.billing.access.models import User
from billwright.billing.access.service import add_membership
from billwright.billing.access.sessions import EMAIL_PASSWORD, open_session
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.kernel.encryption import SecretBox
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.notifications.keys import WebhookKeys
from billwright.billing.notifications.options import WebhookOptions
from billwright.jobs.registration import register_handlers
from billwright.server import files
from billwright.server.rest import application as rest_door
from billwright.ui import application as back_office
from billwright.ui.sessions import issue_token
from tests.access.furnishing import Home, furnish
from tests.conftest import TestStack
from tests.graphql.support import CLOCK, World, make_world, settings_for


@dataclass
class Street:
    """``mine`` asks, ``theirs`` must not be met. ``world.tokens`` has a member of ``theirs`` for each role and one
    without any (``nobody``); ``stranger`` administers ``mine``."""

    world: World
    theirs: Home
    mine: Home


@pytest.fixture(scope="module")
async def street(stack: TestStack, module_database_url: str) -> AsyncIterator[Street]:
    register_handlers()
    redis_url = stack.redis_url(1 + stack.worker)
    database = Database(module_database_url)
    pool = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=4)
    store = PostgresEventStore(pool)
    client = redis.asyncio.Redis.from_url(redis_url)
    settings = settings_for(database.url, redis_url, "http://billwright.test")
    box = SecretBox("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    runtime = Runtime(database, store, box=box, webhooks=WebhookOptions(keys=WebhookKeys(box)))
    world = await make_world(runtime, client, settings, rest_door, files, back_office)
    async with database.transaction() as session:
        user = User(id=new_id(), email="nobody@acme.example", created_at=CLOCK, updated_at=CLOCK)
        session.add(user)
        await session.flush()
        await add_membership(session, user.id, world.organization.id, [])
        world.tokens["nobody"] = issue_token(settings, (await open_session(session, user, EMAIL_PASSWORD)).id)
    theirs = await furnish(world, world.organization, "acmesecret")
    mine = await furnish(world, world.other, "rival")
    yield Street(world, theirs, mine)
    await rest_door.close(world.app)
    await client.aclose()
    await store.close()
    await pool.close()
    await database.close()
