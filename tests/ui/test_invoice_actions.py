"""What can be done with an invoice on its page, and its tabs (spec 07 §7.8, 04 §8, §9, §12, §13)."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from tests.graphql.support import World
from tests.graphql.test_wallets import run_jobs
from tests.ui.support import BASE, Visitor, company, make_credit_note, visitor, words
from tests.ui.test_pages import advance

pytestmark = pytest.mark.usefixtures("papers")

ACTIONS = ('href="#payment-status"', '/void"', 'href="#dispute"', 'href="#metadata"', "/credit-notes/create")


async def issued(world: World) -> str:
    return f"{BASE}/invoice/{(await company(world, 1))['invoice']}"


async def test_the_payment_status_is_set_and_set_back(world: World) -> None:
    href = await issued(world)
    async with visitor(world) as admin:
        page = await admin.page(href)
        assert all(action in page for action in ACTIONS)
        paid = await admin.submit(f"{href}/payment-status", "invoice", payment_status="succeeded")
        assert paid.text.lstrip().startswith('<div id="invoice">')
        assert "Marked as paid. No payment is recorded." in words(paid.text)
        failed = await admin.submit(f"{href}/payment-status", "invoice", payment_status="failed")
        assert "Failed" in words(failed.text)
        unknown = await admin.submit(f"{href}/payment-status", "invoice", payment_status="refunded")
        assert "This is not a valid value." in unknown.headers["hx-trigger"]
        back = await admin.submit(f"{href}/payment-status", payment_status="pending")
        assert back.headers["location"] == href


async def test_07_7_8_rows_offer_what_the_state_allows(world: World) -> None:
    """In the list of all invoices and in the customer's."""
    known = await company(world, 1)
    href = f"{BASE}/invoice/{known['invoice']}"
    places = (f"{BASE}/invoices", f"{BASE}/customer/{known['customer']}/invoices")
    offered = {
        "issued": {".pdf", "#record-payment", "#payment-status", "/collect", "#metadata", "#dispute", "/void"},
        "paid": {".pdf", "#payment-status", "#metadata", "#dispute", "/void"},
        "draft": {"#finalize", "#delete"},
        "voided": {".pdf"},
    }

    async def rows(admin: Visitor) -> list[set[str]]:
        pages = [await admin.page(place) for place in places]
        menus = [page[page.index('id="row-') :].partition("</tr>")[0] for page in pages]
        return [set(re.findall(rf'="{href}([./#][^"]+)"', menu)) - {"/refresh"} for menu in menus]

    async with visitor(world) as admin:
        assert await rows(admin) == [offered["issued"]] * 2
        await admin.submit(f"{href}/payments", "invoice", amount="17", paid_on="2024-01-15", reference="all")
        assert await rows(admin) == [offered["paid"]] * 2
        for status in ("draft", "voided"):
            async with world.runtime.database.transaction() as session:
                await session.execute(text("update invoices set status = :status"), {"status": status})
            assert await rows(admin) == [offered[status]] * 2, status
    async with visitor(world, "finance") as finance:
        assert not any("/void" in found for found in await rows(finance))


async def test_a_finalized_draft_has_the_dialogs_of_an_issued_invoice(world: World) -> None:
    """They stand outside of the part that htmx swaps."""
    href = f"{BASE}/invoice/{(await company(world, 1, grace_days=3))['invoice']}"
    async with visitor(world) as admin:
        assert 'id="record-payment"' not in await admin.page(href)
        done = await admin.submit(f"{href}/finalize", "invoice")
        assert done.headers["hx-redirect"] == href
        page = await admin.page(href)
        assert "Invoice finalized" in words(page)
        assert all(f'<dialog class="dialog" id="{name}"' in page for name in ("record-payment", "payment-status"))
        assert (await admin.submit(f"{href}/finalize", "invoice")).status_code == 404


async def test_voiding_says_what_it_does(world: World) -> None:
    href = await issued(world)
    async with visitor(world) as admin:
        form = words(await admin.page(f"{href}/void"))
        assert "€17.00 are not due any more." in form
        assert "At most €17.00 can be given back, nothing of it as a refund." in form
        voided = await admin.submit(f"{href}/void", give_back="no")
        assert voided.headers["location"] == href
        page = await admin.page(href)
        assert "Voided: nothing is due." in words(page)
        assert not any(action in page for action in (*ACTIONS, "#record-payment"))
        assert f"{href}.pdf" in page, "a voided invoice can still be printed"
        file = await admin.get(f"{href}.pdf", follow_redirects=True)
        assert file.content.startswith(b"%PDF")
        again = await admin.submit(f"{href}/void", "void-form", give_back="no")
        assert again.headers["hx-redirect"] == href
        assert (await admin.get(f"{href}/void")).headers["location"] == href
        late = await admin.submit(f"{href}/payment-status", "invoice", payment_status="succeeded")
        assert "negative" in late.headers["hx-trigger"]


