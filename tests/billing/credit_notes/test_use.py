"""Credit notes on later invoices; void, refund, document, lists, metadata (spec 05 C5, 04 §3.1 step 6, §18)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.refunding import report_refund
from billwright.billing.credit_notes.use import spread
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.totals import Totals
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.credits import apply, ask, coupon, credit, details, fee_id, items, money, notes, pay
from tests.support.sandbox import Sandbox


@dataclass
class Line:
    amount_cents: int
    discount: Decimal
    credit_notes: Decimal = Decimal(0)


@dataclass
class Taxed:
    taxes_amount_cents: int


@dataclass
class Sums:
    fee_taxes: list[Taxed]


def test_05_C5_spread_over_fees() -> None:
    fees = [Line(5000, Decimal(500)), Line(3000, Decimal(300))]
    totals = Sums([Taxed(900), Taxed(540)])

    def use(credit_cents: int, due_cents: int) -> list[Decimal]:
        spread(cast("list[FeeDraft]", fees), cast(Totals, totals), credit_cents, due_cents)
        return [fee.credit_notes for fee in fees]

    assert use(2400, 8640) == [1500, 900]
    assert use(600, 6240) == [1875, 1125]


async def month(sandbox: Sandbox, number: int) -> Any:
    """The invoice of a month start of 2024."""
    await sandbox.advance(f"2024-{number:02}-01T00:00:00Z")
    return (await details(sandbox))[-1]


async def subscribed(sandbox: Sandbox, price: int = 3000, **plan: Any) -> Any:
    await sandbox.customer("c1")
    await sandbox.plan("p", price, pay_in_advance=True, **plan)
    await sandbox.advance("2024-04-01T00:00:00Z")
    await sandbox.subscribe()
    [invoice] = await details(sandbox)
    return invoice


async def test_05_C5_oldest_first(sandbox: Sandbox) -> None:
    invoice = await subscribed(sandbox)
    await sandbox.plan("other", 2000, pay_in_advance=True)
    await sandbox.advance("2024-04-10T00:00:00Z")
    a = await credit(sandbox, invoice, items((fee_id(invoice), 2400)), credit_amount_cents=2400)
    await sandbox.advance("2024-04-12T00:00:00Z")
    b = await credit(sandbox, invoice, items((fee_id(invoice), 600)), credit_amount_cents=600)
    may = await month(sandbox, 5)
    assert (may["credit_notes_amount_cents"], may["total_amount_cents"]) == (3000, 0)
    assert may["payment_status"] == "succeeded"
    assert [(line["item"]["code"], line["amount_cents"]) for line in may["credits"]] == [
        (a["number"], 2400),
        (b["number"], 600),
    ]
    assert [note["credit_status"] for note in await notes(sandbox)] == ["consumed", "consumed"]
    assert (await month(sandbox, 6))["total_amount_cents"] == 3000


async def test_05_C5_the_rest_stays_on_the_balance(sandbox: Sandbox) -> None:
    """CN A 2400, CN B 1000, invoice 3000: A pays 2400, B 600 and keeps 400."""
    invoice = await subscribed(sandbox, 3400)
    await credit(sandbox, invoice, items((fee_id(invoice), 2400)), credit_amount_cents=2400)
    await credit(sandbox, invoice, items((fee_id(invoice), 1000)), credit_amount_cents=1000)
    await sandbox.call("PUT", "plans/p", {"plan": {"amount_cents": 3000}})
    may = await month(sandbox, 5)
    assert may["total_amount_cents"] == 0
    first, second = await notes(sandbox)
    assert (first["credit_status"], second["credit_status"], second["balance_amount_cents"]) == (
        "consumed",
        "available",
        400,
    )
    voided = await sandbox.call("POST", f"invoices/{may['lago_id']}/void")
    assert voided["invoice"]["status"] == "voided"
    assert [note["balance_amount_cents"] for note in await notes(sandbox)] == [0, 400]


async def test_05_top_coupon_then_taxes_then_credit_note(sandbox: Sandbox) -> None:
    """The check on top of spec 05 without its wallet: fees 7000, coupon 1000, tax 10 %, credit note 2000."""
    await sandbox.tax("vat", "10")
    invoice = await subscribed(sandbox, 7000)
    await credit(sandbox, invoice, items((fee_id(invoice), 1818)), credit_amount_cents=2000)
    await coupon(sandbox, amount_cents=1000)
    await apply(sandbox)
    may = await month(sandbox, 5)
    assert money(may) == (7000, 1000, 600, 4600)
    assert may["sub_total_excluding_taxes_amount_cents"] == 6000
    assert may["sub_total_including_taxes_amount_cents"] == 6600
    assert may["credit_notes_amount_cents"] == 2000
    assert [line["before_taxes"] for line in may["credits"]] == [True, False]


async def test_other_currencies_and_refunds_are_not_used(sandbox: Sandbox) -> None:
    invoice = await subscribed(sandbox)
    await pay(sandbox, invoice["lago_id"], 3000)
    await credit(sandbox, invoice, items((fee_id(invoice), 1000)), refund_amount_cents=1000)
    note = await credit(sandbox, invoice, items((fee_id(invoice), 500)), credit_amount_cents=500)
    async with sandbox.context() as ctx:
        (await ctx.session.get_one(CreditNote, UUID(note["lago_id"]))).currency = "USD"
    assert (await month(sandbox, 5))["total_amount_cents"] == 3000


async def test_drafts_use_nothing_until_they_are_final(sandbox: Sandbox) -> None:
    invoice = await subscribed(sandbox)
    await credit(sandbox, invoice, items((fee_id(invoice), 1000)), credit_amount_cents=1000)
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    draft = await month(sandbox, 5)
    assert (draft["status"], draft["credits"], draft["total_amount_cents"]) == ("draft", [], 3000)
    await sandbox.call("PUT", f"invoices/{draft['lago_id']}/refresh")
    assert [note["balance_amount_cents"] for note in await notes(sandbox)] == [1000]
    issued = (await sandbox.call("PUT", f"invoices/{draft['lago_id']}/finalize"))["invoice"]
    assert (issued["credit_notes_amount_cents"], issued["total_amount_cents"]) == (1000, 2000)


async def test_05_C5_void(sandbox: Sandbox) -> None:
    invoice = await subscribed(sandbox)
    await pay(sandbox, invoice["lago_id"], 500)
    note = await credit(
        sandbox, invoice, items((fee_id(invoice), 1500)), credit_amount_cents=1000, refund_amount_cents=500
    )
    voided = (await sandbox.call("PUT", f"credit_notes/{note['lago_id']}/void"))["credit_note"]
    assert (voided["credit_status"], voided["balance_amount_cents"], voided["refund_status"]) == (
        "voided",
        0,
        "pending",
    )
    assert voided["voided_at"] == "2024-04-01T00:00:00Z"
    again = await sandbox.rest.put(f"credit_notes/{note['lago_id']}/void")
    assert (again.status_code, again.json()["code"]) == (405, "no_voidable_amount")
    assert (await month(sandbox, 5))["total_amount_cents"] == 3000
    more = await ask(sandbox, invoice, items((fee_id(invoice), 1501)), credit_amount_cents=1501)
    assert more.json() == validation(amount_cents="higher_than_remaining_fee_amount")


async def test_05_C5_refund_reported_by_hand(sandbox: Sandbox) -> None:
    invoice = await subscribed(sandbox)
    await pay(sandbox, invoice["lago_id"], 3000)
    note = await credit(sandbox, invoice, items((fee_id(invoice), 1000)), refund_amount_cents=1000)
    path = f"credit_notes/{note['lago_id']}"

    async def report(status: str) -> str:
        return (await sandbox.call("PUT", path, {"credit_note": {"refund_status": status}}))["credit_note"][
            "refund_status"
        ]

    refused = await sandbox.rest.put(path, {"credit_note": {"refund_status": "maybe"}})
    assert refused.json() == validation(refund_status="value_is_invalid")
    assert [await report("failed"), await report("succeeded"), await report("failed")] == [
        "failed",
        "succeeded",
        "succeeded",
    ]
    unknown = await sandbox.rest.put(f"credit_notes/{uuid4()}", {"credit_note": {"refund_status": "maybe"}})
    assert unknown.json()["code"] == "credit_note_not_found"


async def test_05_C5_a_providers_failure_is_announced(sandbox: Sandbox) -> None:
    invoice = await subscribed(sandbox)
    await pay(sandbox, invoice["lago_id"], 3000)
    made = await credit(sandbox, invoice, items((fee_id(invoice), 1000)), refund_amount_cents=1000)
    async with sandbox.context() as ctx:
        ctx.organization.webhook_event_types = ["credit_note.refund_failure"]
        note = await ctx.session.get_one(CreditNote, UUID(made["lago_id"]))
        failure = {"lago_credit_note_id": made["lago_id"], "provider_error": {"message": "no"}}
        assert await report_refund(ctx, note, "failed", failure=failure)
        assert not await report_refund(ctx, note, "failed", failure=failure)
        assert ctx.session.info["queued_jobs"]
    assert (await notes(sandbox))[0]["refund_status"] == "failed"


async def test_04_18_the_document(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20")
    invoice = await subscribed(sandbox)
    note = await credit(sandbox, invoice, items((fee_id(invoice), 1000)), credit_amount_cents=1200)
    assert note["file_url"] is None
    path = f"credit_notes/{note['lago_id']}"
    assert await sandbox.call("POST", f"{path}/download") is None
    await sandbox.advance("2024-04-01T00:00:01Z")
    ready = (await sandbox.call("POST", f"{path}/download"))["credit_note"]
    assert ready["file_url"].endswith(f"/{note['number']}.pdf")
    assert (await sandbox.call("POST", f"{path}/download_pdf"))["credit_note"]["file_url"] == ready["file_url"]
    unknown = await sandbox.rest.post(f"credit_notes/{uuid4()}/download")
    assert unknown.json()["code"] == "credit_note_not_found"


async def test_05_C5_lists(sandbox: Sandbox) -> None:
    invoice = await subscribed(sandbox)
    await sandbox.customer("c1", name="Gavin", email="g@hooli.test")
    await pay(sandbox, invoice["lago_id"], 1000)
    first = await credit(sandbox, invoice, items((fee_id(invoice), 100)), credit_amount_cents=100)
    await sandbox.advance("2024-04-02T00:00:00Z")
    second = await credit(
        sandbox, invoice, items((fee_id(invoice), 200)), refund_amount_cents=200, reason="duplicated_charge"
    )
    both = [second["lago_id"], first["lago_id"]]

    async def shown(path: str = "credit_notes", **query: Any) -> list[str]:
        return [item["lago_id"] for item in (await sandbox.call("GET", path, params=query))["credit_notes"]]

    assert await shown() == both
    assert await shown("customers/c1/credit_notes") == both
    for query, expected in (
        ({"external_customer_id": "c1"}, both),
        ({"external_customer_id": "cx"}, []),
        ({"issuing_date_from": "2024-04-02"}, both[:1]),
        ({"issuing_date_to": "2024-04-01"}, both[1:]),
        ({"amount_from": "101"}, both[:1]),
        ({"amount_to": "100"}, both[1:]),
        ({"currency": "USD"}, []),
        ({"reason": "duplicated_charge"}, both[:1]),
        ({"reason": "whim"}, both),
        ({"credit_status": "available"}, both),
        ({"refund_status": "pending"}, both[:1]),
        ({"invoice_number": invoice["number"]}, both),
        ({"search_term": "CN002"}, both[:1]),
        ({"search_term": "gavin"}, both),
        ({"search_term": first["lago_id"]}, both[1:]),
        ({"search_term": "100%"}, []),
        ({"self_billed": "true"}, []),
    ):
        assert await shown(**query) == expected, query
    answer = await sandbox.rest.get("credit_notes", params={"billing_entity_codes[]": "nope"})
    assert answer.json()["code"] == "billing_entity_not_found"
    other = await sandbox.rest.another()
    assert (await other.get(f"credit_notes/{first['lago_id']}")).status_code == 404
    assert (await other.get("credit_notes")).json()["credit_notes"] == []


async def test_05_C5_metadata(sandbox: Sandbox) -> None:
    invoice = await subscribed(sandbox)
    note = await credit(sandbox, invoice, items((fee_id(invoice), 100)), credit_amount_cents=100)
    path = f"credit_notes/{note['lago_id']}/metadata"
    assert await sandbox.call("POST", path, {"metadata": {"a": "1", "b": None}}) == {"metadata": {"a": "1", "b": None}}
    merged = await sandbox.call("PATCH", path, {"metadata": {"c": "3"}})
    assert merged == {"metadata": {"a": "1", "b": None, "c": "3"}}
    await sandbox.call("PUT", f"credit_notes/{note['lago_id']}", {"credit_note": {"metadata": {"a": "2"}}})
    assert await sandbox.call("DELETE", f"{path}/b") == {"metadata": {"a": "2", "c": "3"}}
    assert (await sandbox.rest.delete(f"{path}/b")).json()["code"] == "metadata_not_found"
    assert await sandbox.call("POST", path, {"metadata": {"z": "26"}}) == {"metadata": {"z": "26"}}
    assert await sandbox.call("DELETE", path) == {"metadata": None}
    for bad, code in (
        ({"k" * 101: "v"}, "key_too_long"),
        ({"k": "v" * 256}, "value_too_long"),
        ({"k": {}}, "nested_structure_not_allowed"),
        ({str(n): "v" for n in range(51)}, "too_many_keys"),
    ):
        assert (await sandbox.rest.post(path, {"metadata": bad})).json() == validation(metadata=code)


async def test_answers_follow_the_contract(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20")
    invoice = await subscribed(sandbox)
    entries = items((fee_id(invoice), 1000))
    note = await credit(sandbox, invoice, entries, credit_amount_cents=1200)
    assert problems("CreditNoteExtended", {"credit_note": note}) == []
    assert problems("CreditNotesPaginated", await sandbox.call("GET", "credit_notes")) == []
    body = {"credit_note": {"invoice_id": invoice["lago_id"], "items": entries}}
    assert problems("CreditNoteEstimated", await sandbox.call("POST", "credit_notes/estimate", body)) == []
    may = await month(sandbox, 5)
    assert problems("Invoice", {"invoice": may}) == []


@pytest.mark.parametrize("status", ["pending", "failed"])
async def test_only_issued_invoices_can_be_credited(sandbox: Sandbox, status: str) -> None:
    invoice = await subscribed(sandbox)
    async with sandbox.context() as ctx:
        (await ctx.session.get_one(Invoice, UUID(invoice["lago_id"]))).status = status
    answer = await ask(sandbox, invoice, items((fee_id(invoice), 100)), credit_amount_cents=100)
    assert (answer.status_code, answer.json()["code"]) == (405, "invalid_type_or_status")
