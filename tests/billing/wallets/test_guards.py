"""What keeps a wallet's books true, and what is told about them (spec 05 D1, D3, D8; 03 §1.2)."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from billwright.billing.notifications.payloads import build_payload
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.credits import JANUARY
from tests.support.sandbox import Sandbox
from tests.support.wallets import check_books, reread, top_up, transactions, wallet


@pytest.mark.parametrize(
    "change",
    [
        "update wallets set balance_cents = balance_cents + 1",
        "update wallets set balance_cents = -1, consumed_amount_cents = funded_amount_cents + 1",
        "update wallets set credits_balance = credits_balance - 1",
        "update wallet_transactions set remaining_amount_cents = amount_cents + 1",
        "update wallet_transactions set remaining_amount_cents = -1",
        "update wallet_transactions set status = 'pending'",
        "update wallet_transactions set transaction_status = 'invoiced'",
    ],
)
async def test_the_database_refuses_wrong_books(sandbox: Sandbox, change: str) -> None:
    await sandbox.customer("c1")
    await wallet(sandbox, granted_credits="10")
    with pytest.raises(IntegrityError):
        async with sandbox.context() as ctx:
            await ctx.session.execute(text(change))


async def test_03_1_2_a_wallet_locks_the_currency(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await wallet(sandbox, currency="USD")
    answer = await sandbox.rest.post("customers", {"customer": {"external_id": "c1", "currency": "USD"}})
    assert answer.json() == validation(currency="currencies_does_not_match")


async def test_previews_show_wallets_and_take_nothing(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", 5000)
    await sandbox.subscribe(subscription_at=JANUARY)
    made = await wallet(sandbox, granted_credits="20")
    body = {"customer": {"external_id": "c1"}, "subscriptions": {"external_ids": ["s1"]}}
    shown = (await sandbox.call("POST", "invoices/preview", body))["invoice"]
    assert (shown["prepaid_credit_amount_cents"], shown["total_amount_cents"]) == (2000, 3000)
    assert (await reread(sandbox, made))["balance_cents"] == 2000
    assert len(await transactions(sandbox, made)) == 1
    await check_books(sandbox)


async def test_05_D3_a_void_of_one_inflow(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="10")
    [later] = await top_up(sandbox, made, granted_credits="5")
    [gone] = await top_up(sandbox, made, voided_transaction_id=later["lago_id"])
    assert gone["amount"] == "5.0"
    path = f"wallet_transactions/{later['lago_id']}/consumptions"
    [draw] = (await sandbox.call("GET", path))["wallet_transaction_consumptions"]
    assert draw["wallet_transaction"]["lago_id"] == gone["lago_id"]
    for source, code in (
        (later["lago_id"], "no_remaining_amount"),
        (made["lago_id"], "wallet_transaction_not_found"),
    ):
        body = {"wallet_id": made["lago_id"], "voided_transaction_id": source}
        answer = await sandbox.rest.post("wallet_transactions", {"wallet_transaction": body})
        assert answer.json() == validation(voided_transaction_id=code)
    await check_books(sandbox)


async def test_05_D8_webhooks_carry_the_wallet(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="10")
    [given] = await transactions(sandbox, made)
    async with sandbox.context() as ctx:
        raw = await build_payload(ctx, "wallet_transaction.created", "wallet_transaction", UUID(given["lago_id"]))
        ended = await build_payload(ctx, "wallet.terminated", "wallet", UUID(made["lago_id"]))
    assert raw is not None
    assert ended is not None
    shown = json.loads(raw)["wallet_transaction"]
    assert problems("WalletTransactionObject", shown) == []
    assert shown["wallet"]["balance_cents"] == 1000
    assert json.loads(ended)["wallet"]["lago_id"] == made["lago_id"]
