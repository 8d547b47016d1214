"""Background jobs: a registry of handlers and the runner that claims, runs, retries and records them.

A job is a row of ``jobs`` (see ``kernel.outbox``). Whoever runs it takes a lease and renews it while the handler works;
a crash lets the lease expire and the sweep runs it again, so every handler must be safe to run twice. A claim is known
by its ``started_at``: who lost it to another process can no longer change the row.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database

LEASE = timedelta(seconds=60)
RENEW_SECONDS = 15.0
FIRST_RETRY_SECONDS = 3
LONGEST_RETRY_SECONDS = 3600

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobCall:
    """One run of a job. ``organization_id`` scopes it; ``attempt`` counts from 1."""

    runtime: Runtime
    job_id: UUID
    organization_id: UUID | None
    arguments: dict[str, Any]
    attempt: int


Handler = Callable[[JobCall], Awaitable[None]]
_HANDLERS: dict[str, Handler] = {}


class RetryLater(Exception):
    """Raised by a handler that cannot work yet; the job is tried again without counting as failed."""

    def __init__(self, after: timedelta) -> None:
        super().__init__(f"again in {after}")
        self.after = after


def job(name: str) -> Callable[[Handler], Handler]:
    """Register the handler of jobs called ``name``."""

    def register(handler: Handler) -> Handler:
        if _HANDLERS.setdefault(name, handler) is not handler:
            raise ValueError(f"two handlers for job {name}")
        return handler

    return register


def registered() -> frozenset[str]:
    """Names of all jobs that this process can run."""
    return frozenset(_HANDLERS)


async def due_jobs(
    database: Database,
    *,
    limit: int = 100,
    organization_id: UUID | None = None,
    waiting: timedelta = timedelta(0),
) -> list[UUID]:
    """Ids of jobs that should run now: queued and due for ``waiting``, or running with an expired lease, oldest first.

    For one ``organization_id`` (a sandbox being advanced) retries do not wait (spec 00 rule 25).
    """
    now = system_now()
    async with database.reading() as session:
        if organization_id is not None:
            rows = await session.execute(
                text(
                    "select id from jobs where organization_id = :org and (status = 'queued'"
                    " or (status = 'running' and lease_until < :now)) order by created_at, id limit :limit"
                ),
                {"org": organization_id, "now": now, "limit": limit},
            )
        else:
            rows = await session.execute(
                text(
                    "select id from jobs where status in ('queued', 'running') and run_at <= :due"
                    " and (status = 'queued' or lease_until < :now) order by run_at, id limit :limit"
                ),
                {"due": now - waiting, "now": now, "limit": limit},
            )
        return [row[0] for row in rows]


async def is_running_any(database: Database, organization_id: UUID) -> bool:
    """Whether some process works on a job of the organization."""
    async with database.reading() as session:
        found = await session.execute(
            text("select exists (select from jobs where organization_id = :org and status = 'running')"),
            {"org": organization_id},
        )
        return bool(found.scalar_one())


@dataclass(frozen=True, slots=True)
class _Claim:
    """A job taken by this process; ``started_at`` tells this run from every other of the same job."""

    call: JobCall
    name: str
    max_attempts: int
    started_at: datetime


async def run_job(runtime: Runtime, job_id: UUID, *, immediate: bool = False) -> str:
    """Claim and run one job; returns its new status, ``postponed`` (``RetryLater``), or ``skipped`` if another process
    has it.

    ``immediate`` ignores a retry's waiting time (sandboxes).
    """
    claim = await _claim(runtime, job_id, immediate)
    if claim is None:
        return "skipped"
    handler = _HANDLERS.get(claim.name)
    try:
        if handler is None:
            raise LookupError(f"no handler for job {claim.name}")
        async with _kept_lease(runtime.database, claim):
            await handler(claim.call)
    except RetryLater as later:
        await _finish(runtime.database, claim, "queued", run_at=system_now() + later.after, undo_attempt=True)
        return "postponed"
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):  # an unreachable database leaves it to the lease
            await asyncio.shield(_finish(runtime.database, claim, "queued", undo_attempt=True))
        raise
    except Exception as failure:
        error = "".join(traceback.format_exception(failure))[-8000:]
        log.warning("job failed", job=claim.name, job_id=str(job_id), attempt=claim.call.attempt, error=str(failure))
        if claim.call.attempt >= claim.max_attempts:
            return await _finish(runtime.database, claim, "failed", error=error)
        wait = min(FIRST_RETRY_SECONDS * 4 ** (claim.call.attempt - 1), LONGEST_RETRY_SECONDS)
        return await _finish(
            runtime.database, claim, "queued", error=error, run_at=system_now() + timedelta(seconds=wait)
        )
    return await _finish(runtime.database, claim, "succeeded")


async def _claim(runtime: Runtime, job_id: UUID, immediate: bool) -> _Claim | None:
    now = system_now()
    async with runtime.database.transaction() as session:
        row = (
            await session.execute(
                text(
                    "update jobs set status = 'running', attempts = attempts + 1,"
                    " started_at = :now, lease_until = :lease"
                    " where id = :id and ((status = 'queued' and (run_at <= :now or :immediate))"
                    " or (status = 'running' and lease_until < :now))"
                    " returning organization_id, name, arguments, attempts, max_attempts"
                ),
                {"id": job_id, "now": now, "lease": now + LEASE, "immediate": immediate},
            )
        ).first()
    if row is None:
        return None
    return _Claim(JobCall(runtime, job_id, row[0], row[2], row[3]), row[1], row[4], now)


@asynccontextmanager
async def _kept_lease(database: Database, claim: _Claim) -> AsyncGenerator[None]:
    keeper = asyncio.create_task(_keep_lease(database, claim))
    try:
        yield
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper


async def _keep_lease(database: Database, claim: _Claim) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        try:
            async with database.transaction() as session:
                await session.execute(
                    text(
                        "update jobs set lease_until = :lease"
                        " where id = :id and status = 'running' and started_at = :started"
                    ),
                    {"lease": system_now() + LEASE, "id": claim.call.job_id, "started": claim.started_at},
                )
        except Exception as failure:
            log.warning("lease not renewed", job_id=str(claim.call.job_id), error=str(failure))


async def _finish(
    database: Database,
    claim: _Claim,
    status: str,
    *,
    error: str | None = None,
    run_at: datetime | None = None,
    undo_attempt: bool = False,
) -> str:
    now = system_now()
    async with database.transaction() as session:
        await session.execute(
            text(
                "update jobs set status = cast(:status as varchar), error = :error, lease_until = null,"
                " run_at = coalesce(cast(:run_at as timestamptz), run_at), attempts = attempts - cast(:undo as int),"
                " finished_at = case when cast(:status as varchar) <> 'queued' then cast(:now as timestamptz) end"
                " where id = :id and status = 'running' and started_at = :started"
            ),
            {
                "id": claim.call.job_id,
                "started": claim.started_at,
                "status": status,
                "error": error,
                "now": now,
                "run_at": run_at,
                "undo": int(undo_attempt),
            },
        )
    return status


async def discard_finished(database: Database, older_than: timedelta) -> int:
    """Delete succeeded jobs that ended before ``older_than`` ago; returns how many."""
    async with database.transaction() as session:
        result = await session.execute(
            text("delete from jobs where status = 'succeeded' and finished_at < :limit"),
            {"limit": system_now() - older_than},
        )
        return int(result.rowcount)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
