"""CSV exports: what was asked for, how far it is, and the file in parts (spec 04 §23)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field

from billwright.billing.kernel.records import Record, Table, blob, cents, instant, jsonb, key


class DataExport(Record, table=True):
    """One file of a list. All instants are system time.

    ``status``: ``pending`` -> ``processing`` -> ``completed`` | ``failed``. ``filters`` are those of the list when it
    was asked for. ``run_id`` names the run that may write: a run that lost its job writes nothing any more.
    ``rows_total`` is known once a run has begun and counts the file's rows without its header.
    """

    __tablename__ = "data_exports"
    __table_args__ = (
        Index("ix_data_exports_list", "organization_id", "user_id", text("created_at desc")),
        Index("ix_data_exports_expiry", "expires_at", postgresql_where=text("expires_at is not null")),
    )

    organization_id: uuid.UUID = key("organizations.id")
    user_id: uuid.UUID = key("users.id")
    resource_type: str
    format: str = "csv"
    filters: dict[str, Any] = jsonb()
    filename: str
    status: str = "pending"
    run_id: uuid.UUID | None = key(nullable=True)
    rows_total: int | None = None
    rows_done: int = 0
    size_bytes: int = cents()
    digest: bytes | None = Field(default=None, unique=True)
    """SHA-256 of the link's token; the token itself is kept encrypted, for the requester's own list."""
    sealed_token: bytes | None = blob(nullable=True)
    completed_at: datetime | None = instant(nullable=True)
    expires_at: datetime | None = instant(nullable=True)
    """When the link ends and the file is deleted."""


class DataExportPart(Table, table=True):
    """A piece of the file; the pieces in order of ``position`` are the file."""

    __tablename__ = "data_export_parts"

    export_id: uuid.UUID = Field(foreign_key="data_exports.id", primary_key=True, ondelete="CASCADE")
    position: int = Field(primary_key=True)
    content: bytes = blob()
