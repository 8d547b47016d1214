"""Usage thresholds on the pages of plans, subscriptions and invoices (spec 07 §7.6-§7.8)."""

from __future__ import annotations

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.catalog.plans import update_plan
from billwright.billing.catalog.schemas import PlanInput
from tests.graphql.support import World, make_customers, make_plan, send_usage
from tests.ui.support import BASE, ids, visitor, words
from tests.ui.test_pages import advance


async def test_thresholds_from_the_plan_to_the_invoice(world: World) -> None:
    await make_customers(world, await make_plan(world, pay_in_advance=False), 1)
    async with world.runtime.database.transaction() as session:
        ctx = Context(session, await session.get_one(Organization, world.organization.id))
        thresholds = [
            {"amount_cents": 50, "threshold_display_name": "First"},
            {"amount_cents": 100},
            {"amount_cents": 40, "recurring": True},
        ]
        await update_plan(ctx, "scale", PlanInput.parse({"usage_thresholds": thresholds}))
    await send_usage(world, "sub_c0", 12)
    await advance(world, "2024-01-16T00:00:00Z")
    found = await ids(world)
    async with visitor(world) as admin:
        plan = words(await admin.page(f"{BASE}/plan/{found['plan']}"))
        assert "First €0.50 Step €1.00 Then each time every €0.40" in plan
        shown = words(await admin.page(f"{BASE}/subscription/{found['subscription']}/usage"))
        assert "€0.60 since the beginning, without taxes" in shown
        assert "€0.40 until the next invoice" in shown
        assert "Last threshold €0.50 Next threshold €1.00, 20% of the way" in shown
        assert "Invoiced €0.00 This period €0.60" in shown
        [invoice] = (await world.data("{ invoices { collection { id invoiceType } } }"))["invoices"]["collection"]
        assert invoice["invoiceType"] == "progressive_billing"
        page = words(await admin.page(f"{BASE}/invoice/{invoice['id']}"))
        assert "Type Progressive" in page
        assert "Thresholds passed €0.50 Lifetime usage then €0.60" in page
    await advance(world, "2024-02-01T00:00:00Z")
    query = "{ invoices { collection { id invoiceType } } }"
    listed = (await world.data(query))["invoices"]["collection"]
    [closing] = [item["id"] for item in listed if item["invoiceType"] == "subscription"]
    async with visitor(world) as admin:
        page = words(await admin.page(f"{BASE}/invoice/{closing}"))
        assert "Usage already billed" in page
        assert page.split("Usage already billed")[1].split("Subtotal")[0].strip() == "−0.60"
        assert "Thresholds passed" not in page


async def test_nothing_about_thresholds_where_there_are_none(world: World) -> None:
    await make_customers(world, await make_plan(world), 1)
    found = await ids(world)
    async with visitor(world) as admin:
        assert "Progressive billing" not in await admin.page(f"{BASE}/plan/{found['plan']}")
        assert "Lifetime usage" not in await admin.page(f"{BASE}/subscription/{found['subscription']}/usage")
