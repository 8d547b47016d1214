"""The projection above current usage (spec 01 §10.9)."""

from __future__ import annotations

from billwright.ui.views.usage import shown_usage
from tests.graphql.support import World
from tests.ui.support import BASE, company, visitor, words
from tests.ui.test_pages import advance


async def test_what_the_period_comes_to(world: World) -> None:
    known = await company(world, 1)
    await advance(world, "2024-01-19T12:00:00Z")
    async with visitor(world) as admin:
        said = words(await admin.page(f"{BASE}/customer/{known['customer']}"))
    assert "€0.60 so far, without taxes About €2.04 by the end of the period" in said


def test_not_before_a_tenth_of_the_period_and_not_without_growth() -> None:
    def projected(now: str, cents: str) -> int | None:
        usage = {
            "fromDatetime": "2024-01-01T00:00:00Z", "toDatetime": "2024-01-31T23:59:59Z", "currency": "EUR",
            "amountCents": "100", "projectedAmountCents": cents, "chargesUsage": [],
        }  # fmt: skip
        plan = {"name": "Scale", "interval": "monthly"}
        subscription = {"id": "s", "name": "S", "externalId": "s", "plan": plan, "currentUsage": usage}
        shown = shown_usage(subscription, "/acme", now)
        assert shown is not None
        return shown["projected_cents"]

    assert projected("2024-01-10T00:00:00Z", "310") == 310
    assert projected("2024-01-02T00:00:00Z", "1550") is None
    assert projected("2024-01-31T12:00:00Z", "100") is None
