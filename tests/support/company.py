"""A company with many subscriptions and their usage, made quickly: for benchmarks and fault tests.

Everything is a function of the numbers given (names, prices, events), so that two databases hold the same company.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text

from billwright.billing.access.service import create_organization
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.definitions import synchronize
from billwright.billing.catalog.models import BillableMetric, Charge, Plan
from billwright.billing.coupons.models import AppliedCoupon, Coupon
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.protocol import EventIn
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.taxes.models import Tax

METRICS: tuple[tuple[str, str, str | None, str, dict[str, Any]], ...] = (
    ("tokens", "sum_agg", "n", "standard", {"amount": "0.0125"}),
    (
        "calls",
        "count_agg",
        None,
        "graduated",
        {
            "graduated_ranges": [
                {"from_value": 0, "to_value": 5, "per_unit_amount": "0.5", "flat_amount": "1"},
                {"from_value": 6, "to_value": None, "per_unit_amount": "0.25", "flat_amount": "0"},
            ]
        },
    ),
    ("seats", "max_agg", "n", "package", {"amount": "4", "free_units": 1, "package_size": 10}),
)
"""Code, aggregation, field, charge model, properties of the three charges."""


@dataclass(frozen=True)
class Company:
    """``billing_days``: the local midnights (UTC) that are due, oldest first."""

    organization_id: UUID
    api_key: str
    billing_days: list[datetime]


def first_of_month(now: datetime, back: int) -> datetime:
    """Midnight of the first day of the month ``back`` months before ``now``."""
    months = now.year * 12 + now.month - 1 - back
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


async def found_company(
    runtime: Runtime,
    *,
    subscriptions: int,
    months: int = 1,
    events: int = 10,
    subscriptions_of_customer: int = 1,
    now: datetime | None = None,
    sandbox_clock: datetime | None = None,
    numbering: str = "per_customer",
    coupon: bool = False,
) -> Company:
    """A live company whose last ``months`` months of monthly plans in arrears are due now but not billed.

    With ``sandbox_clock`` (the first of a month): a sandbox that stands there, with usage for ``months`` months ahead.
    ``events`` per metric, subscription and month. ``coupon``: every customer has 10 % off for 24 invoices. Invoices are
    not overdue before the 60th day: else each :25 that passes while a test runs would change what it made.
    """
    if sandbox_clock is None:
        now = now or system_now()
        days = [first_of_month(now, back) for back in range(months, -1, -1)]
    else:
        days = [first_of_month(sandbox_clock, -ahead) for ahead in range(months + 1)]
    begin = days[0]
    async with runtime.database.transaction() as session:
        created = await create_organization(
            session, "Acme", kind="live" if sandbox_clock is None else "sandbox", clock=sandbox_clock
        )
        organization = created.organization
        organization.document_number_prefix = "ACME-0001"
        organization.document_numbering = numbering
        organization.net_payment_term = 60
        org = organization.id
        stamps = {"created_at": begin, "updated_at": begin}
        session.add(
            Tax(
                id=new_id(), organization_id=org, code="vat", name="VAT", rate=Decimal(20),
                applied_to_organization=True, **stamps,
            )
        )  # fmt: skip
        plan = Plan(
            id=new_id(), organization_id=org, name="Pro", code="pro", interval="monthly", amount_cents=4900,
            amount_currency="EUR", pay_in_advance=False, **stamps,
        )  # fmt: skip
        session.add(plan)
        await session.flush()
        for code, aggregation, field, model, properties in METRICS:
            metric = BillableMetric(
                id=new_id(), organization_id=org, name=code.title(), code=code, aggregation_type=aggregation,
                field_name=field, **stamps,
            )  # fmt: skip
            session.add(metric)
            await session.flush()
            session.add(
                Charge(
                    id=new_id(), organization_id=org, plan_id=plan.id, billable_metric_id=metric.id, code=code,
                    charge_model=model, properties=properties, **stamps,
                )
            )  # fmt: skip
            await session.flush()
        await _subscribe(session, org, plan.id, days, subscriptions, subscriptions_of_customer, sandbox_clock is None)
        if coupon:
            await _give_coupon(session, org, begin)
    for code, *_ in METRICS:
        async with runtime.database.transaction() as session:
            await synchronize(session, runtime.event_store, org, code)
    batch: list[EventIn] = []
    for event in events_of(org, subscriptions, days, events):
        batch.append(event)
        if len(batch) == 10_000:
            await runtime.event_store.append(batch)
            batch = []
    if batch:
        await runtime.event_store.append(batch)
    return Company(org, created.api_key_value, days[1:])


async def _subscribe(
    session: Any, org: UUID, plan_id: UUID, days: list[datetime], number: int, per_customer: int, live: bool
) -> None:
    begin, due = days[0], days[1]
    customers = [new_id() for _ in range(0, number, per_customer)]
    await session.execute(
        insert(Customer),
        [
            {
                "id": customer_id,
                "organization_id": org,
                "external_id": f"customer-{index:05d}",
                "name": f"Customer {index:05d}",
                "slug": f"ACME-0001-{index + 1:03d}",
                "sequential_id": index + 1,
                "currency": "EUR",
                "created_at": begin,
                "updated_at": begin,
            }
            for index, customer_id in enumerate(customers)
        ],
    )
    await session.execute(
        insert(Subscription),
        [
            {
                "id": new_id(),
                "organization_id": org,
                "customer_id": customers[index // per_customer],
                "plan_id": plan_id,
                "live": live,
                "external_id": f"subscription-{index:05d}",
                "status": "active",
                "subscription_at": begin,
                "started_at": begin,
                "activated_at": begin,
                "next_billing_at": due,
                "due_at": due,
                "created_at": begin,
                "updated_at": begin,
            }
            for index in range(number)
        ],
    )
    await session.execute(
        text("update organizations set customer_sequence = :n where id = :id"), {"n": len(customers), "id": org}
    )


async def _give_coupon(session: Any, org: UUID, begin: datetime) -> None:
    stamps = {"created_at": begin, "updated_at": begin}
    values = {
        "organization_id": org, "percentage_rate": Decimal(10), "frequency": "recurring", "frequency_duration": 24,
        **stamps,
    }  # fmt: skip
    coupon = Coupon(
        id=new_id(), name="Launch", code="launch", coupon_type="percentage", expiration="no_expiration", **values
    )
    session.add(coupon)
    await session.flush()
    customers = await session.scalars(select(Customer.id).where(Customer.organization_id == org))
    await session.execute(
        insert(AppliedCoupon),
        [
            {
                "id": new_id(), "customer_id": customer_id, "coupon_id": coupon.id, "status": "active",
                "frequency_duration_remaining": 24, **values,
            }
            for customer_id in customers
        ],
    )  # fmt: skip


def events_of(organization_id: UUID, subscriptions: int, days: list[datetime], events: int) -> Iterator[EventIn]:
    """The company's usage: ``events`` per metric, subscription and month, spread over the month."""
    for begin, end in pairwise(days):
        step = (end - begin) / (events + 1)
        for index in range(subscriptions):
            for code, *_ in METRICS:
                for number in range(events):
                    yield EventIn(
                        organization_id=organization_id,
                        transaction_id=f"{code}-{index}-{begin:%Y%m}-{number}",
                        code=code,
                        timestamp=begin + step * (number + 1) + timedelta(milliseconds=index),
                        created_at=begin,
                        external_subscription_id=f"subscription-{index:05d}",
                        properties={"n": (index * 7 + number * 13 + begin.month) % 40 + 1},
                    )
