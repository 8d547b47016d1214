"""The outbox: jobs are queued in the transaction that causes them (design §4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session, encoded
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.statements import fetch

_QUEUE = """
insert into jobs (id, organization_id, name, arguments, unique_key, status, attempts, max_attempts, run_at, created_at)
values ($1, $2, $3, $4, $5, 'queued', 0, $6, $7, $8)
on conflict (unique_key) where status in ('queued', 'running') do nothing
"""


async def enqueue(
    session: Session,
    organization_id: UUID | None,
    name: str,
    arguments: dict[str, Any] | None = None,
    *,
    unique_key: str | None = None,
    run_at: datetime | None = None,
    max_attempts: int = 5,
) -> None:
    """Queue job ``name`` to run after commit. Equal ``unique_key``s collapse while one is unfinished.

    ``run_at`` is system time. The job's handler must be safe to run twice.
    """
    now = system_now()
    job_id = new_id()
    await fetch(
        session,
        _QUEUE,
        job_id,
        organization_id,
        name,
        encoded(arguments or {}),
        unique_key,
        max_attempts,
        run_at or now,
        now,
    )
    if run_at is None or run_at <= now:
        session.info.setdefault("queued_jobs", []).append(job_id)
