"""The search bar (spec 07 §7.3, §7.4)."""

from __future__ import annotations

import re

from sqlalchemy import text

from billwright.billing.catalog.models import Plan
from billwright.billing.credit_notes.schemas import CreditNoteCreate
from billwright.billing.credit_notes.service import create_credit_note
from tests.graphql.support import Statements, World, make_customers
from tests.ui.support import BASE, HTMX, Visitor, company, visitor, words


async def found(person: Visitor, term: str) -> str:
    return (await person.get(f"{BASE}/search", params={"term": term}, headers=HTMX)).text


def groups(markup: str) -> list[str]:
    return re.findall(r'<p class="palette-title"[^>]*>([^<]+)<', markup)


async def test_everything_is_found_by_what_names_it(world: World) -> None:
    known = await company(world, 2)
    async with visitor(world) as admin:
        assert groups(await found(admin, "c0")) == [], "two characters search nothing"
        markup = await found(admin, "customer c0")
        assert groups(markup) == ["Customers", "Invoices", "Subscriptions"]
        assert "All matching invoices" in words(markup)
        assert f'href="{BASE}/invoices?search=customer+c0"' in markup
        assert groups(await found(admin, "scale")) == ["Subscriptions", "Plans", "Billable metrics"]
        assert groups(await found(admin, "fair-2024")) == ["Coupons"]
        assert groups(await found(admin, "KIT-2024")) == ["Add-ons"]
        assert groups(await found(admin, known["subscription"])) == ["Subscriptions"], "an id finds its object"
        assert groups(await found(admin, "100%")) == [], "% is literal"
        assert groups(await found(admin, "sub_")) == ["Subscriptions"]
        assert groups(await found(admin, "zzz")) == []


async def test_pages_are_found_by_their_names(world: World) -> None:
    async with visitor(world) as admin:
        assert f'href="{BASE}/developers/webhooks"' in await found(admin, "webhooks")
        assert f'href="{BASE}/settings/taxes"' in await found(admin, "taxes")
        assert f'href="{BASE}/exports"' in await found(admin, "export")
    async with visitor(world, "manager") as manager:
        assert groups(await found(manager, "webhooks")) == []
        assert groups(await found(manager, "taxes")) == []
        assert f'href="{BASE}/exports"' in await found(manager, "export")


async def test_exact_hits_come_first(world: World) -> None:
    await company(world, 1)
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update customers set name = 'xtra10 and more' where external_id = 'c0'"))
        plan = await session.scalar(text("select id from plans"))
    async with world.runtime.database.reading() as session:
        found_plan = await session.get_one(Plan, plan)
    await make_customers(world, found_plan, 7, prefix="xtra1")
    async with visitor(world) as admin:
        markup = await found(admin, "XTRA13")
        customers = re.findall(
            r'<strong class="clip">([^<]+)</strong><span class="faint clip grow mono">(xtra1\d)<', markup
        )
        assert customers == [("Customer xtra13", "xtra13")]
        markup = await found(admin, "xtra1")
        assert markup.count("/customer/") == 5, "five of each"


async def test_credit_notes_and_permissions(world: World) -> None:
    await company(world, 1)
    query = "{ invoices { collection { id number fees { id } } } }"
    [invoice] = (await world.data(query))["invoices"]["collection"]
    async with world.runtime.database.transaction() as session:
        note = {
            "invoice_id": invoice["id"],
            "credit_amount_cents": 100,
            "items": [{"fee_id": invoice["fees"][0]["id"], "amount_cents": 100}],
        }
        await create_credit_note(await world.fresh(session), CreditNoteCreate.parse(note))
    number = invoice["number"] + "-CN001"
    async with visitor(world) as admin:
        markup = await found(admin, number)
        assert groups(markup) == ["Credit notes"]
        assert "Available" in words(markup)
        assert groups(await found(admin, invoice["number"])) == ["Invoices", "Credit notes"]
        await found(admin, "scale")
        with Statements(world.runtime) as statements:
            await found(admin, "customer")
        assert len(statements.texts) < 35, "bounded, whatever is found"
    async with visitor(world, "finance") as finance:
        assert groups(await found(finance, "fair-2024")) == ["Coupons"]
        assert "Billable metrics" not in groups(await found(finance, "scale"))
