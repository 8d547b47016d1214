"""Gross revenue and overdue balance (spec 04 §17, 07 §8.1-8.4)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from billwright.billing.analytics.invoiced import Balance, overdue_by_customer, revenue_by_customer
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import new_id
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox, sandbox_on

CREATED = datetime(2024, 1, 10, tzinfo=UTC)
NOW = "2024-03-20T12:00:00Z"


async def _invoice(sandbox: Sandbox, customer_id: str, issued: str, cents: int, **columns: Any) -> UUID:
    async with sandbox.context() as ctx:
        now = ctx.now()
        row = Invoice(
            id=new_id(),
            created_at=now,
            updated_at=now,
            organization_id=ctx.organization_id,
            customer_id=UUID(customer_id),
            live=False,
            number="X-001",
            currency=columns.pop("currency", "EUR"),
            timezone="UTC",
            timestamp=now,
            issuing_date=date.fromisoformat(issued),
            payment_due_date=date.fromisoformat(columns.pop("due", issued)),
            status=columns.pop("status", "finalized"),
            total_amount_cents=cents,
            **columns,
        )
        ctx.session.add(row)
    return row.id


async def _credit_note(sandbox: Sandbox, customer_id: str, invoice_id: UUID, *, credit: int, refund: int) -> None:
    async with sandbox.context() as ctx:
        now = ctx.now()
        ctx.session.add(
            CreditNote(
                id=new_id(),
                created_at=now,
                updated_at=now,
                organization_id=ctx.organization_id,
                customer_id=UUID(customer_id),
                invoice_id=invoice_id,
                status="finalized",
                number="X-001-CN001",
                sequential_id=1,
                currency="EUR",
                timezone="UTC",
                issuing_date=now.date(),
                credit_amount_cents=credit,
                refund_amount_cents=refund,
                total_amount_cents=credit + refund,
                balance_amount_cents=credit,
            )
        )


async def _standalone_fee(sandbox: Sandbox, customer_id: str, created: datetime, cents: int) -> None:
    async with sandbox.context() as ctx:
        ctx.session.add(
            Fee(
                id=new_id(),
                created_at=created,
                updated_at=created,
                organization_id=ctx.organization_id,
                customer_id=UUID(customer_id),
                fee_type="charge",
                currency="EUR",
                amount_cents=cents,
                taxes_amount_cents=50,
                pay_in_advance=True,
                invoiceable=False,
                timestamp=created,
            )
        )


async def _revenue(sandbox: Sandbox, query: str = "") -> list[tuple[str, str, int, int]]:
    body = await sandbox.call("GET", f"analytics/gross_revenue?{query}")
    assert problems("GrossRevenues", body) == []
    rows = body["gross_revenues"]
    return [(row["month"], row["currency"], row["amount_cents"], row["invoices_count"]) for row in rows]


async def _overdue(sandbox: Sandbox, query: str = "") -> list[tuple[str, str, int, list[str]]]:
    body = await sandbox.call("GET", f"analytics/overdue_balance?{query}")
    assert problems("OverdueBalances", body) == []
    rows = body["overdue_balances"]
    return [(row["month"], row["currency"], row["amount_cents"], row["lago_invoice_ids"]) for row in rows]


async def _books(sandbox: Sandbox) -> tuple[str, str]:
    """The example of 07 §8.3 for customer c1; c2 has nothing. Their ids."""
    first = (await sandbox.customer("c1"))["lago_id"]
    second = (await sandbox.customer("c2"))["lago_id"]
    january = await _invoice(sandbox, first, "2024-01-31", 12000)
    await _credit_note(sandbox, first, january, credit=0, refund=2000)
    march = await _invoice(sandbox, first, "2024-03-01", 5000)
    await _credit_note(sandbox, first, march, credit=1000, refund=0)
    await _invoice(sandbox, first, "2024-03-01", 9900, status="draft")
    await _invoice(sandbox, first, "2024-03-01", 3000, status="voided")
    await _invoice(sandbox, first, "2024-03-02", 700, currency="USD")
    await _invoice(sandbox, first, "2023-12-31", 4000)
    await _invoice(sandbox, first, "2024-03-03", 6000, payment_dispute_lost_at=CREATED)
    await _standalone_fee(sandbox, first, datetime(2024, 3, 7, tzinfo=UTC), 250)
    await sandbox.advance(NOW)
    return first, second


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [("2024-01", "EUR", 10000, 1), ("2024-03", "EUR", 5250, 1), ("2024-03", "USD", 700, 1)]),
        ("currency=eur&months=2", [("2024-03", "EUR", 5250, 1)]),
        ("months=3", [("2024-01", "EUR", 10000, 1), ("2024-03", "EUR", 5250, 1), ("2024-03", "USD", 700, 1)]),
        ("months=100", [("2024-01", "EUR", 10000, 1), ("2024-03", "EUR", 5250, 1), ("2024-03", "USD", 700, 1)]),
        ("months=1&currency=USD", [("2024-03", "USD", 700, 1)]),
        ("months=0&currency=USD", [("2024-03", "USD", 700, 1)]),
        ("months=-3&currency=EUR", [("2024-03", "EUR", 5250, 1)]),
        ("months=some&currency=EUR", [("2024-03", "EUR", 5250, 1)]),
        ("months=2.5&currency=EUR", [("2024-03", "EUR", 5250, 1)]),
        ("external_customer_id=c1&currency=USD", [("2024-03", "USD", 700, 1)]),
        ("external_customer_id=c2", []),
        ("external_customer_id=nobody", []),
        ("billing_entity_code=hooli&currency=USD", [("2024-03", "USD", 700, 1)]),
    ],
)
async def test_07_8_3_gross_revenue(database: Database, query: str, found: list[tuple[str, str, int, int]]) -> None:
    async with sandbox_on(database, clock=CREATED) as sandbox:
        await _books(sandbox)
        expected = [(f"{month}-01T00:00:00.000Z", *rest) for month, *rest in found]
        assert await _revenue(sandbox, query) == expected


async def test_07_8_4_overdue_balance(database: Database) -> None:
    async with sandbox_on(database, clock=CREATED) as sandbox:
        customer = (await sandbox.customer("c1"))["lago_id"]
        ids = [
            await _invoice(
                sandbox,
                customer,
                "2024-02-01",
                10000,
                due="2024-02-10",
                payment_overdue=True,
                total_paid_amount_cents=4000,
                offset_amount_cents=1000,
            ),
            await _invoice(sandbox, customer, "2024-02-01", 3000, due="2024-02-28", payment_overdue=True),
            await _invoice(sandbox, customer, "2024-02-01", 1500, due="2024-03-19", payment_overdue=True),
        ]
        await _invoice(sandbox, customer, "2024-02-01", 800, due="2024-02-01")
        await sandbox.advance(NOW)
        a, b, c = (str(each) for each in ids)
        february, march = "2024-02-01T00:00:00.000Z", "2024-03-01T00:00:00.000Z"
        assert await _overdue(sandbox) == [(february, "EUR", 8000, [a, b]), (march, "EUR", 1500, [c])]
        assert await _overdue(sandbox, "months=1&external_customer_id=c1") == [(march, "EUR", 1500, [c])]
        assert await _overdue(sandbox, "currency=USD") == []
        async with sandbox.context() as ctx:
            found = await overdue_by_customer(ctx, [UUID(customer), new_id()])
            assert found == {UUID(customer): [Balance("EUR", 9500, 3)]}


async def test_07_8_2_the_customers_overview(database: Database) -> None:
    async with sandbox_on(database, clock=CREATED) as sandbox:
        first, second = await _books(sandbox)
        async with sandbox.context() as ctx:
            found = await revenue_by_customer(ctx, [UUID(first), UUID(second)])
        assert found == {UUID(first): [Balance("EUR", 15250, 2), Balance("USD", 700, 1)]}


async def test_07_8_other_organizations_and_permissions(database: Database) -> None:
    async with sandbox_on(database, clock=CREATED) as sandbox:
        await _books(sandbox)
        other = await sandbox.rest.another()
        for path, key in (("gross_revenue", "gross_revenues"), ("overdue_balance", "overdue_balances")):
            assert (await other.get(f"analytics/{path}?external_customer_id=c1")).json() == {key: []}
            keyless = await sandbox.rest.with_key({"invoice": ["read"]})
            assert (await keyless.get(f"analytics/{path}")).status_code == 403
            answer = await sandbox.rest.get(f"analytics/{path}?billing_entity_code=nope")
            assert (answer.status_code, answer.json()["code"]) == (404, "billing_entity_not_found")
