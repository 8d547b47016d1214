"""Billed progressively or not, a period costs the same (spec 02 §13.5)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.billing.progressive.steps import MARCH, STARTED, set_thresholds, threshold
from tests.support.sandbox import Sandbox

PAIRS = 4
CODES = ("a", "b")


async def offer(sandbox: Sandbox, chance: random.Random, number: int) -> None:
    """Two plans of the same prices, and a customer on each; one has thresholds."""
    prices = [f"0.{chance.randrange(1, 999):03d}" for _ in CODES]
    minimum = chance.choice((0, 0, 3000))
    fee = chance.randrange(0, 5000)
    for kind in ("with", "without"):
        name = f"{kind}{number}"
        plan = await sandbox.plan(name, fee)
        for code, amount in zip(CODES, prices, strict=True):
            await _charge(sandbox, plan, code, amount, minimum if code == "a" else 0)
        await sandbox.customer(name, currency="EUR")
    steps = sorted({chance.randrange(100, 9000) for _ in range(chance.randrange(1, 4))})
    listed = [threshold(step) for step in steps]
    if chance.random() < 0.6:
        listed.append(threshold(chance.randrange(100, 3000), recurring=True))
    await set_thresholds(sandbox, *listed, plan=f"with{number}")


async def _charge(sandbox: Sandbox, plan: Any, code: str, amount: str, minimum: int) -> None:
    body = {
        "billable_metric_id": await _metric(sandbox, code),
        "charge_model": "standard",
        "properties": {"amount": amount},
        "min_amount_cents": minimum,
    }
    await sandbox.call("POST", f"plans/{plan.code}/charges", {"charge": body})


async def _metric(sandbox: Sandbox, code: str) -> str:
    answer = await sandbox.rest.get(f"billable_metrics/{code}")
    if answer.status_code == 404:
        body = {"name": code, "code": code, "aggregation_type": "sum_agg", "field_name": "n"}
        return (await sandbox.call("POST", "billable_metrics", {"billable_metric": body}))["billable_metric"]["lago_id"]
    return answer.json()["billable_metric"]["lago_id"]


async def billed(sandbox: Sandbox, customer: str) -> int:
    """Before taxes: all invoices, less what credit notes gave back."""
    query = {"external_customer_id": customer, "per_page": 100}
    invoices = await sandbox.invoices(**query)
    given = (await sandbox.call("GET", "credit_notes", params=query))["credit_notes"]
    assert all(item["total_amount_cents"] >= 0 for item in invoices)
    return sum(item["sub_total_excluding_taxes_amount_cents"] for item in invoices) - sum(
        item["sub_total_excluding_taxes_amount_cents"] for item in given
    )


@pytest.mark.parametrize("seed", range(2))
async def test_progressive_and_closing_invoices_add_up_to_a_bill_without_thresholds(
    sandbox: Sandbox, seed: int
) -> None:
    chance = random.Random(seed)
    await sandbox.tax("vat", "19.6")
    for number in range(PAIRS):
        await offer(sandbox, chance, number)
    await sandbox.advance(STARTED)
    for number in range(PAIRS):
        for kind in ("with", "without"):
            await sandbox.subscribe(f"{kind}{number}", f"{kind}{number}", f"{kind}{number}", subscription_at=STARTED)
    for day in sorted(chance.sample(range(2, 29), 6)):
        await sandbox.advance(f"2024-02-{day:02d}T00:00:00Z")
        for number in range(PAIRS):
            code, units = chance.choice(CODES), chance.randrange(-4000, 12000)
            for kind in ("with", "without"):
                when = f"2024-02-{day:02d}T00:00:00+00:00"
                await sandbox.send((when, str(units)), code=code, subscription=f"{kind}{number}")
    # One of them leaves, the others go on.
    await sandbox.advance("2024-02-29T12:00:00Z")
    for kind in ("with", "without"):
        await sandbox.terminate(f"{kind}0")
    await sandbox.advance(MARCH)
    made = await sandbox.invoices(invoice_type="progressive_billing", per_page=100)
    assert made, "thresholds were passed"
    for number in range(PAIRS):
        assert await billed(sandbox, f"with{number}") == await billed(sandbox, f"without{number}"), number
