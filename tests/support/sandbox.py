"""A sandbox organization driven over REST: catalogue rows, subscriptions, events and the clock.

    async def test_x(sandbox: Sandbox) -> None:
        await sandbox.plan("p", 3100, pay_in_advance=True)
        await sandbox.subscribe("s1", "p")
        await sandbox.advance("2024-04-01T02:00:00Z")
        assert await sandbox.amounts() == [("2024-01-15", 1700), ...]

Import the fixture in a ``conftest.py``: ``from tests.support.sandbox import sandbox``. Every answer must be a 200; for
others a test asks through ``sandbox.rest``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from billwright.billing.access.context import Context
from billwright.billing.background.registration import register_all
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.models import BillableMetric, Charge, Plan
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.metering.store.protocol import EventIn
from billwright.billing.notifications.options import WebhookOptions
from billwright.billing.taxes.vat_checks import VatChecker
from tests.server.rest.client import RestClient, rest_client

START = datetime(2024, 1, 15, 10, tzinfo=UTC)
API_URL = "http://api.test"
APP_URL = "http://app.test"


@dataclass
class Sandbox:
    """See the module; instants are ISO 8601 texts."""

    rest: RestClient
    runtime: Runtime

    @property
    def organization_id(self) -> UUID:
        return self.rest.organization.id

    @asynccontextmanager
    async def context(self) -> AsyncIterator[Context]:
        async with self.rest.context() as ctx:
            ctx.api_url, ctx.app_url = API_URL, APP_URL
            yield ctx

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of a successful answer."""
        answer = await self.rest.request(method, path, body, **more)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def plan(
        self,
        code: str = "p",
        amount_cents: int = 3100,
        *,
        interval: str = "monthly",
        pay_in_advance: bool = False,
        currency: str = "EUR",
        trial: int | None = None,
        **more: Any,
    ) -> Plan:
        """A plan without charges."""
        async with self.context() as ctx:
            now = ctx.now()
            row = Plan(
                id=new_id(),
                created_at=now,
                updated_at=now,
                organization_id=ctx.organization_id,
                name=more.pop("name", code.title()),
                code=code,
                interval=interval,
                amount_cents=amount_cents,
                amount_currency=currency,
                pay_in_advance=pay_in_advance,
                trial_period=None if trial is None else Decimal(trial),
                **more,
            )
            ctx.session.add(row)
        return row

    async def charge(
        self,
        plan: Plan,
        code: str = "calls",
        *,
        aggregation: str = "sum_agg",
        field: str | None = "n",
        recurring: bool = False,
        model: str = "standard",
        properties: dict[str, Any] | None = None,
        **more: Any,
    ) -> Charge:
        """A charge on a new metric of the same code."""
        async with self.context() as ctx:
            now = ctx.now()
            metric = BillableMetric(
                id=new_id(),
                created_at=now,
                updated_at=now,
                organization_id=ctx.organization_id,
                name=code.title(),
                code=code,
                aggregation_type=aggregation,
                field_name=field,
                recurring=recurring,
            )
            ctx.session.add(metric)
            await ctx.session.flush()
            row = Charge(
                id=new_id(),
                created_at=now,
                updated_at=now,
                organization_id=ctx.organization_id,
                plan_id=plan.id,
                billable_metric_id=metric.id,
                code=code,
                charge_model=model,
                properties=properties or {"amount": "1"},
                **more,
            )
            ctx.session.add(row)
            ctx.organization.catalog_revision += 1
        return row

    async def tax(self, code: str, rate: str, *, applied_to_organization: bool = True) -> Any:
        body = {"name": code.upper(), "code": code, "rate": rate, "applied_to_organization": applied_to_organization}
        return (await self.call("POST", "taxes", {"tax": body}))["tax"]

    async def customer(self, external_id: str = "c1", **attributes: Any) -> Any:
        return (await self.call("POST", "customers", {"customer": {"external_id": external_id, **attributes}}))[
            "customer"
        ]

    async def subscribe(self, external_id: str = "s1", plan: str = "p", customer: str = "c1", **more: Any) -> Any:
        body = {"external_customer_id": customer, "plan_code": plan, "external_id": external_id, **more}
        return (await self.call("POST", "subscriptions", {"subscription": body}))["subscription"]

    async def terminate(self, external_id: str = "s1", **query: str) -> Any:
        return (await self.call("DELETE", f"subscriptions/{external_id}", params=query))["subscription"]

    async def advance(self, to: str) -> Any:
        """Advance the clock; no job may have failed on the way."""
        clock = (await self.call("PUT", "test_clock", {"test_clock": {"now": to}}))["test_clock"]
        assert clock["status"] == "ready"
        assert "failed_jobs" not in clock, clock["failed_jobs"]
        return clock

    async def invoices(self, **query: Any) -> list[Any]:
        """All visible invoices, oldest first."""
        found = (await self.call("GET", "invoices", params={"per_page": 1000, **query}))["invoices"]
        return sorted(found, key=lambda item: (item["issuing_date"], item["created_at"], item["lago_id"]))

    async def invoice(self, lago_id: str) -> Any:
        return (await self.call("GET", f"invoices/{lago_id}"))["invoice"]

    async def amounts(self) -> list[tuple[str, int]]:
        """Issuing date and fees total of every visible invoice, oldest first."""
        return [(item["issuing_date"], item["fees_amount_cents"]) for item in await self.invoices()]

    async def send(
        self, *values: tuple[str, Any], code: str = "calls", subscription: str = "s1", **properties: Any
    ) -> None:
        """Events at given instants with property ``n``."""
        events: Sequence[EventIn] = [
            EventIn(
                organization_id=self.organization_id,
                transaction_id=str(uuid4()),
                code=code,
                external_subscription_id=subscription,
                timestamp=datetime.fromisoformat(when),
                created_at=datetime.fromisoformat(when),
                properties={"n": value, **properties},
            )
            for when, value in values
        ]
        await self.runtime.event_store.append(events)


@asynccontextmanager
async def sandbox_on(
    database: Database,
    *,
    clock: datetime = START,
    name: str = "Hooli",
    webhooks: WebhookOptions | None = None,
    vat_checker: VatChecker | None = None,
) -> AsyncIterator[Sandbox]:
    """A new sandbox organization on ``database`` with its clock at ``clock``. Webhooks may go to private addresses."""
    register_all()
    pool = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=4)
    store = PostgresEventStore(pool)
    runtime = Runtime(
        database,
        store,
        api_url=API_URL,
        app_url=APP_URL,
        webhooks=webhooks or WebhookOptions(),
        vat_checker=vat_checker,
    )
    settings = SimpleNamespace(api_url=API_URL, app_url=APP_URL, webhook_allow_private_networks=True)
    try:
        async with rest_client(
            database, name=name, kind="sandbox", clock=clock, event_store=store, runtime=runtime, settings=settings
        ) as rest:
            yield Sandbox(rest, runtime)
    finally:
        await store.close()
        await pool.close()


@pytest.fixture
async def sandbox(database: Database) -> AsyncIterator[Sandbox]:
    """A sandbox organization ``Hooli`` whose clock stands at 2024-01-15T10:00Z, UTC."""
    async with sandbox_on(database) as made:
        yield made
