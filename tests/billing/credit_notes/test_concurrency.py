"""The same coupon, the same invoice and the same credit note under many hands at once: the books stay exact."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from tests.support.credits import applied, apply, ask, coupon, credit, details, fee_id, items, notes
from tests.support.sandbox import Sandbox

DRAFTS = 5


async def drafts(sandbox: Sandbox, price: int = 1000, customer: str = "c1") -> list[Any]:
    """Several drafts of one customer that can be finalized at the same time."""
    await sandbox.customer(customer, billing_configuration={"invoice_grace_period": 30})
    if customer == "c1":
        await sandbox.plan("p", price, pay_in_advance=True)
    for number in range(DRAFTS):
        body = {"billing_time": "anniversary", "subscription_at": "2024-01-15T00:00:00Z"}
        await sandbox.subscribe(f"{customer}-{number}", customer=customer, **body)
    return await sandbox.invoices(status="draft", external_customer_id=customer)


async def finalize(sandbox: Sandbox, invoice: Any) -> Any:
    return await sandbox.rest.put(f"invoices/{invoice['lago_id']}/finalize")


async def test_a_fixed_coupon_is_spent_once(sandbox: Sandbox) -> None:
    made = await drafts(sandbox)
    await coupon(sandbox, amount_cents=2300)
    await apply(sandbox)
    answers = await asyncio.gather(*(finalize(sandbox, invoice) for invoice in [*made, *made]))
    assert Counter(answer.status_code for answer in answers) == {200: DRAFTS, 404: DRAFTS}
    credits = sorted(item["coupons_amount_cents"] for item in await sandbox.invoices())
    assert credits == [0, 0, 300, 1000, 1000]
    [state] = await applied(sandbox)
    assert (state["status"], state["amount_cents_remaining"]) == ("terminated", 0)
    assert sum(line["amount_cents"] for line in state["credits"]) == 2300


async def test_a_recurring_coupon_reduces_as_many_invoices_as_it_says(sandbox: Sandbox) -> None:
    made = await drafts(sandbox)
    await coupon(sandbox, amount_cents=100, frequency="recurring", frequency_duration=3)
    await apply(sandbox)
    await asyncio.gather(*(finalize(sandbox, invoice) for invoice in made))
    assert sorted(item["coupons_amount_cents"] for item in await sandbox.invoices()) == [0, 0, 100, 100, 100]
    [state] = await applied(sandbox)
    assert (state["status"], state["frequency_duration_remaining"]) == ("terminated", 0)


async def test_a_coupon_that_is_not_reusable_is_applied_once(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await coupon(sandbox, reusable=False)
    body = {"applied_coupon": {"external_customer_id": "c1", "coupon_code": "deal"}}
    answers = await asyncio.gather(*(sandbox.rest.post("applied_coupons", body) for _ in range(8)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 422: 7}
    assert len(await applied(sandbox)) == 1


async def test_deleting_applying_and_using_a_coupon_at_once(sandbox: Sandbox) -> None:
    made = {customer: await drafts(sandbox, customer=customer) for customer in ("c1", "c2")}
    await coupon(sandbox, amount_cents=500, frequency="forever")
    for customer in made:
        for _ in range(3):
            await apply(sandbox, customer=customer)

    async def again(customer: str) -> Any:
        body = {"applied_coupon": {"external_customer_id": customer, "coupon_code": "deal"}}
        return await sandbox.rest.post("applied_coupons", body)

    work: list[Any] = [sandbox.rest.delete("coupons/deal")]
    for customer, invoices in made.items():
        work += [finalize(sandbox, invoice) for invoice in invoices]
        work += [again(customer) for _ in range(3)]
    answers = await asyncio.gather(*work)
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert {item["status"] for item in await applied(sandbox)} == {"terminated"}
    for invoice in await details(sandbox):
        assert invoice["status"] == "finalized"
        assert sum(line["amount_cents"] for line in invoice["credits"]) == invoice["coupons_amount_cents"]
        assert invoice["total_amount_cents"] == 1000 - invoice["coupons_amount_cents"]


async def test_an_invoice_is_not_credited_beyond_its_fees(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "7.7")
    await sandbox.customer("c1")
    await sandbox.plan("p", 3000, pay_in_advance=True)
    await sandbox.subscribe(subscription_at="2024-01-15T00:00:00Z", billing_time="anniversary")
    [invoice] = await details(sandbox)
    entries = items((fee_id(invoice), 1000))
    answers = await asyncio.gather(*(ask(sandbox, invoice, entries, credit_amount_cents=1077) for _ in range(8)))
    assert Counter(answer.status_code for answer in answers) == {200: 3, 422: 5}
    made = await notes(sandbox)
    assert sorted(note["number"][-3:] for note in made) == ["001", "002", "003"]
    assert sum(note["total_amount_cents"] for note in made) == invoice["total_amount_cents"]


async def test_a_credit_note_pays_once_however_many_invoices_want_it(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("source", 2300, pay_in_advance=True)
    await sandbox.subscribe("s", "source", subscription_at="2024-01-15T00:00:00Z", billing_time="anniversary")
    [source] = await details(sandbox)
    made = await drafts(sandbox)
    await credit(sandbox, source, items((fee_id(source), 2300)), credit_amount_cents=2300)
    await asyncio.gather(*(finalize(sandbox, invoice) for invoice in [*made, *made]))
    [note] = await notes(sandbox)
    assert (note["credit_status"], note["balance_amount_cents"]) == ("consumed", 0)
    others = [item for item in await details(sandbox) if item["lago_id"] != source["lago_id"]]
    assert sorted(item["credit_notes_amount_cents"] for item in others) == [0, 0, 300, 1000, 1000]
    assert all(
        sum(line["amount_cents"] for line in item["credits"]) == item["credit_notes_amount_cents"] for item in others
    )


async def test_voiding_a_credit_note_against_invoices_that_use_it(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("source", 2300, pay_in_advance=True)
    await sandbox.subscribe("s", "source", subscription_at="2024-01-15T00:00:00Z", billing_time="anniversary")
    [source] = await details(sandbox)
    made = await drafts(sandbox)
    note = await credit(sandbox, source, items((fee_id(source), 2300)), credit_amount_cents=2300)
    work = [finalize(sandbox, invoice) for invoice in made]
    work += [sandbox.rest.put(f"credit_notes/{note['lago_id']}/void") for _ in range(3)]
    answers = await asyncio.gather(*work)
    assert all(answer.status_code == 200 for answer in answers[:DRAFTS])
    voids = Counter(answer.status_code for answer in answers[DRAFTS:])
    assert voids[200] <= 1
    [after] = await notes(sandbox)
    used = sum(item["credit_notes_amount_cents"] for item in await sandbox.invoices())
    assert after["balance_amount_cents"] == 0
    assert (after["credit_status"], used) == (("voided", used) if voids[200] else ("consumed", 2300))
    assert used <= 2300
