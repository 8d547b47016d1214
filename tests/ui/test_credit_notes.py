"""Credit notes in the back office: form with what it comes to, page, list, the invoice's and the customer's tabs
(spec 07 §7.5, §7.8, 05 C2, C3, C5)."""

from __future__ import annotations

import re

import pytest

from tests.graphql.support import World, make_plan
from tests.graphql.test_wallets import run_jobs
from tests.ui.support import BASE, Visitor, company, ids, make_wallet, visitor, words

pytestmark = pytest.mark.usefixtures("papers")


async def paid(admin: Visitor, href: str, amount: str) -> None:
    answer = await admin.submit(f"{href}/payments", "invoice", amount=amount, paid_on="2024-01-15", reference="wire")
    assert answer.status_code == 200


def line(page: str) -> str:
    """The name of the first line's field."""
    found = re.search(r'name="(amount-[^"]+)"', page)
    assert found is not None
    return found[1]


async def test_from_the_form_to_the_void(world: World) -> None:
    """17.00 of which 10.00 are paid: a note over 7.00, 4.00 of it refunded, 1.00 off the invoice, 2.00 credit."""
    known = await company(world, 1)
    href = f"{BASE}/invoice/{known['invoice']}"
    async with visitor(world) as admin:
        assert f'href="{href}/credit-notes/create"' in await admin.page(href)
        await paid(admin, href, "10")
        form = await admin.page(f"{href}/credit-notes/create")
        assert "€17.00 can be credited" in words(form)
        assert "at most €10.00" in words(form)
        assert "At most €7.00, which are due." in words(form)
        fee = line(form)
        assert 'value="17.00"' in await admin.page(f"{href}/credit-notes/create?all=1")
        asked = {fee: "7", "refund": "4", "offset": "1", "reason": "order_change", "description": "Outage"}
        summed = await admin.submit(f"{href}/credit-notes/estimate", "note-sum", **asked)
        assert summed.text.lstrip().startswith('<div id="note-sum"')
        assert "Worth €7.00 Refunded €4.00 Off this invoice €1.00 Credit for later invoices €2.00" in words(summed.text)
        beyond = await admin.submit(f"{href}/credit-notes/estimate", "note-sum", **{**asked, fee: "17.01"})
        assert "At most €17.00 can be credited." in words(beyond.text)
        for change, sentence in (
            ({fee: ""}, "Write how much is given back of at least one line."),
            ({fee: "x"}, "This is not an amount of this currency."),
            ({"refund": "10.01"}, "At most €7.00."),
            ({"refund": "6", "offset": "2"}, "Together more than the note's €7.00."),
        ):
            refused = await admin.submit(f"{href}/credit-notes/create", "note-form", **{**asked, **change})
            assert refused.status_code == 422, change
            assert refused.text.lstrip().startswith("<form")
            assert sentence in words(refused.text)
            assert "Outage" in refused.text, "what was typed stays"
        made = await admin.submit(f"{href}/credit-notes/create", **asked)
        note = made.headers["location"]
        page = await admin.page(note)
        said = words(page)
        assert "-CN001 issued: €7.00" in said
        assert "Subtotal, excl. tax €7.00 Tax (0%) 0.00 Total €7.00" in said
        assert "Credited on the balance €2.00 Refunded €4.00 Off the invoice €1.00" in said
        assert "Order changed" in said
        assert "€2.00 are left of its credit" in said
        invoice = words(await admin.page(href))
        assert "Credit note over €7.00" in invoice
        assert "€17.00 can" not in words(await admin.page(f"{href}/credit-notes/create"))
        tab = words(await admin.page(f"{href}/credit-notes"))
        assert "-CN001 Order changed Available Refund pending €7.00 €2.00" in tab
        assert "To be refunded €4.00" in said
        failed = await admin.submit(f"{note}/refund", "credit-note", refund_status="failed")
        assert "Not refunded €4.00" in words(failed.text)
        refunded = await admin.submit(f"{note}/refund", "credit-note", refund_status="succeeded")
        assert "refunded €4.00" not in words(refunded.text)
        assert words(refunded.text).count("Refunded €4.00") == 2, "on the sheet and beside it"
        assert 'href="#refund"' not in refunded.text
        voided = await admin.submit(f"{note}/void", "credit-note")
        assert voided.text.lstrip().startswith('<div id="credit-note">')
        assert "Rest voided" in words(voided.text)
        assert 'href="#void"' not in voided.text
        again = await admin.submit(f"{note}/void", "credit-note")
        assert "negative" in again.headers["hx-trigger"]
        file = await admin.get(f"{note}.pdf", follow_redirects=True)
        assert file.content.startswith(b"%PDF")


