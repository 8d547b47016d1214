"""A company on a sandbox clock, driven through REST, the services and the event store: what metering tests talk to.

async def test_something(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.plan(charge("gb", "standard", amount="2"))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"gb": 3}))
    assert await company.amount() == 600
    assert (await company.bill("2024-07-01")).amounts == [600]
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import asyncpg
from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.metrics import create_metric
from billwright.billing.catalog.schemas import AdministeredMetricInput
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.kernel.money import decimal_string
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.scheduling.test_clock import advance, begin_advance
from billwright.billing.subscriptions.schemas import SubscriptionCreate, TerminationOptions
from billwright.billing.subscriptions.service import create_subscription, terminate_subscription
from tests.server.rest.client import RestClient, rest_client

JUNE = datetime(2024, 6, 1, tzinfo=UTC)
JULY = datetime(2024, 7, 1, tzinfo=UTC)


def at(text: str) -> str:
    """An ISO instant (UTC unless it says otherwise) as the Unix seconds of an event."""
    instant = instant_of(text)
    micro = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
    return str(Decimal(micro) / 1_000_000)


def instant_of(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def charge(metric: str, model: str = "standard", *, filters: list[Any] | None = None, **properties: Any) -> Any:
    """A charge of a plan on the metric with this code; options of the charge itself start with ``_``."""
    options = {name[1:]: properties.pop(name) for name in list(properties) if name.startswith("_")}
    made: dict[str, Any] = {"metric": metric, "charge_model": model, "properties": properties, **options}
    if filters is not None:
        made["filters"] = filters
    return made


@dataclass(frozen=True)
class BilledFee:
    """A charge fee of an invoice, amounts in minor units."""

    units: str
    amount_cents: int
    precise_amount_cents: Decimal
    events_count: int
    total_aggregated_units: str
    filter: dict[str, Any] | None
    grouped_by: dict[str, Any]
    code: str
    row: Fee


class Bill(list[BilledFee]):
    """Charge fees of the newest invoice in their order."""

    invoice: Invoice | None = None

    @property
    def amounts(self) -> list[int]:
        return [fee.amount_cents for fee in self]

    @property
    def total(self) -> int:
        return sum(self.amounts)


@dataclass
class Company:
    rest: RestClient
    runtime: Runtime
    metrics: dict[str, str]
    transactions: Any
    may_fail: bool = False
    """Whether work may fail while the clock moves; what failed last is in ``failed``."""
    failed: list[dict[str, str]] = field(default_factory=list)

    async def metric(
        self, code: str, aggregation: str, *, filters: Mapping[str, list[str]] | None = None, **more: Any
    ) -> str:
        body = {
            "name": more.pop("name", code),
            "code": code,
            "aggregation_type": aggregation,
            "filters": [{"key": key, "values": values} for key, values in (filters or {}).items()],
            **more,
        }
        answer = await self.rest.post("billable_metrics", {"billable_metric": body})
        assert answer.status_code == 200, answer.text
        self.metrics[code] = answer.json()["billable_metric"]["lago_id"]
        return self.metrics[code]

    async def custom_metric(self, code: str, source: str, **more: Any) -> str:
        async with self.context() as ctx:
            made = await create_metric(
                ctx,
                AdministeredMetricInput.parse(
                    {
                        "name": code,
                        "code": code,
                        "aggregation_type": "custom_agg",
                        "custom_aggregator": source,
                        **more,
                    }
                ),
            )
            self.metrics[code] = str(made.metric.id)
        return self.metrics[code]

    async def plan(self, *charges: Any, code: str = "p", **more: Any) -> dict[str, Any]:
        listed = []
        for item in charges:
            made = dict(item)
            made["billable_metric_id"] = self.metrics[made.pop("metric")]
            listed.append(made)
        body = {
            "name": code,
            "code": code,
            "interval": "monthly",
            "amount_cents": 0,
            "amount_currency": "USD",
            "pay_in_advance": False,
            "charges": listed,
            **more,
        }
        answer = await self.rest.post("plans", {"plan": body})
        assert answer.status_code == 200, answer.text
        return answer.json()["plan"]

    async def edit_plan(self, code: str, **changes: Any) -> dict[str, Any]:
        answer = await self.rest.put(f"plans/{code}", {"plan": changes})
        assert answer.status_code == 200, answer.text
        return answer.json()["plan"]

    async def subscribe(
        self, external_id: str = "s1", *, plan: str = "p", customer: str = "c1", since: str | None = None, **more: Any
    ) -> None:
        body = {"external_customer_id": customer, "plan_code": plan, "external_id": external_id, **more}
        if since is not None:
            body["subscription_at"] = since
        async with self.context() as ctx:
            await create_subscription(ctx, SubscriptionCreate.parse(body))

    async def terminate(self, external_id: str = "s1") -> None:
        async with self.context() as ctx:
            await terminate_subscription(ctx, external_id, TerminationOptions.parse({}))

    async def send(
        self, *events: tuple[str, dict[str, Any]], code: str | None = None, sub: str = "s1", **more: Any
    ) -> None:
        """Events as (Unix seconds, properties); the code is that of the only metric unless given."""
        for start in range(0, len(events), 100):
            body = [
                {
                    "transaction_id": f"t{next(self.transactions)}",
                    "external_subscription_id": sub,
                    "code": code or next(iter(self.metrics)),
                    "timestamp": timestamp,
                    "properties": properties,
                    **more,
                }
                for timestamp, properties in events[start : start + 100]
            ]
            answer = await self.rest.post("events/batch", {"events": body})
            assert answer.status_code == 200, answer.text

    async def usage(self, sub: str = "s1", customer: str = "c1", **query: Any) -> dict[str, Any]:
        answer = await self.rest.get(
            f"customers/{customer}/current_usage", params={"external_subscription_id": sub, **query}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["customer_usage"]

    async def charge_usage(self, code: str | None = None, **query: Any) -> dict[str, Any]:
        """The entry of one charge, by the code of its metric; the only one unless given."""
        entries = (await self.usage(**query))["charges_usage"]
        if code is None:
            assert len(entries) == 1
            return entries[0]
        return next(entry for entry in entries if entry["billable_metric"]["code"] == code)

    async def shown(self, code: str | None = None, **query: Any) -> tuple[str, int, int]:
        """(units, amount_cents, events_count) of a charge in current usage."""
        entry = await self.charge_usage(code, **query)
        return entry["units"], entry["amount_cents"], entry["events_count"]

    async def to(self, instant: str | datetime) -> None:
        """Advance the clock; everything due on the way has happened afterwards."""
        target = instant if isinstance(instant, datetime) else instant_of(instant)
        async with self.context() as ctx:
            await begin_advance(ctx, target)
        state = await advance(self.runtime, self.rest.organization.id)
        self.failed = [job for job in state.failed_jobs if job["name"] != "invoice.document"]
        assert self.may_fail or self.failed == []

    async def bill(self, instant: str | datetime) -> Bill:
        """Charge fees of the newest invoice once the clock is at ``instant``."""
        await self.to(instant)
        return await self.last_bill()

    async def last_bill(self) -> Bill:
        async with self.runtime.database.reading() as session:
            invoice = (
                await session.scalars(
                    select(Invoice)
                    .where(col(Invoice.organization_id) == self.rest.organization.id)
                    .order_by(col(Invoice.created_at).desc(), col(Invoice.timestamp).desc(), col(Invoice.id).desc())
                    .limit(1)
                )
            ).first()
            if invoice is None:
                return Bill()
            fees = (
                await session.scalars(
                    select(Fee)
                    .where(col(Fee.invoice_id) == invoice.id, col(Fee.fee_type) == "charge")
                    .where(col(Fee.deleted_at).is_(None))
                    .order_by(col(Fee.position), col(Fee.id))
                )
            ).all()
        made = Bill(
            BilledFee(
                units=decimal_string(fee.units),
                amount_cents=fee.amount_cents,
                precise_amount_cents=fee.precise_amount_cents,
                events_count=fee.events_count or 0,
                total_aggregated_units=decimal_string(fee.total_aggregated_units or 0),
                filter=fee.item.get("filters"),
                grouped_by=dict(fee.grouped_by),
                code=str(fee.item.get("code")),
                row=fee,
            )
            for fee in fees
        )
        made.invoice = invoice
        return made

    async def both(self, instant: str | datetime, code: str | None = None) -> tuple[tuple[str, int, int], list[int]]:
        """What current usage shows, and the amounts of the fees that the invoice of the period bills."""
        seen = await self.shown(code)
        bill = await self.bill(instant)
        return seen, [fee.amount_cents for fee in bill if code is None or fee.code == code]

    @asynccontextmanager
    async def context(self) -> AsyncIterator[Context]:
        async with self.runtime.database.transaction() as session:
            organization = await session.get_one(Organization, self.rest.organization.id)
            yield Context(session, organization, event_store=self.runtime.event_store)


@asynccontextmanager
async def open_company(
    database: Database, clock: datetime | None = JUNE, *, timezone: str | None = None, kind: str = "sandbox"
) -> AsyncIterator[Company]:
    """A company whose clock stands at ``clock``."""
    pool = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=6)
    store = PostgresEventStore(pool)
    runtime = Runtime(database, store)
    try:
        async with rest_client(
            database, name="Acme", kind=kind, clock=clock, event_store=store, runtime=runtime
        ) as client:
            company = Company(client, runtime, {}, count(1))
            if timezone is not None:
                async with company.context() as ctx:
                    ctx.organization.timezone = timezone
            yield company
    finally:
        await store.close()
        await pool.close()
