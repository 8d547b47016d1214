"""Setting the fees of a draft by hand on its page (spec 02 §14, 07 §7.8)."""

from __future__ import annotations

import re

from tests.graphql.support import World
from tests.ui.support import BASE, Visitor, company, visitor, words
from tests.ui.test_pages import advance


async def opened(world: World, admin: Visitor) -> str:
    """The address of a draft: 31.00 for February and 12 calls at 0.05 in January."""
    await company(world, 1, grace_days=3)
    await advance(world, "2024-02-01T02:00:00Z")
    row = re.search(r'data-href="([^"]+)"', await admin.page(f"{BASE}/invoices?view=draft"))
    assert row is not None
    return row[1]


def links(page: str, word: str) -> list[str]:
    """Addresses of the dialogs that the lines open."""
    return re.findall(rf'href="#edit-fee" hx-get="([^"]+)"[^>]*>{word}<', page)


async def test_editing_previewing_and_resetting(world: World) -> None:
    async with visitor(world) as admin:
        href = await opened(world, admin)
        page = await admin.page(href)
        calls, _ = links(page, "Edit fee")
        form = await admin.part(calls, "fee-form")
        assert form.text.lstrip().startswith("<form")
        assert "API calls Now 12 units, €0.60" in words(form.text)
        previewed = await admin.submit(f"{calls}/preview", "fee-preview", units="200", price="", name="")
        assert words(previewed.text) == "€10.00 + €0.00 tax = €10.00"
        assert "€31.60" in words(await admin.page(href)), "a preview changes nothing"
        changed = await admin.submit(calls, "invoice", units="1,000", price="0.07", name="Calls, corrected")
        assert changed.text.lstrip().startswith('<div id="invoice">')
        said = words(changed.text)
        assert "Calls, corrected Edited Explain" in said
        assert len(links(changed.text, "Reset")) == 1
        assert "1,000 €0.07" in said
        assert "Total €101.00" in said
        assert "Fee changed" in changed.headers["hx-trigger"]
        refreshed = await admin.submit(f"{href}/refresh", "invoice")
        assert "Total €101.00" in words(refreshed.text)
        [edited] = links(refreshed.text, "Reset")
        dialog = await admin.part(edited, "fee-form")
        assert "set by hand" in words(dialog.text)
        assert f'hx-post="{edited}/reset"' in dialog.text
        reset = await admin.submit(f"{edited}/reset", "invoice")
        assert "Total €31.60" in words(reset.text)
        assert "Edited" not in words(reset.text)


async def test_adding_a_fee(world: World) -> None:
    async with visitor(world) as admin:
        await company(world, 2, grace_days=3)
        await advance(world, "2024-02-01T02:00:00Z")
        drafts = re.findall(r'data-href="([^"]+)"', await admin.page(f"{BASE}/invoices?view=draft"))
        pages = {href: await admin.page(href) for href in drafts}
        [href] = [address for address, page in pages.items() if "API calls" not in page]
        form = await admin.part(f"{href}/fees/create", "fee-form")
        [option] = re.findall(r'<option value="([^"]+\|[^"]*)"[^>]*>API calls<', form.text)
        missing = await admin.submit(f"{href}/fees/create", "invoice", charge="", units="3", price="", name="")
        assert (missing.status_code, missing.headers["hx-retarget"]) == (422, "#fee-form")
        assert "This cannot be empty." in words(missing.text)
        added = await admin.submit(f"{href}/fees/create", "invoice", charge=option, units="100", price="", name="")
        assert "API calls Edited Explain 100 €0.05 0% €5.00" in words(added.text)


async def test_what_is_refused(world: World) -> None:
    async with visitor(world) as admin:
        href = await opened(world, admin)
        _, base_fee = links(await admin.page(href), "Edit fee")
        for values, sentence in (
            ({"units": "x", "price": "", "name": ""}, "This is not a number."),
            ({"units": "-1", "price": "", "name": ""}, "This is out of range."),
            ({"units": "", "price": "", "name": ""}, "This cannot be empty."),
            ({"units": "", "price": "3", "name": ""}, "This cannot be empty."),
        ):
            for path in (base_fee, f"{base_fee}/preview"):
                refused = await admin.submit(path, "invoice", **values)
                assert (refused.status_code, refused.headers["hx-retarget"]) == (422, "#fee-form"), values
                assert sentence in words(refused.text)
        gone = await admin.part(f"{href}/fees/nonsense", "fee-form")
        assert gone.headers["hx-redirect"] == href
        await admin.submit(f"{href}/finalize", "invoice")
        page = await admin.page(href)
        assert links(page, "Edit fee") == []
        late = await admin.submit(base_fee, "invoice", units="2", price="", name="")
        assert late.headers["hx-redirect"] == href
        assert "has changed meanwhile" in words(await admin.page(href))
    async with visitor(world, "manager") as manager:
        assert "#edit-fee" not in await manager.page(href)
