"""Writing the log of API requests without being in their way (spec 07 §9.2: best effort).

A request leaves what was said behind and is answered. A task of the process turns that into rows and stores them, a
batch several times a second. What cannot be stored, or what there is no room for, is lost and counted in a warning.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from billwright.billing.api_logs.filtering import kept_body
from billwright.billing.api_logs.models import ApiLog
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.statements import insert_many

log = structlog.get_logger(__name__)

SECONDS = 0.25
BATCH = 200
MOST_WAITING = 16 * 1024 * 1024
"""Bytes of bodies that wait in a process at most."""
_METHODS = {"PATCH": "put"}
_LONGEST = {"request_path": 2000, "request_origin": 300, "client": 500}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer as they went over the wire. ``path`` has no query, ``origin`` is scheme and host."""

    organization_id: UUID
    api_key_id: UUID
    request_id: UUID
    method: str
    path: str
    origin: str
    client: str
    status: int
    request: bytes
    response: bytes
    at: datetime = field(default_factory=system_now)

    @property
    def size(self) -> int:
        return len(self.request) + len(self.response) + 1000


class ApiLogRecorder:
    """The exchanges of one process on their way into ``api_logs``."""

    def __init__(self, database: Database, *, most_waiting: int = MOST_WAITING) -> None:
        self._database = database
        self._most = most_waiting
        self._waiting: deque[Exchange] = deque()
        self._bytes = 0
        self._lost = 0
        self._task: asyncio.Task[None] | None = None
        self._storing = asyncio.Lock()

    def note(self, exchange: Exchange) -> None:
        """Have it stored soon. Returns at once and never raises."""
        if self._bytes + exchange.size > self._most:
            self._lost += 1
            return
        self._waiting.append(exchange)
        self._bytes += exchange.size
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._later())

    async def flush(self) -> None:
        """Store what waits. Never raises: what fails is lost."""
        async with self._storing:
            while self._waiting:
                rows: list[dict[str, Any]] = []
                while self._waiting and len(rows) < BATCH:
                    exchange = self._waiting.popleft()
                    self._bytes -= exchange.size
                    rows.append(_row(exchange))
                    await asyncio.sleep(0)  # requests go first
                await self._store(rows)
            if self._lost:
                log.warning("api_logs_lost", requests=self._lost)
                self._lost = 0

    async def close(self) -> None:
        """Store what waits and end."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()

    async def _later(self) -> None:
        await asyncio.sleep(SECONDS)
        await asyncio.shield(self.flush())

    async def _store(self, rows: list[dict[str, Any]]) -> None:
        try:
            async with self._database.transaction() as session:
                await insert_many(session, ApiLog, rows)
        except Exception as failure:
            self._lost += len(rows)
            log.warning("api_logs_not_stored", error=f"{type(failure).__name__}: {failure}"[:300])


def _row(exchange: Exchange) -> dict[str, Any]:
    texts = {"request_path": exchange.path, "request_origin": exchange.origin, "client": exchange.client}
    return {
        "id": new_id(),
        "organization_id": exchange.organization_id,
        "api_key_id": exchange.api_key_id,
        "request_id": exchange.request_id,
        "http_method": _METHODS.get(exchange.method, exchange.method.lower()),
        "http_status": exchange.status,
        "api_version": "v1",
        **{name: text.replace("\x00", "")[: _LONGEST[name]] for name, text in texts.items()},
        "request_body": kept_body(exchange.request),
        "request_response": kept_body(exchange.response),
        "logged_at": exchange.at,
    }
