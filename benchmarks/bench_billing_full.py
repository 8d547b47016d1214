"""Invoices per second of a billing tick of fuller subscriptions: five charges (standard, graduated, package,
percentage, and one with filters and groups), tax, coupon and a wallet that pays, one customer each (>= 100/s).

    python -m benchmarks.bench_billing_full [--subscriptions 1000] [--events 30] [--workers 1 2] [--profile]

Options and figures as those of ``bench_billing``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import insert, select
from sqlmodel import col

from benchmarks.billing_run import Scenario, main
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.definitions import synchronize
from billwright.billing.catalog.models import BillableMetric, BillableMetricFilter, Charge, ChargeFilter, Plan
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.ids import new_id
from billwright.billing.metering.store.protocol import EventIn
from billwright.billing.wallets.models import Wallet, WalletTransaction
from tests.support.company import first_of_month, found_company

WALLET_CENTS = 1_000
REGIONS, MODELS = ("eu", "us", "ap"), ("small", "large")


async def found(runtime: Runtime, arguments: argparse.Namespace) -> None:
    """The company of ``bench_billing`` with two more charges and wallets."""
    company = await found_company(runtime, subscriptions=arguments.subscriptions, events=arguments.events, coupon=True)
    end = company.billing_days[-1]
    begin = first_of_month(end, 1)
    async with runtime.database.transaction() as session:
        await _charge(session, company.organization_id, begin)
        await _fill_wallets(session, company.organization_id, begin)
    for code in ("payments", "requests"):
        async with runtime.database.transaction() as session:
            await synchronize(session, runtime.event_store, company.organization_id, code)
    batch: list[EventIn] = []
    for event in _events(company.organization_id, arguments.subscriptions, begin, end, arguments.events):
        batch.append(event)
        if len(batch) == 10_000:
            await runtime.event_store.append(batch)
            batch = []
    await runtime.event_store.append(batch)


async def _charge(session: Session, org: UUID, begin: datetime) -> None:
    stamps = {"created_at": begin, "updated_at": begin}
    plan_id = (await session.scalars(select(col(Plan.id)).where(col(Plan.organization_id) == org))).one()
    metrics = {
        code: BillableMetric(
            id=new_id(), organization_id=org, name=code, code=code, aggregation_type="sum_agg", field_name="n", **stamps
        )
        for code in ("payments", "requests")
    }
    session.add_all(metrics.values())
    await session.flush()
    session.add(
        BillableMetricFilter(
            id=new_id(), billable_metric_id=metrics["requests"].id, key="region", values=list(REGIONS), **stamps
        )
    )
    priced = {
        "payments": ("percentage", {"rate": "1.5", "fixed_amount": "0.02", "free_units_per_events": 3}),
        "requests": ("standard", {"amount": "0.01"}),
    }
    charges = {
        code: Charge(
            id=new_id(), organization_id=org, plan_id=plan_id, billable_metric_id=metrics[code].id, code=code,
            charge_model=model, properties=properties, **stamps,
        )
        for code, (model, properties) in priced.items()
    }  # fmt: skip
    session.add_all(charges.values())
    await session.flush()
    session.add(
        ChargeFilter(
            id=new_id(), charge_id=charges["requests"].id, values={"region": ["eu"]},
            properties={"amount": "0.015", "pricing_group_keys": ["model"]}, **stamps,
        )
    )  # fmt: skip


async def _fill_wallets(session: Session, org: UUID, begin: datetime) -> None:
    customers = (await session.scalars(select(col(Customer.id)).where(col(Customer.organization_id) == org))).all()
    stamps = {"created_at": begin, "updated_at": begin, "organization_id": org}
    wallets = {customer_id: new_id() for customer_id in customers}
    credits = Decimal(WALLET_CENTS) / 100
    await session.execute(
        insert(Wallet),
        [
            {
                "id": wallet_id, "customer_id": customer_id, "code": "prepaid", "currency": "EUR",
                "rate_amount": Decimal(1), "balance_cents": WALLET_CENTS, "credits_balance": credits,
                "funded_amount_cents": WALLET_CENTS, "funded_credits": credits, "ongoing_balance_cents": WALLET_CENTS,
                **stamps,
            }
            for customer_id, wallet_id in wallets.items()
        ],
    )  # fmt: skip
    await session.execute(
        insert(WalletTransaction),
        [
            {
                "id": new_id(), "wallet_id": wallet_id, "transaction_type": "inbound", "transaction_status": "granted",
                "status": "settled", "amount_cents": WALLET_CENTS, "credit_amount": credits,
                "remaining_amount_cents": WALLET_CENTS, "settled_at": begin, **stamps,
            }
            for wallet_id in wallets.values()
        ],
    )  # fmt: skip


def _events(org: UUID, subscriptions: int, begin: datetime, end: datetime, events: int) -> Iterator[EventIn]:
    step = (end - begin) / (events + 1)
    for index in range(subscriptions):
        for code in ("payments", "requests"):
            for number in range(events):
                yield EventIn(
                    organization_id=org,
                    transaction_id=f"{code}-{index}-{number}",
                    code=code,
                    timestamp=begin + step * (number + 1) + timedelta(milliseconds=index),
                    created_at=begin,
                    external_subscription_id=f"subscription-{index:05d}",
                    properties={
                        "n": (index * 7 + number * 13) % 40 + 1,
                        "region": REGIONS[number % 3],
                        "model": MODELS[number // 3 % 2],
                    },
                )


SCENARIO = Scenario(
    found,
    100.0,
    8,
    f"taxes_amount_cents > 0 AND coupons_amount_cents > 0 AND prepaid_credit_amount_cents = {WALLET_CENTS}",
)
"""Eight fees: the subscription, three charges, the percentage one, two groups of the filter and the rest."""

if __name__ == "__main__":
    sys.exit(main(__doc__, SCENARIO, 1000))
