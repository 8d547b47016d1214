"""Figures of spec 05, opening and part A (taxes), on invoices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from billwright.billing.catalog.models import ChargeTax, PlanTax
from billwright.billing.taxes.queries import find_tax
from tests.billing.invoicing.test_one_off import add_on, sell
from tests.support.credits import (
    JANUARY,
    applied,
    apply,
    coupon,
    credit,
    details,
    fee_id,
    items,
    notes,
    the_invoice_of_A4,
)
from tests.support.sandbox import Sandbox


async def rate(sandbox: Sandbox) -> Decimal:
    """``taxes_rate`` of the newest invoice."""
    async with sandbox.context() as ctx:
        return (
            await ctx.session.execute(text("select taxes_rate from invoices order by id desc limit 1"))
        ).scalar_one()


def taxes(invoice: Any) -> list[tuple[str, int, int]]:
    found = [(tax["tax_code"], tax["fees_amount_cents"], tax["amount_cents"]) for tax in invoice["applied_taxes"]]
    return sorted(found)


async def test_05_0_order_of_reductions(sandbox: Sandbox) -> None:
    """Fees 7000, coupon 1000, tax 10 %, credit note 2000, then a wallet of 3000: 1600 are left."""
    await sandbox.customer("c1")
    await sandbox.tax("vat", "10")
    await sandbox.plan("p", 7000, pay_in_advance=True)
    await sandbox.subscribe(subscription_at="2024-02-01T00:00:00Z")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [february] = await details(sandbox)
    await credit(sandbox, february, items((fee_id(february), 1818)), credit_amount_cents=2000)
    await coupon(sandbox, amount_cents=1000)
    await apply(sandbox)
    wallet = {"external_customer_id": "c1", "currency": "EUR", "rate_amount": "1", "granted_credits": "30"}
    await sandbox.call("POST", "wallets", {"wallet": wallet})
    await sandbox.advance("2024-03-01T00:00:00Z")
    march = (await details(sandbox))[-1]
    names = ("fees", "coupons", "sub_total_excluding_taxes", "taxes", "sub_total_including_taxes", "credit_notes")
    assert [march[f"{name}_amount_cents"] for name in names] == [7000, 1000, 6000, 600, 6600, 2000]
    assert (march["prepaid_credit_amount_cents"], march["total_amount_cents"]) == (3000, 1600)


async def test_05_0_one_off_invoices_take_no_reductions(sandbox: Sandbox) -> None:
    """Taxes only: coupon and credit note of the customer stay as they are."""
    await sandbox.customer("c1", currency="EUR")
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    [january] = await details(sandbox)
    await credit(sandbox, january, items((fee_id(january), 500)), credit_amount_cents=500)
    await coupon(sandbox, amount_cents=1000)
    await apply(sandbox)
    await sandbox.tax("vat", "20")
    await add_on(sandbox, amount_cents=1000)
    invoice = await sell(sandbox, {"add_on_code": "setup"})
    assert (invoice["taxes_amount_cents"], invoice["total_amount_cents"], invoice["credits"]) == (200, 1200, [])
    assert (invoice["coupons_amount_cents"], invoice["credit_notes_amount_cents"]) == (0, 0)
    assert [note["balance_amount_cents"] for note in await notes(sandbox)] == [500]
    assert [item["status"] for item in await applied(sandbox)] == ["active"]


A4: list[tuple[str, list[tuple[int, list[str]]], list[int], int, str, list[tuple[str, int, int]], int]] = [
    ("rounding", [(1033, ["20"]), (1033, ["20"])], [207, 207], 413, "20", [("20", 2066, 413)], 2479),
    (
        "two rates",
        [(10000, ["20"]), (5000, ["10"])],
        [2000, 500],
        2500,
        "16.66667",
        [("10", 5000, 500), ("20", 10000, 2000)],
        17500,
    ),
    ("one fee untaxed", [(10000, ["20"]), (5000, [])], [2000, 0], 2000, "13.33333", [("20", 10000, 2000)], 17000),
    (
        "two taxes on one fee",
        [(1044, ["10", "5"])],
        [157],
        157,
        "15",
        [("10", 1044, 104), ("5", 1044, 52)],
        1201,
    ),
    (
        "zero invoice",
        [(0, ["20"]), (0, ["10"]), (0, ["10"])],
        [0, 0, 0],
        0,
        "13.33333",
        [("10", 0, 0), ("20", 0, 0)],
        0,
    ),
]


@pytest.mark.parametrize(
    ("fees", "fee_taxes", "taxes_cents", "taxes_rate", "rows", "total"),
    [case[1:] for case in A4],
    ids=[case[0] for case in A4],
)
async def test_05_A4_invoices(
    sandbox: Sandbox,
    fees: list[tuple[int, list[str]]],
    fee_taxes: list[int],
    taxes_cents: int,
    taxes_rate: str,
    rows: list[tuple[str, int, int]],
    total: int,
) -> None:
    await sandbox.customer("c1", currency="EUR")
    for code in ("20", "10", "5"):
        await sandbox.tax(code, code, applied_to_organization=False)
    await add_on(sandbox)
    lines = [{"add_on_code": "setup", "unit_amount_cents": cents, "tax_codes": codes} for cents, codes in fees]
    invoice = await sell(sandbox, *lines)
    assert [fee["taxes_amount_cents"] for fee in invoice["fees"]] == fee_taxes
    assert (invoice["taxes_amount_cents"], invoice["total_amount_cents"]) == (taxes_cents, total)
    assert (taxes(invoice), await rate(sandbox)) == (rows, Decimal(taxes_rate))


async def test_05_A4_with_a_coupon(sandbox: Sandbox) -> None:
    invoice = await the_invoice_of_A4(sandbox)
    fees = {fee["item"]["code"]: fee for fee in invoice["fees"]}
    assert {code: (fee["precise_coupons_amount_cents"], fee["taxes_amount_cents"]) for code, fee in fees.items()} == {
        "p": ("1243.3281", 1731),
        "api": ("568.28885", 791),
        "storage": ("188.38305", 0),
    }
    assert [fees[code]["sub_total_excluding_taxes_precise_amount_cents"] for code in ("p", "api", "storage")] == [
        "8656.6719",
        "3956.71115",
        "1311.61695",
    ]
    names = ("fees", "coupons", "sub_total_excluding_taxes", "taxes", "total")
    assert [invoice[f"{name}_amount_cents"] for name in names] == [15925, 2000, 13925, 2523, 16448]
    assert taxes(invoice) == [("vat0", 1312, 0), ("vat20", 12613, 2523)]
    assert await rate(sandbox) == Decimal("18.11617")


async def test_05_A4_no_tax_at_all(sandbox: Sandbox) -> None:
    """A tax of 0 % leaves rows with amount 0 (above); no tax leaves none, and the rate 0."""
    await sandbox.plan("p", 1000, pay_in_advance=True)
    await sandbox.subscribe()
    [invoice] = await details(sandbox)
    assert (taxes(invoice), invoice["fees"][0]["applied_taxes"], await rate(sandbox)) == ([], [], 0)


async def test_05_A3_taxes_of_a_fee(sandbox: Sandbox) -> None:
    """Fee 1044, taxes 10 % and 5 %: applied 104 and 52, 157 in all, rate 15."""
    await sandbox.customer("c1", currency="EUR")
    for code in ("10", "5"):
        await sandbox.tax(code, code)
    await add_on(sandbox, amount_cents=1044)
    [fee] = (await sell(sandbox, {"add_on_code": "setup"}))["fees"]
    assert sorted((tax["tax_code"], tax["amount_cents"]) for tax in fee["applied_taxes"]) == [("10", 104), ("5", 52)]
    assert (fee["taxes_amount_cents"], fee["taxes_precise_amount"], fee["taxes_rate"]) == (157, "1.566", 15)


LEVELS = ("organization", "customer", "plan", "charge")


@pytest.mark.parametrize(
    ("present", "subscription", "charge"),
    [
        (1, "organization", "organization"),
        (2, "customer", "customer"),
        (3, "plan", "plan"),
        (4, "plan", "charge"),
    ],
)
async def test_05_A2_the_nearest_level_wins_alone(
    sandbox: Sandbox, present: int, subscription: str, charge: str
) -> None:
    """Charge -> plan -> customer -> organization; a true-up of the charge has the charge's taxes."""
    levels = LEVELS[:present]
    for level in levels:
        await sandbox.tax(level, str(LEVELS.index(level) + 1), applied_to_organization=level == "organization")
    await sandbox.customer("c1", tax_codes=["customer"] if "customer" in levels else [])
    plan = await sandbox.plan("p", 10000)
    row = await sandbox.charge(plan, min_amount_cents=20000)
    async with sandbox.context() as ctx:
        if "plan" in levels:
            ctx.session.add(PlanTax(plan_id=plan.id, tax_id=(await find_tax(ctx, "plan")).id))
        if "charge" in levels:
            ctx.session.add(ChargeTax(charge_id=row.id, tax_id=(await find_tax(ctx, "charge")).id))
        ctx.organization.catalog_revision += 1
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00Z", 100))
    await sandbox.advance("2024-02-01T00:00:00Z")
    [invoice] = await details(sandbox)
    found = [(fee["item"]["type"], [tax["tax_code"] for tax in fee["applied_taxes"]]) for fee in invoice["fees"]]
    assert found == [("subscription", [subscription]), ("charge", [charge]), ("charge", [charge])]
    assert [fee["amount_cents"] for fee in invoice["fees"]] == [10000] * 3
