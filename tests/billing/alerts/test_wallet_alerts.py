"""Alerts on wallets: each move of the balance, and each refresh of what is ongoing (spec 07 §9.4, 05 D8)."""

from __future__ import annotations

from typing import Any

from tests.billing.alerts.steps import alert, told
from tests.support.sandbox import Sandbox

BALANCE, CREDITS = "wallet_balance_amount", "wallet_credits_balance"
ONGOING, ONGOING_CREDITS = "wallet_ongoing_balance_amount", "wallet_credits_ongoing_balance"
PATH = "customers/c1/wallets/main/alerts"
NOW = "2024-01-15T10:00:00Z"


async def wallet(sandbox: Sandbox, credits: str, **more: Any) -> str:
    """A new wallet's id."""
    body = {"external_customer_id": "c1", "code": "main", "rate_amount": "1", "currency": "EUR", **more}
    made = (await sandbox.call("POST", "wallets", {"wallet": {**body, "granted_credits": credits}}))["wallet"]
    await sandbox.advance(NOW)
    return made["lago_id"]


async def move(sandbox: Sandbox, wallet_id: str, **credits: str) -> None:
    await sandbox.call("POST", "wallet_transactions", {"wallet_transaction": {"wallet_id": wallet_id, **credits}})


async def test_07_9_4_the_worked_example_of_a_wallet(sandbox: Sandbox) -> None:
    """55 -> 15 -> -1: the balance by usage that nobody has billed."""
    await sandbox.customer("c1", currency="EUR")
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan)
    await sandbox.subscribe("s1", "p")
    await wallet(sandbox, "55")
    made = await alert(sandbox, "low", ONGOING_CREDITS, 50, 20, every=10, path=PATH)
    assert (made["previous_value"], made["direction"], made["wallet_code"]) == (55, "decreasing", "main")
    for units in ("40", "16"):
        await sandbox.send(("2024-01-15T10:00:00+00:00", units))
        await sandbox.advance(NOW)
    assert await told(sandbox) == [("low", [20, 50], 55, 15), ("low", [0, 10], 15, -1)]


async def test_moves_of_the_balance_are_told_at_once_and_again_after_a_top_up(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    wallet_id = await wallet(sandbox, "100", rate_amount="2")
    await alert(sandbox, "cents", BALANCE, 10000, path=PATH)
    await alert(sandbox, "credits", CREDITS, 40, path=PATH)
    await move(sandbox, wallet_id, voided_credits="60")
    expected = [("cents", [10000], 20000, 8000), ("credits", [40], 100, 40)]
    assert sorted(await told(sandbox)) == expected
    await move(sandbox, wallet_id, granted_credits="60")
    await move(sandbox, wallet_id, voided_credits="60")
    assert sorted(await told(sandbox)) == sorted(expected * 2)
    await sandbox.advance(NOW)
    assert len(await told(sandbox)) == 4, "the refresh has nothing to add"


async def test_paying_an_invoice_moves_the_balance_and_not_what_is_ongoing(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan)
    await sandbox.subscribe("s1", "p")
    await wallet(sandbox, "100")
    await alert(sandbox, "balance", BALANCE, 5000, path=PATH)
    await alert(sandbox, "ongoing", ONGOING, 0, path=PATH)
    await alert(sandbox, "half", ONGOING_CREDITS, 50, path=PATH)
    await sandbox.send(("2024-01-15T10:00:00+00:00", "60"))
    await sandbox.advance("2024-02-01T00:00:00Z")
    assert await told(sandbox) == [("half", [50], 100, 40), ("balance", [5000], 10000, 4000)]


async def test_a_wallet_that_has_ended_is_silent(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    wallet_id = await wallet(sandbox, "10")
    await alert(sandbox, "low", ONGOING, 900, path=PATH)
    await move(sandbox, wallet_id, voided_credits="0.5")
    await sandbox.call("DELETE", f"wallets/{wallet_id}")
    await sandbox.advance(NOW)
    assert await told(sandbox) == []
