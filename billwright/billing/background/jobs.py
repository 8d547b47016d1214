"""Background jobs: a registry of handlers and the runner that claims, runs, retries and records them.

A job is a row of ``jobs`` (see ``kernel.outbox``). Whoever runs it takes a lease; a crash lets the lease expire and
the sweep runs it again, so every handler must be safe to run twice.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database

LEASE = timedelta(minutes=10)
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


async def due_jobs(database: Database, *, limit: int = 100, organization_id: UUID | None = None) -> list[UUID]:
    """Ids of jobs that should run now: queued and due, or running with an expired lease, oldest first.

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
                    "select id from jobs where status in ('queued', 'running') and run_at <= :now"
                    " and (status = 'queued' or lease_until < :now) order by run_at, id limit :limit"
                ),
                {"now": now, "limit": limit},
            )
        return [row[0] for row in rows]


async def run_job(runtime: Runtime, job_id: UUID, *, immediate: bool = False) -> str:
    """Claim and run one job; returns its new status, or ``skipped`` if another process has it.

    ``immediate`` ignores a retry's waiting time (sandboxes).
    """
    claimed = await _claim(runtime.database, job_id, immediate)
    if claimed is None:
        return "skipped"
    call, name, max_attempts = JobCall(runtime, job_id, claimed[0], claimed[2], claimed[3]), claimed[1], claimed[4]
    handler = _HANDLERS.get(name)
    try:
        if handler is None:
            raise LookupError(f"no handler for job {name}")
        await handler(call)
    except RetryLater as later:
        return await _finish(runtime.database, job_id, "queued", run_at=system_now() + later.after, undo_attempt=True)
    except Exception as failure:
        error = "".join(traceback.format_exception(failure))[-8000:]
        log.warning("job failed", job=name, job_id=str(job_id), attempt=call.attempt, error=str(failure))
        if call.attempt >= max_attempts:
            return await _finish(runtime.database, job_id, "failed", error=error)
        wait = min(FIRST_RETRY_SECONDS * 4 ** (call.attempt - 1), LONGEST_RETRY_SECONDS)
        return await _finish(
            runtime.database, job_id, "queued", error=error, run_at=system_now() + timedelta(seconds=wait)
        )
    return await _finish(runtime.database, job_id, "succeeded")


async def _claim(
    database: Database, job_id: UUID, immediate: bool
) -> tuple[UUID | None, str, dict[str, Any], int, int] | None:
    now = system_now()
    async with database.transaction() as session:
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
    return (row[0], row[1], row[2], row[3], row[4]) if row else None


async def _finish(
    database: Database,
    job_id: UUID,
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
                " where id = :id"
            ),
            {"id": job_id, "status": status, "error": error, "now": now, "run_at": run_at, "undo": int(undo_attempt)},
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
