"""The dashboard (spec 07 §8.10)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.analytics import mrr
from billwright.billing.analytics.daily_usage import note_days
from tests.graphql.support import CLOCK, World, make_customers, make_plan, send_usage
from tests.ui.support import BASE, company, visitor, words

FIGURES = """{ grossRevenues{ month amountCents currency invoicesCount } overdueBalances{ amountCents lagoInvoiceIds }
  invoiceCollections(currency:"EUR"){ paymentStatus invoicesCount amountCents } invoicedUsages{ code }
  mrrs(currency:"EUR"){ month amountCents } }"""


async def test_the_figures_of_the_month(world: World) -> None:
    await company(world, 2)
    async with world.runtime.database.reading() as session:
        total = await session.scalar(text("select sum(total_amount_cents) from invoices where status = 'finalized'"))
    found = await world.data(FIGURES)
    assert found["grossRevenues"] == [
        {"month": "2024-01-01T00:00:00.000Z", "amountCents": str(total), "currency": "EUR", "invoicesCount": "2"}
    ]
    assert found["invoiceCollections"] == [
        {"paymentStatus": "pending", "invoicesCount": "2", "amountCents": str(total)}
    ]
    assert found["overdueBalances"] == []
    async with visitor(world) as admin:
        page = await admin.page(f"{BASE}/analytics?currency=EUR&period=3")
    assert "across 2 invoices" in words(page)
    charts: list[Any] = [json.loads(unescape(each)) for each in re.findall(r'data-chart="([^"]*)"', page)]
    revenue = next(chart for chart in charts if chart["label"] == "Gross revenue by month")
    assert revenue["x_labels"] == ["Nov 2023", "Dec 2023", "Jan 2024"]
    assert revenue["series"][0]["values"] == [0, 0, total]


async def test_07_8_10_outstanding_invoices_lead_to_just_those(world: World) -> None:
    """A draft is pending too, and an invoice of another currency or of before the period is not counted."""
    known = await company(world, 3)
    async with world.runtime.database.transaction() as session:
        of = "where customer_id = (select id from customers where external_id = :customer)"
        await session.execute(text(f"update invoices set status = 'draft' {of}"), {"customer": "c1"})
        await session.execute(text(f"update invoices set issuing_date = '2023-12-31' {of}"), {"customer": "c2"})
    async with visitor(world) as admin:
        page = await admin.page(f"{BASE}/analytics?currency=EUR&period=1")
        assert "Pending 1 invoice " in words(page)
        link = re.search(r'href="([^"]+payment_status=pending[^"]+)"', page)
        assert link is not None
        listed = await admin.page(unescape(link[1]))
        assert listed.count("<tr data-href") == 1
        assert known["invoice"] in listed
        assert "No invoices match" in words(await admin.page(unescape(link[1]).replace("pending", "failed")))


async def test_07_8_10_a_block_that_fails_fails_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    await company(world, 1)
    monkeypatch.setattr(mrr, "_revenue", broken)
    async with visitor(world) as admin:
        said = words(await admin.page(f"{BASE}/analytics?currency=EUR"))
        assert said.count("This could not be loaded") == 1
        assert "across 1 invoice" in said
        monkeypatch.setattr("billwright.billing.analytics.invoiced._gross_revenues", broken)
        said = words(await admin.page(f"{BASE}/analytics"))
        assert said.count("This could not be loaded") == 2


USAGES = """query ($granularity: TimeGranularityEnum, $from: ISO8601Date, $type: CustomerCustomerTypeEnum) {
  usages(timeGranularity: $granularity, fromDate: $from, customerType: $type, currency: "EUR",
    isBillableMetricRecurring: false) {
    startOfPeriodDt endOfPeriodDt amountCurrency amountCents billableMetricCode units isBillableMetricDeleted } }"""


async def test_usage_by_day(world: World) -> None:
    await make_customers(world, await make_plan(world), 2)
    await send_usage(world, "sub_c0", 3)
    await send_usage(world, "sub_c1", 2)
    tomorrow = CLOCK + timedelta(days=1)
    assert await note_days(world.runtime, world.organization.id, tomorrow) == 2
    day = f"{CLOCK:%Y-%m-%d}"
    [daily] = (await world.data(USAGES))["usages"]
    assert daily == {
        "startOfPeriodDt": day, "endOfPeriodDt": day, "amountCurrency": "EUR", "amountCents": "25",
        "billableMetricCode": "calls_scale", "units": "5.0", "isBillableMetricDeleted": False,
    }  # fmt: skip
    [month] = (await world.data(USAGES, granularity="monthly"))["usages"]
    assert (month["startOfPeriodDt"], month["endOfPeriodDt"]) == (f"{CLOCK:%Y-%m}-01", f"{CLOCK:%Y-%m}-31")
    assert (await world.data(USAGES, type="company"))["usages"] == []
    [error] = (await world.ask(USAGES, "manager"))["errors"]
    assert error["extensions"]["requiredPermissions"] == ["analytics:view"]
    async with visitor(world) as admin:
        page = await admin.page(f"{BASE}/analytics?currency=EUR")
    charts: list[Any] = [json.loads(unescape(each)) for each in re.findall(r'data-chart="([^"]*)"', page)]
    chart = next(chart for chart in charts if chart["label"] == "Usage by day")
    assert len(chart["x"]) == 31
    assert chart["unit"] == "Day"
    assert '<th scope="col">Day</th>' in page
    assert chart["x_labels"][-1] == f"{CLOCK:%d %b %Y}"
    assert chart["series"][0]["values"] == [*[0] * 30, 25]


async def test_an_empty_dashboard_and_who_sees_it(world: World) -> None:
    async with visitor(world) as admin:
        page = words(await admin.page(f"{BASE}/analytics"))
        assert page.count("Nothing in this period") == 6
        assert await admin.page(f"{BASE}/analytics?currency=jpy&period=1")
        assert await admin.page(f"{BASE}/analytics?currency=nonsense&period=x")
    async with visitor(world, "finance") as finance:
        await finance.page(f"{BASE}/analytics")
    async with visitor(world, "manager") as manager:
        await manager.page(f"{BASE}/analytics", 403)
        assert "/analytics" not in await manager.page(f"{BASE}/customers")
