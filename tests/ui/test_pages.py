"""What the pages show and do, over HTTP: customers, subscriptions, invoices, catalogue (spec 07 §7)."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from billwright.billing.add_ons.schemas import AddOnCreate
from billwright.billing.add_ons.service import create_add_on
from billwright.billing.coupons.applying import apply_coupon
from billwright.billing.coupons.schemas import ApplyCoupon, CouponInput
from billwright.billing.coupons.service import create_coupon
from billwright.billing.credit_notes.schemas import CreditNoteCreate
from billwright.billing.credit_notes.service import create_credit_note
from billwright.billing.invoicing.one_off import create_one_off_invoice
from billwright.billing.invoicing.one_off_schemas import OneOffInvoiceCreate
from tests.graphql.support import World, make_customers, make_plan
from tests.ui.support import BASE, company, ids, visitor, words

pytestmark = pytest.mark.usefixtures("papers")


async def advance(world: World, to: str) -> None:
    clock = (
        await world.data(
            "mutation($now: ISO8601DateTime!) { advanceTestClock(input: {now: $now}) { failedJobs { name error } } }",
            now=to,
        )
    )["advanceTestClock"]
    assert clock["failedJobs"] == []


async def test_customer_list(world: World) -> None:
    async with visitor(world) as admin:
        empty = words(await admin.page(f"{BASE}/customers"))
        assert "No customers yet" in empty
        await company(world, 23)
        await make_customers(world, await make_plan(world, code="other"), 1, prefix="zeta_")
        page = await admin.page(f"{BASE}/customers")
        assert page.count("data-href=") == 20
        assert "1–20 of 24" in words(page)
        assert "€17.00" in page, "gross revenue: 17 of 31 days of 31.00 in advance"
        behind = await admin.get(f"{BASE}/customers?page=2&per_page=50")
        assert behind.headers["location"] == f"{BASE}/customers?per_page=50", "not: no customers yet"
        behind = await admin.part(f"{BASE}/customers?search=customer&page=7", "results")
        assert behind.headers["hx-redirect"] == f"{BASE}/customers?search=customer&page=2"
        assert "21–24 of 24" in words(await admin.page(f"{BASE}/customers?page=2"))
        found = await admin.page(f"{BASE}/customers?search=ZETA_")
        assert found.count("data-href=") == 1
        assert "Customer zeta_0" in found
        assert (await admin.page(f"{BASE}/customers?search=ze")).count("data-href=") == 20, "two letters search nothing"
        assert "No customers match" in words(await admin.page(f"{BASE}/customers?search=%25%25%25"))
        assert "No customers match" in words(await admin.page(f"{BASE}/customers?currency=USD"))
        part = await admin.part(f"{BASE}/customers?search=ZETA_", "results")
        assert part.text.lstrip().startswith('<div id="results"')
        assert "<html" not in part.text
        assert part.text.strip() in found


async def test_customer_list_shows_every_currency(world: World) -> None:
    """A one-off invoice may be in another currency than the customer's (spec 00, point 6)."""
    await company(world, 1)
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        add_on = {"name": "Wiring", "code": "wiring", "amount_cents": 12300, "amount_currency": "USD"}
        await create_add_on(ctx, AddOnCreate.parse(add_on))
        sold = {"external_customer_id": "c0", "currency": "USD", "fees": [{"add_on_code": "wiring"}]}
        await create_one_off_invoice(ctx, OneOffInvoiceCreate.parse(sold))
    async with visitor(world) as admin:
        page = await admin.page(f"{BASE}/customers")
    row = page[page.index("<tr data-href") : page.index("</tr>", page.index("<tr data-href"))]
    assert row.index("€17.00") < row.index("$123.00"), "the customer's own currency first"


