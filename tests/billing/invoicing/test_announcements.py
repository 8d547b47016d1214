"""What is announced about invoices after their issue, and with which parts (spec 06 §16.7)."""

from __future__ import annotations

from typing import Any

from tests.billing.invoicing.test_one_off import add_on, sell
from tests.billing.notifications.conftest import receiver
from tests.billing.notifications.test_payloads import START, Wired, wired

__all__ = ["receiver", "wired"]

OPTIONAL = {
    "customer",
    "subscriptions",
    "billing_periods",
    "fees",
    "credits",
    "applied_taxes",
    "error_details",
    "applied_invoice_custom_sections",
}


async def _sold(wired: Wired) -> Any:
    await wired.sandbox.tax("vat", "20")
    await wired.sandbox.customer("c1", currency="EUR")
    await add_on(wired.sandbox)
    return await sell(wired.sandbox, {"add_on_code": "setup"})


def _parts(item: Any) -> set[str]:
    return OPTIONAL & set(item)


async def test_a_one_off_invoice(wired: Wired) -> None:
    invoice = await _sold(wired)
    arrived = await wired.news()
    assert [name for name, _ in arrived if name.startswith("invoice")] == [
        "invoice.generated",
        "invoice.one_off_created",
    ]
    created = dict(arrived)["invoice.one_off_created"]
    assert _parts(created) == {"customer", "fees", "applied_taxes", "applied_invoice_custom_sections"}
    assert (created["lago_id"], created["number"]) == (invoice["lago_id"], invoice["number"])
    assert created["fees"] == invoice["fees"]


async def test_an_empty_one_that_is_closed_says_nothing(wired: Wired) -> None:
    await wired.sandbox.customer("c1", currency="EUR", finalize_zero_amount_invoice="skip")
    await add_on(wired.sandbox)
    body = {"external_customer_id": "c1", "fees": [{"add_on_code": "setup", "unit_amount_cents": 0}]}
    await wired.sandbox.call("POST", "invoices", {"invoice": body})
    assert [name for name, _ in await wired.news() if name.startswith("invoice")] == []


async def test_overdue_once_and_again_after_a_payment_is_taken_back(wired: Wired) -> None:
    invoice = await _sold(wired)
    await wired.news()
    overdue = await wired.new("invoice.payment_overdue", at="2024-01-16T00:25:00Z")
    assert _parts(overdue) == {"customer", "fees", "applied_taxes"}
    assert (overdue["payment_overdue"], overdue["lago_id"]) == (True, invoice["lago_id"])
    assert await wired.news(at="2024-01-18T00:00:00Z") == []
    path = f"invoices/{invoice['lago_id']}"
    for status in ("succeeded", "succeeded", "failed"):
        await wired.sandbox.call("PUT", path, {"invoice": {"payment_status": status}})
    names = [name for name, _ in await wired.news(at="2024-01-18T01:00:00Z")]
    assert names == ["invoice.payment_overdue", "invoice.payment_status_updated", "invoice.payment_status_updated"]


async def test_a_void(wired: Wired) -> None:
    invoice = await _sold(wired)
    await wired.news()
    await wired.sandbox.call("POST", f"invoices/{invoice['lago_id']}/void")
    voided = await wired.new("invoice.voided")
    assert _parts(voided) == OPTIONAL - {"error_details", "applied_invoice_custom_sections"}
    assert (voided["status"], voided["total_due_amount_cents"], voided["fees"]) == ("voided", 0, invoice["fees"])


async def test_a_deleted_draft(wired: Wired) -> None:
    sandbox = wired.sandbox
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    [draft] = await sandbox.invoices()
    await wired.news()
    await sandbox.call("DELETE", f"invoices/{draft['lago_id']}")
    deleted = await wired.new("invoice.deleted")
    assert (deleted["lago_id"], deleted["status"], len(deleted["fees"])) == (draft["lago_id"], "deleted", 1)
    assert await wired.news(at="2024-01-25T00:00:00Z") == []


async def test_a_lost_dispute_is_announced_once(wired: Wired) -> None:
    invoice = await _sold(wired)
    await wired.news()
    for _ in range(2):
        await wired.sandbox.call("POST", f"invoices/{invoice['lago_id']}/lose_dispute")
    lost = await wired.new("invoice.payment_dispute_lost")
    assert set(lost) == {"invoice"}
    assert (_parts(lost["invoice"]), lost["invoice"]["payment_dispute_lost_at"]) == ({"customer"}, START)


async def test_a_payment_that_nobody_can_collect(wired: Wired) -> None:
    invoice = await _sold(wired)
    await wired.news()
    await wired.sandbox.rest.post(f"invoices/{invoice['lago_id']}/retry_payment")
    assert await wired.new("invoice.payment_failure") == {
        "lago_invoice_id": invoice["lago_id"],
        "lago_customer_id": invoice["customer"]["lago_id"],
        "external_customer_id": "c1",
        "provider_customer_id": None,
        "payment_provider": None,
        "payment_provider_code": None,
        "provider_error": None,
        "error_details": {"code": "customer_must_have_payment_provider"},
    }
    await wired.sandbox.customer(
        "c1", billing_configuration={"payment_provider": "stripe", "payment_provider_code": "s"}
    )
    await wired.news()
    await wired.sandbox.rest.post(f"invoices/{invoice['lago_id']}/retry_payment")
    failure = await wired.new("invoice.payment_failure")
    assert failure["error_details"] == {"code": "customer_must_have_payment_method"}
    assert (failure["payment_provider"], failure["payment_provider_code"]) == ("stripe", "s")


async def test_previews_announce_nothing(wired: Wired) -> None:
    await wired.sandbox.plan("p", 3100, pay_in_advance=True)
    await wired.news()
    await wired.sandbox.call("POST", "invoices/preview", {"customer": {}, "plan_code": "p"})
    assert await wired.news(at="2024-01-16T00:00:00Z") == []