async def test_voiding_with_a_credit_note(world: World) -> None:
    """Spec 04 §9: of 17.00, 3.00 were paid; they are refunded and 2.00 credited, the other 12.00 are voided at once."""
    href = await issued(world)
    async with visitor(world, "manager") as manager:
        await manager.submit(f"{href}/payments", "invoice", amount="3", paid_on="2024-01-15", reference="wire")
        form = await manager.page(f"{href}/void")
        assert "€3.00 were paid." in words(form)
        asked = {"give_back": "yes", "refund": "3", "credit": "2"}
        for change, sentence in (
            ({"refund": "x"}, "This is not an amount of this currency."),
            ({"refund": "3.01"}, "More than can be given back."),
            ({"credit": "14.01"}, "More than can be given back."),
        ):
            refused = await manager.submit(f"{href}/void", "void-form", **{**asked, **change})
            assert refused.status_code == 422
            assert refused.text.lstrip().startswith("<form")
            assert sentence in words(refused.text)
        assert (await manager.submit(f"{href}/void", **asked)).headers["location"] == href
        said = words(await manager.page(f"{href}/credit-notes"))
        assert "-CN001 Other Available Refund pending €5.00 €2.00" in said
        assert "-CN002 Other Voided €12.00" in said


async def test_a_lost_dispute(world: World) -> None:
    href = await issued(world)
    async with visitor(world) as admin:
        lost = await admin.submit(f"{href}/dispute", "invoice")
        assert "Dispute lost" in words(lost.text)
        page = await admin.page(href)
        assert f'href="{href}/void"' not in page
        assert 'href="#dispute"' not in page
        assert f"{href}/collect" not in page
        assert 'href="#payment-status"' in page


async def test_collecting_and_links_to_pay(world: World) -> None:
    """Spec 04 §13: without a provider another attempt is only announced, and there is no page to pay on."""
    href = await issued(world)
    async with visitor(world, "finance") as finance:
        page = await finance.page(href)
        assert f"{href}/collect" in page
        assert f"{href}/payment-link" not in page
        told = await finance.submit(f"{href}/collect", "invoice")
        assert "no payment provider" in told.headers["hx-trigger"]
        refused = await finance.submit(f"{href}/payment-link", "invoice")
        assert "negative" in refused.headers["hx-trigger"]
        async with world.runtime.database.transaction() as session:
            provider = '{"payment_provider": "stripe"}'
            await session.execute(text("update customers set payment_provider = cast(:it as jsonb)"), {"it": provider})
        assert f"{href}/payment-link" in await finance.page(href)


async def test_metadata(world: World) -> None:
    href = await issued(world)
    async with visitor(world) as admin:
        saved = await admin.submit(f"{href}/metadata", "invoice", **{"key-0": "deal", "value-0": "42"})
        assert "deal 42" in words(saved.text)
        form = (await admin.part(f"{href}/metadata", "metadata-form")).text
        entry = re.search(r'name="id-0" value="([^"]+)"', form)
        assert entry is not None
        changed = {"id-0": entry[1], "key-0": "deal", "value-0": "43", "key-1": "by", "value-1": "Ann"}
        both = await admin.submit(f"{href}/metadata", "invoice", **changed)
        assert "deal 43 by Ann" in words(both.text)
        long = await admin.submit(f"{href}/metadata", "invoice", **{"key-0": "k" * 21, "value-0": "1"})
        assert (long.status_code, long.headers["hx-retarget"]) == (422, "#metadata-form")
        assert "This is too long." in words(long.text)
        emptied = await admin.submit(f"{href}/metadata", **{"key-0": "", "value-0": ""})
        assert emptied.headers["location"] == href
        assert "deal" not in words(await admin.page(href))


async def test_an_action_keeps_its_tab(world: World) -> None:
    href = await issued(world)
    async with visitor(world) as admin:
        tab = await admin.page(f"{href}/payments")
        assert "Record a payment" in words(tab)
        part = await admin.part(f"{href}/payments", "invoice")
        assert part.text.strip() in tab
        at_tab = {
            "hx-request": "true",
            "hx-target": "invoice",
            "hx-current-url": f"http://billwright.test{href}/payments",
        }
        paid = await admin.post(
            f"{href}/payments",
            data={"csrf_token": admin.token, "amount": "17", "paid_on": "2024-01-15", "reference": "wire 7"},
            headers=at_tab,
        )
        said = words(paid.text)
        assert "€17.00 of €17.00 are paid." in said
        assert "wire 7 Succeeded €17.00" in said
        assert "Bill to" not in said
        happened = words(await admin.page(href))
        assert "Issued" in happened
        assert "Paid €17.00" in happened


async def draft(world: World, admin: Visitor) -> str:
    await company(world, 1, grace_days=3)
    await advance(world, "2024-02-01T02:00:00Z")
    row = re.search(r'data-href="([^"]+)"', await admin.page(f"{BASE}/invoices?view=draft"))
    assert row is not None
    return row[1]


