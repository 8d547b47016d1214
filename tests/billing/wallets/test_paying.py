"""Wallets pay invoices (spec 05 D5, D6; 04 §3.1 step 7, §9)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.wallets.allocation import Part, Payer, allocate
from tests.support.credits import JANUARY, details
from tests.support.sandbox import Sandbox
from tests.support.wallets import check_books, pay_invoice, reread, top_up, transactions, wallet


def part(metric: str, rest: str, base: str = "1") -> Part:
    return Part("charge", metric, Fraction(base), Fraction(rest))


def test_05_D5_three_wallets_of_one_bucket_each() -> None:
    parts = [part(metric, "1000.3") for metric in "abc"]
    payers = [Payer(10_000, metric_ids=frozenset({metric})) for metric in "abc"]
    assert allocate(parts, 3001, payers) == [1000, 1001, 1000]


def test_05_D5_rounding_a() -> None:
    """Fees of 0 cents are left out; what the buckets lack goes to the largest."""
    parts = [part(str(n), "1.4") for n in range(2)] + [part(str(n), "0.4", base="0") for n in range(2, 8)]
    assert allocate(parts, 3, [Payer(100)]) == [3]


def test_05_D5_rounding_b() -> None:
    assert allocate([part(str(n), "1.56") for n in range(8)], 11, [Payer(100)]) == [11]


def test_a_total_of_rounding_alone_is_paid_by_unlimited_wallets_only() -> None:
    parts = [part("a", "0.4", base="0") for _ in range(3)]
    assert allocate(parts, 1, [Payer(5, metric_ids=frozenset("a")), Payer(5)]) == [0, 1]


_AMOUNTS = st.integers(0, 30_000).map(lambda n: Fraction(n, 100))


@given(
    parts=st.lists(st.tuples(st.sampled_from("abc"), _AMOUNTS), min_size=1, max_size=8),
    payers=st.lists(st.tuples(st.integers(1, 400), st.sets(st.sampled_from("abc"))), max_size=5),
    more=st.integers(-3, 3),
)
def test_payments_never_exceed_the_invoice_or_a_balance(
    parts: list[tuple[str, Fraction]], payers: list[tuple[int, set[str]]], more: int
) -> None:
    due = max(int(sum((amount for _, amount in parts), Fraction(0))) + more, 0)
    wallets = [Payer(balance, metric_ids=frozenset(metrics)) for balance, metrics in payers]
    paid = allocate([Part("charge", metric, amount, amount) for metric, amount in parts], due, wallets)
    assert sum(paid) <= due
    assert all(0 <= cents <= wallet.balance_cents for cents, wallet in zip(paid, wallets, strict=True))
    unlimited = sum(wallet.balance_cents for wallet in wallets if not wallet.metric_ids)
    assert sum(paid) >= min(due, unlimited)


async def usage_of_D5(sandbox: Sandbox) -> None:
    """Subscription 5000, api 3000, storage 1000, all with 20 %."""
    await sandbox.customer("c1")
    await sandbox.tax("vat", "20")
    plan = await sandbox.plan("p", 5000)
    await sandbox.charge(plan, "api")
    await sandbox.charge(plan, "storage")
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00+00:00", 30), code="api")
    await sandbox.send(("2024-01-20T00:00:00+00:00", 10), code="storage")


async def month(sandbox: Sandbox) -> Any:
    await sandbox.advance("2024-02-01T00:00:00Z")
    found = [item for item in await details(sandbox) if item["invoice_type"] == "subscription"]
    return found[-1]


async def test_05_D5_example(sandbox: Sandbox) -> None:
    await usage_of_D5(sandbox)
    c = await wallet(sandbox, code="c", granted_credits="5")
    b = await wallet(sandbox, code="b", granted_credits="100", priority=5, applies_to={"fee_types": ["subscription"]})
    a = await wallet(sandbox, code="a", granted_credits="20", priority=1, applies_to={"billable_metric_codes": ["api"]})
    other = await wallet(sandbox, code="usd", currency="USD", granted_credits="1000", priority=1)
    invoice = await month(sandbox)
    assert (invoice["prepaid_credit_amount_cents"], invoice["total_amount_cents"]) == (8500, 2300)
    assert invoice["prepaid_granted_credit_amount_cents"] == 8500
    assert invoice["prepaid_purchased_credit_amount_cents"] is None
    assert invoice["credits"] == []
    assert [(await reread(sandbox, item))["balance_cents"] for item in (a, b, c, other)] == [0, 4000, 0, 100_000]
    [used] = await transactions(sandbox, b, transaction_status="invoiced")
    assert (used["amount"], used["lago_invoice_id"], used["status"]) == ("60.0", invoice["lago_id"], "settled")
    assert (await reread(sandbox, b))["consumed_credits"] == "60.0"
    await check_books(sandbox)


async def test_05_D6_granted_before_purchased(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, paid_credits="100")
    [bought] = await transactions(sandbox, made)
    await pay_invoice(sandbox, bought["lago_invoice_id"])
    await sandbox.advance("2024-01-16T00:00:00Z")
    [given_] = await top_up(sandbox, made, granted_credits="20")
    await sandbox.plan("p", 5000)
    await sandbox.subscribe(subscription_at=JANUARY)
    invoice = await month(sandbox)
    assert (invoice["total_amount_cents"], invoice["payment_status"]) == (0, "succeeded")
    assert invoice["prepaid_granted_credit_amount_cents"] == 2000
    assert invoice["prepaid_purchased_credit_amount_cents"] == 3000
    [used] = await transactions(sandbox, made, transaction_status="invoiced")
    path = f"wallet_transactions/{used['lago_id']}/fundings"
    fundings = (await sandbox.call("GET", path))["wallet_transaction_fundings"]
    assert [(item["wallet_transaction"]["lago_id"], item["amount_cents"]) for item in fundings] == [
        (given_["lago_id"], 2000),
        (bought["lago_id"], 3000),
    ]
    assert fundings[1]["wallet_transaction"]["remaining_amount_cents"] == 7000
    path = f"wallet_transactions/{bought['lago_id']}"
    consumed = (await sandbox.call("GET", path + "/consumptions"))["wallet_transaction_consumptions"]
    assert [(item["wallet_transaction"]["lago_id"], item["credit_amount"]) for item in consumed] == [
        (used["lago_id"], "30.0")
    ]
    refused = await sandbox.rest.get(path + "/fundings")
    assert refused.json()["error_details"] == {"transaction_type": ["invalid_transaction_type"]}
    await check_books(sandbox)


async def test_04_9_a_void_gives_the_credits_back(sandbox: Sandbox) -> None:
    await usage_of_D5(sandbox)
    made = await wallet(sandbox, granted_credits="50")
    ended = await wallet(sandbox, granted_credits="10", priority=1)
    invoice = await month(sandbox)
    assert invoice["prepaid_credit_amount_cents"] == 6000
    await sandbox.call("DELETE", f"wallets/{ended['lago_id']}")
    await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void")
    now = await reread(sandbox, made)
    assert (now["balance_cents"], now["credits_balance"], now["consumed_credits"]) == (5000, "50.0", "0.0")
    back = (await transactions(sandbox, made))[-1]
    assert (back["transaction_status"], back["lago_voided_invoice_id"]) == ("granted", invoice["lago_id"])
    assert (await reread(sandbox, ended))["balance_cents"] == 0
    await check_books(sandbox)


async def test_04_9_a_void_with_a_credit_note_keeps_them(sandbox: Sandbox) -> None:
    await usage_of_D5(sandbox)
    made = await wallet(sandbox, granted_credits="50")
    invoice = await month(sandbox)
    body = {"generate_credit_note": True, "credit_amount": 5000}
    await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void", body)
    assert (await reread(sandbox, made))["balance_cents"] == 0


async def test_drafts_show_no_wallets(sandbox: Sandbox) -> None:
    await usage_of_D5(sandbox)
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    made = await wallet(sandbox, granted_credits="50")
    draft = await month(sandbox)
    assert (draft["status"], draft["prepaid_credit_amount_cents"]) == ("draft", 0)
    assert (await reread(sandbox, made))["balance_cents"] == 5000
    await sandbox.call("PUT", f"invoices/{draft['lago_id']}/finalize")
    issued = await sandbox.invoice(draft["lago_id"])
    assert (issued["prepaid_credit_amount_cents"], issued["total_amount_cents"]) == (5000, 5800)
    assert (await reread(sandbox, made))["balance_cents"] == 0
    await check_books(sandbox)
