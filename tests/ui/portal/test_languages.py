"""The supplier's brand, and every text, number and date in the customer's language (spec 07 §5)."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from billwright.billing.documents.locales import supported_locales
from billwright.ui.portal.words import read_texts, words_of
from tests.graphql.support import World
from tests.ui.portal.support import Browser, change, id_of, make_wallet
from tests.ui.support import words

pytestmark = pytest.mark.usefixtures("papers")


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