async def test_coupons_taxes_and_the_last_note(world: World) -> None:
    """The panel's sums are the sums of their parts, with taxes and the share of coupons."""
    plan = await make_plan(world)
    tax = 'name: "VAT", code: "vat", rate: "20", appliedToOrganization: true'
    await world.data(f"mutation {{ createTax(input: {{{tax}}}) {{ id }} }}")
    buyer = (await world.data('mutation { createCustomer(input: {externalId: "c0", currency: "EUR"}) { id } }'))[
        "createCustomer"
    ]["id"]
    coupon = (
        await world.data(
            """mutation { createCoupon(input: {name: "Two", code: "two", couponType: fixed_amount, amountCents: 200,
            amountCurrency: "EUR", frequency: once, expiration: no_expiration}) { id } }"""
        )
    )["createCoupon"]["id"]
    apply = "mutation($i: CreateAppliedCouponInput!) { createAppliedCoupon(input: $i) { id } }"
    await world.data(apply, i={"couponId": coupon, "customerId": buyer})
    subscribe = "mutation($i: CreateSubscriptionInput!) { createSubscription(input: $i) { id } }"
    await world.data(subscribe, i={"customerId": buyer, "planId": str(plan.id), "billingTime": "calendar"})
    known = await ids(world)
    href = f"{BASE}/invoice/{known['invoice']}"
    async with visitor(world, "finance") as finance:
        fee = line(await finance.page(f"{href}/credit-notes/create"))
        summed = await finance.submit(f"{href}/credit-notes/estimate", "note-sum", **{fee: "17"})
        said = words(summed.text)
        assert "Items 17.00 Share of coupons −2.00 VAT (20% on €15.00) +3.00 Worth €18.00" in said
        assert "Credit for later invoices €18.00" in said
        made = await finance.submit(f"{href}/credit-notes/create", **{fee: "17"})
        page = words(await finance.page(made.headers["location"]))
        assert "Items 17.00 Coupons −2.00 Subtotal, excl. tax €15.00 VAT (20% on €15.00) +3.00 Total €18.00" in page
        assert "Nothing is left to give back" in words(await finance.page(f"{href}/credit-notes/create"))
        assert "Nothing is left of it that could be given back." in await finance.page(href)


async def test_list_filters_and_the_customers_tab(world: World) -> None:
    known = await company(world, 1)
    href = f"{BASE}/invoice/{known['invoice']}"
    async with visitor(world) as admin:
        assert "No credit notes yet" in words(await admin.page(f"{BASE}/credit-notes"))
        customer = f"{BASE}/customer/{known['customer']}"
        assert f'href="{customer}/credit-notes"' not in await admin.page(customer), "hidden while there are none"
        fee = line(await admin.page(f"{href}/credit-notes/create"))
        await admin.submit(f"{href}/credit-notes/create", **{fee: "7", "reason": "other"})
        await admin.submit(f"{href}/credit-notes/create", **{fee: "2", "offset": "2", "reason": "order_change"})
        number = re.search(r"[A-Z0-9-]+-CN001", await admin.page(f"{BASE}/credit-notes"))
        assert number is not None
        for query, count in (
            ("", 2),
            ("reason=other", 1),
            ("reason=other&reason=order_change", 2),
            ("credit_status=voided", 0),
            ("refund_status=pending", 0),
            ("amount_from=2&amount_to=2", 1),
            ("currency=usd", 0),
            ("issued_from=2024-01-16", 0),
            ("customer=c0", 1 + 1),
            (f"invoice={number[0].removesuffix('-CN001')}", 2),
            (f"search={number[0]}", 1),
        ):
            page = await admin.page(f"{BASE}/credit-notes?{query}")
            assert page.count("<tr data-href") == count, query
        none = words(await admin.page(f"{BASE}/credit-notes?currency=usd"))
        assert "No credit notes match" in none
        part = await admin.part(f"{BASE}/credit-notes?reason=other", "results")
        assert part.text.lstrip().startswith('<div id="results"')
        tab = words(await admin.page(f"{customer}/credit-notes"))
        assert "Credit left €7.00 on 1 credit note; the next invoices in EUR use it first" in tab
        assert "Order changed Off the invoice €2.00" in tab
    async with visitor(world, "finance") as finance:
        assert f'href="{customer}/credit-notes"' in await finance.page(customer)


