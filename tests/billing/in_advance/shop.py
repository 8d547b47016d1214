"""Selling charges paid in advance: events over REST, what they billed, and the work in between.

async def test_x(shop: Shop) -> None:
    await shop.sell("sum_agg", "standard", amount="1")
    assert await shop.cents(10, -4, 8) == [1000, 0, 400]
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sqlalchemy import select, text
from sqlmodel import col

from billwright.billing.access.models import Organization
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.kernel.db import Database
from billwright.billing.scheduling.test_clock import settle_jobs
from tests.billing.metering.company import Company, at, charge, open_company


def instant_text(given: str) -> str:
    """Unix seconds of an ISO instant, or as they are."""
    return given if given.isdigit() else at(given)


@dataclass
class Shop:
    company: Company
    numbers: Any = field(default_factory=count)
    failed: list[dict[str, str]] = field(default_factory=list)
    """Jobs that gave up in the last ``work``."""

    async def sell(
        self,
        aggregation: str,
        model: str = "standard",
        *,
        code: str = "m",
        charge_options: dict[str, Any] | None = None,
        filters: list[Any] | None = None,
        metric: dict[str, Any] | None = None,
        plan: dict[str, Any] | None = None,
        subscribe: bool = True,
        **properties: Any,
    ) -> None:
        """One metric, one plan with one charge in advance on it, one subscription ``s1`` since June 1st."""
        field_name = None if aggregation == "count_agg" else "v"
        await self.company.metric(code, aggregation, field_name=field_name, **(metric or {}))
        options = {f"_{name}": value for name, value in {"pay_in_advance": True, **(charge_options or {})}.items()}
        await self.company.plan(charge(code, model, filters=filters, **options, **properties), **(plan or {}))
        if subscribe:
            await self.company.subscribe()

    async def send(self, *events: dict[str, Any], when: str = "2024-06-02", sub: str = "s1", code: str = "m") -> None:
        """Events, a second after each other from ``when`` on; ``_at`` sets an instant, ``_id`` the transaction id.

        Accepted, not billed: see ``work``.
        """
        start = float(at(when))
        body: list[dict[str, Any]] = []
        for properties in events:
            number = next(self.numbers)
            own = dict(properties)
            made: dict[str, Any] = {
                "transaction_id": own.pop("_id", f"e{number}"),
                "external_subscription_id": sub,
                "code": own.pop("_code", code),
                "timestamp": instant_text(own.pop("_at")) if "_at" in own else str(start + len(body)),
            }
            if "_cents" in own:
                made["precise_total_amount_cents"] = own.pop("_cents")
            body.append({**made, "properties": own})
        answer = await self.company.rest.post("events/batch", {"events": body})
        assert answer.status_code == 200, answer.text

    async def work(self) -> None:
        """Run all queued jobs, as a worker would."""
        self.failed = []
        await settle_jobs(self.company.runtime, self.company.rest.organization.id, self.failed)
        self.failed = [item for item in self.failed if item["name"] != "invoice.document"]

    async def fees(self, **query: Any) -> list[dict[str, Any]]:
        """In-advance fees over REST, in order of their events."""
        answer = await self.company.rest.get("fees", params={"per_page": 1000, "fee_type": "charge", **query})
        assert answer.status_code == 200, answer.text
        return answer.json()["fees"]

    async def event_fees(self) -> list[Fee]:
        """Rows of fees that events made, in order of the events' instants."""
        async with self.company.runtime.database.reading() as session:
            rows = await session.scalars(
                select(Fee)
                .where(
                    col(Fee.organization_id) == self.company.rest.organization.id,
                    col(Fee.event_transaction_id).is_not(None),
                )
                .order_by(col(Fee.timestamp), col(Fee.id))
            )
            return list(rows.all())

    async def bill_events(self, *events: dict[str, Any], **more: Any) -> list[Fee]:
        """Send events in one batch, bill them, and return all event fees there are."""
        await self.send(*events, **more)
        await self.work()
        assert self.failed == []
        return await self.event_fees()

    async def cents(self, *values: Any, **more: Any) -> list[int]:
        """Amounts that events with these values of the metric's property cost, in their order."""
        return [fee.amount_cents for fee in await self.bill_events(*[{"v": value} for value in values], **more)]

    async def invoices(self, **query: Any) -> list[dict[str, Any]]:
        """Visible invoices, oldest first."""
        answer = await self.company.rest.get("invoices", params={"per_page": 1000, **query})
        assert answer.status_code == 200, answer.text
        return sorted(answer.json()["invoices"], key=lambda item: (item["issuing_date"], item["number"]))

    async def invoice(self, lago_id: str) -> dict[str, Any]:
        answer = await self.company.rest.get(f"invoices/{lago_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()["invoice"]

    async def all_invoices(self) -> Sequence[Invoice]:
        """Rows of invoices in any status, as they were made."""
        async with self.company.runtime.database.reading() as session:
            rows = await session.scalars(
                select(Invoice)
                .where(col(Invoice.organization_id) == self.company.rest.organization.id)
                .order_by(col(Invoice.id))
            )
            return rows.all()

    async def count(self, table: str) -> int:
        async with self.company.runtime.database.reading() as session:
            return int((await session.execute(text(f"select count(*) from {table}"))).scalar_one())

    async def pay(self, fee_id: Any, status: str = "succeeded") -> dict[str, Any]:
        answer = await self.company.rest.put(f"fees/{fee_id}", {"fee": {"payment_status": status}})
        assert answer.status_code == 200, answer.text
        return answer.json()["fee"]

    async def tax(self, rate: str = "20") -> None:
        body = {"name": "VAT", "code": "vat", "rate": rate, "applied_to_organization": True}
        answer = await self.company.rest.post("taxes", {"tax": body})
        assert answer.status_code == 200, answer.text

    async def announced(self) -> list[tuple[str, str]]:
        """Types and object ids of the webhooks asked for, in order; wants an endpoint (``listen``)."""
        async with self.company.runtime.database.reading() as session:
            rows = await session.execute(
                text("select arguments->>'event_type', arguments->>'object_id' from jobs"
                     " where name = 'webhook.prepare' order by created_at, id")
            )  # fmt: skip
            return [(row[0], row[1]) for row in rows]

    async def listen(self) -> None:
        """Want every webhook from now on."""
        async with self.company.context() as ctx:
            organization = await ctx.session.get_one(Organization, ctx.organization_id)
            organization.webhook_event_types = ["*"]


@asynccontextmanager
async def open_shop(database: Database) -> AsyncIterator[Shop]:
    async with open_company(database) as company:
        yield Shop(company)
