"""The customer portal's pages (spec 07 §5): the link, the brand, nine languages, sections, usage, purchases, forms."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog
from sqlalchemy import select, text
from sqlmodel import col

from billwright.billing.customers.models import Customer
from billwright.billing.documents.locales import supported_locales
from billwright.billing.metering.store.protocol import EventIn
from billwright.billing.portal import links
from billwright.billing.wallets.models import WalletTransaction
from billwright.billing.wallets.schemas import WalletInput
from billwright.billing.wallets.service import create_wallet
from billwright.ui.portal import home
from billwright.ui.portal.words import preferred, read_texts, words_of
from tests.graphql.support import CLOCK, World, make_customers, make_plan, send_usage
from tests.ui.support import BASE, field, visitor, words

pytestmark = pytest.mark.usefixtures("papers")


class Browser(httpx.AsyncClient):
    """A customer's browser at its portal."""

    base: str = ""

    async def page(self, path: str = "", status: int = 200) -> str:
        answer = await self.get(self.base + path)
        assert answer.status_code == status, answer.text[-800:]
        return answer.text

    async def part(self, target: str, path: str = "") -> str:
        answer = await self.get(self.base + path, headers={"hx-request": "true", "hx-target": target})
        assert answer.status_code == 200
        return answer.text

    async def submit(self, path: str, **fields: str) -> httpx.Response:
        """Send the form of the page at ``path``, with the token that it holds."""
        token = field(await self.page(path), "form_token")
        return await self.post(self.base + path.partition("?")[0], data={"form_token": token, **fields})

    async def buy(self, path: str, credits: str) -> httpx.Response:
        """Answer yes to a question whether to buy, with another number of credits."""
        return await self.submit(f"{path}?credits=10&review=1", credits=credits)


async def portal(world: World, external_id: str = "c0") -> Browser:
    async with world.runtime.database.reading() as session:
        customer = await session.scalar(select(Customer.id).where(col(Customer.external_id) == external_id))
    assert customer is not None
    transport = httpx.ASGITransport(app=world.app, raise_app_exceptions=False)
    made = Browser(transport=transport, base_url="http://billwright.test", headers={"accept": "text/html"})
    made.base = f"/customer-portal/{world.settings.portal_links.issue(customer)}"
    return made


async def change(world: World, sql: str, **values: Any) -> None:
    async with world.runtime.database.transaction() as session:
        await session.execute(text(sql), values)


async def id_of(world: World, table: str) -> str:
    async with world.runtime.database.reading() as session:
        return str(await session.scalar(text(f"select id from {table} order by created_at limit 1")))


async def make_wallet(world: World, **more: Any) -> UUID:
    async with world.runtime.database.transaction() as session:
        values = {"external_customer_id": "c0", "currency": "EUR", "rate_amount": "2", "paid_credits": "0",
                  "granted_credits": "0", "name": "Main", **more}  # fmt: skip
        return (await create_wallet(await world.fresh(session), WalletInput.parse(values))).id


@pytest.fixture
async def shop(world: World) -> Browser:
    """Customer c0 on a plan in advance with twelve calls and an invoice of 17.00, in its portal."""
    await make_customers(world, await make_plan(world), 1)
    await send_usage(world, "sub_c0", 12)
    return await portal(world)


# --- the link ------------------------------------------------------------------------------------------------


async def test_the_link_opens_and_is_exchanged_for_a_cookie_of_its_path(world: World, shop: Browser) -> None:
    answer = await shop.get(shop.base)
    assert answer.status_code == 200
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors *" in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers
    [cookie] = answer.headers.get_list("set-cookie")
    name, *attributes = cookie.split("; ")
    assert set(attributes) - {f"Max-Age={12 * 3600 - each}" for each in range(30)} == {
        f"Path={shop.base}", "HttpOnly", "Secure", "SameSite=None", "Partitioned",
    }  # fmt: skip
    assert not name.endswith(shop.base.rpartition("/")[2])
    again = await shop.get(shop.base, headers={"cookie": name})
    assert "set-cookie" not in again.headers


