"""Advancing a sandbox clock beside the request that asked for it, so that a page can show how far it is.

The walk itself is the domain's (``scheduling.test_clock``) and survives a crash: its target is stored, and a worker
takes up a walk whose process is gone.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.scheduling.test_clock import ClockState, advance

log = structlog.get_logger(__name__)
_KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Walk:
    """The last walk: where it began, what failed on the way, and why it stopped if it did not arrive."""

    started_from: datetime | None = None
    failed_jobs: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    error: str | None = None


class ClockAdvances:
    """The walks of this process. What is shown of them is kept in Valkey for all processes."""

    def __init__(self, runtime: Runtime, client: Any) -> None:
        self._runtime = runtime
        self._client = client
        self._walks: dict[UUID, asyncio.Task[ClockState]] = {}

    async def start(self, organization_id: UUID, started_from: datetime) -> asyncio.Task[ClockState]:
        """Walk to the stored target, from ``started_from``. The walk goes on when the caller is gone."""
        running = self._walks.get(organization_id)
        if running is not None and not running.done():
            return running
        await self._keep(organization_id, started_from=started_from.isoformat())
        task = asyncio.create_task(self._walk(organization_id, started_from))
        self._walks[organization_id] = task
        task.add_done_callback(lambda done: self._forget(organization_id, done))
        return task

    async def last(self, organization_id: UUID) -> Walk:
        """What is known of the organization's last walk."""
        raw = await self._client.get(_name(organization_id))
        kept: dict[str, Any] = json.loads(raw) if raw else {}
        started = kept.get("started_from")
        return Walk(parse_instant(started) if started else None, kept.get("failed_jobs", []), kept.get("error"))

    async def forget(self, organization_id: UUID) -> None:
        """Show no last walk any more: the sandbox was reset or is gone."""
        await self._client.delete(_name(organization_id))

    async def close(self) -> None:
        """Stop walking; the targets stay stored and a worker resumes the walks."""
        tasks = [task for task in self._walks.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _walk(self, organization_id: UUID, started_from: datetime) -> ClockState:
        try:
            state = await advance(self._runtime, organization_id)
        except Exception as failure:
            log.error("clock_advance_failed", organization_id=str(organization_id), exc_info=failure)
            await self._keep(
                organization_id,
                started_from=started_from.isoformat(),
                error="The clock stopped on the way; it goes on from where it stands.",
            )
            raise
        await self._keep(organization_id, started_from=started_from.isoformat(), failed_jobs=state.failed_jobs)
        return state

    async def _keep(self, organization_id: UUID, **shown: Any) -> None:
        await self._client.set(_name(organization_id), json.dumps(shown), ex=_KEPT_SECONDS)

    def _forget(self, organization_id: UUID, task: asyncio.Task[ClockState]) -> None:
        if self._walks.get(organization_id) is task:
            del self._walks[organization_id]
        if not task.cancelled():
            task.exception()


def _name(organization_id: UUID) -> str:
    return f"clock:{organization_id}"
