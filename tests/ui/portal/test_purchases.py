"""Credits bought by the customer: the question, the limits, the token of the form (spec 07 §5)."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from billwright.billing.wallets.models import WalletTransaction
from tests.graphql.support import World
from tests.ui.portal.support import Browser, change, make_wallet, portal
from tests.ui.support import field, words

pytestmark = pytest.mark.usefixtures("papers")


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
