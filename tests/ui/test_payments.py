"""Payments on the invoice page (spec 07 §7.8): the list, why it is empty, and recording one."""

from __future__ import annotations

from uuid import UUID

from billwright.billing.invoicing.schemas import InvoiceUpdate
from billwright.billing.invoicing.updates import update_invoice
from tests.graphql.support import World
from tests.ui.support import BASE, Visitor, company, field, make_payment, visitor, words


async def opened(world: World, admin: Visitor) -> str:
    """The address of an issued invoice of 17.00 EUR."""
    known = await company(world, 1)
    href = f"{BASE}/invoice/{known['invoice']}"
    assert "No payment yet." in words(await admin.page(href))
    return href


async def test_recording_a_part_and_the_rest(world: World) -> None:
    async with visitor(world) as admin:
        href = await opened(world, admin)
        page = await admin.page(href)
        assert 'href="#record-payment"' in page
        form = await admin.part(f"{href}/payments/create", "payment-form")
        assert form.text.lstrip().startswith("<form")
        assert (field(form.text, "amount"), field(form.text, "paid_on")) == ("17.00", "2024-01-15")
        part = await admin.submit(
            f"{href}/payments", "invoice", amount="7.50", paid_on="2024-01-14", reference="<i>wire</i>"
        )
        assert part.text.lstrip().startswith('<div id="invoice">')
        said = words(part.text)
        assert "<i>wire</i> €7.50 Jan 14, 2024 Succeeded Still due €9.50" in said
        assert "<i>wire" not in part.text
        assert "Partly paid" in said
        assert "€7.50 recorded" in part.headers["hx-trigger"].replace("\\u20ac", "€")
        rest = await admin.submit(f"{href}/payments", amount="9.50", paid_on="2024-01-15", reference="rest")
        assert rest.headers["location"] == href
        page = await admin.page(href)
        assert "Still due" not in page
        assert "#record-payment" not in page, "nothing is due any more"
        assert "Paid" in words(page)


async def test_what_cannot_be_recorded(world: World) -> None:
    async with visitor(world) as admin:
        href = await opened(world, admin)
        for amount, sentence in (
            ("17.01", "This is more than what is due."),
            ("1.005", "This is not an amount of this currency."),
            ("", "This is not an amount of this currency."),
            ("-1", "This is not an amount of this currency."),
        ):
            refused = await admin.submit(
                f"{href}/payments", "invoice", amount=amount, paid_on="2024-01-15", reference="r"
            )
            assert (refused.status_code, refused.headers["hx-retarget"]) == (422, "#payment-form")
            assert sentence in words(refused.text)
            assert field(refused.text, "amount") == amount, "what was typed stays"
        refused = await admin.submit(f"{href}/payments", "invoice", amount="1", paid_on="soon", reference="")
        assert "This is not a date" in words(refused.text)
        refused = await admin.submit(f"{href}/payments", "invoice", amount="1", paid_on="2024-01-15", reference=" ")
        assert "This cannot be empty." in words(refused.text)
        assert "No payment yet." in words(await admin.page(href))


async def test_marked_by_hand_says_so(world: World) -> None:
    """Spec 06, trap 16: the mark creates no payment, so the page does not pretend that money came."""
    async with visitor(world) as admin:
        href = await opened(world, admin)
        async with world.runtime.database.transaction() as session:
            ctx = await world.fresh(session)
            paid = InvoiceUpdate.parse({"payment_status": "succeeded"})
            await update_invoice(ctx, UUID(href.rpartition("/")[2]), paid)
        said = words(await admin.page(href))
        assert "Marked as paid. No payment is recorded." in said
        assert "No payment yet." not in said
        recorded = await admin.submit(
            f"{href}/payments", "invoice", amount="17", paid_on="2024-01-15", reference="wire"
        )
        said = words(recorded.text)
        assert "Marked as paid" not in said
        assert "wire €17.00" in said


async def test_the_list(world: World) -> None:
    async with visitor(world) as admin:
        assert "No payments yet" in words(await admin.page(f"{BASE}/payments"))
        href = await opened(world, admin)
        for cents, reference in (("7.50", "wire 1"), ("9.50", "wire 2")):
            await admin.submit(f"{href}/payments", amount=cents, paid_on="2024-01-14", reference=reference)
        page = await admin.page(f"{BASE}/payments")
        assert page.count("data-href=") == 2
        assert page.count(f'class="row-name clip" href="{href}"') == 2, (
            "a row leads to its payment, the number to its invoice"
        )
        said = words(page)
        assert "Customer c0 Recorded by hand wire 2 €9.50" in said
        assert "1–2 of 2" in said
        found = await admin.part(f"{BASE}/payments?search=wire 1", "results")
        assert found.text.count("data-href=") == 1
        assert "No payments match" in words(await admin.page(f"{BASE}/payments?search=cheque"))
        assert f'href="{BASE}/payments"' in await admin.page(f"{BASE}/customers"), "in the navigation"
    async with visitor(world, "manager") as manager:
        assert (await manager.get(f"{BASE}/payments")).status_code == 200


async def test_a_payment_has_a_page_with_its_invoices(world: World) -> None:
    """Spec 07 §7.8."""
    known = await company(world, 1)
    payment = await make_payment(world, 750)
    href = f"{BASE}/payment/{payment}"
    async with visitor(world) as admin:
        page = await admin.page(href)
        said = words(page)
        assert "€7.50 Succeeded Customer c0" in said
        assert "Received Jan 15, 2024, 10:00 Method Recorded by hand Reference wire 1" in said
        assert f'data-href="{BASE}/invoice/{known["invoice"]}"' in page
        assert "Partly paid €17.00 €9.50" in said
        for place in ("payments", f"customer/{known['customer']}/payments", f"invoice/{known['invoice']}/payments"):
            assert f'data-href="{href}"' in await admin.page(f"{BASE}/{place}"), place
        await admin.page(f"{BASE}/payment/{known['invoice']}", 404)
