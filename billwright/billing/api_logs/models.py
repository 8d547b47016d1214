"""The log of API requests that change something (spec 07 §9.2)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from billwright.billing.kernel.records import Table, instant, key, ordered_json


class ApiLog(Table, table=True):
    """One authenticated request and its answer, secrets replaced. ``logged_at`` is system time.

    No foreign keys: a batch of them never waits for somebody's lock on the organization's row.
    """

    __tablename__ = "api_logs"
    __table_args__ = (
        Index("ix_api_logs_organization_id_logged_at", "organization_id", "logged_at", "id"),
        Index("ix_api_logs_organization_id_request_id", "organization_id", "request_id"),
        Index("ix_api_logs_logged_at", "logged_at"),
    )

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key()
    api_key_id: uuid.UUID = key()
    request_id: uuid.UUID = key()
    """``X-Request-Id``. The caller may choose it, so it may come twice."""
    http_method: str
    """``post``, ``put`` (also for PATCH) or ``delete``."""
    http_status: int
    request_path: str
    """As it was sent, without the query."""
    request_origin: str
    client: str
    api_version: str = Field(default="v1")
    request_body: dict[str, Any] = ordered_json()
    request_response: dict[str, Any] = ordered_json()
    logged_at: datetime = instant()
