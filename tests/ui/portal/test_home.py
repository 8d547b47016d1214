"""The portal's first page: plans, wallets, invoices; each section on its own (spec 07 §5)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import structlog
from sqlalchemy import text

from billwright.ui.portal import home
from billwright.ui.portal.words import read_texts
from tests.graphql.support import World
from tests.ui.portal.support import Browser, change, make_wallet
from tests.ui.support import words

pytestmark = pytest.mark.usefixtures("papers")


async def test_home(world: World, shop: Browser) -> None:
    shown = words(await shop.page())
    assert "Prepaid credits" not in shown
    assert "Scale €31.00 excl. tax per month Renews on Feb 01, 2024 View usage" in shown
    assert "Name Customer c0" in shown
    assert "Billing e-mail c0@buyer.example" in shown
    assert "Total invoiced €17.00 Total overdue €0.00" in shown
    assert "Jan 15, 2024" in shown
    assert "Subscription €17.00 €17.00 To pay" in shown
    assert "Pay invoice" not in shown


async def test_names_of_plans_come_from_the_subscription_then_the_invoice_name(world: World, shop: Browser) -> None:
    await change(world, "update plans set invoice_display_name = 'As printed'")
    assert "As printed" in words(await shop.part("plans"))
    await change(world, "update subscriptions set name = 'Our team'")
    assert "Our team" in words(await shop.part("plans"))
    await change(world, "update subscriptions set status = 'terminated', terminated_at = now()")
    assert words(await shop.part("plans")) == ""


async def test_a_plan_that_ends_does_not_say_that_it_renews(world: World, shop: Browser) -> None:
    for ending, said in (
        ("2024-01-31T23:00:00Z", "Ends on Jan 31, 2024"),
        ("2024-02-15T00:00:00Z", "Renews on Feb 01, 2024"),
    ):
        await change(world, "update subscriptions set ending_at = :ending", ending=datetime.fromisoformat(ending))
        shown = words(await shop.part("plans"))
        assert said in shown
        assert ("Renews" in shown) != ("Ends" in shown)
    await change(world, "update customers set timezone = 'Asia/Tokyo'")
    await change(world, "update subscriptions set ending_at = '2024-01-31T23:00:00Z'")
    assert "Ends on Feb 01, 2024" in words(await shop.part("plans"))


async def test_wallets_three_a_page(world: World, shop: Browser) -> None:
    for number in range(4):
        await make_wallet(world, name=f"Wallet {number}", priority=number + 1, granted_credits="10")
    await change(world, "update wallets set ongoing_balance_cents = 1250,"
                 " expiration_at = '2024-12-31T23:30:00Z' where priority = 1")  # fmt: skip
    await change(world, "update customers set timezone = 'Asia/Tokyo'")
    shown = words(await shop.page())
    assert "Wallet 0 Balance €12.50 6.25 credits Credits used 0 credits €0.00 Expires Jan 01, 2025 Top up" in shown
    assert "Expires No expiry date" in shown
    assert "Wallet 3" not in shown
    assert "1–3 of 4" in shown
    second = await shop.part("wallets", "?wallets=2")
    assert "Wallet 3" in words(second)
    assert "<html" not in second
    assert 'id="wallets"' in second


async def test_each_section_fails_on_its_own(world: World, shop: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database itself refuses one section's statement: the others are read on."""

    async def broken(visit: Any) -> Any:
        async with visit.context.reading() as ctx:
            await ctx.session.execute(text("select 1 / 0"))

    with structlog.testing.capture_logs() as logs:
        for name, there in (("wallets", "Scale"), ("plans", "Total invoiced"), ("invoices", "Scale")):
            monkeypatch.setattr(home, "SECTIONS", {**home.SECTIONS, name: broken})
            page = await shop.page()
            assert page.count("This section could not be loaded") == 1
            assert there in words(page)
            assert "This section could not be loaded" in await shop.part(name)
            monkeypatch.undo()
    failed = [entry["section"] for entry in logs if entry["event"] == "portal_section_failed"]
    assert failed == ["wallets", "wallets", "plans", "plans", "invoices", "invoices"]


