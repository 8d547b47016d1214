"""Recurring top-up rules over REST (spec 05 D7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.rest.client import validation
from tests.support.sandbox import Sandbox
from tests.support.wallets import check_books, pay_invoice, reread, run_jobs, top_up, transactions, wallet

MONTHLY = {"trigger": "interval", "interval": "monthly", "paid_credits": "10"}
BELOW_20 = {"trigger": "threshold", "threshold_credits": "20", "paid_credits": "30"}


async def create(sandbox: Sandbox, *rules: Any, **values: Any) -> Any:
    """The answer to a wallet with these rules."""
    body = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", **values}
    body["recurring_transaction_rules"] = list(rules)
    return await sandbox.rest.post("wallets", {"wallet": body})


async def change(sandbox: Sandbox, made: Any, *rules: Any, **values: Any) -> Any:
    body = {"recurring_transaction_rules": list(rules), **values}
    return (await sandbox.call("PUT", f"wallets/{made['lago_id']}", {"wallet": body}))["wallet"]


async def test_05_D7_the_rule_on_the_wire(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(
        sandbox,
        invoice_requires_successful_payment=True,
        recurring_transaction_rules=[
            {
                **MONTHLY,
                "started_at": "2024-02-01T00:00:00Z",
                "expiration_at": "2025-02-01T00:00:00Z",
                "transaction_metadata": [{"key": "k", "value": "v"}],
                "transaction_name": "Top-up",
                "ignore_paid_top_up_limits": True,
                "lago_id": None,
                "target_ongoing_balance": None,
            }
        ],
    )
    [rule] = made["recurring_transaction_rules"]
    assert rule.pop("lago_id")
    assert rule == {
        "trigger": "interval",
        "method": "fixed",
        "interval": "monthly",
        "status": "active",
        "threshold_credits": "0.0",
        "paid_credits": "10.0",
        "granted_credits": "0.0",
        "grants_target_top_up": None,
        "started_at": "2024-02-01T00:00:00Z",
        "target_ongoing_balance": None,
        "created_at": "2024-01-15T10:00:00Z",
        "expiration_at": "2025-02-01T00:00:00Z",
        "invoice_requires_successful_payment": True,
        "transaction_metadata": [{"key": "k", "value": "v"}],
        "transaction_name": "Top-up",
        "ignore_paid_top_up_limits": True,
        "applied_invoice_custom_sections": [],
        "payment_method": {"payment_method_id": None, "payment_method_type": "provider"},
        "purchase_order_number": None,
    }


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"trigger": "sometimes"},
        {"trigger": "interval", "paid_credits": "10"},
        {"trigger": "interval", "interval": "daily"},
        {"trigger": "threshold", "paid_credits": "10"},
        {**BELOW_20, "threshold_credits": 20},
        {**BELOW_20, "threshold_credits": "-1"},
        {**BELOW_20, "paid_credits": "x"},
        {**BELOW_20, "granted_credits": "-1"},
        {**BELOW_20, "paid_credits": "0.001"},
        {**BELOW_20, "paid_credits": "9" * 60},
        {**BELOW_20, "method": "much"},
        {**BELOW_20, "method": "target"},
        {**BELOW_20, "method": "target", "target_ongoing_balance": "19.99"},
        {**BELOW_20, "grants_target_top_up": True},
        {**BELOW_20, "expiration_at": "2024-01-15T10:00:00Z"},
        {**BELOW_20, "expiration_at": "soon"},
        {**MONTHLY, "started_at": "soon"},
        {**MONTHLY, "transaction_name": "x" * 256},
        {**MONTHLY, "transaction_metadata": [{"key": "k"}]},
        {**MONTHLY, "transaction_metadata": [{"key": str(n), "value": "v"} for n in range(6)]},
        {**MONTHLY, "ignore_paid_top_up_limits": "maybe"},
        "monthly",
        None,
    ],
)
async def test_05_D7_refused_rules(sandbox: Sandbox, rule: Any) -> None:
    await sandbox.customer("c1")
    answer = await create(sandbox, rule)
    assert answer.json() == validation(recurring_transaction_rules="invalid_recurring_rule")


async def test_05_D7_one_rule_at_most(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    answer = await create(sandbox, MONTHLY, BELOW_20)
    assert answer.json() == validation(recurring_transaction_rules="invalid_number_of_recurring_rules")


async def test_05_D7_fixed_credits_keep_to_the_limits(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    limits = {"paid_top_up_min_amount_cents": 1500, "paid_top_up_max_amount_cents": 2500, "rate_amount": "0.5"}
    for credits, expected in (("29", 422), ("30", 200), ("50", 200), ("51", 422)):
        answer = await create(sandbox, {**BELOW_20, "paid_credits": credits}, **limits)
        assert answer.status_code == expected, credits
    free = {**BELOW_20, "paid_credits": "51", "ignore_paid_top_up_limits": True}
    assert (await create(sandbox, free, **limits)).status_code == 200
    granted = {**BELOW_20, "paid_credits": "0", "granted_credits": "1"}
    assert (await create(sandbox, granted, **limits)).status_code == 200


async def test_what_is_not_there_is_refused(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    answer = await create(sandbox, {**MONTHLY, "purchase_order_number": "7"})
    assert answer.json() == validation(recurring_transaction_rules="unsupported_value")
    harmless = {
        "payment_method": {"payment_method_type": "provider", "payment_method_id": None},
        "invoice_custom_section": {"skip_invoice_custom_sections": False},
        "purchase_order_number": None,
    }
    assert (await create(sandbox, {**MONTHLY, **harmless})).status_code == 200


async def test_05_D7_a_fixed_rule_without_credits_takes_the_initial_ones(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    plain = {"trigger": "interval", "interval": "weekly"}
    made = await wallet(sandbox, paid_credits="12.5", granted_credits="3", recurring_transaction_rules=[plain])
    [rule] = made["recurring_transaction_rules"]
    assert (rule["paid_credits"], rule["granted_credits"]) == ("12.5", "3.0")
    made = await wallet(
        sandbox,
        paid_credits="12.5",
        recurring_transaction_rules=[{**plain, "granted_credits": "1", "paid_credits": None}],
    )
    [rule] = made["recurring_transaction_rules"]
    assert (rule["paid_credits"], rule["granted_credits"]) == ("0.0", "1.0")


async def test_05_D7_updates(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, recurring_transaction_rules=[{**MONTHLY, "expiration_at": "2025-01-01T00:00:00Z"}])
    [first] = made["recurring_transaction_rules"]
    kept = (await sandbox.call("PUT", f"wallets/{made['lago_id']}", {"wallet": {"name": "Other"}}))["wallet"]
    assert kept["recurring_transaction_rules"] == [first]
    kept = await change(sandbox, made, {"lago_id": first["lago_id"], "granted_credits": "5", "paid_credits": None})
    [rule] = kept["recurring_transaction_rules"]
    assert rule == {**first, "granted_credits": "5.0", "paid_credits": "0.0"}
    kept = await change(sandbox, made, {"lago_id": first["lago_id"], **BELOW_20, "expiration_at": None})
    [rule] = kept["recurring_transaction_rules"]
    assert (rule["lago_id"], rule["trigger"], rule["interval"]) == (first["lago_id"], "threshold", "weekly")
    assert (rule["threshold_credits"], rule["expiration_at"]) == ("20.0", None)
    for entry in (MONTHLY, {**MONTHLY, "lago_id": "1a901a90-1a90-1a90-1a90-1a901a901a90"}):
        kept = await change(sandbox, made, entry)
        [rule] = kept["recurring_transaction_rules"]
        assert rule["lago_id"] != first["lago_id"]
        first = rule
    answer = await sandbox.rest.put(
        f"wallets/{made['lago_id']}", {"wallet": {"recurring_transaction_rules": [{"trigger": "never"}], "name": "No"}}
    )
    assert answer.json() == validation(recurring_transaction_rules="invalid_recurring_rule")
    assert (await reread(sandbox, made))["name"] == "Other"
    assert (await change(sandbox, made))["recurring_transaction_rules"] == []


async def interval_days(sandbox: Sandbox, made: Any) -> list[str]:
    return [item["created_at"] for item in await transactions(sandbox, made) if item["source"] == "interval"]


async def test_05_D7_interval_top_ups(sandbox: Sandbox) -> None:
    """Every month on the day of the wallet, not on its first day; bought and granted, with what the rule names."""
    await sandbox.customer("c1")
    rule = {
        **MONTHLY,
        "granted_credits": "2",
        "transaction_name": "Monthly",
        "transaction_metadata": [{"key": "k", "value": "v"}],
    }
    made = await wallet(sandbox, recurring_transaction_rules=[rule])
    clock = await sandbox.advance("2024-01-16T00:00:00Z")
    assert clock["next_due_at"] == "2024-02-15T00:55:00Z"
    await sandbox.advance("2024-04-01T00:00:00Z")
    found = await transactions(sandbox, made)
    assert [(item["created_at"], item["transaction_status"], item["amount"], item["source"]) for item in found] == [
        ("2024-02-15T00:55:00Z", "purchased", "10.0", "interval"),
        ("2024-02-15T00:55:00Z", "granted", "2.0", "interval"),
        ("2024-03-15T00:55:00Z", "purchased", "10.0", "interval"),
        ("2024-03-15T00:55:00Z", "granted", "2.0", "interval"),
    ]
    assert {item["name"] for item in found} == {"Monthly"}
    assert found[0]["metadata"] == [{"key": "k", "value": "v"}]
    [march] = [item for item in await sandbox.invoices() if item["issuing_date"] == "2024-03-15"]
    assert (march["invoice_type"], march["total_amount_cents"]) == ("credit", 1000)
    await pay_invoice(sandbox, march["lago_id"])
    assert (await reread(sandbox, made))["balance_cents"] == 1400
    await check_books(sandbox)


async def test_05_D7_the_customers_day(sandbox: Sandbox) -> None:
    """Etc/GMT-11 is UTC+11."""
    await sandbox.customer("c1", timezone="Etc/GMT-11")
    rule = {**MONTHLY, "started_at": "2025-01-31T14:00:00Z"}
    made = await wallet(sandbox, recurring_transaction_rules=[rule])
    await sandbox.advance("2025-03-02T00:00:00Z")
    assert await interval_days(sandbox, made) == ["2025-01-31T14:55:00Z", "2025-02-28T13:55:00Z"]


async def test_a_move_to_another_zone_moves_the_top_up(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, recurring_transaction_rules=[MONTHLY])
    await sandbox.customer("c1", timezone="Asia/Kolkata")
    assert (await sandbox.call("GET", "test_clock"))["test_clock"]["next_due_at"] == "2024-02-14T18:55:00Z"
    await sandbox.advance("2024-02-14T20:00:00Z")
    assert await interval_days(sandbox, made) == ["2024-02-14T18:55:00Z"]
    await sandbox.customer("c1", timezone="UTC")
    await sandbox.advance("2024-02-20T00:00:00Z")
    # The same date again, another day of the clock: what is due on the 15th in UTC has not acted that day.
    assert await interval_days(sandbox, made) == ["2024-02-14T18:55:00Z", "2024-02-15T00:55:00Z"]


async def test_a_rule_acts_once_a_day(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox)
    await sandbox.advance("2024-01-20T00:00:00Z")
    weekly = {"trigger": "interval", "interval": "weekly", "granted_credits": "1", "started_at": "2024-01-13T00:00:00Z"}
    await change(sandbox, made, weekly)
    await sandbox.advance("2024-01-20T02:00:00Z")
    assert await interval_days(sandbox, made) == ["2024-01-20T00:55:00Z"]
    await change(sandbox, made, weekly)
    await sandbox.advance("2024-01-21T00:00:00Z")
    assert await interval_days(sandbox, made) == ["2024-01-20T00:55:00Z"]
    await sandbox.advance("2024-01-28T00:00:00Z")
    assert await interval_days(sandbox, made) == ["2024-01-20T00:55:00Z", "2024-01-27T00:55:00Z"]


async def test_05_D7_expired_rules_end_and_never_act(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    rule = {**MONTHLY, "granted_credits": "1", "paid_credits": "0", "expiration_at": "2024-02-15T00:52:00Z"}
    made = await wallet(sandbox, recurring_transaction_rules=[rule])
    clock = await sandbox.advance("2024-02-15T00:53:00Z")
    assert clock["next_due_at"] == "2024-02-15T01:50:00Z"
    assert (await reread(sandbox, made))["recurring_transaction_rules"] == []
    clock = await sandbox.advance("2024-02-15T01:50:00Z")
    assert clock["next_due_at"] is None
    assert await interval_days(sandbox, made) == []


async def test_a_wallet_that_ends_takes_its_rule_along(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, recurring_transaction_rules=[MONTHLY], expiration_at="2024-02-10T00:00:00Z")
    clock = await sandbox.advance("2024-03-20T00:00:00Z")
    assert clock["next_due_at"] is None
    ended = await reread(sandbox, made)
    assert (ended["status"], ended["terminated_at"]) == ("terminated", "2024-02-10T00:45:00Z")
    assert ended["recurring_transaction_rules"] == []
    assert await interval_days(sandbox, made) == []


async def test_05_D7_interval_target(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    rule = {"trigger": "interval", "interval": "monthly", "method": "target", "target_ongoing_balance": "200"}
    made = await wallet(
        sandbox, granted_credits="150", recurring_transaction_rules=[{**rule, "grants_target_top_up": True}]
    )
    await sandbox.advance("2024-03-20T00:00:00Z")
    assert await interval_days(sandbox, made) == ["2024-02-15T00:55:00Z"]
    assert (await reread(sandbox, made))["credits_balance"] == "200.0"


async def threshold_amounts(sandbox: Sandbox, made: Any) -> list[tuple[str, str]]:
    await run_jobs(sandbox)
    found = [item for item in await transactions(sandbox, made) if item["source"] == "threshold"]
    return [(item["transaction_status"], item["amount"]) for item in found]


async def test_05_D7_a_threshold_is_reached_by_a_void(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="25", recurring_transaction_rules=[BELOW_20])
    assert await threshold_amounts(sandbox, made) == []
    await top_up(sandbox, made, voided_credits="10")
    assert await threshold_amounts(sandbox, made) == [("purchased", "30.0")]
    # Bought, not paid: another change buys nothing.
    await top_up(sandbox, made, voided_credits="1")
    assert await threshold_amounts(sandbox, made) == [("purchased", "30.0")]
    [bought] = [item for item in await transactions(sandbox, made) if item["source"] == "threshold"]
    await pay_invoice(sandbox, bought["lago_invoice_id"])
    assert await threshold_amounts(sandbox, made) == [("purchased", "30.0")]
    assert (await reread(sandbox, made))["balance_cents"] == 4400
    await check_books(sandbox)


async def test_05_D7_grants_go_on_until_the_threshold_is_passed(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    rule = {**BELOW_20, "paid_credits": "0", "granted_credits": "4"}
    made = await wallet(sandbox, granted_credits="11", recurring_transaction_rules=[rule])
    assert await threshold_amounts(sandbox, made) == [("granted", "4.0")] * 3
    assert (await reread(sandbox, made))["credits_balance"] == "23.0"


async def test_05_D7_after_a_failed_purchase_the_rule_waits(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="20", recurring_transaction_rules=[BELOW_20])
    [bought] = [item for item in await transactions(sandbox, made) if item["source"] == "threshold"]
    await pay_invoice(sandbox, bought["lago_invoice_id"], "failed")
    await top_up(sandbox, made, voided_credits="1")
    assert len(await threshold_amounts(sandbox, made)) == 1
    await sandbox.advance("2024-01-15T11:00:00Z")
    await top_up(sandbox, made, voided_credits="1")
    assert len(await threshold_amounts(sandbox, made)) == 2


async def test_05_D7_a_purchase_paid_meanwhile_ends_the_wait(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="5", recurring_transaction_rules=[BELOW_20])
    [bought] = [item for item in await transactions(sandbox, made) if item["source"] == "threshold"]
    await pay_invoice(sandbox, bought["lago_invoice_id"], "failed")
    [other] = await top_up(sandbox, made, paid_credits="2")
    assert len(await threshold_amounts(sandbox, made)) == 1
    await pay_invoice(sandbox, other["lago_invoice_id"])
    assert await threshold_amounts(sandbox, made) == [("purchased", "30.0")] * 2


async def test_an_expired_threshold_rule_never_acts(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    rule = {**BELOW_20, "expiration_at": "2024-01-15T10:30:00Z"}
    made = await wallet(sandbox, granted_credits="25", recurring_transaction_rules=[rule])
    await sandbox.advance("2024-01-15T10:40:00Z")
    await top_up(sandbox, made, voided_credits="10")
    assert await threshold_amounts(sandbox, made) == []


async def test_D4_the_rule_decides_about_the_payment(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    rule = {**BELOW_20, "invoice_requires_successful_payment": True}
    made = await wallet(sandbox, granted_credits="15", recurring_transaction_rules=[rule])
    [bought] = [item for item in await transactions(sandbox, made) if item["source"] == "threshold"]
    assert bought["invoice_requires_successful_payment"] is True
    assert await sandbox.invoices() == []
