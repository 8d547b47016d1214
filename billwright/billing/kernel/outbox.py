"""The outbox: jobs are queued in the transaction that causes them (design §4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.models import Job


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
    statement = insert(Job).values(
        id=job_id,
        organization_id=organization_id,
        name=name,
        arguments=arguments or {},
        unique_key=unique_key,
        status="queued",
        attempts=0,
        max_attempts=max_attempts,
        run_at=run_at or now,
        created_at=now,
    )
    if unique_key is not None:
        statement = statement.on_conflict_do_nothing(
            index_elements=["unique_key"], index_where=text("status in ('queued', 'running')")
        )
    await session.execute(statement)
    if run_at is None or run_at <= now:
        session.info.setdefault("queued_jobs", []).append(job_id)
