"""The log of API requests on the wire (spec 07 §9.2)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from billwright.billing.api_logs.models import ApiLog
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.outputs import Id, Instant


class ApiLogOut(TypedDict):
    request_id: Id
    client: str
    http_method: str
    http_status: int
    request_origin: str
    request_path: str
    request_body: dict[str, Any]
    request_response: dict[str, Any]
    api_version: str
    logged_at: Instant | None
    created_at: Instant | None


def api_log_object(row: ApiLog) -> ApiLogOut:
    """A logged request. Its bodies are objects (see ``filtering.kept_body``)."""
    request_id: UUID = row.request_id
    return {
        "request_id": request_id,
        "client": row.client,
        "http_method": row.http_method,
        "http_status": row.http_status,
        "request_origin": row.request_origin,
        "request_path": row.request_path,
        "request_body": row.request_body,
        "request_response": row.request_response,
        "api_version": row.api_version,
        "logged_at": iso(row.logged_at),
        "created_at": iso(row.logged_at),
    }