async def test_each_section_is_refreshed_alone(world: World, shop: Browser) -> None:
    page = await shop.page()
    for name in ("plans", "information", "invoices"):
        button = re.search(rf'<a class="button quiet square" href="([^"]+)" hx-get="([^"]+)" hx-target="#{name}"', page)
        assert button is not None, name
        part = (await shop.get(button[2], headers={"hx-request": "true", "hx-target": name})).text
        assert part.strip() in page, "a full load and a part give the same screen"


async def test_invoices_are_searched_and_paged(world: World, shop: Browser) -> None:
    number = re.search(r'class="at-number">([^<]+)<', await shop.page())
    assert number is not None
    found = words(await shop.part("invoices", f"?search={number[1]}"))
    assert number[1] in found
    for hostile in ("0", "-1", "9" * 5000, "1" * 11, "%00", "²"):
        assert "could not be loaded" not in await shop.page(f"?page={hostile}&wallets={hostile}&plans={hostile}")
    assert "No invoice has this number" in await shop.part("invoices", "?search=%00%27%ff")
    missing = await shop.part("invoices", "?search=%25")
    assert "No invoice has this number" in missing
    assert "Show all" in missing
    await change(world, "update invoices set status = 'draft'")
    assert "No invoices yet" in await shop.part("invoices")


async def test_the_first_payment_state_that_fits_is_shown(world: World, shop: Browser) -> None:
    """Spec 07 §5.3: overdue, paid, disputed, to pay."""
    for update, status, due in (
        ("payment_overdue = true, payment_status = 'succeeded', payment_dispute_lost_at = now()", "Overdue", "€17.00"),
        ("payment_overdue = false", "Paid", "€0.00"),
        ("payment_status = 'failed'", "Disputed", "€17.00"),
        ("payment_dispute_lost_at = null, total_paid_amount_cents = 700", "To pay", "€10.00"),
    ):
        await change(world, f"update invoices set {update}")
        assert f"€17.00 {due} {status}" in words(await shop.part("invoices"))


async def test_paying_is_offered_where_a_provider_is_linked_and_says_why_it_cannot_be(
    world: World, shop: Browser
) -> None:
    await change(world, """update customers set payment_provider = '{"payment_provider": "gocardless"}'""")
    link = re.search(r'href="([^"]+/pay)" target="_blank"', await shop.part("invoices"))
    assert link is not None
    answer = await shop.get(link[1])
    assert answer.status_code == 422
    assert "This invoice cannot be paid online at the moment" in answer.text


async def test_the_pdf(world: World, shop: Browser) -> None:
    link = re.search(r'href="([^"]+\.pdf)"', await shop.page())
    assert link is not None
    answer = await shop.get(link[1])
    assert answer.status_code == 303
    pdf = await shop.get(answer.headers["location"])
    assert pdf.content.startswith(b"%PDF")
    assert pdf.headers["content-disposition"].startswith("attachment;")
    assert pdf.headers["cache-control"] == "no-store"
    assert (await shop.get("/customer-portal/documents/x")).status_code == 401
    await change(world, "update invoices set status = 'draft'")
    assert (await shop.get(link[1])).status_code == 404


async def test_what_is_not_there_is_told_in_the_customer_s_language(world: World, shop: Browser) -> None:
    await change(world, "update customers set document_locale = 'fr'")
    for path in ("/usage/x", f"/usage/{UUID(int=1)}", "/wallet/x", "/invoice/x.pdf", "/anything"):
        assert read_texts("fr")["not_found"].replace("'", "&#39;") in await shop.page(path, 404), path
    slash = await shop.get(shop.base + "/")
    assert (slash.status_code, slash.headers["location"]) == (303, shop.base)
