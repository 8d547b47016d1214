"""Wallets and their credits (spec 05 D1-D3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billwright.billing.wallets.amounts import inflow_of, void_of
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox
from tests.support.wallets import check_books, reread, run_jobs, top_up, transactions, wallet

TABLE_D2 = [
    ("20", "1", "EUR", 2000, "20"),
    ("10.333", "0.5", "EUR", 517, "10.34"),
    ("3.333", "1.5", "EUR", 500, "3.33333"),
    ("10.34567", "1.375", "EUR", 1423, "10.34909"),
    ("4.399999", "0.01", "EUR", 4, "4"),
    ("1034", "0.001", "EUR", 103, "1030"),
    ("4.6", "1", "JPY", 5, "5"),
    ("0.4", "0.01", "EUR", 0, "0"),
]


@pytest.mark.parametrize(("credits", "rate", "currency", "cents", "stored"), TABLE_D2)
def test_05_D2_inflows(credits: str, rate: str, currency: str, cents: int, stored: str) -> None:
    worth = inflow_of(Decimal(credits), Decimal(rate), currency)
    assert (worth.amount_cents, worth.credits) == (cents, Decimal(stored))


def test_05_D2_voids_keep_the_credits() -> None:
    worth = void_of(Decimal("1.23456789"), Decimal(2), "EUR")
    assert (worth.amount_cents, worth.credits) == (247, Decimal("1.23456"))


async def test_05_D2_a_void_of_fractions(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="100")
    [gone] = await top_up(sandbox, made, voided_credits="14.28444999")
    assert (gone["amount"], gone["credit_amount"], gone["transaction_status"]) == ("14.28", "14.28444", "voided")
    now = await reread(sandbox, made)
    assert (now["credits_balance"], now["balance_cents"], now["consumed_credits"]) == ("85.71556", 8572, "14.28444")
    await check_books(sandbox)


async def test_a_wallet_starts_empty_and_is_filled_by_its_job(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    body = {"external_customer_id": "c1", "rate_amount": "0.5", "currency": "EUR", "name": "Main wallet",
            "paid_credits": "10", "granted_credits": "20", "transaction_name": "Hello",
            "transaction_metadata": [{"key": "a", "value": "b"}], "metadata": {"k": "v"}}  # fmt: skip
    made = (await sandbox.call("POST", "wallets", {"wallet": body}))["wallet"]
    # The contract requires a "balance" that it does not describe.
    assert problems("WalletObject", {"balance": None, **made}) == []
    assert (made["balance_cents"], made["credits_balance"], made["code"], made["priority"]) == (
        0, "0.0", "main_wallet", 50,
    )  # fmt: skip
    await run_jobs(sandbox)
    now = await reread(sandbox, made)
    assert (now["balance_cents"], now["credits_balance"], now["metadata"]) == (1000, "20.0", {"k": "v"})
    paid, granted = await transactions(sandbox, made)
    assert (paid["transaction_status"], paid["status"], paid["amount"], paid["remaining_amount_cents"]) == (
        "purchased", "pending", "5.0", None,
    )  # fmt: skip
    assert (granted["transaction_status"], granted["status"], granted["remaining_amount_cents"]) == (
        "granted", "settled", 1000,
    )  # fmt: skip
    assert {item["name"] for item in (paid, granted)} == {"Hello"}
    assert paid["metadata"] == [{"key": "a", "value": "b"}]
    assert [problems("WalletTransactionObject", item) for item in (paid, granted)] == [[], []]
    assert (await sandbox.call("GET", "customers/c1"))["customer"]["currency"] == "EUR"
    await check_books(sandbox)


REFUSED: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"external_customer_id": "nobody"}, {"customer": "customer_not_found"}),
    ({"rate_amount": "0"}, {"rate_amount": "value_is_out_of_range"}),
    ({"rate_amount": None}, {"rate_amount": "value_is_mandatory"}),
    ({"currency": None}, {"currency": "value_is_mandatory"}),
    ({"priority": 51}, {"priority": "value_is_invalid"}),
    ({"expiration_at": "2020-01-01T00:00:00Z"}, {"expiration_at": "invalid_date"}),
    ({"expiration_at": "soon"}, {"expiration_at": "invalid_date"}),
    ({"paid_credits": 10}, {"paid_credits": "invalid_paid_credits invalid_amount"}),
    ({"granted_credits": "-1"}, {"granted_credits": "invalid_granted_credits invalid_amount"}),
    ({"granted_credits": "ten"}, {"granted_credits": "invalid_granted_credits invalid_amount"}),
    ({"paid_credits": "0.001"}, {"paid_credits": "amount_rounds_to_zero"}),
    ({"paid_credits": "9", "paid_top_up_min_amount_cents": 1000}, {"paid_credits": "amount_below_minimum"}),
    ({"paid_credits": "11", "paid_top_up_max_amount_cents": 1000}, {"paid_credits": "amount_above_maximum"}),
    (
        {"paid_top_up_min_amount_cents": 10, "paid_top_up_max_amount_cents": 9},
        {"paid_top_up_max_amount_cents": "must_be_greater_than_or_equal_min"},
    ),
    ({"applies_to": {"fee_types": ["credit"]}}, {"applies_to": "invalid_limitations"}),
    ({"applies_to": {"billable_metric_codes": ["nothing"]}}, {"applies_to": "invalid_limitations"}),
    ({"transaction_metadata": [{"key": "k"}]}, {"transaction_metadata": "invalid_key_value_pair"}),
    ({"purchase_order_number": "4711"}, {"purchase_order_number": "unsupported_value"}),
]


@pytest.mark.parametrize(("values", "details"), REFUSED)
async def test_05_D1_what_creation_refuses(sandbox: Sandbox, values: dict[str, Any], details: dict[str, str]) -> None:
    await sandbox.customer("c1")
    body = {"external_customer_id": "c1", "rate_amount": "1", "currency": "EUR", **values}
    answer = await sandbox.rest.post("wallets", {"wallet": body})
    assert answer.status_code == 422
    assert answer.json()["error_details"] == {name: codes.split() for name, codes in details.items()}


async def test_05_D1_limits_can_be_ignored(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(
        sandbox, paid_credits="9", paid_top_up_min_amount_cents=1000, ignore_paid_top_up_limits_on_creation=True
    )
    answer = await sandbox.rest.post(
        "wallet_transactions", {"wallet_transaction": {"wallet_id": made["lago_id"], "paid_credits": "9"}}
    )
    assert answer.json() == validation(paid_credits="amount_below_minimum")
    [bought] = await top_up(sandbox, made, paid_credits="9", ignore_paid_top_up_limits=True)
    assert bought["amount"] == "9.0"


async def test_05_D1_codes_and_the_limit_of_six(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    first = await wallet(sandbox)
    second = await wallet(sandbox)
    assert first["code"] == "default"
    assert second["code"].startswith("default_17")
    body = {"external_customer_id": "c1", "rate_amount": "1", "code": "default"}
    answer = await sandbox.rest.post("wallets", {"wallet": body})
    assert answer.json() == validation(code="value_already_exist")
    for code in "abcd":
        await wallet(sandbox, code=code)
    answer = await sandbox.rest.post("wallets", {"wallet": {**body, "code": "e"}})
    assert answer.json() == validation(customer="wallet_limit_reached")
    ended = (await sandbox.call("DELETE", f"wallets/{first['lago_id']}"))["wallet"]
    assert (ended["status"], ended["terminated_at"]) == ("terminated", "2024-01-15T10:00:00Z")
    again = await wallet(sandbox, code="default")
    found = (await sandbox.call("GET", "customers/c1/wallets/default"))["wallet"]
    assert found["lago_id"] == again["lago_id"]


async def test_05_D1_changing_a_wallet(sandbox: Sandbox) -> None:
    await sandbox.charge(await sandbox.plan("p"), "api")
    await sandbox.customer("c1")
    made = await wallet(sandbox, expiration_at="2025-01-01T00:00:00Z", rate_amount="2")
    path = f"wallets/{made['lago_id']}"
    changes = {"name": "New", "priority": 3, "rate_amount": "7", "currency": "USD",
               "applies_to": {"fee_types": ["charge"], "billable_metric_codes": ["api"]}}  # fmt: skip
    shown = (await sandbox.call("PUT", path, {"wallet": changes}))["wallet"]
    assert (shown["name"], shown["priority"], shown["rate_amount"], shown["currency"]) == ("New", 3, "2.0", "EUR")
    assert shown["applies_to"] == {"fee_types": ["charge"], "billable_metric_codes": ["api"]}
    assert shown["expiration_at"] == "2025-01-01T00:00:00Z"
    changes = {"expiration_at": None, "applies_to": {"fee_types": []}}
    shown = (await sandbox.call("PUT", path, {"wallet": changes}))["wallet"]
    assert (shown["expiration_at"], shown["applies_to"]) == (
        None, {"fee_types": [], "billable_metric_codes": ["api"]},
    )  # fmt: skip
    for scope, details in (
        ({"fee_types": ["x"]}, {"allowed_fee_types": "invalid_fee_types"}),
        ({"billable_metric_codes": ["x"]}, {"billable_metrics": "invalid_identifier"}),
    ):
        answer = await sandbox.rest.put(path, {"wallet": {"applies_to": scope}})
        assert answer.json() == validation(**details)
    await sandbox.call("DELETE", path)
    assert (await sandbox.rest.put(path, {"wallet": {"name": "x"}})).json() == validation(
        wallet_id="wallet_is_terminated"
    )
    assert (await sandbox.rest.get("wallets/nothing")).json()["code"] == "wallet_not_found"


async def test_05_D1_expiration_ends_a_wallet_at_its_slot(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="10", expiration_at="2024-01-20T10:50:00Z")
    await sandbox.advance("2024-01-20T11:44:00Z")
    assert (await reread(sandbox, made))["status"] == "active"
    await sandbox.advance("2024-01-20T11:45:00Z")
    now = await reread(sandbox, made)
    assert (now["status"], now["terminated_at"], now["balance_cents"]) == (
        "terminated", "2024-01-20T11:45:00Z", 1000,
    )  # fmt: skip


async def test_metadata_of_a_wallet(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, code="main")
    path = f"wallets/{made['lago_id']}/metadata"
    assert await sandbox.call("POST", path, {"metadata": {"a": "1", "b": None}}) == {"metadata": {"a": "1", "b": None}}
    assert await sandbox.call("PATCH", "customers/c1/wallets/main/metadata", {"metadata": {"c": "3"}}) == {
        "metadata": {"a": "1", "b": None, "c": "3"}
    }
    assert await sandbox.call("DELETE", path + "/a") == {"metadata": {"b": None, "c": "3"}}
    assert (await sandbox.rest.delete(path + "/a")).status_code == 404
    assert await sandbox.call("DELETE", path) == {"metadata": None}


async def test_05_D3_one_request_buys_grants_and_voids(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="10")
    found = await top_up(
        sandbox, made, paid_credits="5", granted_credits="3", voided_credits="2", name="All", priority=4,
        metadata=[{"key": "a", "value": "1"}],
    )  # fmt: skip
    assert [(item["transaction_status"], item["status"], item["priority"]) for item in found] == [
        ("purchased", "pending", 4), ("granted", "settled", 4), ("voided", "settled", 4),
    ]  # fmt: skip
    assert (await reread(sandbox, made))["balance_cents"] == 1100
    await check_books(sandbox)
    shown = await transactions(sandbox, made, transaction_type="outbound")
    assert [item["transaction_status"] for item in shown] == ["voided"]


REFUSED_TRANSACTIONS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"wallet_id": "nothing"}, {"wallet_id": "wallet_not_found"}),
    ({"voided_credits": "10.00001"}, {"voided_credits": "insufficient_credits"}),
    ({"voided_credits": 1}, {"voided_credits": "invalid_voided_credits invalid_amount"}),
    ({"granted_credits": "0.004"}, {"granted_credits": "amount_rounds_to_zero"}),
    ({"name": "x" * 256}, {"name": "too_long"}),
    ({"name": 1}, {"name": "invalid_value"}),
    ({"metadata": "text"}, {"metadata": "invalid_type"}),
    ({"metadata": [{"key": "k", "value": "v"}] * 16}, {"metadata": "too_many_keys"}),
    ({"metadata": [{"key": "k"}]}, {"metadata": "invalid_key_value_pair"}),
    ({"metadata": [{"key": "k" * 21, "value": "v"}]}, {"metadata": "key_too_long"}),
    ({"metadata": [{"key": "k", "value": "v" * 101}]}, {"metadata": "value_too_long"}),
    ({"metadata": [{"key": "k", "value": {}}]}, {"metadata": "nested_structure_not_allowed"}),
    ({"priority": 0}, {"priority": "value_is_invalid"}),
]


@pytest.mark.parametrize(("values", "details"), REFUSED_TRANSACTIONS)
async def test_05_D3_what_transactions_refuse(
    sandbox: Sandbox, values: dict[str, Any], details: dict[str, str]
) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="10")
    body = {"wallet_id": made["lago_id"], "granted_credits": "1", **values}
    answer = await sandbox.rest.post("wallet_transactions", {"wallet_transaction": body})
    assert answer.status_code == 422
    assert answer.json()["error_details"] == {name: codes.split() for name, codes in details.items()}
    assert (await reread(sandbox, made))["balance_cents"] == 1000
