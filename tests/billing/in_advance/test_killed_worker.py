"""A worker killed with ``kill -9`` while it bills events in advance ends in the books of an undisturbed one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from billwright.billing.access.service import create_organization
from billwright.billing.background.jobs import run_job
from billwright.billing.catalog.models import BillableMetric, Charge, Plan
from billwright.billing.customers.models import Customer
from billwright.billing.in_advance.processing import JOB
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.protocol import EventIn
from billwright.billing.subscriptions.models import Subscription
from tests.faults.billing_processes import Workers, execute, opened, wait_until, workers_on

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

SUBSCRIPTIONS = 6
EVENTS = 45
_BOOKS = {
    "fees": """
        select event_transaction_id, external_subscription_id, amount_cents, units, invoice_id is null
        from fees where organization_id = $1 order by 2, 1, 5""",
    "invoices": """
        select c.external_id, array_agg(i.fees_amount_cents order by i.sequential_id), array_agg(i.sequential_id)
        from invoices i join customers c on c.id = i.customer_id where i.organization_id = $1 group by 1 order by 1""",
    "marks": """
        select external_subscription_id, event_transaction_id, current, maximum, events_count, billed_units
        from unit_marks where organization_id = $1 order by 1, 2, 6""",
    "left": "select count(*) from instant_events where organization_id = $1",
}
_TIERS = [
    {"from_value": 0, "to_value": 40, "per_unit_amount": "3", "flat_amount": "1"},
    {"from_value": 41, "to_value": None, "per_unit_amount": "0.37", "flat_amount": "5"},
]


async def found(url: str) -> UUID:
    """A live company: an invoiced graduated charge and a standalone one, and events that wait to be billed."""
    async with opened(url) as runtime:
        now = system_now()
        stamps = {"created_at": now, "updated_at": now}
        begin = now - timedelta(hours=1)
        async with runtime.database.transaction() as session:
            organization = (await create_organization(session, "Acme", kind="live")).organization
            org = organization.id
            plan = Plan(
                id=new_id(), organization_id=org, name="P", code="p", interval="yearly", amount_cents=0,
                amount_currency="EUR", **stamps,
            )  # fmt: skip
            metric = BillableMetric(
                id=new_id(),
                organization_id=org,
                name="M",
                code="m",
                aggregation_type="sum_agg",
                field_name="v",
                **stamps,
            )
            session.add_all([plan, metric])
            await session.flush()
            for code, invoiceable in (("a", True), ("b", False)):
                session.add(
                    Charge(
                        id=new_id(), organization_id=org, plan_id=plan.id, billable_metric_id=metric.id, code=code,
                        charge_model="graduated", properties={"graduated_ranges": _TIERS}, pay_in_advance=True,
                        invoiceable=invoiceable, **stamps,
                    )
                )  # fmt: skip
            for number in range(SUBSCRIPTIONS):
                customer = Customer(
                    id=new_id(), organization_id=org, external_id=f"c{number:02}", slug=f"A-{number + 1:03}",
                    sequential_id=number + 1, currency="EUR", **stamps,
                )  # fmt: skip
                session.add(customer)
                await session.flush()
                session.add(
                    Subscription(
                        id=new_id(), organization_id=org, customer_id=customer.id, plan_id=plan.id,
                        external_id=f"s{number:02}", status="active", subscription_at=begin, started_at=begin,
                        activated_at=begin, **stamps,
                    )
                )  # fmt: skip
        for place in range(EVENTS):
            await runtime.event_store.append(
                [
                    EventIn(
                        organization_id=org,
                        transaction_id=f"t{place:02}",
                        code="m",
                        external_subscription_id=f"s{number:02}",
                        timestamp=begin + timedelta(seconds=place + 1),
                        created_at=now,
                        properties={"v": (number * 7 + place * 5) % 11 - 2},
                    )
                    for number in range(SUBSCRIPTIONS)
                ]
            )
        return org


async def books(url: str, organization_id: UUID) -> dict[str, list[tuple[Any, ...]]]:
    async with opened(url) as runtime, runtime.database.reading() as session:
        return {
            name: [
                tuple(row) for row in await session.execute(text(sql.replace("$1", ":org")), {"org": organization_id})
            ]
            for name, sql in _BOOKS.items()
        }


@pytest.fixture
def workers(redis_url: str, tmp_path: Path) -> Iterator[Workers]:
    with workers_on(redis_url, tmp_path / "workers.log") as made:
        yield made


async def test_a_killed_worker(module_database_url: str, database_url: str, workers: Workers) -> None:
    quiet = await found(module_database_url)
    async with opened(module_database_url) as runtime:
        async with runtime.database.reading() as session:
            jobs = (
                (await session.execute(text("select id from jobs where name = :name"), {"name": JOB})).scalars().all()
            )
        assert len(jobs) == SUBSCRIPTIONS
        for job_id in jobs:
            assert await run_job(runtime, job_id, immediate=True) == "succeeded"
    wanted = await books(module_database_url, quiet)
    assert (len(wanted["fees"]), wanted["left"]) == (2 * SUBSCRIPTIONS * EVENTS, [(0,)])

    org = await found(database_url)
    for least in (30, 200):
        worker = workers.start(database_url)
        made = f"select (select count(*) from fees where organization_id = $1) >= {least}"
        await wait_until(database_url, made, org, watched=worker)
        worker.kill()
        left = await wait_until(database_url, "select count(*) from instant_events where organization_id = $1", org)
        assert left > 0, "all was billed before the worker was killed"
        await execute(database_url, "update jobs set lease_until = now() - interval '1 s' where status = 'running'")
    workers.start(database_url)
    done = "select not exists (select from instant_events where organization_id = $1)"
    await wait_until(database_url, done, org)
    assert await books(database_url, org) == wanted
