"""What the customer says about itself (spec 07 §5)."""

from __future__ import annotations

import re

import pytest

from billwright.ui.portal.words import read_texts
from tests.graphql.support import World
from tests.ui.portal.support import Browser
from tests.ui.support import field, words

pytestmark = pytest.mark.usefixtures("papers")


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
