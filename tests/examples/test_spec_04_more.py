"""Figures of spec 04 §9 on the invoice of §3.2, and what §2.4 says of purchases of credits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.coupons.test_waterfall import everything_at_once
from tests.support.credits import applied, notes
from tests.support.sandbox import Sandbox
from tests.support.wallets import check_books, reread, transactions, wallet


async def test_04_9_example_A_voided(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wallet gets 5000 back, the coupon is active again, 1800 of credit notes stay consumed."""
    advance, made = sandbox.advance, []

    async def advance_with_a_wallet_in_march(to: str) -> Any:
        if to.startswith("2024-03"):
            made.append(await wallet(sandbox, granted_credits="50"))
        return await advance(to)

    monkeypatch.setattr(sandbox, "advance", advance_with_a_wallet_in_march)
    invoice = await everything_at_once(sandbox)
    assert (invoice["prepaid_credit_amount_cents"], invoice["total_amount_cents"]) == (5000, 8785)
    [before] = await applied(sandbox)
    assert (await reread(sandbox, made[0]))["balance_cents"] == 0
    voided = (await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void"))["invoice"]
    names = ("prepaid_credit", "credit_notes", "coupons", "total", "total_due")
    assert [voided[f"{name}_amount_cents"] for name in names] == [5000, 1800, 1433, 8785, 0]
    now = await reread(sandbox, made[0])
    assert (now["balance_cents"], now["consumed_credits"]) == (5000, "0.0")
    back = (await transactions(sandbox, now))[-1]
    assert (back["transaction_status"], back["amount"], back["lago_voided_invoice_id"]) == (
        "granted",
        "50.0",
        invoice["lago_id"],
    )
    [after] = await applied(sandbox)
    assert after["status"] == "active"
    assert after["frequency_duration_remaining"] == before["frequency_duration_remaining"] + 1
    assert [(note["balance_amount_cents"], note["credit_status"]) for note in await notes(sandbox)] == [
        (0, "consumed"),
        (0, "consumed"),
    ]
    await check_books(sandbox)