async def test_where_it_may_be_framed_is_a_setting_and_other_pages_never_are(world: World, shop: Browser) -> None:
    world.app.state.settings = world.settings.model_copy(
        update={"portal_frame_ancestors": "https://app.example.com 'self'"}
    )
    policy = (await shop.get(shop.base)).headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://app.example.com 'self'")
    for path in ("/login", f"{BASE}/customers", "/nowhere"):
        answer = await shop.get(path)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path


async def test_links_that_do_not_open_get_one_page(
    world: World, shop: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: set[str] = set()

    async def look() -> None:
        for path in ("", "/usage/1", "/customer-edit-information", "/invoice/1.pdf", "/x"):
            answer = await shop.get(shop.base + path)
            assert answer.status_code == 401
            assert "set-cookie" not in answer.headers
            assert answer.headers["referrer-policy"] == "no-referrer"
            pages.add(answer.text)

    good = shop.base
    for bad in ("/customer-portal/nonsense", good[:-9] + ("A" if good[-9] != "A" else "B") + good[-8:], good + "x"):
        shop.base = bad
        await look()
    shop.base = good
    real = links.system_now()
    monkeypatch.setattr(links, "system_now", lambda: real + timedelta(hours=12, seconds=2))
    await look()
    monkeypatch.undo()
    await change(world, "update customers set deleted_at = now()")
    await look()
    [page] = pages
    assert "This link is invalid or has expired" in page
    assert "Acme" not in page
    assert "Customer c0" not in page


async def test_the_page_of_bad_links_speaks_the_browser_s_language(shop: Browser) -> None:
    answer = await shop.get("/customer-portal/x", headers={"accept-language": "xx, de-AT;q=0.9, en;q=0.8"})
    assert '<html lang="de"' in answer.text
    part = await shop.get("/customer-portal/x", headers={"hx-request": "true", "hx-target": "wallets"})
    assert (part.status_code, part.headers["hx-refresh"]) == (401, "true")
    assert [preferred(text).code for text in ("pt-PT", "zh", "nn", "")] == ["pt-BR", "zh-TW", "nb", "en"]


async def test_the_back_office_opens_it_in_a_new_tab(world: World, shop: Browser) -> None:
    customer = await id_of(world, "customers")
    async with visitor(world) as admin:
        page = await admin.page(f"{BASE}/customer/{customer}")
        link = re.search(rf'<a [^>]*href="{BASE}/customer/{customer}/portal"[^>]*>', page)
        assert link is not None
        assert 'target="_blank"' in link[0]
        answer = await admin.get(f"{BASE}/customer/{customer}/portal")
    assert answer.status_code == 303
    head, _, token = answer.headers["location"].rpartition("/")
    assert head == f"{world.settings.app_url}/customer-portal"
    found = world.settings.portal_links.read(token)
    assert found is not None
    assert str(found.customer_id) == customer


# --- brand and language --------------------------------------------------------------------------------------


async def test_the_supplier_s_name_and_logo(world: World, shop: Browser) -> None:
    page = await shop.page()
    assert "Acme Search" in words(page)
    assert "Billwright" not in page
    assert "is-framed" not in page
    framed = await shop.get(shop.base, headers={"sec-fetch-dest": "iframe"})
    assert '<body class="portal is-framed"' in framed.text
    await change(world, "update organizations set logo = :logo, logo_content_type = 'image/png'", logo=b"picture")
    source = re.search(r'<img class="portal-logo" src="([^"]+)"', await shop.page())
    assert source is not None
    logo = await shop.get(source[1])
    assert (logo.content, logo.headers["content-type"]) == (b"picture", "image/png")
    assert (await shop.get(f"/customer-portal/logos/{UUID(int=1)}")).status_code == 404


@pytest.mark.parametrize("code", supported_locales())
def test_every_language_has_every_text_with_its_placeholders(code: str) -> None:
    english, own = read_texts("en"), read_texts(code)
    assert own.keys() == english.keys()
    for key, wording in own.items():
        assert wording.strip()
        assert sorted(re.findall(r"{\w+}", wording)) == sorted(re.findall(r"{\w+}", english[key])), key


async def test_every_text_is_used() -> None:
    from billwright.ui.rendering import HERE

    files = [*(HERE / "portal").glob("*.py"), *(HERE / "templates" / "portal").glob("*.html")]
    source = "\n".join(file.read_text() for file in files)
    dynamic = ("per_", "kind_", "status_", "type_")
    unused = [
        key for key in read_texts("en") if not key.startswith(dynamic) and not re.search(rf'["\']{key}["\']', source)
    ]
    assert unused == []


def test_dates_numbers_and_money_follow_the_language_and_the_zone() -> None:
    """Spec 07 §5.2: the customer's time zone, the narrow symbol of the currency."""
    german, french, chinese = (words_of(code, "Asia/Tokyo") for code in ("de", "fr", "zh-TW"))
    assert german.day("2026-01-31T20:00:00Z") == "01. Feb. 2026"
    assert german.moment("2026-01-31T20:00:00Z") == "01. Feb. 2026, 05:00"
    assert german.number("1234.5") == "1.234,5"
    assert german.money(-123450, "SEK") == "-kr1.234,50"
    assert french.money(123450, "AUD").replace("\xa0", " ").replace("\u202f", " ") == "1 234,50 $"
    assert chinese.date("2026-02-01") == "2026年2月1日"
    assert words_of("en").money(5, "INR") == "₹0.05"
    assert words_of("en").money(5, "CHF") == "CHF 0.05"
    assert words_of("xx").code == "en"


@pytest.mark.parametrize(
    ("code", "typed", "plain"),
    [
        ("en", "10.5", "10.5"), ("en", "1,234.5", "1234.5"), ("en", "1,000", "1000"), ("en", "10,5", "10.5"),
        ("en", "1 000", "1000"), ("en", "1,00,0", "1,00,0"), ("en", "-5", "-5"), ("en", "1e3", "1e3"), ("en", "", ""),
        ("de", "10,5", "10.5"), ("de", "1.234,5", "1234.5"), ("de", "1.000", "1000"), ("de", "10.5", "10.5"),
        ("fr", "1 234,5", "1234.5"), ("fr", "1\u202f234,5", "1234.5"), ("sv", "0,25", "0.25"), ("es", "10,5", "10.5"),
        ("zh-TW", "1,000", "1000"), ("de", "viel", "viel"), ("de", "1,2,3", "1,2,3"), ("de", ",5", ",5"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_the_language_writes_them(code: str, typed: str, plain: str) -> None:
    assert words_of(code).read_number(typed) == plain


@pytest.mark.parametrize("code", supported_locales())
def test_what_the_language_writes_it_reads(code: str) -> None:
    speaking = words_of(code)
    for number in ("0", "0.5", "12", "999.25", "1000", "1234567.125"):
        assert speaking.read_number(speaking.number(number)) == number


def test_one_of_something_is_singular() -> None:
    english, french = words_of("en"), words_of("fr")
    assert [english.counted("credits", each) for each in ("0", "1", "1.00000", "1.5", "2", "1000")] == [
        "0 credits", "1 credit", "1 credit", "1.5 credits", "2 credits", "1,000 credits",
    ]  # fmt: skip
    assert [french.counted("credits", each) for each in ("0", "1.5", "2")] == ["0 crédit", "1,5 crédit", "2 crédits"]
    assert english.counted("bought", "1") == "1 credit ordered. The invoice is on its way."


async def test_the_portal_speaks_the_customer_s_language(world: World, shop: Browser) -> None:
    wallet = f"/wallet/{await make_wallet(world, paid_top_up_min_amount_cents=1000)}"
    usage = f"/usage/{await id_of(world, 'subscriptions')}"
    further = (usage, wallet, f"{wallet}?credits=10&review=1", "/customer-edit-information")
    english = {key: wording for key, wording in read_texts("en").items() if len(wording) > 12 and "{" not in wording}
    for code in supported_locales():
        await change(world, "update customers set document_locale = :code", code=code)
        page, own = await shop.page(), read_texts(code)
        assert f'<html lang="{code}"' in page
        shown = words(page)
        every = " ".join([shown, *[words(await shop.page(path)) for path in further]])
        for key in ("heading", "wallets", "plans", "information", "invoices", "total_invoiced", "status_to_pay"):
            assert own[key] in shown, (code, key)
        foreign = [wording for key, wording in english.items() if own[key] != wording and wording in every]
        assert code == "en" or foreign == []


async def test_the_organization_s_language_is_the_default(world: World, shop: Browser) -> None:
    await change(world, "update organizations set document_locale = 'sv'")
    assert '<html lang="sv"' in await shop.page()


# --- home ----------------------------------------------------------------------------------------------------


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


# --- usage ---------------------------------------------------------------------------------------------------


async def test_usage(world: World, shop: Browser) -> None:
    path = f"/usage/{await id_of(world, 'subscriptions')}"
    page = await shop.page(path)
    shown = words(page)
    assert "Scale €31.00 excl. tax per month · Renews on" not in shown
    assert "Jan 15, 2024 – Jan 31, 2024" in shown
    assert "€0.60 so far, excl. tax" in shown
    assert "API calls 100% of this period 12 €0.60" in shown
    assert "As of Jan 15, 2024, 10:00" in shown
    assert "Usage since" not in shown
    part = await shop.part("usage-block", path)
    assert part.strip() in page


async def test_usage_by_group_in_the_customer_s_language(world: World) -> None:
    plan = await make_plan(world, code="grouped")
    await change(world, """update charges set properties = '{"amount": "0.05", "pricing_group_keys": ["region"]}'""")
    await make_customers(world, plan, 1)
    await send_usage(world, "sub_c0", 12, code="calls_grouped")
    event = EventIn(
        organization_id=world.organization.id, transaction_id="eu", code="calls_grouped", timestamp=CLOCK,
        created_at=CLOCK, external_subscription_id="sub_c0", properties={"n": 8, "region": "eu"},
    )  # fmt: skip
    await world.runtime.event_store.append([event])
    await change(world, "update customers set document_locale = 'de'")
    customer = await portal(world)
    shown = words(await customer.page(f"/usage/{await id_of(world, 'subscriptions')}"))
    assert "API calls 100 % dieses Zeitraums 20 €1,00" in shown
    assert "region: eu 8 €0,40" in shown
    assert "region: ohne 12 €0,60" in shown


async def test_no_usage_yet_and_a_plan_that_is_not_active(world: World, shop: Browser) -> None:
    path = f"/usage/{await id_of(world, 'subscriptions')}"
    assert "No usage reported yet" not in await shop.page(path)
    await make_customers(world, await make_plan(world, code="other"), 1, prefix="idle")
    idle = await portal(world, "idle0")
    link = re.search(r'href="[^"]+(/usage/[^"]+)"', await idle.page())
    assert link is not None
    assert "No usage reported yet" in await idle.page(link[1])
    await change(world, "update subscriptions set status = 'terminated', terminated_at = now()")
    page = await shop.page(path)
    assert "This plan is not active" in page
    assert f'href="{shop.base}"' in page


async def test_lifetime_usage_on_the_way_to_thresholds(world: World, shop: Browser) -> None:
    """Spec 07 §8.9: total 60 of thresholds 50 and 100."""
    subscription = await id_of(world, "subscriptions")
    path = f"/usage/{subscription}"
    from billwright.billing.kernel.ids import new_id

    for amount in (50, 100):
        await change(
            world,
            "insert into usage_thresholds (id, created_at, updated_at, organization_id, subscription_id, amount_cents,"
            " recurring) values (:id, now(), now(), :org, :sub, :amount, false)",
            id=new_id(), org=world.organization.id, sub=subscription, amount=amount,
        )  # fmt: skip
    shown = words(await shop.page(path))
    assert "Usage since Jan 15, 2024" in shown
    assert "Total €0.60 20% consumed" in shown
    assert "Last threshold €0.50 Usage 20% consumed Next threshold €1.00" in shown


# --- purchases -----------------------------------------------------------------------------------------------


async def bought(world: World) -> list[int]:
    async with world.runtime.database.reading() as session:
        return list(await session.scalars(select(WalletTransaction.amount_cents)))


async def test_a_purchase_from_the_number_to_the_confirmation(world: World, shop: Browser) -> None:
    path = f"/wallet/{await make_wallet(world)}"
    form = await shop.page(path)
    assert "1 credit costs €2.00" in words(form)
    assert words(await shop.part("price", f"{path}?credits=10.5")) == "Price €21.00"
    assert words(await shop.part("price", f"{path}?credits=much")) == "Price —"
    question = await shop.page(f"{path}?credits=10.5&review=1")
    assert "10.5 credits €21.00" in words(question)
    assert "Buy for €21.00" in words(question)
    assert question.count(f'href="{shop.base}{path}?credits=10.5"') == 2, "every way back keeps the number"
    token = field(question, "form_token")
    for _ in range(2):
        answer = await shop.post(shop.base + path, data={"form_token": token, "credits": "10.5"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{shop.base}?done=bought&credits=10.5")
    assert await bought(world) == [2100]
    assert "10.5 credits ordered. The invoice is on its way." in words(await shop.page("?done=bought&credits=10.5"))
    assert "ordered" not in words(await shop.page("?done=anything&credits=1"))
    for hostile in ("1e99999999", "1e5000", "NaN", "x" * 5000, "%00"):
        assert "ordered" in words(await shop.page(f"?done=bought&credits={hostile}"))


async def test_a_purchase_in_a_language_with_a_decimal_comma(world: World, shop: Browser) -> None:
    """Spec 07 §5.2: all numbers of the portal follow the language, those that are typed too."""
    await change(world, "update customers set document_locale = 'de'")
    path = f"/wallet/{await make_wallet(world)}"
    assert words(await shop.part("price", f"{path}?credits=10,5")) == "Preis €21,00"
    assert words(await shop.part("price", f"{path}?credits=1.000")) == "Preis €2.000,00"
    question = await shop.page(f"{path}?credits=1.000,5&review=1")
    assert "1.000,5 Credits €2.001,00" in words(question)
    sent = field(question, "credits")
    assert sent == "1000.5", "the answer does not depend on the language"
    token = field(question, "form_token")
    answer = await shop.post(shop.base + path, data={"form_token": token, "credits": sent})
    assert (answer.status_code, await bought(world)) == (303, [200100])
    assert "1.000,5 Credits bestellt" in words(await shop.page(answer.headers["location"].removeprefix(shop.base)))
    token = field(await shop.page(f"{path}?credits=1&review=1"), "form_token")
    await change(world, "update wallets set paid_top_up_max_amount_cents = 1")
    refused = await shop.post(shop.base + path, data={"form_token": token, "credits": sent})
    assert (refused.status_code, field(refused.text, "credits")) == (422, "1.000,5")


async def test_the_question_names_what_will_be_bought(world: World, shop: Browser) -> None:
    """Spec 05 D2: money is rounded, and the credits are what that money is worth."""
    path = f"/wallet/{await make_wallet(world, rate_amount='0.003')}"
    assert "6.66667 credits €0.02" in words(await shop.page(f"{path}?credits=5&review=1"))


async def test_limits_and_what_cannot_be_bought(world: World, shop: Browser) -> None:
    limits = {"paid_top_up_min_amount_cents": 1000, "paid_top_up_max_amount_cents": 20000}
    path = f"/wallet/{await make_wallet(world, **limits)}"
    for credits, text_ in (("4.99", "At least €10.00 per purchase"), ("100.01", "At most €200.00 per purchase"),
                           ("0", "Enter a number greater than 0."), ("-5", "Enter a number greater than 0."),
                           ("", "Enter a number greater than 0."), ("9" * 60, "Enter a number greater than 0."),
                           ("0.001", "This is too little to be billed.")):  # fmt: skip
        page = await shop.page(f"{path}?credits={credits}&review=1", 422)
        error = re.search(r'id="field-credits-error">(.*?)</p>', page, re.S)
        assert error is not None
        assert words(error[1]) == text_, credits
        answer = await shop.buy(path, credits)
        assert answer.status_code == 422
    assert await bought(world) == []


async def test_the_eleventh_purchase_of_an_hour_waits(world: World, shop: Browser) -> None:
    path = f"/wallet/{await make_wallet(world)}"
    for _ in range(10):
        assert (await shop.buy(path, "1")).status_code == 303
    refused = await shop.buy(path, "1")
    assert refused.status_code == 422
    assert "Too many purchases within an hour" in refused.text
    assert len(await bought(world)) == 10


async def test_an_ended_wallet_takes_nothing(world: World, shop: Browser) -> None:
    path = f"/wallet/{await make_wallet(world)}"
    await change(world, "update wallets set status = 'terminated', terminated_at = now()")
    assert "This wallet can no longer be topped up" in await shop.page(path, 422)


async def test_forms_need_a_token_of_this_link(world: World, shop: Browser) -> None:
    path = f"/wallet/{await make_wallet(world)}"
    question = f"{path}?credits=1&review=1"
    mine = field(await shop.page(question), "form_token")
    elsewhere = field(await (await portal(world)).page(question), "form_token")
    cookie = "billwright_portal=forged"
    for token, headers in (("", {}), ("x", {}), (elsewhere, {}), (mine, {"cookie": cookie})):
        answer = await shop.post(shop.base + path, data={"form_token": token, "credits": "1"}, headers=headers)
        assert answer.status_code == 403
    assert await bought(world) == []


# --- information ---------------------------------------------------------------------------------------------


async def test_the_customer_edits_its_information_and_the_page_switches_language(world: World, shop: Browser) -> None:
    path = "/customer-edit-information"
    form = await shop.page(path)
    assert field(form, "name") == "Customer c0"
    assert [read_texts("en")["language_default"].format(name="English")] == re.findall(r"Default \(\w+\)", form)
    answer = await shop.submit(
        path, name="Renommé", email="a@b.example, c@d.example", documentLocale="fr", country="FR", zipcode="75001",
        city="Paris", same="1", customerType="company",
    )  # fmt: skip
    assert (answer.status_code, answer.headers["location"]) == (303, f"{shop.base}?done=saved")
    page = await shop.page("?done=saved")
    assert '<html lang="fr"' in page
    shown = words(page)
    for part in ("Vos informations ont été enregistrées.", "Renommé", "Entreprise", "a@b.example c@d.example",
                 "75001 Paris France", "Identique à l'adresse de facturation"):  # fmt: skip
        assert part in shown, part
    cleared = await shop.submit(path, name="Renommé", email="", documentLocale="")
    assert cleared.status_code == 303
    assert '<html lang="en"' in await shop.page()


async def test_mistakes_stand_beside_their_fields_and_nothing_is_lost(world: World, shop: Browser) -> None:
    answer = await shop.submit("/customer-edit-information", name="New", email="nobody", country="XX")
    assert answer.status_code == 422
    for name, key in (("email", "error_email"), ("country", "error_choice")):
        error = re.search(rf'id="field-{name}-error">(.*?)</p>', answer.text, re.S)
        assert error is not None
        assert words(error[1]) == read_texts("en")[key]
    assert field(answer.text, "email") == "nobody"
    assert field(answer.text, "name") == "New"
    assert "Customer c0" in words(await shop.page())
