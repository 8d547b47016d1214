"""A seller in France whose EU taxes are managed, with a fake VIES behind real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.background.jobs import run_job
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.scheduling.test_clock import settle_jobs
from billwright.billing.taxes.vies_job import queue_due_checks
from billwright.integrations.vies import ViesClient
from tests.fakes.vies import FakeVies, fake_vies
from tests.support.sandbox import Sandbox, sandbox_on

CLOCK = datetime(2026, 1, 1, 10, tzinfo=UTC)
VALID = "FR40303265045"


@dataclass
class Seller:
    """The sandbox and its VIES."""

    box: Sandbox
    vies: FakeVies

    async def manage(self, **settings: Any) -> Any:
        """Switch EU tax management on, in France unless told otherwise."""
        body = {"country": "FR", "eu_tax_management": True, **settings}
        return (await self.box.call("PUT", "billing_entities/hooli", body))["billing_entity"]

    async def taxes(self, external_id: str = "c1") -> list[str]:
        """Codes of the customer's taxes, without ``lago_eu_``."""
        shown = await self.box.call("GET", f"customers/{external_id}")
        return sorted(tax["code"].removeprefix("lago_eu_") for tax in shown["customer"]["taxes"])

    async def jobs(self) -> None:
        """Run what is queued; none may fail."""
        failed: list[dict[str, str]] = []
        await settle_jobs(self.box.runtime, self.box.organization_id, failed)
        assert failed == []

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.box.runtime.database.reading() as session:
            return list((await session.execute(text(sql), values)).mappings())

    async def run(self, sql: str, **values: Any) -> None:
        async with self.box.runtime.database.transaction() as session:
            await session.execute(text(sql), values)

    async def checks(self) -> list[Any]:
        """Pending checks, by customer."""
        return await self.rows(
            "select c.external_id, v.* from vies_checks v join customers c on c.id = v.customer_id order by 1"
        )

    async def pass_time(self) -> None:
        """Let the time of the next attempt come, as the worker's pass sees it."""
        await self.run("update vies_checks set next_attempt_at = :past", past=system_now() - timedelta(seconds=1))
        await queue_due_checks(self.box.runtime)
        await self.jobs()

    async def announced(self, event_type: str = "customer.vies_check") -> list[Any]:
        """Objects of the webhooks of a type that were prepared, oldest first."""
        rows = await self.rows(
            "select object_type, payload from webhooks where webhook_type = :type order by created_at, id",
            type=event_type,
        )
        return [json.loads(bytes(row["payload"]))[row["object_type"]] for row in rows]

    async def listen(self) -> None:
        """Have an endpoint, so that webhooks are prepared."""
        body = {"webhook_endpoint": {"webhook_url": "http://127.0.0.1:9/hooks", "signature_algo": "hmac"}}
        await self.box.call("POST", "webhook_endpoints", body)

    async def run_one(self, name: str) -> str:
        """Run the oldest queued job of a name."""
        [row, *_] = await self.rows(
            "select id from jobs where name = :name and status = 'queued' order by created_at", name=name
        )
        return await run_job(self.box.runtime, row["id"], immediate=True)


@asynccontextmanager
async def seller_on(database: Database) -> AsyncIterator[Seller]:
    async with fake_vies() as vies:
        client = ViesClient(vies.url, timeout=5)
        try:
            async with sandbox_on(database, clock=CLOCK, vat_checker=client) as box:
                yield Seller(box, vies)
        finally:
            await client.close()


@pytest.fixture
async def seller(database: Database) -> AsyncIterator[Seller]:
    """A sandbox organization on 2026-01-01, not managed yet."""
    async with seller_on(database) as made:
        yield made


@pytest.fixture
async def managed(seller: Seller) -> Seller:
    """The same, in France, managed."""
    await seller.manage()
    return seller
