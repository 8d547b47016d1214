"""What a plan has used, by charge and group, and on its way to thresholds (spec 07 §5)."""

from __future__ import annotations

import re

import pytest

from billwright.billing.metering.store.protocol import EventIn
from tests.graphql.support import CLOCK, World, make_customers, make_plan, send_usage
from tests.ui.portal.support import Browser, change, id_of, portal
from tests.ui.support import words

pytestmark = pytest.mark.usefixtures("papers")


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