async def test_creating_and_editing_a_customer(world: World) -> None:
    async with visitor(world) as admin:
        await admin.page(f"{BASE}/create/customer")
        refused = await admin.submit(
            f"{BASE}/create/customer", "customer-form", name="Acme", external_id="a", email="x", timezone="Mars/Base"
        )
        assert refused.status_code == 422
        assert refused.text.lstrip().startswith("<form")
        said = words(refused.text)
        assert "Write one address" in said
        assert "Choose a time zone from the list." in said
        assert 'value="Acme"' in refused.text, "what was typed stays"
        nameless = await admin.submit(f"{BASE}/create/customer", "customer-form", external_id="")
        assert "This cannot be empty." in words(nameless.text)
        made = await admin.submit(
            f"{BASE}/create/customer", name="<b>Acme</b>", external_id="acme.1", timezone="Asia/Tokyo", currency="EUR"
        )
        assert made.status_code == 303
        page = await admin.page(made.headers["location"])
        assert "&lt;b&gt;Acme&lt;/b&gt; created" in page, "the toast, escaped"
        assert "<b>Acme" not in page
        assert "&gt; created" not in (await admin.page(made.headers["location"])), "the toast is shown once"
        assert "Asia/Tokyo" in page
        twice = await admin.submit(f"{BASE}/create/customer", "customer-form", external_id="acme.1")
        assert "This external id is taken." in words(twice.text)
        edit = f"{made.headers['location']}/edit"
        assert "Asia/Tokyo" in await admin.page(edit)
        saved = await admin.submit(
            edit, "customer-form", name="Acme", external_id="acme.2", timezone="", currency="USD"
        )
        assert saved.headers["hx-redirect"] == made.headers["location"]
        page = words(await admin.page(made.headers["location"]))
        assert "acme.2" in page, "nothing is attached to it yet"
        assert "UTC, from organization" in page
        assert "Currency USD" in page


async def test_a_draft_invoice_refreshed_finalized_and_printed(world: World) -> None:
    known = await company(world, 1, grace_days=3)
    await advance(world, "2024-02-01T02:00:00Z")
    async with visitor(world) as admin:
        drafts = await admin.page(f"{BASE}/invoices?view=draft")
        assert drafts.count("data-href=") == 1
        row = re.search(r'data-href="([^"]+)"', drafts)
        assert row is not None
        href = row[1]
        assert "Draft 1" in words(drafts)
        page = await admin.page(href)
        said = words(page)
        assert "This is a draft until" in said
        assert "Download PDF" not in said
        assert "API calls 12 events Explain 12 €0.05" in said
        assert "Fees 31.60 Subtotal, excl. tax €31.60 Tax (0%) 0.00 Subtotal, incl. tax €31.60 Total €31.60" in said
        assert "At present €31.60 become due" in said
        refreshed = await admin.submit(f"{href}/refresh", "invoice")
        assert refreshed.text.lstrip().startswith('<div id="invoice">')
        assert "Refreshed" in refreshed.headers["hx-trigger"]
        from_the_list = await admin.post(
            f"{href}/refresh",
            headers={
                "hx-request": "true", "hx-target": "results", "x-csrf-token": admin.token,
                "hx-current-url": f"http://billwright.test{BASE}/invoices?view=draft",
            },
        )  # fmt: skip
        assert from_the_list.text.count("data-href=") == 1, "the list as it was filtered"
        finalized = await admin.submit(f"{href}/finalize", "invoice")
        assert finalized.headers["hx-redirect"] == href
        said = words(await admin.page(href))
        assert "Finalized" in said
        assert "Due Feb" in said
        again = await admin.submit(f"{href}/finalize", "invoice")
        assert again.status_code == 404
        pdf = await admin.get(f"{href}.pdf")
        assert pdf.status_code == 303
        assert pdf.headers["location"].startswith("/files/")
        stored = await admin.get(pdf.headers["location"])
        assert stored.headers["content-type"] == "application/pdf"
        assert stored.content.startswith(b"%PDF-")
        assert (await admin.get(f"{BASE}/invoices/{href.rpartition('/')[2]}")).headers["location"] == href
        outstanding = await admin.page(f"{BASE}/invoices?view=outstanding")
        assert outstanding.count("data-href=") == 2, "and the invoice of the start"
        assert "No invoices match" in words(await admin.page(f"{BASE}/invoices?view=voided"))
        assert "No invoices match" in words(await admin.page(f"{BASE}/invoices?issued_from=2030-01-01"))
        assert (await admin.page(f"{BASE}/invoices?issued_from=nonsense&status=nonsense")).count("data-href=") == 2
    assert known["customer"]


async def test_an_empty_draft_is_closed_with_a_word(world: World) -> None:
    plan = await make_plan(world, pay_in_advance=False, amount_cents=0)
    async with world.runtime.database.transaction() as session:
        await session.execute(
            text("update organizations set invoice_grace_period = 3, finalize_zero_amount_invoice = false")
        )
    await make_customers(world, plan, 1)
    await advance(world, "2024-02-01T02:00:00Z")
    async with visitor(world) as admin:
        href = f"{BASE}/invoice/{(await ids(world))['invoice']}"
        closed = await admin.submit(f"{href}/finalize", "invoice")
        assert closed.headers["hx-redirect"] == f"{BASE}/invoices"
        assert "The invoice was empty" in words(await admin.page(f"{BASE}/invoices"))


