"""What the browser tests share: the books that they look at, and ears for everything that goes wrong in a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from playwright.async_api import ConsoleMessage, Page, Request, Response
from sqlalchemy import text

from billwright.billing.access.models import User
from billwright.billing.access.passwords import hash_password
from billwright.billing.access.service import add_membership, create_organization
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import new_id
from billwright.ui import sessions
from tests.live.server import LiveServer

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
EMAIL, PASSWORD = "jana@hooli.example", "Correct-horse-9"
CLOCK = datetime(2024, 1, 15, 10, tzinfo=UTC)


LEFT_BEHIND = ("htmx:afterRequest", "htmx:sendAbort", "htmx:sendError")


class Ears:
    """Notes what a page complains about, what fails, and what it asks of servers other than ``urls``."""

    def __init__(self, page: Page, *urls: str) -> None:
        self.heard: list[str] = []
        self._urls = urls
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.heard.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.on("request", self._asked)

    def _console(self, message: ConsoleMessage) -> None:
        # htmx tells of each request that a page left behind; those that fail otherwise are heard below
        if message.type in ("error", "warning") and not message.text.startswith(LEFT_BEHIND):
            self.heard.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        aborted = request.failure == "net::ERR_ABORTED"  # a page that was left, or a download
        if not aborted:
            self.heard.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.heard.append(f"{response.status}: {response.url}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((*self._urls, "data:", "blob:")):
            self.heard.append(f"elsewhere: {request.url}")


@dataclass(frozen=True)
class Company:
    """An organization's address and a session of its admin."""

    url: str
    slug: str
    api_key: str
    cookie: tuple[str, str]
    database_url: str
    organization_id: UUID

    @property
    def base(self) -> str:
        return f"/{self.slug}"

    async def change(self, sql: str, **values: Any) -> None:
        """Arrange what no use case makes at will, such as a job that failed."""
        database = Database(self.database_url, pool_size=1)
        try:
            async with database.transaction() as session:
                await session.execute(text(sql), {"organization": self.organization_id, **values})
        finally:
            await database.close()


async def make_company(server: LiveServer) -> Company:
    """A sandbox at January 15, 2024, made through the API as a customer of ours would."""
    database = Database(server.database_url, pool_size=1)
    async with database.transaction() as session:
        created = await create_organization(session, "Hooli", kind="sandbox", clock=CLOCK)
        organization = created.organization
        user = User(
            id=new_id(), email=EMAIL, password_hash=await hash_password(PASSWORD), created_at=CLOCK, updated_at=CLOCK
        )
        session.add(user)
        await session.flush()
        await add_membership(session, user.id, organization.id, ["admin"])
    await database.close()
    made = Company(
        server.url,
        organization.slug,
        created.api_key_value,
        await _log_in(server.url),
        server.database_url,
        organization.id,
    )
    await _books(made)
    return made


async def _log_in(url: str) -> tuple[str, str]:
    """The session's cookie, from the form that people use."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        form = (await client.get("/login")).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', form)
        assert token is not None
        answer = await client.post("/login", data={"email": EMAIL, "password": PASSWORD, "csrf_token": token[1]})
        assert answer.status_code == 303, answer.text
        return sessions.COOKIE, client.cookies[sessions.COOKIE]


async def _books(company: Company) -> None:
    """Two customers: one billed in advance without a grace period, one with drafts of three days."""
    headers = {"authorization": f"Bearer {company.api_key}"}
    async with httpx.AsyncClient(base_url=f"{company.url}/api/v1", headers=headers, timeout=60) as api:

        async def post(path: str, **body: Any) -> Any:
            answer = await api.post(path, json=body)
            assert answer.status_code == 200, answer.text
            return answer.json() if answer.content else None

        metric = (
            await post(
                "/billable_metrics",
                billable_metric={
                    "name": "API calls", "code": "calls", "aggregation_type": "sum_agg", "field_name": "n",
                },
            )
        )["billable_metric"]  # fmt: skip
        tiers = [
            {"from_value": 0, "to_value": 10, "per_unit_amount": "0", "flat_amount": "0"},
            {"from_value": 11, "to_value": None, "per_unit_amount": "0.25", "flat_amount": "5"},
        ]
        await post("/taxes", tax={"name": "VAT", "code": "vat", "rate": "20", "applied_to_organization": True})
        await post(
            "/plans",
            plan={
                "name": "Team", "code": "team", "interval": "monthly", "amount_cents": 3100, "amount_currency": "EUR",
                "pay_in_advance": True,
                "charges": [
                    {"billable_metric_id": metric["lago_id"], "charge_model": "graduated",
                     "properties": {"graduated_ranges": tiers}}
                ],
            },
        )  # fmt: skip
        for name, days in (("Acme Corporation", 0), ("Blue Harbor", 3)):
            key = name.split()[0].lower()
            await post(
                "/customers",
                customer={
                    "external_id": key, "name": name, "currency": "EUR", "timezone": "Asia/Tokyo",
                    "billing_configuration": {"invoice_grace_period": days},
                },
            )  # fmt: skip
            await post(
                "/subscriptions",
                subscription={"external_customer_id": key, "plan_code": "team", "external_id": f"sub_{key}"},
            )
        await post(
            "/events/batch",
            events=[
                {"transaction_id": f"t{number}", "external_subscription_id": "sub_acme", "code": "calls",
                 "timestamp": 1705312800, "properties": {"n": 10}}
                for number in range(3)
            ],
        )  # fmt: skip
