"""Credit notes of terminations, plan changes, drafts and voids (spec 05 C4, 03 §6.7, §6.8, 04 §9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.credits import apply, coupon, credit, details, fee_id, items, money, notes, pay
from tests.support.sandbox import Sandbox

TEN_DAYS_USED = "2024-04-10T12:00:00Z"


async def april(sandbox: Sandbox, price: int = 3000, *, rate: str = "20", discount: int = 0, grace: int = 0) -> Any:
    """A plan in advance billed for April 2024 (30 days); the invoice."""
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": grace})
    await sandbox.tax("vat", rate)
    await sandbox.plan("p", price, pay_in_advance=True)
    if discount:
        await coupon(sandbox, amount_cents=discount)
        await apply(sandbox)
    await sandbox.advance("2024-04-01T00:00:00Z")
    await sandbox.subscribe()
    [invoice] = await details(sandbox)
    return invoice


def parts(note: Any) -> tuple[int, int, int, int, int]:
    """Subtotal, taxes, credit, refund, offset."""
    return (
        note["sub_total_excluding_taxes_amount_cents"],
        note["taxes_amount_cents"],
        note["credit_amount_cents"],
        note["refund_amount_cents"],
        note["offset_amount_cents"],
    )


async def test_05_C4_credit_without_a_coupon(sandbox: Sandbox) -> None:
    invoice = await april(sandbox)
    await sandbox.advance(TEN_DAYS_USED)
    await sandbox.terminate()
    [note] = await notes(sandbox)
    assert (note["lago_invoice_id"], note["number"]) == (invoice["lago_id"], invoice["number"] + "-CN001")
    assert (note["reason"], parts(note)) == ("order_cancellation", (2000, 400, 2400, 0, 0))
    [item] = note["items"]
    assert (item["amount_cents"], item["fee"]["lago_id"]) == (2000, fee_id(invoice))


async def test_05_C4_upgrade(sandbox: Sandbox) -> None:
    await april(sandbox)
    await sandbox.plan("big", 6000, pay_in_advance=True)
    await sandbox.advance(TEN_DAYS_USED)
    await sandbox.subscribe(plan="big")
    [note] = await notes(sandbox)
    assert parts(note) == (2100, 420, 2520, 0, 0)
    assert (note["credit_status"], note["balance_amount_cents"]) == ("consumed", 0)
    invoice = (await details(sandbox))[-1]
    # 21 of 30 days of the new plan: 4200 + 840, of which the note pays 2520.
    assert money(invoice) == (4200, 0, 840, 2520)
    assert invoice["credit_notes_amount_cents"] == 2520
    [line] = invoice["credits"]
    assert (line["amount_cents"], line["before_taxes"]) == (2520, False)
    assert line["item"] == {
        "lago_item_id": note["lago_id"],
        "type": "credit_note",
        "code": note["number"],
        "name": note["invoice_number"],
        "description": None,
    }


@pytest.mark.parametrize(
    ("paid", "option", "expected"),
    [
        (0, "credit", (1667, 333, 2000, 0, 0)),
        (1200, "refund", (1667, 333, 1800, 200, 0)),
        (1200, "offset", (1667, 333, 0, 200, 1800)),
        (3000, "refund", (1667, 333, 0, 2000, 0)),
        (0, "refund", (1667, 333, 2000, 0, 0)),
    ],
)
async def test_05_C4_with_a_coupon(
    sandbox: Sandbox, paid: int, option: str, expected: tuple[int, int, int, int, int]
) -> None:
    invoice = await april(sandbox, discount=500)
    assert invoice["total_amount_cents"] == 3000
    await pay(sandbox, invoice["lago_id"], paid)
    await sandbox.advance(TEN_DAYS_USED)
    await sandbox.terminate(on_termination_credit_note=option, on_termination_invoice="skip")
    [note] = await notes(sandbox)
    assert (parts(note), note["coupons_adjustment_amount_cents"]) == (expected, 333)
    assert note["refund_status"] == ("pending" if note["refund_amount_cents"] else None)
    after = await sandbox.invoice(invoice["lago_id"])
    assert after["total_due_amount_cents"] == 3000 - paid - note["offset_amount_cents"]
    if option == "offset":
        assert after["payment_status"] == "succeeded"


async def test_05_C4_skipped(sandbox: Sandbox) -> None:
    await april(sandbox)
    await sandbox.advance(TEN_DAYS_USED)
    await sandbox.terminate(on_termination_credit_note="skip")
    assert await notes(sandbox) == []


@pytest.mark.parametrize(
    ("price", "rate", "interval", "used", "expected"),
    [
        (20000, "25", "monthly", "2024-04-01T05:00:00Z", (19333, 4833, 24166)),
        (16000, "25", "monthly", "2024-04-01T05:00:00Z", (15467, 3867, 19334)),
        (2999, "23.33", "weekly", "2024-04-01T05:00:00Z", (2571, 600, 3171)),
    ],
)
async def test_05_C4_rounding(
    sandbox: Sandbox, price: int, rate: str, interval: str, used: str, expected: tuple[int, int, int]
) -> None:
    await sandbox.customer("c1")
    await sandbox.tax("vat", rate)
    await sandbox.plan("p", price, interval=interval, pay_in_advance=True)
    await sandbox.advance("2024-04-01T00:00:00Z")
    await sandbox.subscribe()
    await sandbox.advance(used)
    await sandbox.terminate(on_termination_invoice="skip")
    [note] = await notes(sandbox)
    assert (*parts(note)[:2], note["total_amount_cents"]) == expected


async def test_05_C4_seven_of_31_days(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.tax("vat", "20")
    await sandbox.plan("p", 4990, pay_in_advance=True)
    await sandbox.advance("2024-05-01T00:00:00Z")
    await sandbox.subscribe()
    await sandbox.advance("2024-05-07T05:00:00Z")
    await sandbox.terminate(on_termination_invoice="skip")
    [note] = await notes(sandbox)
    assert (note["items"][0]["precise_amount_cents"], note["total_amount_cents"]) == ("3863.2258", 4636)


async def test_03_6_7_refund_of_a_partial_period(sandbox: Sandbox) -> None:
    """10000 from 8 February 2025 + 20 % = 9000 billed, 7500 paid, terminated on the 21st."""
    await sandbox.customer("c1")
    await sandbox.tax("vat", "20")
    await sandbox.plan("p", 10000, pay_in_advance=True)
    await sandbox.advance("2025-02-08T00:00:00Z")
    await sandbox.subscribe()
    [invoice] = await details(sandbox)
    assert money(invoice) == (7500, 0, 1500, 9000)
    await pay(sandbox, invoice["lago_id"], 7500)
    await sandbox.advance("2025-02-21T10:00:00Z")
    await sandbox.terminate(on_termination_credit_note="refund")
    [note] = await notes(sandbox)
    assert parts(note) == (2500, 500, 1500, 1500, 0)


async def test_03_6_8_upgraded_twice_on_a_day(sandbox: Sandbox) -> None:
    """Credits 20/31 of 1000 and of 1500: 645.16, then 967.74, before tax."""
    await sandbox.customer("c1")
    for code, price in (("a", 1000), ("b", 1500), ("c", 1900)):
        await sandbox.plan(code, price, pay_in_advance=True)
    await sandbox.advance("2024-03-05T10:00:00Z")
    await sandbox.subscribe(plan="a")
    await sandbox.advance("2024-03-12T10:00:00Z")
    await sandbox.subscribe(plan="b")
    await sandbox.advance("2024-03-12T11:00:00Z")
    await sandbox.subscribe(plan="c")
    made = await notes(sandbox)
    assert [note["items"][0]["precise_amount_cents"] for note in made] == ["645.16129", "967.74193"]
    assert [note["total_amount_cents"] for note in made] == [645, 968]
    assert [item["fees_amount_cents"] for item in await sandbox.invoices()] == [871, 968, 1226]


async def test_what_was_credited_by_hand_is_not_credited_again(sandbox: Sandbox) -> None:
    invoice = await april(sandbox)
    await credit(sandbox, invoice, items((fee_id(invoice), 1500)), credit_amount_cents=1800)
    await sandbox.advance(TEN_DAYS_USED)
    await sandbox.terminate()
    assert [note["items"][0]["amount_cents"] for note in await notes(sandbox)] == [1500, 500]


@pytest.mark.parametrize("price", [0, 3000])
async def test_no_note_without_an_amount_or_on_a_voided_invoice(sandbox: Sandbox, price: int) -> None:
    invoice = await april(sandbox, price)
    if price:
        await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void")
    await sandbox.advance(TEN_DAYS_USED)
    await sandbox.terminate()
    assert await notes(sandbox) == []


async def test_05_C5_the_termination_invoice_uses_the_note(sandbox: Sandbox) -> None:
    """The note exists before the final invoice, which consumes it."""
    await sandbox.customer("c1")
    await sandbox.tax("vat", "20")
    plan = await sandbox.plan("p", 3000, pay_in_advance=True)
    await sandbox.charge(plan, "api", properties={"amount": "1"})
    await sandbox.advance("2024-04-01T00:00:00Z")
    await sandbox.subscribe()
    await sandbox.send(("2024-04-05T00:00:00+00:00", 15), code="api")
    await sandbox.advance(TEN_DAYS_USED)
    await sandbox.terminate()
    final = (await details(sandbox))[-1]
    assert (final["fees_amount_cents"], final["credit_notes_amount_cents"], final["total_amount_cents"]) == (
        1500,
        1800,
        0,
    )
    [note] = await notes(sandbox)
    assert (note["credit_status"], note["balance_amount_cents"]) == ("available", 600)


async def test_05_C4_a_draft_note_follows_its_draft(sandbox: Sandbox) -> None:
    draft = await april(sandbox, grace=20)
    assert draft["status"] == "draft"
    await sandbox.advance(TEN_DAYS_USED)
    await sandbox.terminate(on_termination_invoice="skip")
    assert await notes(sandbox) == []
    await sandbox.tax("more", "5")
    await sandbox.call("PUT", f"invoices/{draft['lago_id']}/refresh")
    assert await notes(sandbox) == []
    issued = (await sandbox.call("PUT", f"invoices/{draft['lago_id']}/finalize"))["invoice"]
    [note] = await notes(sandbox)
    assert (note["number"], parts(note)) == (issued["number"] + "-CN001", (2000, 500, 2500, 0, 0))
    assert (note["lago_invoice_id"], note["invoice_number"]) == (issued["lago_id"], issued["number"])
    assert note["items"][0]["fee"]["lago_id"] == fee_id(await sandbox.invoice(issued["lago_id"]))


async def test_05_C4_a_draft_note_is_scaled_with_its_fee(sandbox: Sandbox) -> None:
    draft = await april(sandbox, grace=20)
    await sandbox.advance(TEN_DAYS_USED)
    await sandbox.terminate(on_termination_invoice="skip")
    await coupon(sandbox, amount_cents=600)
    await apply(sandbox)
    await sandbox.call("PUT", "plans/p", {"plan": {"amount_cents": 6000}})
    issued = (await sandbox.call("PUT", f"invoices/{draft['lago_id']}/finalize"))["invoice"]
    assert money(issued) == (6000, 600, 1080, 6480)
    [note] = await notes(sandbox)
    # Twice the price, so twice the item; the coupon was taken when the invoice became final.
    assert (note["items"][0]["amount_cents"], note["coupons_adjustment_amount_cents"]) == (4000, 400)
    assert parts(note) == (3600, 720, 4320, 0, 0)


async def test_04_8_4_deleting_the_draft_deletes_its_note(sandbox: Sandbox) -> None:
    draft = await april(sandbox, grace=20)
    await sandbox.advance(TEN_DAYS_USED)
    await sandbox.terminate(on_termination_invoice="skip")
    await sandbox.call("DELETE", f"invoices/{draft['lago_id']}")
    await sandbox.advance("2024-06-01T00:00:00Z")
    assert await notes(sandbox) == []


async def test_04_9_void_with_a_credit_note(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.tax("vat", "20")
    await sandbox.plan("p", 1000, pay_in_advance=True)
    await sandbox.advance("2024-04-01T00:00:00Z")
    await sandbox.subscribe()
    [invoice] = await details(sandbox)
    await pay(sandbox, invoice["lago_id"], 300)
    for credit_amount, refund_amount in ((1201, 0), (0, 301), (1000, 300)):
        body = {"generate_credit_note": True, "credit_amount": credit_amount, "refund_amount": refund_amount}
        refused = await sandbox.rest.post(f"invoices/{invoice['lago_id']}/void", body)
        assert refused.json()["error_details"] == {"credit_refund_amount": ["total_amount_exceeds_invoice_amount"]}
    body = {"generate_credit_note": True, "credit_amount": 300, "refund_amount": 300}
    voided = (await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void", body))["invoice"]
    assert voided["status"] == "voided"
    first, second = await notes(sandbox)
    assert (parts(first), first["credit_status"], first["refund_status"]) == (
        (500, 100, 300, 300, 0),
        "available",
        "pending",
    )
    assert (parts(second), second["credit_status"], second["balance_amount_cents"]) == (
        (500, 100, 600, 0, 0),
        "voided",
        0,
    )
    assert (first["reason"], second["reason"]) == ("other", "other")