async def test_metadata_of_a_note(world: World) -> None:
    known = await company(world, 1)
    href = f"{BASE}/invoice/{known['invoice']}"
    async with visitor(world) as admin:
        fee = line(await admin.page(f"{href}/credit-notes/create"))
        made = await admin.submit(f"{href}/credit-notes/create", **{fee: "7"})
        note = made.headers["location"]
        pairs = {"key-0": "ticket", "value-0": "4711", "key-1": "by", "value-1": "Ann"}
        saved = await admin.submit(f"{note}/metadata", "credit-note", **pairs)
        assert "by Ann ticket 4711" in words(saved.text)
        form = await admin.part(f"{note}/metadata", "metadata-form")
        assert form.text.lstrip().startswith("<form")
        assert 'value="4711"' in form.text
        for wrong, sentence in (
            ({"key-0": "a", "value-0": "1", "key-1": "a", "value-1": "2"}, "stands there twice"),
            ({"key-0": "", "value-0": "1"}, "Every value needs a key."),
            ({"key-0": "k" * 101, "value-0": "1"}, "too long"),
        ):
            refused = await admin.submit(f"{note}/metadata", "credit-note", **wrong)
            assert (refused.status_code, refused.headers["hx-retarget"]) == (422, "#metadata-form")
            assert sentence in words(refused.text)
        cleared = await admin.submit(f"{note}/metadata", "credit-note")
        assert "ticket" not in words(cleared.text)


async def purchase(world: World, admin: Visitor) -> str:
    """The address of the invoice of 10 credits that a wallet was just given for 5.00."""
    await company(world, 1)
    await make_wallet(world, name="Second", paid_credits="10")
    await run_jobs(world)
    row = re.search(r'data-href="([^"]+)"', await admin.page(f"{BASE}/invoices?type=credit"))
    assert row is not None
    return row[1]


async def test_an_unpaid_purchase_of_credits_is_cancelled_as_a_whole(world: World) -> None:
    """Spec 05 C6."""
    async with visitor(world) as admin:
        href = await purchase(world, admin)
        form = await admin.page(f"{href}/credit-notes/create")
        assert "The note cancels the purchase as a whole" in words(form)
        assert "Off this invoice €5.00" in words(form)
        made = await admin.submit(f"{href}/credit-notes/create", **{line(form): "5"})
        assert "Off the invoice €5.00" in words(await admin.page(made.headers["location"]))
        assert "Nothing is left to give back" in words(await admin.page(f"{href}/credit-notes/create"))


async def test_a_paid_purchase_of_credits_is_refunded(world: World) -> None:
    """Spec 05 C6: as far as its credits are left; a part of it is enough."""
    async with visitor(world) as admin:
        href = await purchase(world, admin)
        await paid(admin, href, "5")
        await run_jobs(world)
        form = await admin.page(f"{href}/credit-notes/create")
        assert "They are refunded, and as many credits leave the wallet at once." in words(form)
        fee = line(form)
        summed = await admin.submit(f"{href}/credit-notes/estimate", "note-sum", **{fee: "2"})
        assert "Refunded €2.00" in words(summed.text)
        made = await admin.submit(f"{href}/credit-notes/create", **{fee: "2"})
        assert "Refunded €2.00" in words(await admin.page(made.headers["location"]))
        assert "€3.00 can be credited" in words(await admin.page(f"{href}/credit-notes/create"))
