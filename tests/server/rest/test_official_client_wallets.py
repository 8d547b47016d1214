"""The official Python client on wallets and their transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models.wallet import (
    AppliesTo,
    RecurringTransactionRule,
    RecurringTransactionRuleList,
    Wallet,
)
from lago_python_client.models.wallet_transaction import WalletTransaction

from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox
from tests.support.serving import ask, official_client
from tests.support.wallets import run_jobs


@pytest.fixture
async def lago(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with official_client(sandbox.rest) as client:
        yield client


async def test_wallets_and_transactions(sandbox: Sandbox, lago: Client) -> None:
    await sandbox.customer("c1")
    wanted = Wallet(
        external_customer_id="c1",
        rate_amount="1.5",
        currency="EUR",
        name="Main",
        paid_credits="10",
        granted_credits="4",
        applies_to=AppliesTo(fee_types=["charge"], billable_metric_codes=[]),
        metadata={"a": "b"},
    )
    made = await ask(lago.wallets.create, wanted)
    assert (made.balance_cents, made.rate_amount, made.code, made.metadata) == (0, "1.5", "main", {"a": "b"})
    await run_jobs(sandbox)
    assert (await ask(lago.wallets.find, made.lago_id)).balance_cents == 600
    changed = await ask(lago.wallets.update, Wallet(name="Other", priority=2), made.lago_id)
    assert (changed.name, changed.priority, changed.applies_to.fee_types) == ("Other", 2, ["charge"])
    order = WalletTransaction(wallet_id=made.lago_id, granted_credits="2", voided_credits="1", paid_credits="0")
    given = (await ask(lago.wallet_transactions.create, order))["wallet_transactions"]
    assert [(item.transaction_status, item.amount) for item in given] == [("granted", "3.0"), ("voided", "1.5")]
    found = await ask(lago.wallet_transactions.find_all, made.lago_id, {"status": "settled"})
    assert [item.transaction_status for item in found["wallet_transactions"]] == ["voided", "granted", "granted"]
    listed = await ask(lago.wallets.find_all, {"external_customer_id": "c1"})
    assert [item.lago_id for item in listed["wallets"]] == [made.lago_id]
    ended = await ask(lago.wallets.destroy, made.lago_id)
    assert ended.status == "terminated"
    with pytest.raises(LagoApiError) as refused:
        await ask(lago.wallet_transactions.create, order)
    assert refused.value.response["error_details"] == {"wallet_id": ["wallet_is_terminated"]}


async def test_rules(sandbox: Sandbox, lago: Client) -> None:
    await sandbox.customer("c1")
    rule = RecurringTransactionRule(
        trigger="interval", interval="monthly", paid_credits="10", transaction_name="Top-up"
    )
    rules = RecurringTransactionRuleList(__root__=[rule])
    wanted = Wallet(external_customer_id="c1", rate_amount="1", currency="EUR", recurring_transaction_rules=rules)
    made = await ask(lago.wallets.create, wanted)
    [first] = made.recurring_transaction_rules.__root__
    assert (first.trigger, first.interval, first.method, first.paid_credits) == ("interval", "monthly", "fixed", "10.0")
    changed = RecurringTransactionRule(
        lago_id=first.lago_id, trigger="threshold", threshold_credits="20", method="target", target_ongoing_balance="50"
    )
    update = Wallet(recurring_transaction_rules=RecurringTransactionRuleList(__root__=[changed]))
    [second] = (await ask(lago.wallets.update, update, made.lago_id)).recurring_transaction_rules.__root__
    assert (second.lago_id, second.threshold_credits, second.target_ongoing_balance) == (first.lago_id, "20.0", "50.0")
    kept = await ask(lago.wallets.update, Wallet(name="Other"), made.lago_id)
    assert [item.lago_id for item in kept.recurring_transaction_rules.__root__] == [first.lago_id]
    none = Wallet(recurring_transaction_rules=RecurringTransactionRuleList(__root__=[]))
    assert (await ask(lago.wallets.update, none, made.lago_id)).recurring_transaction_rules.__root__ == []
    many = Wallet(
        external_customer_id="c1",
        rate_amount="1",
        currency="EUR",
        recurring_transaction_rules=RecurringTransactionRuleList(__root__=[rule, rule]),
    )
    with pytest.raises(LagoApiError) as refused:
        await ask(lago.wallets.create, many)
    codes = refused.value.response["error_details"]
    assert codes == {"recurring_transaction_rules": ["invalid_number_of_recurring_rules"]}


async def test_lists_have_the_contract_s_form(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    body = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", "granted_credits": "1"}
    made = (await sandbox.call("POST", "wallets", {"wallet": body}))["wallet"]
    await run_jobs(sandbox)
    shown = await sandbox.call("GET", "customers/c1/wallets")
    assert [item["lago_id"] for item in shown["wallets"]] == [made["lago_id"]]
    found = await sandbox.call("GET", f"wallets/{made['lago_id']}/wallet_transactions")
    assert problems("WalletTransactionsPaginated", found) == []
    inbound = found["wallet_transactions"][0]["lago_id"]
    drawn = await sandbox.call("GET", f"wallet_transactions/{inbound}/consumptions")
    assert problems("WalletTransactionConsumptionsPaginated", drawn) == []
    answer = await sandbox.rest.get("wallets", params={"external_customer_id": "nobody"})
    assert answer.json()["code"] == "customer_not_found"
