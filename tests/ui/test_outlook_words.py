"""What a change of a subscription would do, in words: cases that no screen test reaches (spec 07 §7.7)."""

from __future__ import annotations

from typing import Any

import pytest

from billwright.ui.views.subscription_outlook import shown_outlook


def invoice(cents: int, **more: Any) -> dict[str, Any]:
    fee = {"feeType": "subscription", "name": "Team", "amountCents": str(cents), "firstOn": "2023-12-20",
           "lastOn": "2024-01-19"}  # fmt: skip
    nothing = dict.fromkeys(
        ("couponsAmountCents", "taxesAmountCents", "creditNotesAmountCents", "prepaidCreditAmountCents"), "0"
    )
    return {"at": "2024-01-20T00:00:00Z", "currency": "EUR", "fees": [fee], **nothing,
            "totalAmountCents": str(cents), **more}  # fmt: skip


def sentences(outcome: str, **more: Any) -> list[str]:
    outlook = {
        "outcome": outcome, "timezone": "America/New_York", "takesEffectAt": "2023-12-20T05:00:00Z", "planName": "Team",
        "payInAdvance": True, "trialEndsAt": None, "endsAt": None, "invoices": [], "creditNotes": [],
        "nextInvoice": None, **more,
    }  # fmt: skip
    found: list[str] = shown_outlook(outlook)["sentences"]
    return found


def test_a_start_in_the_past_bills_nothing_at_once() -> None:
    assert sentences("started") == [
        "Starts on Dec 20, 2023, in America/New York.",
        "It starts in the past: what has passed counts as paid, and the running period too.",
    ]


def test_dates_of_two_years_name_both_and_usage_alone_has_no_fee() -> None:
    said = sentences("rescheduled", nextInvoice=invoice(3100))
    assert said[0] == "It has not started: it is put on Team at once and starts on Dec 20, 2023 as planned."
    assert "the fee of €31.00 for Dec 20, 2023 – Jan 19, 2024, and the usage until then." in said[1]
    assert "comes on Jan 19, 2024" in said[1], "midnight UTC is the evening before in New York"
    only_usage = invoice(0, fees=[])
    assert sentences("updated", nextInvoice=only_usage)[0].endswith("no fee, and the usage until then.")
    assert sentences("updated") == ["Nothing will be billed."]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((1500, 1500, 0), "€15.00 goes to the customer's credit and €15.00 is paid back."),
        ((0, 0, 3000), "€30.00 is taken off what is still due."),
    ],
)
def test_what_an_ending_gives_back(parts: tuple[int, int, int], words: str) -> None:
    names = ("creditAmountCents", "refundAmountCents", "offsetAmountCents")
    note = {"currency": "EUR", "totalAmountCents": "3000", **dict(zip(names, map(str, parts), strict=True))}
    said = sentences("terminated", creditNotes=[note], invoices=[invoice(500, creditNotesAmountCents="200")])
    assert said[1] == f"The unused days are worth €30.00, taxes included: {words}"
    assert said[2] == "The final invoice is €5.00 after €2.00 of credit."


def test_a_canceled_one_never_starts() -> None:
    assert sentences("canceled") == ["It never starts, and nothing is billed."]


def test_documents_add_up_and_leave_zero_fees_out() -> None:
    charge = {"feeType": "charge", "name": "Calls", "firstOn": "2024-01-01", "lastOn": "2024-01-31"}
    fees = [{"feeType": "subscription", "name": "Team", "amountCents": "0", "firstOn": "2024-01-01",
             "lastOn": "2024-01-31"}, {**charge, "amountCents": "40"}, {**charge, "amountCents": "60"},
            {**charge, "name": "Idle", "amountCents": "0"}]  # fmt: skip
    coming = invoice(0, fees=fees, couponsAmountCents="10", taxesAmountCents="18", totalAmountCents="108")
    [document] = shown_outlook(
        {"outcome": "updated", "timezone": "UTC", "creditNotes": [], "invoices": [], "nextInvoice": coming,
         "trialEndsAt": None, "endsAt": "2024-03-01T00:00:00Z"}
    )["documents"]  # fmt: skip
    assert document["rows"] == [{"label": "Calls", "days": "usage so far", "amount_cents": 100}]
    assert [row["amount_cents"] for row in document["sums"]] == [-10, 18]
    assert document["total"]["amount_cents"] == sum(
        row["amount_cents"] for row in (*document["rows"], *document["sums"])
    )