async def test_catalogue(world: World) -> None:
    async with visitor(world) as admin:
        assert "No plans yet" in words(await admin.page(f"{BASE}/plans"))
        assert "No billable metrics yet" in words(await admin.page(f"{BASE}/billable-metrics"))
        known = await company(world, 1)
        listed = words(await admin.page(f"{BASE}/plans"))
        assert "Scale scale €31.00 Monthly 1 1" in listed
        assert "API calls calls_scale Sum n Metered 1" in words(await admin.page(f"{BASE}/billable-metrics"))
        plan = words(await admin.page(f"{BASE}/plan/{known['plan']}"))
        assert "Fee €31.00 Monthly, in advance" in plan
        assert "Standard, in arrears Each unit €0.05" in plan
        metric = words(await admin.page(f"{BASE}/billable-metric/{known['metric']}"))
        assert '"code": "calls_scale", "properties": { "n": 1 }' in metric
        assert (await admin.page(f"{BASE}/plans?search=nothing")).count("data-href=") == 0


async def test_search(world: World) -> None:
    await company(world)
    async with visitor(world) as admin:
        found = await admin.fragment(f"{BASE}/search?term=Customer%20c1")
        assert f'href="{BASE}/customers?search=Customer+c1"' in found
        groups = re.findall(r'aria-label="([^"]+)"', found)
        assert groups == ["Customers", "Invoices", "Subscriptions"]
        assert "calls_scale" in await admin.fragment(f"{BASE}/search?term=calls")
        assert (await admin.fragment(f"{BASE}/search?term=cu")).strip() == ""
        assert (await admin.fragment(f"{BASE}/search?term=%25%25%25")).strip() == ""
    async with visitor(world, "finance") as finance:
        assert "calls_scale" not in await finance.fragment(f"{BASE}/search?term=calls"), "finance sees no metrics"


async def test_invoice_page_names_what_reduced_it(world: World) -> None:
    """Coupons by name, credit notes by number, and the credit notes that were issued for it (spec 04 §19.5)."""
    await company(world, 1)
    async with world.runtime.database.transaction() as session:
        ctx = await world.fresh(session)
        add_on = {"name": "Wiring", "code": "wiring", "amount_cents": 10000, "amount_currency": "EUR"}
        await create_add_on(ctx, AddOnCreate.parse(add_on))
        coupon = {"name": "Spring <sale>", "code": "spring", "coupon_type": "percentage", "percentage_rate": "10",
                  "frequency": "forever", "expiration": "no_expiration"}  # fmt: skip
        await create_coupon(ctx, CouponInput.parse(coupon))
        await apply_coupon(ctx, ApplyCoupon.parse({"external_customer_id": "c0", "coupon_code": "spring"}))
        sold = {"external_customer_id": "c0", "currency": "EUR", "fees": [{"add_on_code": "wiring"}]}
        first = await create_one_off_invoice(ctx, OneOffInvoiceCreate.parse(sold))
        fee = text("select id from fees where invoice_id = :id")
        fee_id = (await session.execute(fee, {"id": first.id})).scalar_one()
        given = {"invoice_id": str(first.id), "reason": "other", "credit_amount_cents": first.total_amount_cents // 5,
                 "items": [{"fee_id": str(fee_id), "amount_cents": 2000}]}  # fmt: skip
        note = await create_credit_note(ctx, CreditNoteCreate.parse(given))
        number = note.number
    await advance(world, "2024-02-01T01:00:00Z")
    async with world.runtime.database.reading() as session:
        latest = text("select id from invoices where invoice_type = 'subscription' order by issuing_date desc limit 1")
        second = (await session.execute(latest)).scalar_one()
    async with visitor(world) as admin:
        page = words(await admin.page(f"{BASE}/invoice/{first.id}"))
        assert number in page, "the credit note issued for it"
        assert "Consumed" in page
        other = await admin.page(f"{BASE}/invoice/{second}")
        assert "Coupon Spring &lt;sale&gt;" in other
        assert f"Credit note {number}" in words(other)
