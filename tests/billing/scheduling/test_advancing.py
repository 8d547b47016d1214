"""A sandbox organization replays billing with the live code (spec 09 §1)."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.service import create_organization
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.models import BillableMetric, Charge, Plan
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.kernel.errors import Stopping
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.metering.store.protocol import EventIn
from billwright.billing.metering.usage import current_usage
from billwright.billing.scheduling.test_clock import advance, begin_advance, resume_advances
from billwright.billing.subscriptions.schemas import SubscriptionCreate
from billwright.billing.subscriptions.service import create_subscription


@pytest.fixture
async def runtime(database: Database):
    pool = await asyncpg.create_pool(asyncpg_url(database.url), min_size=1, max_size=8)
    store = PostgresEventStore(pool)
    yield Runtime(database, store)
    await store.close()
    await pool.close()


async def sandbox(runtime: Runtime, clock: datetime) -> Organization:
    async with runtime.database.transaction() as session:
        return (await create_organization(session, "Acme", kind="sandbox", clock=clock)).organization


async def plan(runtime: Runtime, organization: Organization, *, pay_in_advance: bool, charge: bool = False) -> Plan:
    async with runtime.database.transaction() as session:
        now = organization.clock_now
        row = Plan(
            id=new_id(),
            created_at=now,
            updated_at=now,
            organization_id=organization.id,
            name="P",
            code="p",
            interval="monthly",
            amount_cents=3100,
            amount_currency="EUR",
            pay_in_advance=pay_in_advance,
        )
        session.add(row)
        await session.flush()
        if charge:
            metric = BillableMetric(
                id=new_id(),
                created_at=now,
                updated_at=now,
                organization_id=organization.id,
                name="Calls",
                code="calls",
                aggregation_type="sum_agg",
                field_name="n",
            )
            session.add(metric)
            await session.flush()
            session.add(
                Charge(
                    id=new_id(),
                    created_at=now,
                    updated_at=now,
                    organization_id=organization.id,
                    plan_id=row.id,
                    billable_metric_id=metric.id,
                    code="calls",
                    charge_model="standard",
                    properties={"amount": "0.05"},
                )
            )
        return row


async def clock_to(runtime: Runtime, organization: Organization, target: datetime):
    async with runtime.database.transaction() as session:
        fresh = await session.get_one(Organization, organization.id)
        await begin_advance(Context(session, fresh, event_store=runtime.event_store), target)
    return await advance(runtime, organization.id)


async def test_09_1_worked_example(runtime: Runtime) -> None:
    organization = await sandbox(runtime, datetime(2024, 1, 15, 10, tzinfo=UTC))
    await plan(runtime, organization, pay_in_advance=True)
    async with runtime.database.transaction() as session:
        fresh = await session.get_one(Organization, organization.id)
        ctx = Context(session, fresh, event_store=runtime.event_store)
        await create_subscription(
            ctx, SubscriptionCreate.parse({"external_customer_id": "c1", "plan_code": "p", "external_id": "s1"})
        )
    state = await clock_to(runtime, organization, datetime(2024, 4, 1, 2, tzinfo=UTC))
    assert [item for item in state.failed_jobs if item["name"] != "invoice.document"] == []
    assert state.status == "ready"
    assert state.next_due_at == datetime(2024, 5, 1, tzinfo=UTC)
    async with runtime.database.reading() as session:
        invoices = (await session.scalars(select(Invoice).order_by(col(Invoice.timestamp)))).all()
    assert [(item.issuing_date, item.total_amount_cents) for item in invoices] == [
        (date(2024, 1, 15), 1700),
        (date(2024, 2, 1), 3100),
        (date(2024, 3, 1), 3100),
        (date(2024, 4, 1), 3100),
    ]
    assert [item.sequential_id for item in invoices] == [1, 2, 3, 4]


async def test_usage_becomes_fees(runtime: Runtime) -> None:
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    organization = await sandbox(runtime, begin)
    await plan(runtime, organization, pay_in_advance=False, charge=True)
    async with runtime.database.transaction() as session:
        fresh = await session.get_one(Organization, organization.id)
        ctx = Context(session, fresh, event_store=runtime.event_store)
        await create_subscription(
            ctx, SubscriptionCreate.parse({"external_customer_id": "c1", "plan_code": "p", "external_id": "s1"})
        )
    await runtime.event_store.append(
        [
            EventIn(
                organization_id=organization.id,
                transaction_id=f"t{day}",
                code="calls",
                timestamp=begin + timedelta(days=day),
                created_at=begin,
                external_subscription_id="s1",
                properties={"n": 7},
            )
            for day in range(40)
        ]
    )
    async with runtime.database.reading() as session:
        fresh = await session.get_one(Organization, organization.id)
        usage = await current_usage(Context(session, fresh, event_store=runtime.event_store), "c1", "s1")
        assert usage.amount_cents == 31 * 7 * 5
    await clock_to(runtime, organization, datetime(2024, 2, 1, tzinfo=UTC))
    async with runtime.database.reading() as session:
        invoice = (await session.scalars(select(Invoice))).one()
        fees = (await session.scalars(select(Fee).order_by(col(Fee.position)))).all()
    assert invoice.total_amount_cents == 3100 + 31 * 7 * 5
    assert [(fee.fee_type, fee.units, fee.amount_cents) for fee in fees] == [
        ("subscription", Decimal(1), 3100),
        ("charge", Decimal(217), 1085),
    ]


async def test_a_walk_that_is_stopped_is_resumed_with_the_same_books(runtime: Runtime) -> None:
    """The process is asked to end in the middle; another one takes the clock up without waiting for a lease."""
    organization = await sandbox(runtime, datetime(2024, 1, 1, tzinfo=UTC))
    await plan(runtime, organization, pay_in_advance=True)
    async with runtime.database.transaction() as session:
        ctx = Context(session, await session.get_one(Organization, organization.id), event_store=runtime.event_store)
        await create_subscription(
            ctx, SubscriptionCreate(external_customer_id="c", plan_code="p", external_id="s", billing_time="calendar")
        )
        await begin_advance(ctx, datetime(2025, 1, 1, 12, tzinfo=UTC))
    walking = asyncio.create_task(advance(runtime, organization.id))
    while await _invoices(runtime, organization) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    runtime.stopping.set()
    with pytest.raises(Stopping):
        await walking
    async with runtime.database.reading() as session:
        stopped = await session.get_one(Organization, organization.id)
        assert stopped.clock_target is not None
        assert stopped.clock_now is not None
        assert datetime(2024, 1, 1, tzinfo=UTC) < stopped.clock_now < stopped.clock_target
    with pytest.raises(Stopping):
        await advance(runtime, organization.id)
    assert await resume_advances(Runtime(runtime.database, runtime.event_store)) == 1
    assert await _invoices(runtime, organization) == 13


async def _invoices(runtime: Runtime, organization: Organization) -> int:
    async with runtime.database.reading() as session:
        rows = await session.scalars(
            select(Invoice).where(
                col(Invoice.organization_id) == organization.id, col(Invoice.status).in_(("draft", "finalized"))
            )
        )
        return len(rows.all())


async def test_time_in_which_nothing_is_due_costs_next_to_nothing(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """09 §1: no pass, mark or job is looked for one by one."""
    organization = await sandbox(runtime, datetime(2024, 1, 10, tzinfo=UTC))
    opened: list[str] = []
    for name in ("reading", "transaction"):
        opens = getattr(Database, name)
        monkeypatch.setattr(Database, name, lambda self, kind=name, of=opens: opened.append(kind) or of(self))
    await clock_to(runtime, organization, datetime(2025, 1, 10, tzinfo=UTC))
    assert len(opened) <= 7, opened
