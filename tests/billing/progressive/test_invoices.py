"""The cases of spec 02 §13.5: progressive invoices and the invoice that closes their period."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.progressive.steps import (
    MARCH,
    closing,
    notes,
    progressive,
    sell,
    set_thresholds,
    settle,
    sums,
    threshold,
    use,
)
from tests.support.credits import apply, coupon
from tests.support.sandbox import Sandbox


async def test_02_13_5_one_step(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(20000), plan_cents=3100)
    await use(sandbox, "02-06", 20000)
    [first] = await progressive(sandbox)
    assert (first["issuing_date"], first["fees_amount_cents"], first["status"]) == ("2024-02-06", 20000, "finalized")
    await use(sandbox, "02-16", 20000)
    await sandbox.advance(MARCH)
    assert len(await progressive(sandbox)) == 1
    invoice = await closing(sandbox)
    assert sums(invoice) == {
        "fees": 43100,
        "progressive_billing_credit": 20000,
        "coupons": 0,
        "sub_total_excluding_taxes": 23100,
        "taxes": 0,
        "total": 23100,
    }
    [credit] = invoice["credits"]
    assert (credit["amount_cents"], credit["before_taxes"]) == (20000, True)
    assert credit["item"] == {
        "lago_item_id": first["lago_id"],
        "type": "invoice",
        "code": first["number"],
        "name": first["number"],
        "description": None,
    }


async def test_02_13_5_two_steps(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(20000), threshold(50000), plan_cents=3100)
    for day in ("02-16", "02-21", "02-26"):
        await use(sandbox, day, 20000)
    first, second = await progressive(sandbox)
    assert sums(first)["total"] == 20000
    assert (sums(second)["fees"], sums(second)["progressive_billing_credit"], sums(second)["total"]) == (
        60000,
        20000,
        40000,
    )
    await sandbox.advance(MARCH)
    last = sums(await closing(sandbox))
    assert (last["fees"], last["progressive_billing_credit"], last["total"]) == (63100, 60000, 3100)


async def test_02_13_5_recurring(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(200), threshold(500), threshold(700), threshold(1000, recurring=True))
    total = 0
    for day, reached in (
        ("02-02", 220),
        ("02-03", 440),
        ("02-04", 660),
        ("02-05", 880),
        ("02-06", 3080),
        ("02-07", 5280),
    ):
        await use(sandbox, day, reached - total)
        total = reached
    invoices = await progressive(sandbox)
    assert [(item["fees_amount_cents"], item["total_amount_cents"]) for item in invoices] == [
        (220, 220),
        (660, 440),
        (880, 220),
        (3080, 2200),
        (5280, 2200),
    ]
    applied = [
        [(item["usage_threshold"]["amount_cents"], item["usage_threshold"]["recurring"]) for item in one]
        for one in (invoice["applied_usage_thresholds"] for invoice in invoices)
    ]
    assert applied == [[(200, False)], [(500, False)], [(700, False)], [(1000, True)], [(1000, True)]]
    await sandbox.advance(MARCH)
    assert sums(await closing(sandbox))["progressive_billing_credit"] == 5280


async def test_02_13_5_taxes(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(10000), plan_cents=5000, tax="20")
    await use(sandbox, "02-06", 12000)
    assert sums((await progressive(sandbox))[0])["total"] == 14400
    await use(sandbox, "02-16", 8000)
    await sandbox.advance(MARCH)
    assert sums(await closing(sandbox)) == {
        "fees": 25000,
        "progressive_billing_credit": 12000,
        "coupons": 0,
        "sub_total_excluding_taxes": 13000,
        "taxes": 2600,
        "total": 15600,
    }


async def test_02_13_5_usage_corrected_downwards(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(10000), tax="20")
    await use(sandbox, "02-06", 12000)
    await use(sandbox, "02-16", -4000)
    await sandbox.advance(MARCH)
    assert sums(await closing(sandbox)) == {
        "fees": 8000,
        "progressive_billing_credit": 8000,
        "coupons": 0,
        "sub_total_excluding_taxes": 0,
        "taxes": 0,
        "total": 0,
    }
    [note] = await notes(sandbox)
    [first] = await progressive(sandbox)
    assert note["lago_invoice_id"] == first["lago_id"]
    shown = ("reason", "sub_total_excluding_taxes_amount_cents", "taxes_amount_cents", "credit_amount_cents")
    assert [note[name] for name in (*shown, "refund_amount_cents")] == ["other", 4000, 800, 4800, 0]


async def discounted(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(10000), tax="20")
    await coupon(sandbox, coupon_type="percentage", percentage_rate="10", frequency="forever")
    await apply(sandbox)
    await use(sandbox, "02-06", 20000)
    first = sums((await progressive(sandbox))[0])
    assert (first["coupons"], first["sub_total_excluding_taxes"], first["total"]) == (2000, 18000, 21600)


async def test_02_13_5_coupon(sandbox: Sandbox) -> None:
    await discounted(sandbox)
    await use(sandbox, "02-16", 10000)
    await sandbox.advance(MARCH)
    assert sums(await closing(sandbox)) == {
        "fees": 30000,
        "progressive_billing_credit": 18000,
        "coupons": 1200,
        "sub_total_excluding_taxes": 10800,
        "taxes": 2160,
        "total": 12960,
    }


async def test_02_13_5_coupon_and_usage_corrected_downwards(sandbox: Sandbox) -> None:
    await discounted(sandbox)
    await use(sandbox, "02-16", -11000)
    await sandbox.advance(MARCH)
    last = sums(await closing(sandbox))
    assert (last["progressive_billing_credit"], last["coupons"], last["total"]) == (9000, 0, 0)
    [note] = await notes(sandbox)
    [item] = note["items"]
    assert item["amount_cents"] == 10000
    assert (note["coupons_adjustment_amount_cents"], note["sub_total_excluding_taxes_amount_cents"]) == (1000, 9000)
    assert (note["taxes_amount_cents"], note["credit_amount_cents"]) == (1800, 10800)


async def test_02_13_5_spread_over_the_fees(sandbox: Sandbox) -> None:
    """P billed A 3,000 and B 2,000; the closing invoice A 6,000, B 1,000."""
    plan = await sell(sandbox, threshold(5000))
    await sandbox.charge(plan, "b", properties={"amount": "0.01"})
    await use(sandbox, "02-06", 3000)
    await use(sandbox, "02-07", 2000, code="b")
    assert sums((await progressive(sandbox))[0])["fees"] == 5000
    await use(sandbox, "02-16", 3000)
    await use(sandbox, "02-17", -1000, code="b")
    await sandbox.advance(MARCH)
    invoice = await closing(sandbox)
    assert {fee["item"]["code"]: fee["precise_coupons_amount_cents"] for fee in invoice["fees"]} == {
        "calls": "4000.0",
        "b": "1000.0",
        **({"p": "0.0"} if any(fee["item"]["code"] == "p" for fee in invoice["fees"]) else {}),
    }
    assert sums(invoice)["progressive_billing_credit"] == 5000


async def test_02_13_5_steps_are_passed_once_in_a_lifetime(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(1000))
    await use(sandbox, "02-06", 1000)
    await use(sandbox, "03-06", 5000)
    await sandbox.advance("2024-04-01T00:00:00Z")
    assert len(await progressive(sandbox)) == 1
    last = sums(await closing(sandbox))
    assert (last["fees"], last["progressive_billing_credit"], last["total"]) == (5000, 0, 5000)


async def test_ignores_the_grace_period_and_credits_drafts(sandbox: Sandbox) -> None:
    """Spec 02 §13.4: never a draft. §13.5: drafts show the credit, the excess is given back when they are issued."""
    await sell(sandbox, threshold(10000), billing_configuration={"invoice_grace_period": 5})
    await use(sandbox, "02-06", 12000)
    assert [item["status"] for item in await progressive(sandbox)] == ["finalized"]
    await use(sandbox, "02-16", -4000)
    await sandbox.advance(MARCH)
    draft = await closing(sandbox)
    assert (draft["status"], sums(draft)["progressive_billing_credit"]) == ("draft", 8000)
    for _ in range(2):
        await sandbox.call("PUT", f"invoices/{draft['lago_id']}/refresh")
    draft = await closing(sandbox)
    assert (sums(draft)["progressive_billing_credit"], len(draft["credits"])) == (8000, 1)
    assert await notes(sandbox) == []
    await sandbox.advance("2024-03-10T00:00:00Z")
    final = await closing(sandbox)
    assert (final["status"], sums(final)["progressive_billing_credit"], len(final["credits"])) == ("finalized", 8000, 1)
    assert [note["credit_amount_cents"] for note in await notes(sandbox)] == [4000]


async def test_an_excess_that_the_last_invoice_cannot_hold_goes_on_the_one_before(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(20000), threshold(50000))
    await use(sandbox, "02-06", 20000)
    await use(sandbox, "02-10", 40000)
    await use(sandbox, "02-16", -50000)
    await sandbox.advance(MARCH)
    assert sums(await closing(sandbox))["progressive_billing_credit"] == 10000
    first, second = await progressive(sandbox)
    given = {note["lago_invoice_id"]: note["credit_amount_cents"] for note in await notes(sandbox)}
    assert given == {second["lago_id"]: 40000, first["lago_id"]: 10000}


async def test_a_voided_progressive_invoice_is_not_credited(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(1000))
    await use(sandbox, "02-06", 1500)
    [first] = await progressive(sandbox)
    await sandbox.call("POST", f"invoices/{first['lago_id']}/void")
    await sandbox.advance(MARCH)
    last = sums(await closing(sandbox))
    assert (last["fees"], last["progressive_billing_credit"], last["total"]) == (1500, 0, 1500)
    assert [item["status"] for item in await progressive(sandbox)] == ["voided"]


async def test_a_credit_note_on_the_progressive_invoice_lowers_the_credit(sandbox: Sandbox) -> None:
    """Spec 02 §13.5, N."""
    await sell(sandbox, threshold(1000), tax="20")
    await use(sandbox, "02-06", 1500)
    [first] = await progressive(sandbox)
    items = [{"fee_id": first["fees"][0]["lago_id"], "amount_cents": 500}]
    body = {"invoice_id": first["lago_id"], "reason": "other", "credit_amount_cents": 600, "items": items}
    await sandbox.call("POST", "credit_notes", {"credit_note": body})
    await sandbox.advance(MARCH)
    last = sums(await closing(sandbox))
    assert (last["fees"], last["progressive_billing_credit"], last["sub_total_excluding_taxes"]) == (1500, 1000, 500)


@pytest.mark.parametrize("how", ["terminate", "upgrade", "downgrade"])
async def test_every_invoice_that_closes_the_window_takes_the_credit(sandbox: Sandbox, how: str) -> None:
    await sell(sandbox, threshold(1000), plan_cents=2000)
    await sandbox.plan("more", 9000, pay_in_advance=True)
    await sandbox.plan("less", 100)
    await use(sandbox, "02-06", 1500)
    assert len(await progressive(sandbox)) == 1
    if how == "terminate":
        await sandbox.advance("2024-02-20T00:00:00Z")
        await sandbox.terminate()
    elif how == "upgrade":
        await sandbox.advance("2024-02-20T00:00:00Z")
        await sandbox.subscribe("s1", "more")
    else:
        await sandbox.subscribe("s1", "less")
        await sandbox.advance(MARCH)
    invoice: Any = await closing(sandbox)
    assert sums(invoice)["progressive_billing_credit"] == 1500
    shares = {fee["item"]["code"]: fee["precise_coupons_amount_cents"] for fee in invoice["fees"]}
    assert shares.pop("calls") == "1500.0"
    assert set(shares.values()) <= {"0.0"}
    await sandbox.advance("2024-04-01T00:00:00Z")
    assert sums(await closing(sandbox))["progressive_billing_credit"] in (0, 1500)
    credited = [item["progressive_billing_credit_amount_cents"] for item in await sandbox.invoices()]
    assert sum(credited) == 1500


async def test_an_invoice_from_before_the_usage_opens_is_credited(sandbox: Sandbox) -> None:
    """A subscription made in the morning starts in the evening; what is sent for the evening passes a step at once."""
    await sandbox.customer("c1", currency="EUR")
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan, properties={"amount": "0.01"})
    await set_thresholds(sandbox, threshold(1000))
    await sandbox.advance("2024-02-01T06:00:00Z")
    await sandbox.subscribe("s1", "p", subscription_at="2024-02-01T18:00:00Z")
    for hour, units in (("18", "1200"), ("19", "100")):
        await sandbox.send((f"2024-02-01T{hour}:30:00+00:00", units))
        await settle(sandbox, "2024-02-01T06:00:00+00:00")
    [first] = await progressive(sandbox)
    assert sums(first)["fees"] == 1200
    await sandbox.advance(MARCH)
    last = sums(await closing(sandbox))
    assert (last["fees"], last["progressive_billing_credit"], last["total"]) == (1300, 1200, 100)
