"""Figures of spec 05, parts B to D, over REST where the tests beside the code assert them on functions alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from tests.billing.invoicing.test_voiding import credited
from tests.billing.payments.test_manual import paid
from tests.billing.wallets.test_ongoing import figures, subscribed, use
from tests.server.rest.client import validation
from tests.support.credits import (
    JANUARY,
    applied,
    apply,
    ask,
    coupon,
    credit,
    details,
    fee_id,
    items,
    money,
    notes,
)
from tests.support.sandbox import Sandbox
from tests.support.wallets import check_books, reread, top_up, transactions, wallet

USED = "2024-01-20T00:00:00+00:00"


async def usage(sandbox: Sandbox, price: int, *units: str, tax: str = "20", amount: str = "1") -> None:
    """A month of customer c1: a plan of ``price`` and one metric (m0, m1, ...) for each entry of ``units``."""
    await sandbox.customer("c1")
    await sandbox.tax("vat", tax)
    plan = await sandbox.plan("p", price)
    for number in range(len(units)):
        await sandbox.charge(plan, f"m{number}", properties={"amount": amount})
    await sandbox.subscribe(subscription_at=JANUARY)
    for number, used in enumerate(units):
        await sandbox.send((USED, used), code=f"m{number}")


async def january(sandbox: Sandbox) -> Any:
    await sandbox.advance("2024-02-01T00:00:00Z")
    [invoice] = await details(sandbox)
    return invoice


def shares(invoice: Any) -> dict[str, str]:
    return {fee["item"]["code"]: fee["precise_coupons_amount_cents"] for fee in invoice["fees"]}


async def test_05_B3_example_3(sandbox: Sandbox) -> None:
    await usage(sandbox, 4999, "12.34")
    recurring = {"frequency": "recurring", "frequency_duration": 3}
    await coupon(sandbox, coupon_type="percentage", percentage_rate="12.5", **recurring)
    await apply(sandbox)
    invoice = await january(sandbox)
    assert money(invoice) == (6233, 779, 1091, 6545)
    assert invoice["sub_total_excluding_taxes_amount_cents"] == 5454
    assert shares(invoice) == {"p": "624.77475", "m0": "154.22525"}
    assert [item["frequency_duration_remaining"] for item in await applied(sandbox)] == [2]


async def test_05_B3_example_4_without_the_last_two_coupons(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20")
    await sandbox.customer("c1")
    await sandbox.plan("a", 5000)
    await sandbox.charge(await sandbox.plan("b", 2000), "api", properties={"amount": "1"})
    await coupon(sandbox, "once3", amount_cents=3000)
    recurring = {"frequency": "recurring", "frequency_duration": 9}
    await coupon(sandbox, "plan-a", amount_cents=2500, applies_to={"plan_codes": ["a"]}, **recurring)
    half = {"coupon_type": "percentage", "percentage_rate": "50", "frequency": "forever"}
    await coupon(sandbox, "half", applies_to={"billable_metric_codes": ["api"]}, **half)
    for code in ("once3", "plan-a", "half"):
        await apply(sandbox, code)
    await sandbox.subscribe("sa", "a", subscription_at=JANUARY)
    await sandbox.subscribe("sb", "b", subscription_at=JANUARY)
    await sandbox.send((USED, 30), code="api", subscription="sb")
    invoice = await january(sandbox)
    assert money(invoice) == (10000, 7000, 600, 3600)
    assert [(line["item"]["code"], line["amount_cents"]) for line in invoice["credits"]] == [
        ("half", 1500),
        ("plan-a", 2500),
        ("once3", 3000),
    ]
    assert shares(invoice) == {"a": "3750.0", "api": "2250.0", "b": "1000.0"}
    found = {fee["item"]["code"]: fee["taxes_amount_cents"] for fee in invoice["fees"]}
    assert found == {"a": 250, "api": 150, "b": 200}


async def test_05_B3_example_5_the_same_coupon_twice(sandbox: Sandbox) -> None:
    """The largest share takes the 0.00002 that rounding left (spec 00 rule 13)."""
    await usage(sandbox, 99290, "2997.70", "31.30", "64.60", "31.30", "19.99", tax="10")
    await coupon(sandbox, amount_cents=1000, frequency="forever")
    await apply(sandbox)
    await apply(sandbox)
    invoice = await january(sandbox)
    assert money(invoice) == (413779, 2000, 41178, 452957)
    assert [line["amount_cents"] for line in invoice["credits"]] == [1000, 1000]
    assert shares(invoice) == {
        "p": "479.91802",
        "m0": "1448.93774",
        "m1": "15.12884",
        "m2": "31.2244",
        "m3": "15.12884",
        "m4": "9.66216",
    }


async def test_05_C3_example_3(sandbox: Sandbox) -> None:
    """Three notes of a whole fee each add up to the invoice; the last one takes the rounding of the taxes."""
    await usage(sandbox, 1999, "68.33", "200.33")
    await coupon(sandbox, amount_cents=1000)
    await apply(sandbox)
    invoice = await january(sandbox)
    assert invoice["total_amount_cents"] == 33438
    made: list[Any] = []
    for code, cents, total in ((None, 1999, 2316), ("m0", 6833, 7915), ("m1", 20033, 23207)):
        entries = items((fee_id(invoice, code), cents))
        made.append(await credit(sandbox, invoice, entries, credit_amount_cents=total))
    names = ("sub_total_excluding_taxes_amount_cents", "taxes_amount_cents", "total_amount_cents")
    assert [tuple(note[name] for name in names) for note in made] == [
        (1930, 386, 2316),
        (6596, 1319, 7915),
        (19339, 3868, 23207),
    ]
    assert made[-1]["precise_taxes_amount_cents"] == "3868.00001"
    assert sum(note["total_amount_cents"] for note in made) == 33438


async def test_05_C5_credit_notes_are_spread_over_fees(sandbox: Sandbox) -> None:
    """Fees 5000 + 3000 with 20 %, coupon 800: 8640; notes of 2400 and 600 leave 5640."""
    await credited(sandbox, 2400, 600)
    await usage(sandbox, 5000, "30")
    await coupon(sandbox, amount_cents=800)
    await apply(sandbox)
    await sandbox.advance("2024-02-01T00:00:00Z")
    invoice = (await details(sandbox))[-1]
    assert money(invoice) == (8000, 800, 1440, 5640)
    assert invoice["credit_notes_amount_cents"] == 3000
    assert [note["credit_status"] for note in await notes(sandbox)] == ["consumed", "consumed"]
    async with sandbox.context() as ctx:
        rows = await ctx.session.execute(
            text("select amount_cents, precise_credit_notes_amount_cents from fees where invoice_id = :invoice"),
            {"invoice": invoice["lago_id"]},
        )
        assert sorted(tuple(row) for row in rows) == [(3000, Decimal(1125)), (5000, Decimal(1875))]


async def test_05_C6_example(sandbox: Sandbox) -> None:
    """15 credits bought and paid; 5.00 refunded; 9.95 credits voided; no more than the rest can be refunded."""
    await sandbox.customer("c1")
    made = await wallet(sandbox, paid_credits="15")
    [bought] = await transactions(sandbox, made)
    invoice = await sandbox.invoice(bought["lago_invoice_id"])
    await paid(sandbox, invoice, 1500)
    assert (await reread(sandbox, made))["balance_cents"] == 1500
    fee = invoice["fees"][0]["lago_id"]
    note = await credit(sandbox, invoice, items((fee, 500)), refund_amount_cents=500)
    assert (await reread(sandbox, made))["balance_cents"] == 1000
    [gone] = await transactions(sandbox, made, transaction_status="voided")
    assert (gone["credit_amount"], gone["status"], gone["lago_credit_note_id"]) == ("5.0", "settled", note["lago_id"])
    await top_up(sandbox, made, voided_credits="9.95")
    assert (await reread(sandbox, made))["balance_cents"] == 5
    answer = await ask(sandbox, invoice, items((fee, 10)), refund_amount_cents=10)
    assert answer.json() == validation(amount_cents="higher_than_wallet_balance")
    answer = await ask(sandbox, invoice, items((fee, 5)), refund_amount_cents=4, credit_amount_cents=1)
    assert answer.json()["error_details"] == {"credit_amount_cents": ["cannot_credit_invoice"]}
    await check_books(sandbox)


@pytest.mark.parametrize(
    ("credits", "rate", "currency", "amount", "stored"),
    [
        ("20", "1", "EUR", "20.00", "20"),
        ("10.333", "0.5", "EUR", "5.17", "10.34"),
        ("3.333", "1.5", "EUR", "5.00", "3.33333"),
        ("10.34567", "1.375", "EUR", "14.23", "10.34909"),
        ("4.399999", "0.01", "EUR", "0.04", "4"),
        ("1034", "0.001", "EUR", "1.03", "1030"),
        ("4.6", "1", "JPY", "5", "5"),
    ],
)
async def test_05_D2_credits_and_money(
    sandbox: Sandbox, credits: str, rate: str, currency: str, amount: str, stored: str
) -> None:
    """Bought and granted alike; the wallet holds what was granted."""
    await sandbox.customer("c1")
    made = await wallet(sandbox, currency=currency, rate_amount=rate, granted_credits=credits, paid_credits=credits)
    for found in await transactions(sandbox, made):
        assert (Decimal(found["amount"]), Decimal(found["credit_amount"])) == (Decimal(amount), Decimal(stored))
    assert Decimal(made["credits_balance"]) == Decimal(stored)
    assert made["balance_cents"] == Decimal(amount) * (1 if currency == "JPY" else 100)
    await check_books(sandbox)


async def test_05_D2_credits_worth_nothing(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    for name in ("paid_credits", "granted_credits"):
        body = {"external_customer_id": "c1", "currency": "EUR", "rate_amount": "0.01", name: "0.4"}
        answer = await sandbox.rest.post("wallets", {"wallet": body})
        assert (answer.status_code, answer.json()) == (422, validation(**{name: "amount_rounds_to_zero"}))


async def test_05_D2_a_void_rounds_the_money_only(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, rate_amount="2", granted_credits="10")
    [gone] = await top_up(sandbox, made, voided_credits="1.23456789")
    assert (gone["amount"], gone["credit_amount"]) == ("2.47", "1.23456")
    now = await reread(sandbox, made)
    assert (now["balance_cents"], now["credits_balance"]) == (2000 - 247, "8.76544")


async def test_05_D5_three_wallets_of_one_bucket_each(sandbox: Sandbox) -> None:
    """Three fees of 1000 with 0.03 % are buckets of 1000.3 and a total of 3001: paid 1000, 1001, 1000."""
    await usage(sandbox, 0, "10", "10", "10", tax="0.03")
    made = [
        await wallet(sandbox, code=f"w{n}", granted_credits="100", applies_to={"billable_metric_codes": [f"m{n}"]})
        for n in range(3)
    ]
    invoice = await january(sandbox)
    assert (invoice["prepaid_credit_amount_cents"], invoice["total_amount_cents"]) == (3001, 0)
    assert [10_000 - (await reread(sandbox, item))["balance_cents"] for item in made] == [1000, 1001, 1000]
    await check_books(sandbox)


@pytest.mark.parametrize(
    ("amounts", "fees", "total"),
    [
        (["0.01"] * 2 + ["0.004"] * 6, 2, 3),
        (["0.014"] * 8, 8, 11),
    ],
    ids=["a", "b"],
)
async def test_05_D5_rounding(sandbox: Sandbox, amounts: list[str], fees: int, total: int) -> None:
    """40 % tax, one metric for each fee: one unlimited wallet pays all of it and no more."""
    await sandbox.customer("c1")
    await sandbox.tax("vat", "40")
    plan = await sandbox.plan("p", 0)
    for number, amount in enumerate(amounts):
        await sandbox.charge(plan, f"m{number}", properties={"amount": amount})
    await sandbox.subscribe(subscription_at=JANUARY)
    for number in range(len(amounts)):
        await sandbox.send((USED, 1), code=f"m{number}")
    made = await wallet(sandbox, granted_credits="1")
    invoice = await january(sandbox)
    assert (invoice["fees_amount_cents"], invoice["taxes_amount_cents"]) == (fees, total - fees)
    assert (invoice["prepaid_credit_amount_cents"], invoice["total_amount_cents"]) == (total, 0)
    assert (await reread(sandbox, made))["balance_cents"] == 100 - total


async def test_05_D8_the_last_wallet_takes_the_overflow(sandbox: Sandbox) -> None:
    """Balances of 1000 each; bm1 3000, bm2 500: 0, 500, -1000."""
    await subscribed(sandbox, "bm1", "bm2")
    made = [
        await wallet(sandbox, code="w1", granted_credits="10", applies_to={"billable_metric_codes": ["bm1"]}),
        await wallet(sandbox, code="w2", granted_credits="10", applies_to={"billable_metric_codes": ["bm2"]}),
        await wallet(sandbox, code="w3", granted_credits="10"),
    ]
    await use(sandbox, 30, "bm1")
    await use(sandbox, 5, "bm2")
    assert [(await figures(sandbox, item))[2] for item in made] == [0, 500, -1000]


TOP_UPS: list[tuple[dict[str, Any], dict[str, Any], int, str, str]] = [
    # rule, wallet, credits granted at first, ongoing credits when it acts, credits bought
    ({"threshold_credits": "20", "paid_credits": "30"}, {}, 100, "15", "30"),
    ({"threshold_credits": "20", "paid_credits": "30", "granted_credits": "5"}, {}, 100, "-47", "90"),
    (
        {"threshold_credits": "20", "paid_credits": "30", "granted_credits": "5"},
        {"paid_top_up_max_amount_cents": 7500},
        100,
        "-47",
        "75",
    ),
    ({"threshold_credits": "10", "paid_credits": "50"}, {}, 100, "-39", "50"),
    ({"threshold_credits": "10", "paid_credits": "50"}, {}, 100, "-40", "100"),
    ({"threshold_credits": "10", "paid_credits": "50"}, {}, 100, "-50", "100"),
    ({"threshold_credits": "10", "paid_credits": "50"}, {}, 100, "-429.8", "450"),
    (
        {"threshold_credits": "200", "method": "target", "target_ongoing_balance": "200"},
        {"rate_amount": "0.5", "paid_top_up_min_amount_cents": 2500},
        300,
        "150",
        "50",
    ),
    (
        {"threshold_credits": "200", "method": "target", "target_ongoing_balance": "200"},
        {"rate_amount": "0.5", "paid_top_up_min_amount_cents": 2500},
        300,
        "120",
        "80",
    ),
    ({"threshold_credits": "0", "method": "target", "target_ongoing_balance": "200"}, {}, 100, "-30.5", "230.5"),
]


@pytest.mark.parametrize(("rule", "values", "granted", "ongoing", "bought"), TOP_UPS)
async def test_05_D7_what_a_threshold_buys(
    sandbox: Sandbox, rule: dict[str, Any], values: dict[str, Any], granted: int, ongoing: str, bought: str
) -> None:
    await subscribed(sandbox)
    rules = [{"trigger": "threshold", **rule}]
    made = await wallet(sandbox, granted_credits=str(granted), recurring_transaction_rules=rules, **values)
    used = (granted - Decimal(ongoing)) * Decimal(values.get("rate_amount", "1"))
    await use(sandbox, str(used), transaction_id="all")  # type: ignore[arg-type]
    after = Decimal(ongoing) + Decimal(rule.get("granted_credits", "0"))
    assert Decimal((await figures(sandbox, made))[4]) == after
    found = [item for item in await transactions(sandbox, made) if item["source"] == "threshold"]
    purchases = [item for item in found if item["transaction_status"] == "purchased"]
    assert [Decimal(item["credit_amount"]) for item in purchases] == [Decimal(bought)]
    await check_books(sandbox)


@pytest.mark.parametrize(
    "reason",
    [
        "duplicated_charge",
        "product_unsatisfactory",
        "order_change",
        "order_cancellation",
        "fraudulent_charge",
        "other",
    ],
)
async def test_05_C1_reasons(sandbox: Sandbox, reason: str) -> None:
    await credited(sandbox)
    [invoice] = await details(sandbox)
    entries = [{"fee_id": invoice["fees"][0]["lago_id"], "amount_cents": 100}]
    note = await credit(sandbox, invoice, entries, credit_amount_cents=100, reason=reason)
    assert note["reason"] == reason
    assert [item["reason"] for item in await notes(sandbox, reason=reason)] == [reason]


async def test_05_A1_finalized_documents_keep_their_taxes(sandbox: Sandbox) -> None:
    """Name, code, rate and description are copies; the row names the tax even when that is deleted."""
    body = {"name": "VAT", "code": "vat", "rate": "20", "description": "of 2024", "applied_to_organization": True}
    made = (await sandbox.call("POST", "taxes", {"tax": body}))["tax"]
    await credited(sandbox)
    [before] = await details(sandbox)
    entries = [{"fee_id": before["fees"][0]["lago_id"], "amount_cents": 100}]
    note = await credit(sandbox, before, entries, credit_amount_cents=120)
    [row] = before["applied_taxes"]
    assert (row["lago_tax_id"], row["tax_name"], row["tax_code"], row["tax_rate"], row["tax_description"]) == (
        made["lago_id"],
        "VAT",
        "vat",
        20,
        "of 2024",
    )
    change = {"name": "MwSt", "code": "mwst", "rate": "19", "description": None}
    await sandbox.call("PUT", "taxes/vat", {"tax": change})
    assert (await sandbox.invoice(before["lago_id"]))["applied_taxes"] == [row]
    await sandbox.call("DELETE", "taxes/mwst")
    after = await sandbox.invoice(before["lago_id"])
    assert (after["applied_taxes"], after["taxes_amount_cents"]) == ([row], 1000)
    assert [fee["applied_taxes"] for fee in after["fees"]] == [fee["applied_taxes"] for fee in before["fees"]]
    [stored] = await notes(sandbox)
    assert stored["applied_taxes"] == note["applied_taxes"]


async def test_05_D1_what_the_initial_top_up_takes_over(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, paid_credits="10", granted_credits="5", transaction_priority=7)
    assert [item["priority"] for item in await transactions(sandbox, made)] == [7, 7]
    assert made["last_consumed_credit_at"] is None
    await sandbox.advance("2024-01-20T00:00:00Z")
    await top_up(sandbox, made, voided_credits="1")
    assert (await reread(sandbox, made))["last_consumed_credit_at"] == "2024-01-20T00:00:00Z"


async def test_05_D3_a_void_of_more_than_an_inflow_has_left(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="10")
    [later] = await top_up(sandbox, made, granted_credits="5")
    body = {"wallet_id": made["lago_id"], "voided_transaction_id": later["lago_id"], "voided_credits": "5.01"}
    answer = await sandbox.rest.post("wallet_transactions", {"wallet_transaction": body})
    assert answer.json() == validation(voided_transaction_id="exceeds_remaining_transaction_amount")
    await top_up(sandbox, made, voided_transaction_id=later["lago_id"], voided_credits="2")
    inflows = await transactions(sandbox, made, transaction_type="inbound")
    found = [(item["remaining_amount_cents"], item["remaining_credit_amount"]) for item in inflows]
    assert found == [(1000, "10.0"), (300, "3.0")]
    await check_books(sandbox)


async def test_05_D3_links_to_pay_a_purchase(sandbox: Sandbox) -> None:
    """Before the invoice is there, and when it is settled."""
    await sandbox.customer("c1")
    made = await wallet(sandbox, paid_credits="10")
    [settled] = await transactions(sandbox, made)
    await paid(sandbox, settled["lago_invoice_id"], 1000)
    body = {"wallet_transaction": {"wallet_id": made["lago_id"], "paid_credits": "1"}}
    [fresh] = (await sandbox.call("POST", "wallet_transactions", body))["wallet_transactions"]
    for found, code in (
        (settled, "wallet_transaction_already_settled"),
        (fresh, "wallet_transaction_has_no_attached_invoice"),
    ):
        answer = await sandbox.rest.post(f"wallet_transactions/{found['lago_id']}/payment_url")
        assert (answer.status_code, answer.json()) == (422, validation(base=code))
