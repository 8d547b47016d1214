"""The demo organization: a sandbox with three customers, usage and two closed months, billed by the live code."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import select, text
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.access.schemas import OrganizationUpdate
from billwright.billing.access.service import create_organization
from billwright.billing.background.registration import register_all
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.metrics import create_metric
from billwright.billing.catalog.plans import create_plan
from billwright.billing.catalog.schemas import MetricInput, PlanInput
from billwright.billing.customers.schemas import CustomerInput
from billwright.billing.customers.service import upsert_customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.schemas import InvoiceUpdate
from billwright.billing.invoicing.settings_changes import change_settings
from billwright.billing.invoicing.updates import update_invoice
from billwright.billing.kernel.clock import iso, system_now
from billwright.billing.kernel.db import Database, asyncpg_url
from billwright.billing.metering.store.postgres.store import PostgresEventStore
from billwright.billing.metering.store.protocol import EventIn
from billwright.billing.payments.schemas import PaymentInput
from billwright.billing.payments.service import create_manual_payment
from billwright.billing.scheduling.test_clock import advance, begin_advance
from billwright.billing.subscriptions.schemas import SubscriptionCreate
from billwright.billing.subscriptions.service import create_subscription
from billwright.billing.taxes.schemas import TaxCreate
from billwright.billing.taxes.service import create_tax
from billwright.server.organizations import LOGIN_DOMAIN, new_password
from billwright.server.runtime import open_runtime
from billwright.server.settings import Settings

_EMAIL_TAKEN = text("select 1 from users where email = :email")

METRICS: tuple[dict[str, Any], ...] = (
    {"name": "API calls", "code": "api_calls", "aggregation_type": "count_agg"},
    {
        "name": "Storage",
        "code": "storage",
        "aggregation_type": "weighted_sum_agg",
        "field_name": "gb",
        "recurring": True,
        "rounding_function": "round",
        "rounding_precision": 3,
    },
    {
        "name": "Compute",
        "code": "compute",
        "aggregation_type": "sum_agg",
        "field_name": "seconds",
        "filters": [{"key": "region", "values": ["eu", "us", "apac"]}],
    },
    {
        "name": "Seats",
        "code": "seats",
        "aggregation_type": "unique_count_agg",
        "field_name": "user_id",
        "recurring": True,
    },
)


def _plans(metrics: dict[str, str]) -> tuple[dict[str, Any], ...]:
    return (
        {
            "name": "Growth",
            "code": "growth",
            "interval": "monthly",
            "amount_cents": 9900,
            "amount_currency": "EUR",
            "pay_in_advance": True,
            "charges": [
                {
                    "billable_metric_id": metrics["api_calls"],
                    "charge_model": "graduated",
                    "properties": {
                        "graduated_ranges": [
                            {"from_value": 0, "to_value": 100, "per_unit_amount": "0", "flat_amount": "0"},
                            {"from_value": 101, "to_value": 500, "per_unit_amount": "0.05", "flat_amount": "0"},
                            {"from_value": 501, "to_value": None, "per_unit_amount": "0.02", "flat_amount": "5"},
                        ]
                    },
                },
                {
                    "billable_metric_id": metrics["compute"],
                    "charge_model": "standard",
                    "properties": {"amount": "0.0004"},
                    "filters": [
                        {
                            "values": {"region": ["eu"]},
                            "properties": {"amount": "0.0005"},
                            "invoice_display_name": "Europe",
                        },
                        {"values": {"region": ["us"]}, "properties": {"amount": "0.0003"}},
                    ],
                },
                {
                    "billable_metric_id": metrics["seats"],
                    "charge_model": "standard",
                    "prorated": True,
                    "properties": {"amount": "12"},
                },
            ],
        },
        {
            "name": "Scale",
            "code": "scale",
            "interval": "monthly",
            "amount_cents": 49900,
            "amount_currency": "EUR",
            "pay_in_advance": False,
            "charges": [
                {
                    "billable_metric_id": metrics["api_calls"],
                    "charge_model": "package",
                    "properties": {"amount": "4", "package_size": 250, "free_units": 250},
                },
                {
                    "billable_metric_id": metrics["storage"],
                    "charge_model": "volume",
                    "properties": {
                        "volume_ranges": [
                            {"from_value": 0, "to_value": 100, "per_unit_amount": "0.20", "flat_amount": "10"},
                            {"from_value": 101, "to_value": None, "per_unit_amount": "0.15", "flat_amount": "10"},
                        ]
                    },
                },
                {
                    "billable_metric_id": metrics["compute"],
                    "charge_model": "standard",
                    "properties": {"amount": "0.0002", "pricing_group_keys": ["region"]},
                },
            ],
        },
        {
            "name": "Starter",
            "code": "starter",
            "interval": "monthly",
            "amount_cents": 0,
            "amount_currency": "EUR",
            "pay_in_advance": False,
            "charges": [
                {
                    "billable_metric_id": metrics["api_calls"],
                    "charge_model": "standard",
                    "properties": {"amount": "0.03"},
                }
            ],
        },
    )


CUSTOMERS: tuple[dict[str, Any], ...] = (
    {
        "external_id": "northwind",
        "name": "Northwind Traders",
        "legal_name": "Northwind Traders GmbH",
        "email": "billing@northwind.example",
        "country": "DE",
        "city": "Hamburg",
        "zipcode": "20095",
        "address_line1": "Speicherstraße 12",
        "tax_identification_number": "DE811907980",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
    },
    {
        "external_id": "lumiere",
        "name": "Lumière Studio",
        "legal_name": "Lumière Studio SAS",
        "email": "compta@lumiere.example",
        "country": "FR",
        "city": "Lyon",
        "zipcode": "69002",
        "address_line1": "8 rue Mercière",
        "timezone": "Europe/Paris",
        "currency": "EUR",
        "billing_configuration": {"document_locale": "fr"},
    },
    {
        "external_id": "bayside",
        "name": "Bayside Robotics",
        "email": "ap@bayside.example",
        "country": "US",
        "state": "California",
        "city": "Oakland",
        "zipcode": "94607",
        "address_line1": "500 Harbor Way",
        "timezone": "America/Los_Angeles",
        "currency": "EUR",
    },
)
SUBSCRIPTIONS = (
    ("northwind", "growth", "northwind-growth", 0),
    ("lumiere", "scale", "lumiere-scale", 0),
    ("bayside", "starter", "bayside-starter", 9),
)


async def create_demo(settings: Settings) -> dict[str, str]:
    """Create the organization and replay its months; returns its credentials, readable only here."""
    register_all()
    database = Database(settings.database_url, pool_size=4)
    pool: Any = await asyncpg.create_pool(
        asyncpg_url(settings.database_url), min_size=1, max_size=6, server_settings={"timezone": "UTC"}
    )
    store = PostgresEventStore(pool)
    try:
        async with open_runtime(settings, database, store) as runtime:
            return await _create(runtime)
    finally:
        await store.close()
        await pool.close()
        await database.close()


async def _create(runtime: Runtime) -> dict[str, str]:
    present = system_now().replace(minute=0, second=0, microsecond=0)
    begin = _months_before(present, 2)
    password, email = new_password(), f"demo@{LOGIN_DOMAIN}"
    async with runtime.database.transaction() as session:
        known = await session.execute(_EMAIL_TAKEN, {"email": email})
        if known.first() is not None:
            email = f"demo-{begin:%Y%m%d}-{random.SystemRandom().randrange(10**6)}@{LOGIN_DOMAIN}"
        created = await create_organization(
            session, "Acme Cloud", kind="sandbox", clock=begin, owner_email=email, owner_password=password
        )
        ctx = Context(session, created.organization, event_store=runtime.event_store)
        await _settings(ctx)
        await _catalogue(ctx)
        for customer in CUSTOMERS:
            await upsert_customer(ctx, CustomerInput.parse(customer))
    organization_id = created.organization.id
    for customer, plan, external_id, days in SUBSCRIPTIONS:
        async with runtime.database.transaction() as session:
            organization = await session.get_one(Organization, organization_id)
            await create_subscription(
                Context(session, organization, event_store=runtime.event_store),
                SubscriptionCreate.parse(
                    {
                        "external_customer_id": customer,
                        "plan_code": plan,
                        "external_id": external_id,
                        "subscription_at": (begin + timedelta(days=days)).isoformat(),
                    }
                ),
            )
    events = list(_events(created.organization, begin, present))
    for first in range(0, len(events), 1000):
        await runtime.event_store.append(events[first : first + 1000])
    async with runtime.database.transaction() as session:
        organization = await session.get_one(Organization, organization_id)
        await begin_advance(Context(session, organization, event_store=runtime.event_store), present)
    await advance(runtime, organization_id)
    await _pay(runtime, organization_id)
    return {
        "organization_id": str(organization_id),
        "api_key": created.api_key_value,
        "login_email": email,
        "login_password": password,
    }


async def _pay(runtime: Runtime, organization_id: UUID) -> None:
    """Everything is paid by transfer within its term but the newest invoice of the last customer, which is overdue."""
    async with runtime.database.transaction() as session:
        organization = await session.get_one(Organization, organization_id)
        ctx = Context(session, organization, event_store=runtime.event_store)
        found = await session.scalars(
            select(Invoice)
            .where(col(Invoice.organization_id) == organization_id, col(Invoice.status) == "finalized")
            .order_by(col(Invoice.issuing_date), col(Invoice.number))
        )
        for number, invoice in enumerate(list(found)[:-1]):
            due = invoice.total_due_amount_cents
            if due == 0:
                await update_invoice(ctx, invoice.id, InvoiceUpdate(payment_status="succeeded"))
                continue
            received = min(
                ctx.now(), (invoice.finalized_at or ctx.now()) + timedelta(days=3 + 2 * (number % 4), hours=9)
            )
            await create_manual_payment(
                ctx,
                PaymentInput(
                    invoice_id=invoice.id,
                    amount_cents=due,
                    reference=f"Transfer {4100 + 37 * number}",
                    paid_at=iso(received),
                ),
            )


async def _settings(ctx: Context) -> None:
    await change_settings(
        ctx,
        OrganizationUpdate.parse(
            {
                "legal_name": "Acme Cloud Ltd.",
                "email": "billing@acme.example",
                "address_line1": "1 Harcourt Street",
                "city": "Dublin",
                "zipcode": "D02 XK09",
                "country": "IE",
                "tax_identification_number": "IE6388047V",
                "default_currency": "EUR",
                "document_number_prefix": "ACME",
                "net_payment_term": 14,
                "billing_configuration": {"invoice_footer": "Thank you for building with Acme Cloud."},
            }
        ),
    )


async def _catalogue(ctx: Context) -> None:
    await create_tax(
        ctx,
        TaxCreate.parse({"name": "VAT", "code": "vat", "rate": "20", "applied_to_organization": True}),
    )
    metrics: dict[str, str] = {}
    for metric in METRICS:
        view = await create_metric(ctx, MetricInput.parse(metric))
        metrics[view.metric.code] = str(view.metric.id)
    for plan in _plans(metrics):
        await create_plan(ctx, PlanInput.parse(plan))


def _events(organization: Organization, begin: datetime, present: datetime) -> Iterator[EventIn]:
    """Usage of every day, more on weekdays, always the same for the same months."""
    # Sample data wants the same numbers every time, not secrets.
    chance = random.Random(20_240_101)  # noqa: S311
    number = 0

    def event(subscription: str, code: str, at: datetime, properties: dict[str, Any]) -> EventIn:
        nonlocal number
        number += 1
        return EventIn(
            organization_id=organization.id,
            transaction_id=f"demo-{number:06d}",
            code=code,
            timestamp=at,
            created_at=begin,
            external_subscription_id=subscription,
            properties=properties,
            source="demo",
        )

    yield event("lumiere-scale", "storage", begin + timedelta(hours=1), {"gb": 80})
    for seat in range(1, 6):
        yield event("northwind-growth", "seats", begin + timedelta(hours=seat), {"user_id": f"user-{seat}"})
    day = begin
    while day < present:
        busy = 1.0 if day.weekday() < 5 else 0.4
        for subscription, calls in (("northwind-growth", 26), ("lumiere-scale", 34), ("bayside-starter", 9)):
            for _ in range(int(calls * busy * chance.uniform(0.6, 1.4))):
                at = day + timedelta(seconds=chance.randrange(86_400))
                if at < present:
                    yield event(subscription, "api_calls", at, {"endpoint": chance.choice(("/search", "/export"))})
        for subscription in ("northwind-growth", "lumiere-scale"):
            at = day + timedelta(hours=chance.randrange(24), minutes=7)
            region = chance.choice(("eu", "us", "apac"))
            if at < present:
                seconds = Decimal(chance.randrange(2_000, 30_000)) / 10
                yield event(subscription, "compute", at, {"seconds": seconds, "region": region})
        if day.day in (9, 23):
            yield event("lumiere-scale", "storage", day + timedelta(hours=3), {"gb": chance.randrange(5, 40)})
        if day.day == 12:
            yield event("northwind-growth", "seats", day + timedelta(hours=9), {"user_id": f"user-{day:%m%d}"})
        day += timedelta(days=1)


def _months_before(instant: datetime, months: int) -> datetime:
    """Midnight UTC of the first day of the month ``months`` earlier."""
    index = instant.year * 12 + instant.month - 1 - months
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)