async def test_deleting_a_draft(world: World) -> None:
    async with visitor(world) as admin:
        href = await draft(world, admin)
        page = await admin.page(href)
        assert "are not billed, now or later" in words(page)
        assert f'href="{href}/void"' not in page
        async with visitor(world, "manager") as manager:
            assert f'action="{href}/delete"' not in await manager.page(href)
            assert (await manager.submit(f"{href}/delete")).status_code == 403
        assert (await admin.submit(f"{href}/delete")).headers["location"] == f"{BASE}/invoices"
        await admin.page(href, status=404)
        late = await admin.submit(f"{href}/void", "void-form")
        assert late.status_code == 404


async def test_what_could_not_be_issued_is_tried_again(world: World) -> None:
    href = await issued(world)
    async with world.runtime.database.transaction() as session:
        await session.execute(text("update invoices set status = 'failed', tax_status = 'failed'"))
        await session.execute(
            text(
                "insert into invoice_errors (id, created_at, updated_at, invoice_id, error_code, details)"
                " select gen_random_uuid(), created_at, created_at, id, 'tax_error',"
                """ '{"tax_error": "vies_unavailable", "tax_error_message": "no answer"}' from invoices"""
            )
        )
    async with visitor(world, "finance") as finance:
        page = await finance.page(href)
        assert "its taxes could not be determined: vies unavailable (no answer)." in words(page)
        assert f"{href}.pdf" not in page
        tried = await finance.submit(f"{href}/retry", "invoice")
        assert tried.headers["hx-redirect"] == href
        assert "The customer's taxes are being determined." in words(await finance.page(href))
        again = await finance.submit(f"{href}/retry", "invoice")
        assert "negative" in again.headers["hx-trigger"]


async def test_resending_by_e_mail(world: World) -> None:
    """Spec 04 §22: where the scenario is on; to the customer, or to those who are named."""
    href = await issued(world)
    note = f"{BASE}/credit-note/{await make_credit_note(world)}"
    async with visitor(world, "finance") as finance:
        assert 'href="#send"' not in await finance.page(href)
        async with world.runtime.database.transaction() as session:
            settings = "update organizations set email_settings = cast(:on as jsonb), email = :mail where id = :id"
            on = '["invoice.finalized", "credit_note.created"]'
            mine = {"on": on, "mail": "us@acme.example", "id": world.organization.id}
            await session.execute(text(settings), mine)
        for place, target in ((href, "invoice"), (note, "credit-note")):
            assert 'href="#send"' in await finance.page(place)
            form = await finance.part(f"{place}/send", "send-form")
            assert 'value="c0@buyer.example"' in form.text
            wrong = await finance.submit(f"{place}/send", target, to="nobody", cc="", bcc="")
            assert (wrong.status_code, wrong.headers["hx-retarget"]) == (422, "#send-form")
            assert 'value="nobody"' in wrong.text
            assert "field-error" in wrong.text
            sent = await finance.submit(f"{place}/send", target, to="a@buyer.example, b@buyer.example", cc="", bcc="")
            assert sent.text.lstrip().startswith(f'<div id="{target}">')
            assert "on its way" in sent.headers["hx-trigger"]
    async with world.runtime.database.reading() as session:
        queued = await session.scalar(
            text("select count(*) from jobs where name in ('invoice.email', 'credit_note.email')")
        )
    assert queued == 2


async def test_many_at_once(world: World) -> None:
    """Spec 04 §8.2, §11, §13: all drafts, all failed ones, all unpaid ones, from the menu of the list."""
    await company(world, 2, grace_days=3)
    async with visitor(world, "finance") as finance:
        page = words(await finance.page(f"{BASE}/invoices"))
        assert "2 invoices are computed once more and issued, in the background." in page
        assert "Resend all for collection" not in page
        begun = await finance.submit(f"{BASE}/invoices/finalize")
        assert "2 invoices are being finalized" in words(await finance.page(begun.headers["location"]))
        await run_jobs(world)
        listed = await finance.page(f"{BASE}/invoices?view=outstanding")
        assert listed.count("<tr data-href") == 2
        assert '/void"' in listed, "a row leads to the page of its void"
        told = await finance.submit(f"{BASE}/invoices/collect")
        assert "2 invoices were sent for collection" in words(await finance.page(told.headers["location"]))
        nothing = await finance.submit(f"{BASE}/invoices/retry")
        assert "There was nothing to do" in words(await finance.page(nothing.headers["location"]))
        async with world.runtime.database.transaction() as session:
            await session.execute(text("update invoices set status = 'failed', tax_status = 'failed'"))
        assert "The taxes of 2 invoices are determined again" in words(await finance.page(f"{BASE}/invoices"))
        again = await finance.submit(f"{BASE}/invoices/retry")
        assert "2 invoices are tried again" in words(await finance.page(again.headers["location"]))
        assert (await finance.page(f"{BASE}/invoices?amount_from=1&currency=xyz")).count("<tr data-href") == 0
