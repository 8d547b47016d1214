"""Who calls: the bearer key, its organization, event ingestion's cache, the note of last use (spec 07 §1.1, §2.5)."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from starlette.requests import Request

from billwright.billing.access.api_keys import find_active, store_last_use
from billwright.billing.access.changes import ACCESS_CHANNEL
from billwright.billing.access.models import ApiKey, Organization
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database, Session, asyncpg_url
from billwright.billing.kernel.errors import Unauthorized
from billwright.billing.kernel.ids import parse_id

log = structlog.get_logger(__name__)

LAST_USED = "api_keys:last_used"
"""Redis hash: key id -> ISO instant of its last use, until an hourly job stores it."""


def bearer_key(request: Request) -> str:
    """The key in ``Authorization: Bearer <key>``; raises ``Unauthorized`` for any other header."""
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    value = value.strip()
    if scheme.lower() != "bearer" or not value or len(value) > 200:
        raise Unauthorized
    return value


async def authenticate(session: Session, value: str) -> tuple[ApiKey, Organization]:
    """The active key that ``value`` opens, read from the database."""
    found = await find_active(session, value)
    if found is None:
        raise Unauthorized
    return found


@dataclass(frozen=True, slots=True)
class _Entry:
    key: ApiKey
    organization: Organization
    until: datetime


class KeyCache:
    """Keys of live organizations for event ingestion, kept at most an hour and never past their expiry.

    The database tells every process of a change in the very commit that makes it (``ACCESS_CHANNEL``); the process that
    makes it knows before it answers. Without that line nothing is remembered. Sandboxes are never kept: their clock is
    part of the organization's row.
    """

    MAX_AGE = timedelta(hours=1)
    MAX_ENTRIES = 10_000
    PROBE_SECONDS = 5.0

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries: dict[str, _Entry] = {}
        self._changes = 0
        self._listening = False
        self._task: asyncio.Task[None] | None = None
        database.on_access_change.append(self._forget)

    async def find(self, value: str) -> tuple[ApiKey, Organization]:
        """The active key that ``value`` opens. Its rows are detached: read them, do not change them."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())
        now = system_now()
        entry = self._entries.get(value)
        if entry is not None and now < entry.until:
            return entry.key, entry.organization
        changes = self._changes
        async with self._database.reading() as session:
            key, organization = await authenticate(session, value)
            session.expunge_all()
        if self._listening and self._changes == changes and organization.kind == "live":
            if len(self._entries) >= self.MAX_ENTRIES:
                self._entries.clear()
            until = now + self.MAX_AGE
            self._entries[value] = _Entry(key, organization, min(until, key.expires_at) if key.expires_at else until)
        return key, organization

    async def close(self) -> None:
        """Forget everything and stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._forget in self._database.on_access_change:
            self._database.on_access_change.remove(self._forget)
        self._forget_all()

    def _forget_all(self) -> None:
        self._changes += 1
        self._listening = False
        self._entries.clear()

    def _forget(self, organization_id: UUID) -> None:
        self._changes += 1
        gone = [value for value, entry in self._entries.items() if entry.organization.id == organization_id]
        for value in gone:
            del self._entries[value]

    async def _listen(self) -> None:
        """Hold one connection that hears of changes; it is probed, so that a dead line is noticed, and renewed."""
        while True:
            connection: Any = None
            try:
                connection = await asyncpg.connect(
                    asyncpg_url(self._database.url), timeout=10, server_settings={"application_name": "billwright-keys"}
                )
                await connection.add_listener(ACCESS_CHANNEL, lambda *heard: self._forget(UUID(str(heard[3]))))
                self._forget_all()
                self._listening = True
                while True:
                    await asyncio.sleep(self.PROBE_SECONDS)
                    await connection.fetchval("SELECT 1", timeout=self.PROBE_SECONDS)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as failure:
                log.warning("key_cache_line_lost", error=type(failure).__name__)
                self._forget_all()
                await asyncio.sleep(1)
            finally:
                self._forget_all()
                if connection is not None:
                    connection.terminate()


class LastUse:
    """Collects "last used now" per key and writes it to Redis in the background, once a second at most."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._noted: dict[UUID, datetime] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, key_id: UUID) -> None:
        if self._redis is None:
            return
        self._noted[key_id] = system_now()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._later())

    async def flush(self) -> None:
        """Write what was noted; an unreachable Redis loses it, never a request."""
        noted, self._noted = self._noted, {}
        if noted and self._redis is not None:
            try:
                await self._redis.hset(LAST_USED, mapping={str(key): at.isoformat() for key, at in noted.items()})
            except Exception as failure:
                log.warning("last_use_not_noted", error=type(failure).__name__)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()

    async def _later(self) -> None:
        await asyncio.sleep(1)
        await self.flush()


async def store_noted_uses(redis: Any, database: Database) -> int:
    """The hourly job (minute 15): copy last uses from Redis to the keys and drop them there. Returns how many."""
    taken = LAST_USED + ":taken"
    if not await redis.exists(taken) and await redis.exists(LAST_USED):
        await redis.rename(LAST_USED, taken)
    noted: dict[UUID, datetime] = {}
    for name, value in (await redis.hgetall(taken)).items():
        key_id = parse_id(name.decode() if isinstance(name, bytes) else name)
        if key_id is not None:
            noted[key_id] = datetime.fromisoformat(value.decode() if isinstance(value, bytes) else value)
    async with database.transaction() as session:
        await store_last_use(session, noted)
    await redis.delete(taken)
    return len(noted)
