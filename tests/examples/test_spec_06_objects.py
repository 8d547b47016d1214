"""Events of spec 06 §16.7 about wallets, purchases, endings and refunds, as they arrive at an endpoint."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.refunding import report_refund
from tests.billing.notifications.conftest import receiver
from tests.billing.notifications.test_payloads import START, Wired, wired
from tests.billing.payments.test_manual import paid
from tests.server.rest.contract import problems
from tests.support.credits import apply, coupon, credit, details, fee_id, items
from tests.support.wallets import pay_invoice

__all__ = ["receiver", "wired"]


async def wallet(wired: Wired, **values: Any) -> Any:
    """A new wallet of 1 EUR per credit whose jobs have not run yet."""
    body = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", **values}
    return (await wired.sandbox.call("POST", "wallets", {"wallet": body}))["wallet"]


async def told(wired: Wired, prefix: str = "wallet", **more: str) -> list[tuple[str, Any]]:
    return [(name, item) for name, item in await wired.news(**more) if name.startswith(prefix)]


async def test_06_16_7_the_life_of_a_wallet(wired: Wired) -> None:
    sandbox = wired.sandbox
    await sandbox.customer("c1")
    made = await wallet(wired, granted_credits="10")
    arrived = await told(wired)
    assert {"wallet.created", "wallet.updated", "wallet_transaction.created"} == {name for name, _ in arrived}
    [created] = [item for name, item in arrived if name == "wallet.created"]
    assert created["lago_id"] == made["lago_id"]
    assert created["recurring_transaction_rules"] == []
    [granted] = [item for name, item in arrived if name == "wallet_transaction.created"]
    assert (granted["transaction_status"], granted["status"], granted["amount"]) == ("granted", "settled", "10.0")
    assert granted["wallet"]["lago_id"] == made["lago_id"]
    assert problems("WalletTransactionObject", granted) == []
    await sandbox.call("PUT", f"wallets/{made['lago_id']}", {"wallet": {"name": "Renamed"}})
    updates = [item["name"] for name, item in await told(wired) if name == "wallet.updated"]
    assert updates
    assert set(updates) == {"Renamed"}
    body = {"wallet_id": made["lago_id"], "voided_credits": "10"}
    await sandbox.call("POST", "wallet_transactions", {"wallet_transaction": body})
    arrived = await told(wired)
    [voided] = [item for name, item in arrived if name == "wallet_transaction.created"]
    assert (voided["transaction_status"], voided["amount"]) == ("voided", "10.0")
    [empty] = [item for name, item in arrived if name == "wallet.depleted_ongoing_balance"]
    assert (empty["lago_id"], empty["ongoing_balance_cents"]) == (made["lago_id"], 0)
    await sandbox.call("DELETE", f"wallets/{made['lago_id']}")
    [(name, ended)] = [entry for entry in await told(wired) if entry[0] != "wallet.updated"]
    assert (name, ended["status"], ended["terminated_at"]) == ("wallet.terminated", "terminated", START)


async def test_06_16_7_a_wallet_that_expires(wired: Wired) -> None:
    await wired.sandbox.customer("c1")
    await wallet(wired, granted_credits="1", expiration_at="2024-01-20T00:00:00Z")
    await wired.news()
    ended = await wired.new("wallet.terminated", at="2024-01-21T00:00:00Z")
    assert ended["terminated_at"] == "2024-01-20T00:45:00Z"


@pytest.mark.parametrize("gated", [False, True])
async def test_04_2_4_a_purchase_of_credits(wired: Wired, gated: bool) -> None:
    """``invoice.paid_credit_added`` at its issue; an ``open`` one is silent until it is paid (05 D4)."""
    sandbox = wired.sandbox
    await sandbox.customer("c1")
    await wallet(wired, paid_credits="10", invoice_requires_successful_payment=gated)
    arrived = await wired.news()
    [bought] = [item for name, item in arrived if name == "wallet_transaction.created"]
    assert (bought["transaction_status"], bought["status"]) == ("purchased", "pending")
    issued = [item for name, item in arrived if name.startswith("invoice.")]
    names = sorted(name for name, _ in arrived if name.startswith("invoice."))
    assert names == ([] if gated else ["invoice.generated", "invoice.paid_credit_added"])
    found = await sandbox.call("GET", f"wallet_transactions/{bought['lago_id']}")
    lago_id = found["wallet_transaction"]["lago_invoice_id"]
    assert {item["lago_id"] for item in issued} == (set() if gated else {lago_id})
    await pay_invoice(sandbox, lago_id, "failed")
    arrived = await wired.news()
    [failed] = [item for name, item in arrived if name == "wallet_transaction.updated"]
    assert (failed["lago_id"], failed["status"]) == (bought["lago_id"], "failed")
    status = [] if gated else ["invoice.payment_status_updated"]
    assert [name for name, _ in arrived if name.startswith("invoice.")] == status, "invisible ones say nothing"
    await paid(sandbox, lago_id, 1000)
    arrived = await wired.news()
    [settled] = [item for name, item in arrived if name == "wallet_transaction.updated"]
    assert (settled["status"], settled["wallet"]["balance_cents"]) == ("settled", 1000)
    names = [name for name, _ in arrived if name.startswith("invoice.")]
    assert ("invoice.paid_credit_added" in names) is gated
    invoice = await sandbox.invoice(lago_id)
    for name, item in [*arrived, *((("invoice.paid_credit_added", one)) for one in issued[-1:])]:
        if name == "invoice.paid_credit_added":
            assert (item["lago_id"], item["number"], item["invoice_type"]) == (lago_id, invoice["number"], "credit")
            assert {"customer", "fees", "applied_taxes"} <= set(item)
            assert not {"subscriptions", "billing_periods", "credits"} & set(item)


async def test_05_D5_payments_with_credits(wired: Wired) -> None:
    """One transaction per wallet is announced when it pays, and the grant when a void gives it back."""
    sandbox = wired.sandbox
    await sandbox.customer("c1")
    await wallet(wired, granted_credits="10")
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await wired.news()
    await sandbox.subscribe()
    arrived = await wired.news()
    [used] = [item for name, item in arrived if name == "wallet_transaction.created"]
    [invoice] = [item for name, item in arrived if name == "invoice.created"]
    assert (used["transaction_status"], used["amount"], used["lago_invoice_id"]) == (
        "invoiced",
        "10.0",
        invoice["lago_id"],
    )
    await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void")
    back = await wired.new("wallet_transaction.created")
    assert (back["transaction_status"], back["lago_voided_invoice_id"]) == ("granted", invoice["lago_id"])


async def test_03_8_1_alerts_of_a_termination(wired: Wired) -> None:
    """45 and 15 days before the end, each day once."""
    sandbox = wired.sandbox
    await sandbox.plan("p", 3100)
    await sandbox.subscribe(ending_at="2024-04-01T00:00:00Z")
    await wired.news()
    days: list[str] = []
    for day in ("2024-02-15", "2024-02-17", "2024-02-20", "2024-03-16", "2024-03-18", "2024-03-31"):
        alerts = await told(wired, "subscription.termination_alert", at=f"{day}T23:00:00Z")
        assert all((item["external_id"], item["plan"]["code"]) == ("s1", "p") for _, item in alerts)
        assert all(item["customer"]["external_id"] == "c1" for _, item in alerts)
        days += [day] * len(alerts)
    assert days == ["2024-02-17", "2024-03-18"]


async def test_06_11_a_refund_that_fails(wired: Wired) -> None:
    sandbox = wired.sandbox
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    [invoice] = await details(sandbox)
    await paid(sandbox, invoice, 1700)
    made = await credit(sandbox, invoice, items((fee_id(invoice), 1000)), refund_amount_cents=1000)
    await wired.news()
    failure = {
        "lago_credit_note_id": made["lago_id"],
        "lago_customer_id": made["customer"]["lago_id"],
        "external_customer_id": "c1",
        "provider_customer_id": "cus_1",
        "payment_provider": "stripe",
        "payment_provider_code": "stripe_1",
        "provider_error": {"message": "Payment refund failed", "error_code": None},
    }
    async with sandbox.context() as ctx:
        note = await ctx.session.get_one(CreditNote, UUID(made["lago_id"]))
        assert await report_refund(ctx, note, "failed", failure=failure)
    assert await wired.new("credit_note.refund_failure") == failure


async def test_05_B2_coupons_have_no_webhooks(wired: Wired) -> None:
    await wired.sandbox.customer("c1", currency="EUR")
    await wired.news()
    await coupon(wired.sandbox)
    given = await apply(wired.sandbox)
    await wired.sandbox.call("DELETE", f"customers/c1/applied_coupons/{given['lago_id']}")
    await wired.sandbox.call("DELETE", "coupons/deal")
    assert await wired.news() == []


async def test_05_C3_credit_notes_and_what_they_settle(wired: Wired) -> None:
    """An offset of all that is due pays the invoice; the automatic note of a termination is told as well (05 C4)."""
    sandbox = wired.sandbox
    await sandbox.tax("vat", "20")
    await sandbox.plan("p", 3100, pay_in_advance=True)
    for name in ("s1", "s2"):
        await sandbox.subscribe(name)
    first, second = await details(sandbox)
    await wired.news()
    made = await credit(sandbox, first, items((fee_id(first), 1700)), offset_amount_cents=2040)
    arrived = await told(wired, "")
    assert [name for name, _ in arrived] == [
        "credit_note.created",
        "credit_note.generated",
        "invoice.payment_status_updated",
    ]
    (_, created), (_, generated), (_, settled) = arrived
    assert (created["lago_id"], created["offset_amount_cents"], created["file_url"]) == (made["lago_id"], 2040, None)
    assert {"customer", "items", "applied_taxes"} <= set(created)
    assert generated["file_url"].endswith(f"/{made['number']}.pdf")
    assert not {"items", "applied_taxes"} & set(generated)
    assert (settled["lago_id"], settled["payment_status"], settled["total_due_amount_cents"]) == (
        first["lago_id"],
        "succeeded",
        0,
    )
    await sandbox.advance("2024-01-20T12:00:00Z")
    await sandbox.terminate(second["subscriptions"][0]["external_id"], on_termination_invoice="skip")
    note = await wired.new("credit_note.created", at="2024-01-20T12:00:00Z")
    assert (note["lago_invoice_id"], note["reason"]) == (second["lago_id"], "order_cancellation")
    assert (note["sub_total_excluding_taxes_amount_cents"], note["credit_amount_cents"]) == (1100, 1320)


async def test_04_2_4_a_draft_whose_taxes_are_known(wired: Wired) -> None:
    """Told at once; nothing else until it is final, refreshed or not."""
    sandbox = wired.sandbox
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await wired.news()
    await sandbox.subscribe()
    drafted, ready = await told(wired, "invoice.")
    assert (drafted[0], ready[0]) == ("invoice.drafted", "invoice.ready_to_finalize")
    assert drafted[1] == ready[1]
    await sandbox.call("PUT", f"invoices/{ready[1]['lago_id']}/refresh")
    assert await told(wired, "invoice.", at="2024-01-17T00:00:00Z") == []
    names = [name for name, _ in await told(wired, "invoice.", at="2024-01-18T01:00:00Z")]
    assert names == ["invoice.created", "invoice.generated"]
