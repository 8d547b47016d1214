"""The form of a plan, its page and its list (spec 07 §7.6)."""

from __future__ import annotations

from tests.graphql.support import World
from tests.ui.support import BASE, visitor, words


async def test_first(world: World) -> None:
    async with visitor(world) as admin:
        page = await admin.page(f"{BASE}/create/plan")
        assert "New plan" in page
        page = await admin.page(f"{BASE}/create/plan?template=pay_as_you_go")
        assert "$42.00" in words(page)
        made = await admin.submit(f"{BASE}/create/plan", do="save", name="x", code="x", amount="1")
        assert made.status_code == 303, words(made.text)
        page = await admin.page(made.headers["location"])
        await admin.page(made.headers["location"] + "/subscriptions")
        await admin.page(made.headers["location"] + "/edit")
