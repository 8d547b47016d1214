"""The outbox: jobs are queued in the transaction that causes them (design §4)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session, encoded
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.models import Job
from billwright.billing.kernel.statements import Part, Rows, fetch
from billwright.billing.kernel.writing import insert_of

_ONCE = "on conflict (unique_key) where status in ('queued', 'running') do nothing"
_QUEUE = f"""
insert into jobs (id, organization_id, name, arguments, unique_key, status, attempts, max_attempts, run_at, created_at)
values ($1, $2, $3, $4, $5, 'queued', 0, $6, $7, $8) {_ONCE}
"""  # noqa: S608 - names of the table's own columns; every value is a parameter
_GATHERED = "gathered_jobs"


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
    gathered: list[dict[str, Any]] | None = session.info.get(_GATHERED)
    if gathered is not None:
        gathered.append(
            {
                "id": job_id,
                "organization_id": organization_id,
                "name": name,
                "arguments": arguments or {},
                "unique_key": unique_key,
                "status": "queued",
                "attempts": 0,
                "max_attempts": max_attempts,
                "run_at": run_at or now,
                "created_at": now,
            }
        )
    else:
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


@contextmanager
def gathering(session: Session) -> Generator[list[dict[str, Any]]]:
    """Jobs queued in the block are kept in a list instead: the caller stores them with ``write_all(jobs_of(...))``."""
    before = session.info.get(_GATHERED)
    gathered: list[dict[str, Any]] = []
    session.info[_GATHERED] = gathered
    try:
        yield gathered
    finally:
        session.info[_GATHERED] = before


def jobs_of(gathered: Rows) -> tuple[Part, Rows]:
    """What ``gathering`` kept, as an insert."""
    return insert_of(Job, gathered, conflict=_ONCE)
