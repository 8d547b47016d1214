"""Manual payments: recorded, listed, and what they do to an invoice (spec 06 §12, §5.4)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from tests.billing.invoicing.test_one_off import add_on, sell
from tests.billing.notifications.conftest import receiver
from tests.billing.notifications.test_payloads import Wired, wired
from tests.server.rest.client import validation
from tests.server.rest.contract import problems, unknown_keys
from tests.support.credits import ask, credit, details, fee_id, items
from tests.support.sandbox import Sandbox
from tests.support.wallets import pay_invoice, reread, run_jobs, transactions, wallet

__all__ = ["receiver", "wired"]


async def record(sandbox: Sandbox, invoice: Any, amount_cents: Any, reference: Any = "transfer", **more: Any) -> Any:
    """The answer to recording a payment."""
    lago_id = invoice["lago_id"] if isinstance(invoice, dict) else invoice
    body = {"invoice_id": lago_id, "amount_cents": amount_cents, "reference": reference, **more}
    return await sandbox.rest.post("payments", {"payment": body})


async def paid(sandbox: Sandbox, invoice: Any, amount_cents: int, **more: Any) -> Any:
    answer = await record(sandbox, invoice, amount_cents, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["payment"]


def state(invoice: Any) -> tuple[str, int, int]:
    return (invoice["payment_status"], invoice["total_paid_amount_cents"], invoice["total_due_amount_cents"])


@pytest.fixture
async def invoice(sandbox: Sandbox) -> Any:
    """100.00 EUR of January, finalized on February 1."""
    await sandbox.customer("c1", name="Acme")
    await sandbox.plan("p", 10000)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [found] = await details(sandbox)
    return found


async def test_06_12_the_example(sandbox: Sandbox, invoice: Any) -> None:
    """Total 10000, credit note offset 1500; 5000 paid; 3501 refused; 3500 settles."""
    await credit(sandbox, invoice, items((fee_id(invoice), 1500)), offset_amount_cents=1500)
    await paid(sandbox, invoice, 5000)
    assert state(await sandbox.invoice(invoice["lago_id"])) == ("pending", 5000, 3500)
    refused = await record(sandbox, invoice, 3501)
    assert (refused.status_code, refused.json()) == (422, validation(amount_cents="value_is_out_of_range"))
    await paid(sandbox, invoice, 3500)
    assert state(await sandbox.invoice(invoice["lago_id"])) == ("succeeded", 8500, 0)
    more = await record(sandbox, invoice, 1)
    assert more.json() == validation(amount_cents="value_is_out_of_range")


async def test_06_12_the_object(sandbox: Sandbox, invoice: Any) -> None:
    first = await paid(sandbox, invoice, 4000, paid_at="2024-01-31")
    assert problems("PaymentObject", first) == []
    assert unknown_keys("PaymentObject", first) == set()
    assert first["lago_id"]
    assert first == {
        "lago_id": first["lago_id"],
        "lago_customer_id": invoice["customer"]["lago_id"],
        "external_customer_id": "c1",
        "invoice_ids": [invoice["lago_id"]],
        "invoice_numbers": [invoice["number"]],
        "lago_payable_id": invoice["lago_id"],
        "payable_type": "Invoice",
        "amount_cents": 4000,
        "amount_currency": "EUR",
        "status": "succeeded",
        "payment_status": "succeeded",
        "type": "manual",
        "reference": "transfer",
        "payment_provider_code": None,
        "payment_provider_type": None,
        "external_payment_id": None,
        "provider_payment_id": None,
        "provider_customer_id": None,
        "payment_method_id": None,
        "next_action": {},
        "created_at": "2024-01-31T00:00:00Z",
    }
    second = await paid(sandbox, invoice, 6000, reference="x" * 40)
    assert second["created_at"] == "2024-02-01T00:00:00Z"
    assert (await sandbox.call("GET", f"payments/{first['lago_id']}"))["payment"] == first
    listed = await sandbox.call("GET", "payments")
    assert problems("PaymentsPaginated", listed) == []
    assert (listed["payments"], listed["meta"]["total_count"]) == ([second, first], 2), "newest first"


async def test_06_12_checks_in_order(sandbox: Sandbox, invoice: Any) -> None:
    async def refusal(**values: Any) -> Any:
        body = {"invoice_id": invoice["lago_id"], "amount_cents": 100, "reference": "r", **values}
        answer = await sandbox.rest.post("payments", {"payment": body})
        return answer.status_code, answer.json().get("code"), answer.json().get("error_details")

    def refused(**codes: str) -> Any:
        return 422, "validation_errors", {name: [code] for name, code in codes.items()}

    wrong: dict[str, Any] = {"amount_cents": "x", "reference": "", "paid_at": "soon"}
    for blank in ("", "  ", None):
        assert await refusal(**{**wrong, "invoice_id": blank}) == refused(invoice_id="value_is_mandatory")
    for amount in ("x", 0, -1, 1.5, True, None, {}, [1], 2**70):
        assert await refusal(**{**wrong, "invoice_id": str(uuid4()), "amount_cents": amount}) == refused(
            amount_cents="invalid_value"
        )
    for unknown in (str(uuid4()), "nonsense", 7):
        found = await refusal(**{**wrong, "invoice_id": unknown, "amount_cents": 100})
        assert found[:2] == (404, "invoice_not_found")
    assert await refusal(paid_at="soon", reference="") == refused(paid_at="invalid_date")
    assert await refusal(paid_at=20240101, reference="") == refused(paid_at="invalid_date")
    assert await refusal(reference=" ", amount_cents=20000) == refused(reference="value_is_mandatory")
    assert await refusal(reference="x" * 41, amount_cents=20000) == refused(reference="value_is_too_long")
    assert await refusal(amount_cents=10001) == refused(amount_cents="value_is_out_of_range")
    assert (await sandbox.call("GET", "payments"))["payments"] == []
    assert (await sandbox.rest.post("payments", {})).status_code == 400
    await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void")
    assert (await refusal(**{**wrong, "amount_cents": 1}))[:2] == (403, "feature_unavailable")


async def test_06_12_a_draft_cannot_be_paid(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan("p", 10000)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [draft] = await sandbox.invoices()
    answer = await record(sandbox, draft, 100)
    assert (answer.status_code, answer.json()["code"]) == (403, "feature_unavailable")
    await sandbox.call("DELETE", f"invoices/{draft['lago_id']}")
    assert (await record(sandbox, draft, 100)).status_code == 404


async def test_06_12_lists(sandbox: Sandbox, invoice: Any) -> None:
    await sandbox.customer("c2")
    await sandbox.subscribe("s2", customer="c2", subscription_at="2024-02-01T00:00:00Z")
    await sandbox.advance("2024-03-01T00:00:00Z")
    [other] = await sandbox.invoices(external_customer_id="c2")
    mine, theirs = await paid(sandbox, invoice, 1), await paid(sandbox, other, 2)

    async def ids(path: str) -> list[str]:
        return [item["lago_id"] for item in (await sandbox.call("GET", path))["payments"]]

    assert await ids("payments") == [theirs["lago_id"], mine["lago_id"]]
    assert await ids("payments?per_page=1&page=2") == [mine["lago_id"]]
    assert await ids(f"payments?invoice_id={invoice['lago_id']}") == [mine["lago_id"]]
    assert await ids(f"payments?invoice_id={uuid4()}") == []
    assert await ids("payments?external_customer_id=c2") == [theirs["lago_id"]]
    assert await ids("payments?external_customer_id=nobody") == []
    assert await ids("customers/c1/payments") == [mine["lago_id"]]
    assert await ids(f"customers/c1/payments?invoice_id={other['lago_id']}") == []
    assert (await sandbox.rest.get("payments?invoice_id=x")).json() == validation(invoice_id="value_is_invalid")
    assert (await sandbox.rest.get("customers/nobody/payments")).json()["code"] == "customer_not_found"
    assert (await sandbox.rest.get(f"payments/{uuid4()}")).json()["code"] == "payment_not_found"
    stranger = await sandbox.rest.another()
    assert (await stranger.get(f"payments/{mine['lago_id']}")).status_code == 404
    assert (await stranger.get("payments")).json()["payments"] == []
    assert (await record_as(stranger, invoice)).status_code == 404
    reader = await sandbox.rest.with_key({"payment": ["read"]})
    assert (await reader.get("payments")).status_code == 200
    assert (await record_as(reader, invoice)).status_code == 403


async def record_as(client: Any, invoice: Any) -> Any:
    body = {"invoice_id": invoice["lago_id"], "amount_cents": 1, "reference": "r"}
    return await client.post("payments", {"payment": body})


async def test_06_5_4_fees_and_overdue_follow(sandbox: Sandbox, invoice: Any) -> None:
    await sandbox.advance("2024-02-03T00:00:00Z")
    assert (await sandbox.invoice(invoice["lago_id"]))["payment_overdue"] is True
    await paid(sandbox, invoice, 4000)
    partly = await sandbox.invoice(invoice["lago_id"])
    assert (state(partly), partly["payment_overdue"]) == (("pending", 4000, 6000), True)
    assert [item["lago_id"] for item in await sandbox.invoices(partially_paid="true")] == [invoice["lago_id"]]
    await paid(sandbox, invoice, 6000)
    whole = await sandbox.invoice(invoice["lago_id"])
    assert (state(whole), whole["payment_overdue"]) == (("succeeded", 10000, 0), False)
    assert {(fee["payment_status"], fee["succeeded_at"]) for fee in whole["fees"]} == {
        ("succeeded", "2024-02-03T00:00:00Z")
    }


async def test_two_at_once_never_overpay(sandbox: Sandbox, invoice: Any) -> None:
    answers = await asyncio.gather(*(record(sandbox, invoice, 3000, f"r{number}") for number in range(6)))
    assert Counter(answer.status_code for answer in answers) == {200: 3, 422: 3}
    assert state(await sandbox.invoice(invoice["lago_id"])) == ("pending", 9000, 1000)
    assert (await sandbox.call("GET", "payments"))["meta"]["total_count"] == 3


async def test_06_trap_16_marking_as_paid_is_no_payment(sandbox: Sandbox, invoice: Any) -> None:
    """The mark leaves amounts alone, so nothing can be refunded; recording what was received does both."""
    await pay_invoice(sandbox, invoice["lago_id"])
    assert state(await sandbox.invoice(invoice["lago_id"])) == ("succeeded", 0, 10000)
    assert (await sandbox.call("GET", "payments"))["payments"] == []
    entries = items((fee_id(invoice), 2000))
    refused = await ask(sandbox, invoice, entries, refund_amount_cents=2000)
    assert refused.json() == validation(refund_amount_cents="cannot_refund_unpaid_invoice")
    await paid(sandbox, invoice, 10000)
    assert state(await sandbox.invoice(invoice["lago_id"])) == ("succeeded", 10000, 0)
    note = await credit(sandbox, invoice, entries, refund_amount_cents=2000)
    assert (note["refund_amount_cents"], note["refund_status"]) == (2000, "pending")


async def test_05_C3_a_part_that_was_paid_can_be_refunded(sandbox: Sandbox, invoice: Any) -> None:
    await paid(sandbox, invoice, 3000)
    entries = items((fee_id(invoice), 3001))
    refused = await ask(sandbox, invoice, entries, refund_amount_cents=3001)
    assert refused.json() == validation(refund_amount_cents="higher_than_remaining_invoice_amount")
    note = await credit(sandbox, invoice, items((fee_id(invoice), 3000)), refund_amount_cents=3000)
    assert note["refund_status"] == "pending", "there is no provider: a person says when it was refunded (06 §11)"


async def test_05_D4_a_payment_of_a_purchase_of_credits(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    for gated in (False, True):
        made = await wallet(sandbox, name=f"W{gated}", paid_credits="10", invoice_requires_successful_payment=gated)
        [bought] = await transactions(sandbox, made, transaction_status="purchased")
        lago_id = bought["lago_invoice_id"]
        partial = await record(sandbox, lago_id, 999)
        assert partial.json() == validation(amount_cents="invalid_amount")
        payment = await paid(sandbox, lago_id, 1000)
        await run_jobs(sandbox)
        invoice = await sandbox.invoice(lago_id)
        assert (invoice["status"], *state(invoice)) == ("finalized", "succeeded", 1000, 0)
        assert payment["invoice_numbers"] == [invoice["number"]]
        assert (await reread(sandbox, made))["balance_cents"] == 1000
        assert (await record(sandbox, lago_id, 1000)).status_code == 422, "credits are added once"
        assert (await reread(sandbox, made))["balance_cents"] == 1000
        refund = await credit(sandbox, invoice, items((invoice["fees"][0]["lago_id"], 400)), refund_amount_cents=400)
        assert refund["refund_status"] == "pending"
        assert (await reread(sandbox, made))["balance_cents"] == 600, "C6: credits worth the refund are voided"


async def test_a_payment_after_a_failed_one_settles(sandbox: Sandbox, invoice: Any) -> None:
    await pay_invoice(sandbox, invoice["lago_id"], "failed")
    await paid(sandbox, invoice, 100)
    assert state(await sandbox.invoice(invoice["lago_id"])) == ("failed", 100, 9900), "a part changes amounts only"
    await paid(sandbox, invoice, 9900)
    assert state(await sandbox.invoice(invoice["lago_id"])) == ("succeeded", 10000, 0)


async def test_06_16_7_only_a_success_is_announced(wired: Wired) -> None:
    """``payment.succeeded`` is about payments of providers; a manual one speaks through its invoice."""
    await wired.sandbox.customer("c1", currency="EUR")
    await add_on(wired.sandbox)
    invoice = await sell(wired.sandbox, {"add_on_code": "setup"})
    await wired.news()
    await paid(wired.sandbox, invoice, 1)
    assert await wired.news() == []
    await paid(wired.sandbox, invoice, invoice["total_amount_cents"] - 1)
    [(name, shown)] = await wired.news()
    assert (name, shown["lago_id"]) == ("invoice.payment_status_updated", invoice["lago_id"])
    assert state(shown) == ("succeeded", invoice["total_amount_cents"], 0)
