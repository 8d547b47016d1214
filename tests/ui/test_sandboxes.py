"""Sandboxes under Settings: list, making with a copied catalogue, resetting, deleting by name (spec 07 §7.10)."""

from __future__ import annotations

from tests.graphql.support import World, make_plan
from tests.ui.support import BASE, company, visitor, words

SETTINGS = f"{BASE}/settings/sandboxes"


async def test_a_sandbox_from_form_to_end(world: World) -> None:
    await make_plan(world)
    async with visitor(world) as admin:
        page = await admin.page(SETTINGS)
        assert "Acme Search You are here" in words(page)
        assert "Jan 15, 2024, 10:00" in page
        form = await admin.page(f"{SETTINGS}/new")
        assert "The catalogue of Acme Search" in form
        refused = await admin.submit(SETTINGS, "sandbox-form", name="", clock="", source="")
        assert refused.status_code == 422
        assert "This cannot be empty." in words(refused.text)
        refused = await admin.submit(SETTINGS, "sandbox-form", name="Prices", clock="soon")
        assert "not a date that can be used" in words(refused.text)
        assert 'value="Prices"' in refused.text
        source = str(world.organization.id)
        made = await admin.submit(SETTINGS, name="Prices", clock="2023-06-01T00:00", source=source)
        assert made.headers["location"] == "/prices/settings/sandboxes"
        said = words(await admin.page("/prices/settings/sandboxes"))
        assert "Prices is ready. You are its admin." in said
        assert "Jun 1, 2023, 00:00" in said
        assert "Scale" in words(await admin.page("/prices/plans")), "the catalogue is there"
        assert "No customers yet" in words(await admin.page("/prices/customers"))
        end = "/prices/settings/sandboxes/delete"
        assert "Delete Prices?" in words(await admin.page(end))
        refused = await admin.submit(end, "ending-form", confirm="prices")
        assert refused.status_code == 422
        assert "This is not its name." in words(refused.text)
        gone = await admin.submit(end, confirm="Prices")
        assert gone.headers["location"] == "/"
        await admin.page("/prices/plans", 404)
        assert "Prices" not in words(await admin.page(SETTINGS)).replace("Sandbox deleted", "")


async def test_resetting_says_what_goes_in_figures(world: World) -> None:
    await company(world)
    async with visitor(world) as admin:
        page = words(await admin.page(f"{SETTINGS}/reset"))
        assert "Customers 2 Subscriptions 2 Invoices 2" in page
        refused = await admin.submit(f"{SETTINGS}/reset", "ending-form", confirm="", clock="2024-02-01T00:00")
        assert "This cannot be empty." in words(refused.text)
        assert 'value="2024-02-01T00:00"' in refused.text, "what was typed stays"
        refused = await admin.submit(f"{SETTINGS}/reset", "ending-form", confirm="Acme Search", clock="never")
        assert "not a date that can be used" in words(refused.text)
        done = await admin.submit(f"{SETTINGS}/reset", confirm="Acme Search", clock="2024-02-01T00:00")
        said = words(await admin.page(done.headers["location"]))
        assert "Acme Search is empty again" in said
        assert "Feb 1, 2024, 00:00" in said
        assert "No customers yet" in words(await admin.page(f"{BASE}/customers"))
        assert "Scale" in words(await admin.page(f"{BASE}/plans"))


async def test_every_member_makes_their_own_and_only_admins_end_one(world: World) -> None:
    async with visitor(world, "manager") as manager:
        page = await manager.page(SETTINGS)
        assert "/settings/sandboxes/reset" not in page
        assert "The catalogue of" not in await manager.page(f"{SETTINGS}/new")
        for path in ("reset", "delete"):
            await manager.page(f"{SETTINGS}/{path}", 403)
            assert (await manager.submit(f"{SETTINGS}/{path}", confirm="Acme Search")).status_code == 403
        stolen = await manager.submit(SETTINGS, name="Mine", source=str(world.organization.id))
        assert stolen.status_code == 403, "only admins copy a catalogue"
        made = await manager.submit(SETTINGS, name="Mine")
        page = await manager.page(made.headers["location"])
        assert "/mine/settings/sandboxes/reset" in page
        assert f"{SETTINGS}/reset" not in page
        await manager.page(f"{BASE}/settings", 403)
        assert f'href="{SETTINGS}"' in await manager.page(f"{BASE}/customers"), "in the organization's menu"


async def test_a_live_organization_has_nothing_to_reset(world: World) -> None:
    async with visitor(world, "stranger") as owner:
        assert "No sandboxes yet" in words(await owner.page("/other/settings/sandboxes"))
        for path in ("reset", "delete"):
            await owner.page(f"/other/settings/sandboxes/{path}", 404)
            answer = await owner.submit(f"/other/settings/sandboxes/{path}", confirm="Other")
            assert answer.status_code == 403
        assert "Customers" in words(await owner.page("/other/customers"))
