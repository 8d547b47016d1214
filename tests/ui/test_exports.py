"""Exporting a filtered list, and its filters (spec 07 §7.5)."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import text

from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.kernel.pagination import PageRequest
from tests.graphql.support import World
from tests.ui.support import BASE, Visitor, company, visitor, words

ROW = "data-href="


async def rows(person: Visitor, query: str) -> int:
    return (await person.page(f"{BASE}/invoices?{query}")).count(ROW)


async def work(world: World) -> None:
    for job_id in await due_jobs(world.runtime.database):
        await run_job(world.runtime, job_id, immediate=True)


async def test_a_search_with_many_hits_exports_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of a search stops at many hits; the file does not, and the dialog says so."""
    await company(world, 3)
    monkeypatch.setattr(PageRequest, "hits", 3)
    async with visitor(world) as admin:
        page = words(await admin.page(f"{BASE}/invoices?search=Customer"))
    assert "Export 3 and more invoices" in page
    assert "The file has all that match" in page
    assert "3 and more" in page


async def test_an_export_has_what_the_list_shows(world: World) -> None:
    await company(world, 3)
    async with visitor(world, "finance") as finance:
        page = await finance.page(f"{BASE}/invoices?search=Customer c1&view=outstanding&status=finalized")
        assert "Export 1 invoice Close" in words(page)
        assert "finance@acme.example" in words(page)
        form = re.search(r'<form method="post" action="([^"]+/invoices/export[^"]*)"', page)
        assert form is not None
        asked = await finance.submit(unescape(form[1]), type="invoices")
        assert (asked.status_code, asked.headers["location"]) == (303, f"{BASE}/exports")
        listed = await finance.page(f"{BASE}/exports")
        assert "Waiting" in words(listed)
        assert 'hx-trigger="load delay:2s"' in listed, "it asks again while something is under way"
        await work(world)
        listed = await finance.page(f"{BASE}/exports")
        assert "Ready 1 " in words(listed)
        assert 'hx-trigger="load' not in listed
        link = re.search(r'href="(/files/exports/[^"]+)"', listed)
        assert link is not None
        answer = await finance.get(link[1])
        assert answer.headers["content-disposition"].endswith('_invoices.csv"')
        header, row = answer.text.splitlines()
        assert header.startswith("lago_id,")
        assert ",c1,Customer c1," in row
    async with visitor(world) as admin:
        assert "No exports yet" in await admin.page(f"{BASE}/exports"), "everyone has their own"
        htmx = await admin.submit(f"{BASE}/invoices/export?status=draft", "export", type="nonsense")
        assert htmx.headers["hx-redirect"] == f"{BASE}/exports"
        async with world.runtime.database.reading() as session:
            kinds = await session.scalars(text("select resource_type from data_exports order by created_at"))
            assert list(kinds) == ["invoices", "invoices"]


async def test_quick_filters_and_filters_combine(world: World) -> None:
    """Filters combine with AND, several values of one with OR (spec 07 §7.5)."""
    await company(world, 3)
    async with world.runtime.database.transaction() as session:
        for change in (
            "payment_overdue = true where number = (select max(number) from invoices)",
            "total_paid_amount_cents = 5 where number = (select min(number) from invoices)",
            "payment_dispute_lost_at = now() where number = (select min(number) from invoices)",
            "payment_status = 'failed' where number = (select min(number) from invoices)",
        ):
            await session.execute(text(f"update invoices set {change}"))
    async with visitor(world) as admin:
        for query, found in (
            ("", 3),
            ("view=outstanding", 3),
            ("view=overdue", 1),
            ("view=disputed", 1),
            ("view=succeeded", 0),
            ("view=voided", 0),
            ("status=draft&status=finalized", 3),
            ("status=draft", 0),
            ("view=outstanding&payment_status=failed", 1),
            ("view=outstanding&payment_status=succeeded", 0),
            ("view=outstanding&status=draft", 0),
            ("view=overdue&overdue=no", 0),
            ("overdue=no", 2),
            ("disputed=yes", 1),
            ("partially_paid=yes", 1),
            ("partially_paid=yes&overdue=yes", 0),
            ("amount_from=17&amount_to=17", 3),
            ("amount_from=17.001", 0),
            ("amount_to=16.99", 0),
            ("amount_from=17.00&currency=eur", 3),
            ("currency=USD", 0),
            ("customer=c2", 1),
            ("issued_from=2024-01-15&issued_to=2024-01-15", 3),
            ("issued_from=2024-01-16", 0),
            ("type=one_off", 0),
            ("type=one_off&type=subscription", 3),
        ):
            assert await rows(admin, query) == found, query
        page = await admin.page(f"{BASE}/invoices?status=draft&amount_from=5")
        assert "Remove filter Status Draft" in page
        assert "at least 5" in words(page)


async def test_payments_of_one_customer(world: World) -> None:
    known = await company(world, 2)
    href = f"{BASE}/invoice/{known['invoice']}"
    async with visitor(world) as admin:
        await admin.submit(f"{href}/payments", amount="5", paid_on="2024-01-14", reference="wire")
        assert (await admin.page(f"{BASE}/payments?customer=c0")).count(ROW) + (
            await admin.page(f"{BASE}/payments?customer=c1")
        ).count(ROW) == 1
        assert "No payments match" in words(await admin.page(f"{BASE}/payments?customer=nobody"))
