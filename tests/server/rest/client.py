"""Drives the REST surface in tests: an httpx client over the ASGI application, with an organization and its API key.

    async def test_taxes(rest: RestClient) -> None:
        answer = await rest.post("taxes", {"tax": {"name": "VAT", "code": "vat", "rate": "20"}})
        assert answer.status_code == 200

Import the fixtures where they are needed: ``from tests.server.rest.client import rest`` (noqa F401), or open clients by
hand: ``async with rest_client(database, kind="sandbox", clock=...) as client``. ``client.another()`` is a second
organization on the same server; ``client.with_key(...)`` the same organization with other permissions. Paths are below
``/api/v1``; ``client.http`` sends anything else.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from billwright.billing.access.api_keys import EVERYTHING, create_api_key
from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.service import create_organization
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.server.rest import application


@dataclass
class RestClient:
    """Requests as one organization. A body is a JSON value, or bytes that are sent as they are."""

    app: Starlette
    database: Database
    organization: Organization
    api_key: str
    http: httpx.AsyncClient

    async def request(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json", **(headers or {})}
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        return await self.http.request(method, f"/api/v1/{path}", content=content, headers=sent, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.request("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.request("POST", path, body, **more)

    async def put(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.request("PUT", path, body, **more)

    async def patch(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.request("PATCH", path, body, **more)

    async def delete(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.request("DELETE", path, body, **more)

    async def another(self, name: str = "Pied Piper", *, kind: str = "live") -> RestClient:
        """A client of a second, new organization on the same server."""
        async with self.database.transaction() as session:
            created = await create_organization(session, name, kind=kind)
        return RestClient(self.app, self.database, created.organization, created.api_key_value, self.http)

    async def with_key(self, permissions: dict[str, list[str]] | None = None) -> RestClient:
        """The same organization through a new key with ``permissions`` (none given: all)."""
        async with self.database.transaction() as session:
            created = await create_api_key(
                Context(session, self.organization), permissions=EVERYTHING if permissions is None else permissions
            )
        return RestClient(self.app, self.database, self.organization, created.value, self.http)

    @asynccontextmanager
    async def context(self) -> AsyncIterator[Context]:
        """A transaction in the organization, to prepare or inspect rows."""
        async with self.database.transaction() as session:
            organization = await session.get_one(Organization, self.organization.id)
            yield Context(session, organization, event_store=getattr(self.app.state, "event_store", None))


@asynccontextmanager
async def rest_client(
    database: Database,
    *,
    name: str = "Hooli",
    kind: str = "live",
    clock: datetime | None = None,
    **state: Any,
) -> AsyncIterator[RestClient]:
    """A server with one new organization; ``state`` (``redis``, ``settings``, ...) goes to ``app.state``."""
    app = Starlette(routes=application.routes())
    app.state.database = database
    app.state.settings = SimpleNamespace()
    pool = await asyncpg.create_pool(asyncpg_url(database.url), min_size=0, max_size=4)
    app.state.event_store = store = PostgresEventStore(pool)
    for attribute, value in state.items():
        setattr(app.state, attribute, value)
    async with database.transaction() as session:
        created = await create_organization(session, name, kind=kind, clock=clock)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        try:
            yield RestClient(app, database, created.organization, created.api_key_value, http)
        finally:
            await application.close(app)
            await store.close()
            await pool.close()


@pytest.fixture
async def rest(database: Database) -> AsyncIterator[RestClient]:
    """A client of a new live organization ``Hooli``."""
    async with rest_client(database) as client:
        yield client


def validation(**codes: str) -> dict[str, Any]:
    """The body of a 422 with one code per field."""
    return {
        "status": 422,
        "error": "Unprocessable Entity",
        "code": "validation_errors",
        "error_details": {field: [code] for field, code in codes.items()},
    }
