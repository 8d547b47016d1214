"""What an invoice's page tells of the past stands in the order in which it happened (spec 07 §7.8)."""

from __future__ import annotations

from typing import Any

from billwright.ui.views.invoice_history import events

ISSUED: dict[str, Any] = {
    "status": "finalized", "createdAt": "2024-01-01T00:00:00Z", "finalizedAt": "2024-01-01T00:00:00Z",
    "currency": "EUR", "paymentStatus": "pending", "paymentOverdue": True, "paymentDueDate": "2024-01-15",
    "totalAmountCents": "1000", "totalDueAmountCents": "900", "totalPaidAmountCents": "0", "payments": [],
    "paymentDisputeLostAt": None, "voidedAt": None,
}  # fmt: skip


def note(at: str) -> dict[str, str]:
    return {"totalAmountCents": "100", "createdAt": at}


def paid(at: str, cents: str = "100") -> dict[str, str]:
    return {"amountCents": cents, "createdAt": at, "payablePaymentStatus": "succeeded"}


def titles(**changed: Any) -> list[str]:
    return [event["title"] for event in events({**ISSUED, "creditNotes": [], **changed})]


def test_a_missed_due_date_stands_between_what_came_before_and_after_it() -> None:
    notes = [note("2024-01-20T08:00:00Z"), note("2024-01-15T20:00:00Z")]
    assert titles(creditNotes=notes) == ["Issued", "Credit note over €1.00", "Was due", "Credit note over €1.00"]
    assert titles(payments=[paid("2024-02-01T00:00:00Z")]) == ["Issued", "Was due", "Paid €1.00"]


def test_a_due_date_to_come_stands_last() -> None:
    notes = [note("2024-01-10T00:00:00Z")]
    assert titles(creditNotes=notes, paymentOverdue=False) == ["Issued", "Credit note over €1.00", "Due"]


def test_an_invoice_was_paid_before_the_later_credit_note() -> None:
    settled = {"paymentStatus": "succeeded", "paymentOverdue": False, "totalDueAmountCents": "0",
               "totalPaidAmountCents": "1000", "payments": [paid("2024-01-05T00:00:00Z", "1000")]}  # fmt: skip
    notes = [note("2024-01-20T00:00:00Z")]
    assert titles(**settled, creditNotes=notes) == ["Issued", "Paid €10.00", "Paid", "Credit note over €1.00"]
