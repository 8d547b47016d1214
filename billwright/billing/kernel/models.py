"""Tables of the kernel: the outbox of background jobs and stored files."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field

from billwright.billing.kernel.records import Table, blob, instant, jsonb, key


class Job(Table, table=True):
    """A side effect written in the transaction that caused it and run after commit (design §4, outbox).

    ``status``: ``queued`` -> ``running`` -> ``succeeded`` | ``queued`` (retry) | ``failed``. All instants are system
    time. ``unique_key`` collapses equal work while it is unfinished.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "uq_jobs_unique_key", "unique_key", unique=True, postgresql_where=text("status in ('queued', 'running')")
        ),
        Index("ix_jobs_due", "run_at", postgresql_where=text("status in ('queued', 'running')")),
        Index("ix_jobs_organization", "organization_id", "created_at"),
        Index("ix_jobs_organization_open", "organization_id", postgresql_where=text("status in ('queued', 'running')")),
        Index("ix_jobs_organization_failed", "organization_id", postgresql_where=text("status = 'failed'")),
    )

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID | None = key(nullable=True)
    name: str
    arguments: dict[str, Any] = jsonb()
    unique_key: str | None = None
    status: str = "queued"
    attempts: int = 0
    max_attempts: int = 5
    run_at: datetime = instant()
    lease_until: datetime | None = instant(nullable=True)
    created_at: datetime = instant()
    started_at: datetime | None = instant(nullable=True)
    finished_at: datetime | None = instant(nullable=True)
    error: str | None = None


class StoredFile(Table, table=True):
    """A generated document. ``token`` makes its public address unguessable."""

    __tablename__ = "stored_files"

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key("organizations.id", index=True)
    filename: str
    content_type: str
    content: bytes = blob()
    token: str = Field(unique=True)
    created_at: datetime = instant()
