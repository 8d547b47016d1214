"""Rows of the lists of the catalogue: each has a menu with what the role may do (spec 07 §7.1, §7.6)."""

from __future__ import annotations

import re

from tests.graphql.support import World
from tests.ui.support import BASE, company, visitor, words

PLACES = {
    "plans": ("plan", "Open Copy id Duplicate Edit Delete…"),
    "billable-metrics": ("metric", "Open Copy id Duplicate Edit Delete…"),
    "add-ons": ("add_on", "Open Copy id Edit Delete…"),
    "coupons": ("coupon", "Open Copy id Edit End… Delete…"),
    "features": ("feature", "Open Copy id Edit Delete…"),
}


def menu(page: str, id: str) -> str:
    found = re.search(rf'<div class="menu" id="row-{id}"[^>]*>(.*?)</div>', page, re.DOTALL)
    assert found is not None
    return words(found[1])


async def test_each_row_has_its_menu(world: World) -> None:
    known = await company(world, 1)
    async with visitor(world) as admin, visitor(world, "finance") as finance:
        for place, (kind, expected) in PLACES.items():
            assert menu(await admin.page(f"{BASE}/{place}"), known[kind]) == expected
        for place, kind in (("plans", "plan"), ("add-ons", "add_on"), ("coupons", "coupon")):
            assert menu(await finance.page(f"{BASE}/{place}"), known[kind]) == "Open Copy id"
        running = "Open Copy external id Open the customer Edit Terminate…"
        assert menu(await admin.page(f"{BASE}/subscriptions"), known["subscription"]) == running
        seen = menu(await finance.page(f"{BASE}/subscriptions"), known["subscription"])
        assert seen == "Open Copy external id Open the customer"
        await admin.submit(f"{BASE}/coupon/{known['coupon']}/terminate")
        assert "End…" not in menu(await admin.page(f"{BASE}/coupons"), known["coupon"])
