"""The key cache of event ingestion (spec 07 §2.5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from billwright.billing.access.api_keys import delete_api_key, rotate_api_key, update_api_key
from billwright.billing.access.schemas import OrganizationUpdate
from billwright.billing.access.service import create_organization, update_organization
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.errors import Unauthorized
from billwright.server.rest.authentication import KeyCache
from tests.server.rest.client import RestClient


@pytest.fixture
async def cache(rest: RestClient) -> AsyncIterator[KeyCache]:
    made = KeyCache(rest.database)
    await made.find(rest.api_key)
    for _ in range(200):
        if made._listening:
            break
        await asyncio.sleep(0.02)
    assert made._listening
    yield made
    await made.close()


async def _queries(rest: RestClient, work: KeyCache) -> int:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(rest.database.engine.sync_engine, "before_cursor_execute", note)
    try:
        await work.find(rest.api_key)
    finally:
        event.remove(rest.database.engine.sync_engine, "before_cursor_execute", note)
    return len(seen)


async def _eventually_forgotten(rest: RestClient, cache: KeyCache) -> None:
    ends = time.monotonic() + 3
    while await _queries(rest, cache) == 0:
        assert time.monotonic() < ends
        await asyncio.sleep(0.01)


async def test_the_second_look_costs_no_query(rest: RestClient, cache: KeyCache) -> None:
    await cache.find(rest.api_key)
    assert await _queries(rest, cache) == 0
    key, organization = await cache.find(rest.api_key)
    assert (organization.name, key.organization_id) == ("Hooli", organization.id)


async def test_changes_are_heard_at_once(rest: RestClient, cache: KeyCache) -> None:
    await cache.find(rest.api_key)
    async with rest.context() as ctx:
        key_id = (await ctx.session.execute(text("select id from api_keys"))).scalar_one()
        await update_api_key(ctx, key_id, {"permissions": {"tax": ["read"]}})
    await _eventually_forgotten(rest, cache)
    assert (await cache.find(rest.api_key))[0].permissions == {"tax": ["read"]}
    async with rest.context() as ctx:
        await update_organization(ctx, OrganizationUpdate.parse({"timezone": "Europe/Paris"}))
    await _eventually_forgotten(rest, cache)
    assert (await cache.find(rest.api_key))[1].timezone == "Europe/Paris"


async def test_a_rotated_key_stops_at_its_expiry(rest: RestClient, cache: KeyCache) -> None:
    await cache.find(rest.api_key)
    async with rest.context() as ctx:
        key_id = (await ctx.session.execute(text("select id from api_keys"))).scalar_one()
        end = system_now() + timedelta(seconds=1.5)
        await rotate_api_key(ctx, key_id, expires_at=end)
    await _eventually_forgotten(rest, cache)
    await cache.find(rest.api_key)
    await asyncio.sleep((end - system_now()).total_seconds() + 0.05)
    with pytest.raises(Unauthorized):
        await cache.find(rest.api_key)


@pytest.mark.parametrize("end", [rotate_api_key, delete_api_key])
async def test_an_ended_key_opens_nothing_in_the_process_that_ended_it(
    rest: RestClient, cache: KeyCache, end: Callable[..., Awaitable[object]]
) -> None:
    """Spec 07 §2.5, §10 trap 6: at once, before any other process has told so."""
    await rest.with_key()
    await cache.find(rest.api_key)
    assert await _queries(rest, cache) == 0
    async with rest.context() as ctx:
        key_id = (await ctx.session.execute(text("select id from api_keys order by created_at"))).scalars().first()
        await end(ctx, key_id)
        assert await _queries(rest, cache) == 0, "nothing has changed before the commit"
    with pytest.raises(Unauthorized):
        await cache.find(rest.api_key)


async def test_without_the_line_nothing_is_remembered(rest: RestClient, cache: KeyCache) -> None:
    await cache.find(rest.api_key)
    async with rest.context() as ctx:
        await ctx.session.execute(
            text("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'billwright-keys'"
                 " and datname = current_database()")
        )  # fmt: skip
    cache.PROBE_SECONDS = 0.1  # type: ignore[misc]
    ends = time.monotonic() + 8
    while cache._listening:
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)
    assert await _queries(rest, cache) > 0


async def test_sandboxes_are_never_kept(rest: RestClient, cache: KeyCache) -> None:
    async with rest.database.transaction() as session:
        sandbox = await create_organization(session, "Sand", kind="sandbox")
    rest.api_key = sandbox.api_key_value
    await cache.find(rest.api_key)
    assert await _queries(rest, cache) > 0
