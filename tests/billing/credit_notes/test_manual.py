"""Credit notes by hand: worked examples, checks in their order, rounding, estimates (spec 05 C2, C3)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.server.rest.client import validation
from tests.support.credits import JANUARY, ask, credit, details, fee_id, items, notes, pay, the_invoice_of_A4
from tests.support.sandbox import Sandbox


async def estimate(sandbox: Sandbox, invoice: Any, entries: list[dict[str, Any]]) -> Any:
    body = {"credit_note": {"invoice_id": invoice["lago_id"], "items": entries}}
    return (await sandbox.call("POST", "credit_notes/estimate", body))["estimated_credit_note"]


async def test_05_C3_example_1(sandbox: Sandbox) -> None:
    invoice = await the_invoice_of_A4(sandbox)
    assert invoice["total_amount_cents"] == 16448
    api = items((fee_id(invoice, "api"), 2000))
    shown = await estimate(sandbox, invoice, api)
    assert shown["lago_invoice_id"] == invoice["lago_id"]
    assert {name: shown[name] for name in shown if name.endswith("cents") or name == "taxes_rate"} == {
        "taxes_amount_cents": 350,
        "precise_taxes_amount_cents": 349.76452,
        "taxes_rate": 20,
        "sub_total_excluding_taxes_amount_cents": 1749,
        "max_creditable_amount_cents": 2099,
        "max_refundable_amount_cents": 0,
        "max_offsettable_amount_cents": 2099,
        "coupons_adjustment_amount_cents": 251,
        "precise_coupons_adjustment_amount_cents": 251.17739,
    }
    assert shown["items"] == [{"lago_fee_id": fee_id(invoice, "api"), "amount_cents": 2000}]
    [applied] = shown["applied_taxes"]
    assert (applied["tax_code"], applied["base_amount_cents"], applied["amount_cents"]) == ("vat20", 1749, 350)
    await pay(sandbox, invoice["lago_id"], 2000)
    assert (await estimate(sandbox, invoice, api))["max_refundable_amount_cents"] == 2000
    refused = await ask(sandbox, invoice, api, refund_amount_cents=2001, credit_amount_cents=98)
    assert refused.json() == validation(refund_amount_cents="higher_than_remaining_invoice_amount")
    note = await credit(sandbox, invoice, api, refund_amount_cents=1200, credit_amount_cents=899, reason="order_change")
    assert note["number"] == invoice["number"] + "-CN001"
    assert {name: note[name] for name in note if name.endswith("_cents") and not name.startswith("precise")} == {
        "total_amount_cents": 2099,
        "taxes_amount_cents": 350,
        "sub_total_excluding_taxes_amount_cents": 1749,
        "balance_amount_cents": 899,
        "credit_amount_cents": 899,
        "refund_amount_cents": 1200,
        "offset_amount_cents": 0,
        "coupons_adjustment_amount_cents": 251,
    }
    assert (note["credit_status"], note["refund_status"], note["reason"]) == ("available", "pending", "order_change")
    assert (note["precise_taxes_amount_cents"], note["precise_total_amount_cents"]) == ("349.76452", "2098.58713")
    assert note["issuing_date"] == "2024-02-01"
    assert [(item["amount_cents"], item["fee"]["lago_id"]) for item in note["items"]] == [
        (2000, fee_id(invoice, "api"))
    ]
    assert note["customer"]["external_id"] == "c1"


async def test_05_C3_example_1_in_full(sandbox: Sandbox) -> None:
    invoice = await the_invoice_of_A4(sandbox)
    everything = items((fee_id(invoice), 9900), (fee_id(invoice, "api"), 4525), (fee_id(invoice, "storage"), 1500))
    note = await credit(sandbox, invoice, everything, credit_amount_cents=16448)
    assert (note["coupons_adjustment_amount_cents"], note["taxes_amount_cents"]) == (2000, 2523)
    assert (note["sub_total_excluding_taxes_amount_cents"], note["total_amount_cents"]) == (13925, 16448)
    more = await ask(sandbox, invoice, items((fee_id(invoice), 1)), credit_amount_cents=1)
    assert more.json() == validation(amount_cents="higher_than_remaining_fee_amount")


async def two_fees(sandbox: Sandbox) -> Any:
    await sandbox.customer("c1")
    await sandbox.tax("vat20", "20")
    plan = await sandbox.plan("p", 1033)
    await sandbox.charge(plan, "api", properties={"amount": "1"})
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00+00:00", "10.33"), code="api")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [invoice] = await details(sandbox)
    assert invoice["total_amount_cents"] == 2479
    return invoice


async def test_05_C3_example_2_the_last_takes_the_rounding(sandbox: Sandbox) -> None:
    invoice = await two_fees(sandbox)
    first = await credit(sandbox, invoice, items((fee_id(invoice), 1033)), credit_amount_cents=1240)
    assert (first["taxes_amount_cents"], first["precise_taxes_amount_cents"]) == (207, "206.6")
    rest = items((fee_id(invoice, "api"), 1033))
    assert (await estimate(sandbox, invoice, rest))["max_creditable_amount_cents"] == 1239
    last = await credit(sandbox, invoice, rest, credit_amount_cents=1240)
    assert (last["number"], last["total_amount_cents"]) == (invoice["number"] + "-CN002", 1239)
    assert (last["credit_amount_cents"], last["balance_amount_cents"]) == (1239, 1239)
    assert (last["taxes_amount_cents"], last["precise_taxes_amount_cents"]) == (206, "206.2")


async def test_05_C3_checks_in_order(sandbox: Sandbox) -> None:
    invoice = await two_fees(sandbox)
    own = fee_id(invoice)

    async def refused(entries: Any, **values: Any) -> tuple[int, Any]:
        answer = await ask(sandbox, invoice, entries, **values)
        body = answer.json()
        return answer.status_code, body.get("error_details") or body["code"]

    unknown = await ask(sandbox, {"lago_id": str(uuid4())}, items((own, 1)), credit_amount_cents=1)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "invoice_not_found")
    assert await refused("x", reason="because") == (422, {"reason": ["value_is_invalid"]})
    assert await refused({"fee_id": own}) == (422, {"items": ["must_be_an_array"]})
    assert await refused(None) == (422, {"items": ["must_be_an_array"]})
    assert await refused(items((str(uuid4()), -1))) == (404, "fee_not_found")
    assert await refused(items((own, -1))) == (422, {"amount_cents": ["invalid_value"]})
    assert await refused(items((own, 1034))) == (422, {"amount_cents": ["higher_than_remaining_fee_amount"]})
    twice = items((own, 1000), (own, 34))
    assert await refused(twice) == (422, {"amount_cents": ["higher_than_remaining_fee_amount"]})
    assert await refused(items((own, 1000)), credit_amount_cents=1198) == (
        422,
        {"base": ["does_not_match_item_amounts"]},
    )
    assert await refused(items((own, 1000)), refund_amount_cents=1200) == (
        422,
        {"refund_amount_cents": ["cannot_refund_unpaid_invoice"]},
    )
    assert await refused(items((own, 1000)), credit_amount_cents=99999) == (
        422,
        {
            "base": ["does_not_match_item_amounts", "higher_than_remaining_invoice_amount"],
            "credit_amount_cents": ["higher_than_remaining_invoice_amount"],
        },
    )
    offset = {"offset_amount_cents": ["higher_than_remaining_invoice_amount"]}
    assert await refused(items((own, 1000)), offset_amount_cents=2480) == (
        422,
        {"base": ["does_not_match_item_amounts"], **offset},
    )
    assert await refused(items((own, 1000)), offset_amount_cents=2481) == (
        422,
        {"base": ["does_not_match_item_amounts", "higher_than_remaining_invoice_amount"], **offset},
    )
    assert await refused(items((own, 0))) == (422, {"base": ["total_amount_must_be_positive"]})
    assert await refused([]) == (422, {"base": ["total_amount_must_be_positive"]})
    assert await notes(sandbox) == []


async def test_05_C3_tolerance_of_one(sandbox: Sandbox) -> None:
    invoice = await two_fees(sandbox)
    made = [
        await credit(sandbox, invoice, items((fee_id(invoice), 100)), credit_amount_cents=asked)
        for asked in (119, 120, 121)
    ]
    assert [note["total_amount_cents"] for note in made] == [120, 120, 120]
    assert [note["balance_amount_cents"] for note in made] == [120, 120, 120]


async def test_a_full_payment_that_has_not_succeeded_cannot_be_refunded(sandbox: Sandbox) -> None:
    invoice = await two_fees(sandbox)
    await pay(sandbox, invoice["lago_id"], 2479)
    await sandbox.call("PUT", f"invoices/{invoice['lago_id']}", {"invoice": {"payment_status": "pending"}})
    entries = items((fee_id(invoice), 1033))
    assert (await estimate(sandbox, invoice, entries))["max_refundable_amount_cents"] == 0
    answer = await ask(sandbox, invoice, entries, refund_amount_cents=1240)
    assert answer.json() == validation(refund_amount_cents="cannot_refund_unpaid_invoice")
    await sandbox.call("PUT", f"invoices/{invoice['lago_id']}", {"invoice": {"payment_status": "succeeded"}})
    note = await credit(sandbox, invoice, entries, refund_amount_cents=1240)
    assert (note["refund_amount_cents"], note["balance_amount_cents"]) == (1240, 0)
    more = await ask(sandbox, invoice, items((fee_id(invoice, "api"), 1033)), refund_amount_cents=1240)
    assert more.json() == validation(refund_amount_cents="higher_than_remaining_invoice_amount")


async def test_an_offset_settles_what_is_due(sandbox: Sandbox) -> None:
    invoice = await two_fees(sandbox)
    await pay(sandbox, invoice["lago_id"], 1239)
    entries = items((fee_id(invoice), 1033))
    assert (await estimate(sandbox, invoice, entries))["max_offsettable_amount_cents"] == 1240
    await credit(sandbox, invoice, entries, offset_amount_cents=1240)
    after = await sandbox.invoice(invoice["lago_id"])
    assert (after["total_due_amount_cents"], after["total_offsetted_credit_note_amount_cents"]) == (0, 1240)
    assert (after["payment_status"], after["total_paid_amount_cents"]) == ("succeeded", 1239)
    assert {fee["payment_status"] for fee in after["fees"]} == {"succeeded"}
    answer = await ask(sandbox, invoice, items((fee_id(invoice, "api"), 1033)), offset_amount_cents=1239)
    assert answer.json()["error_details"]["offset_amount_cents"] == ["higher_than_remaining_invoice_amount"]


@pytest.mark.parametrize("reason", ["duplicated_charge", "fraudulent_charge", None])
async def test_reasons_and_description(sandbox: Sandbox, reason: str | None) -> None:
    invoice = await two_fees(sandbox)
    note = await credit(
        sandbox,
        invoice,
        items((fee_id(invoice), 100)),
        credit_amount_cents=120,
        refund_amount_cents=None,
        reason=reason,
        description="sorry",
        metadata={"ticket": "4711", "note": None},
    )
    assert (note["reason"], note["description"]) == (reason or "other", "sorry")
    assert note["metadata"] == {"ticket": "4711", "note": None}
