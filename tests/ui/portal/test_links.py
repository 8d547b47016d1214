"""The link to the portal: what opens, where it may be framed, and what a bad one shows (spec 07 §5)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from billwright.billing.portal import links
from billwright.ui.portal.words import preferred
from tests.graphql.support import World
from tests.ui.portal.support import Browser, change, id_of
from tests.ui.support import BASE, visitor

pytestmark = pytest.mark.usefixtures("papers")


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
