"""Collections, invoiced usage and monthly recurring revenue (spec 07 §8.5-8.7)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from billwright.billing.analytics.mrr import billed_months, in_advance_months, in_arrears_months
from billwright.billing.invoicing.models import Fee
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.ids import new_id
from tests.billing.analytics.test_invoiced import CREATED, NOW, _invoice
from tests.support.sandbox import Sandbox, sandbox_on

YEAR_2023 = (datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC))
YEAR_2024 = (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC))
QUARTER = (datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 3, 31, 23, 59, 59, tzinfo=UTC))
ANNIVERSARY = (datetime(2023, 1, 15, tzinfo=UTC), datetime(2023, 4, 14, 23, 59, 59, tzinfo=UTC))


def test_billed_months() -> None:
    assert round(billed_months(*QUARTER), 6) == Decimal("2.956613")
    assert round(billed_months(*YEAR_2023), 6) == Decimal("11.990779")
    assert round(billed_months(*YEAR_2024), 6) == Decimal("12.023630")


@pytest.mark.parametrize(
    ("in_advance", "amount", "period", "issued", "expected"),
    [
        (True, 30000, QUARTER, date(2023, 1, 1),
         {"2023-01": "10146.745", "2023-02": "10146.745", "2023-03": "9706.510"}),
        (True, 30000, ANNIVERSARY, date(2023, 1, 15),
         {"2023-01": "5564.344", "2023-02": "10146.745", "2023-03": "14288.911"}),
        (False, 30000, QUARTER, date(2023, 4, 1),
         {"2023-04": "10146.745", "2023-03": "10146.745", "2023-02": "9706.510"}),
        (True, 120000, YEAR_2023, date(2023, 1, 1),
         {**{f"2023-{month:02}": "10007.690" for month in range(1, 12)}, "2023-12": "9915.407"}),
        (True, 120000, YEAR_2024, date(2024, 1, 1),
         {**{f"2024-{month:02}": "9980.347" for month in range(1, 13)}, "2025-01": "235.838"}),
    ],
)  # fmt: skip
def test_07_8_7_fees_are_spread(
    in_advance: bool, amount: int, period: tuple[datetime, datetime], issued: date, expected: dict[str, str]
) -> None:
    spread = in_advance_months if in_advance else in_arrears_months
    found = list(spread(issued, Decimal(amount), *period))
    assert {f"{month:%Y-%m}": str(round(share, 3)) for month, share in found} == expected
    assert sum(share for _, share in found) == pytest.approx(Decimal(amount), abs=Decimal("0.0001"))


async def _fee(sandbox: Sandbox, invoice_id: UUID, customer: str, cents: int, **columns: Any) -> None:
    async with sandbox.context() as ctx:
        now = columns.pop("created", ctx.now())
        ctx.session.add(
            Fee(
                id=new_id(),
                created_at=now,
                updated_at=now,
                organization_id=ctx.organization_id,
                customer_id=UUID(customer),
                invoice_id=invoice_id,
                currency=columns.pop("currency", "EUR"),
                timestamp=now,
                group_key=str(cents),
                amount_cents=cents,
                **columns,
            )
        )


async def test_07_8_5_collections(database: Database) -> None:
    async with sandbox_on(database, clock=CREATED) as sandbox:
        first = (await sandbox.customer("c1"))["lago_id"]
        await _invoice(sandbox, first, "2024-01-31", 12000)
        await _invoice(sandbox, first, "2024-01-31", 500, payment_status="succeeded")
        await _invoice(sandbox, first, "2024-03-01", 5000)
        await _invoice(sandbox, first, "2024-03-01", 100)
        await _invoice(sandbox, first, "2024-03-01", 700, currency="USD", payment_status="failed")
        await _invoice(sandbox, first, "2024-03-01", 9900, status="draft")
        await _invoice(sandbox, first, "2024-03-03", 6000, payment_dispute_lost_at=CREATED)
        await sandbox.advance(NOW)
        rows = (await sandbox.call("GET", "analytics/invoice_collection"))["invoice_collections"]
        assert [tuple(row.values()) for row in rows] == [
            ("2024-01-01T00:00:00.000Z", "pending", 1, 12000, "EUR"),
            ("2024-01-01T00:00:00.000Z", "succeeded", 1, 500, "EUR"),
            ("2024-02-01T00:00:00.000Z", None, 0, 0, None),
            ("2024-03-01T00:00:00.000Z", "failed", 1, 700, "USD"),
            ("2024-03-01T00:00:00.000Z", "pending", 2, 5100, "EUR"),
        ]
        rows = (await sandbox.call("GET", "analytics/invoice_collection?currency=usd"))["invoice_collections"]
        assert [row["month"][:7] for row in rows] == ["2024-03"]


async def test_07_8_6_invoiced_usage(database: Database) -> None:
    """Fees 1000 with a coupon share of 100.4 and 200 without give 1099.6, so 1100."""
    async with sandbox_on(database, clock=CREATED) as sandbox:
        first = (await sandbox.customer("c1"))["lago_id"]
        charge = (await sandbox.charge(await sandbox.plan())).id
        issued = await _invoice(sandbox, first, "2024-01-31", 1200)
        shared: dict[str, Any] = {"fee_type": "charge", "charge_id": charge}
        await _fee(sandbox, issued, first, 1000, precise_coupons_amount_cents=Decimal("100.4"), **shared)
        await _fee(sandbox, issued, first, 200, **shared)
        draft = await _invoice(sandbox, first, "2024-01-31", 1200, status="draft")
        await _fee(sandbox, draft, first, 999, **shared)
        await _fee(sandbox, issued, first, 70, created=datetime(2024, 3, 1, tzinfo=UTC), **shared)
        await sandbox.advance(NOW)
        rows = (await sandbox.call("GET", "analytics/invoiced_usage"))["invoiced_usages"]
        code = rows[0]["code"]
        assert [tuple(row.values()) for row in rows] == [
            ("2024-03-01T00:00:00.000Z", code, 70, "EUR"),
            ("2024-01-01T00:00:00.000Z", code, 1100, "EUR"),
        ]


async def test_mrr_of_a_monthly_subscription(database: Database) -> None:
    async with sandbox_on(database, clock=CREATED) as sandbox:
        await sandbox.tax("vat", "20")
        await sandbox.customer("c1")
        await sandbox.plan(amount_cents=3000, pay_in_advance=True)
        await sandbox.subscribe(subscription_at="2024-01-10T00:00:00Z")
        await sandbox.advance(NOW)
        rows = (await sandbox.call("GET", "analytics/mrr"))["mrrs"]
        first = [row for row in await sandbox.invoices() if row["issuing_date"].startswith("2024-01")]
        assert rows == [
            {"month": "2024-01-01T00:00:00.000Z", "amount_cents": first[0]["total_amount_cents"], "currency": "EUR"},
            {"month": "2024-02-01T00:00:00.000Z", "amount_cents": 3600, "currency": "EUR"},
            {"month": "2024-03-01T00:00:00.000Z", "amount_cents": 3600, "currency": "EUR"},
        ]
        rows = (await sandbox.call("GET", "analytics/mrr?currency=USD"))["mrrs"]
        assert rows == []
        rows = (await sandbox.call("GET", "analytics/mrr?months=2"))["mrrs"]
        assert [row["month"][:7] for row in rows] == ["2024-02", "2024-03"]


async def test_07_8_7_weekly_fees_are_a_mean_of_the_month(database: Database) -> None:
    """Of 1000, 1000, 1200 and 1000 issued in one month: 1050 x 4.33 = 4546.5, so 4547."""
    async with sandbox_on(database, clock=CREATED) as sandbox:
        await sandbox.advance(NOW)
        customer = (await sandbox.customer("c1"))["lago_id"]
        await sandbox.plan(interval="weekly", amount_cents=1000)
        subscription = (await sandbox.subscribe())["lago_id"]
        for day, cents in (("05", 1000), ("12", 1000), ("19", 1200), ("26", 1000)):
            invoice = await _invoice(sandbox, customer, f"2024-02-{day}", cents)
            await _fee(sandbox, invoice, customer, cents, fee_type="subscription", subscription_id=UUID(subscription))
        rows = (await sandbox.call("GET", "analytics/mrr?currency=eur"))["mrrs"]
        assert rows == [{"month": "2024-02-01T00:00:00.000Z", "amount_cents": 4547, "currency": "EUR"}]
