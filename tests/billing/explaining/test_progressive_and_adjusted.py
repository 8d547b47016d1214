"""Explanations of fees that a progressive invoice was credited on, and of fees set by hand (spec 09 §2, 02 §13-14)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.adjusted_fees.shop import JANUARY, NEXT, adjust, charge_fee, customer, finalize, subscription_fee
from tests.billing.explaining.calculator import steps
from tests.billing.explaining.test_other_fees import explained
from tests.billing.explaining.test_usage_fees import TIERS
from tests.billing.progressive.steps import MARCH, closing, progressive, sell, threshold, use
from tests.support.sandbox import Sandbox


async def test_02_13_5_progressive_credit(sandbox: Sandbox) -> None:
    """20000 billed before of two fees; the credit is borne by what was billed already."""
    plan = await sell(sandbox, threshold(20000), plan_cents=3100)
    await sandbox.charge(plan, "other", properties={"amount": "0.01"})
    await sandbox.send(("2024-02-03T00:00:00+00:00", "7001"), code="other")
    await use(sandbox, "02-06", 13333)
    [first] = await progressive(sandbox)
    for fee in first["fees"]:
        await explained(sandbox, fee)
    await use(sandbox, "02-16", 5000)
    for fee in first["fees"]:
        await explained(sandbox, fee)  # what is used later in the period is no drift
    await sandbox.advance(MARCH)
    invoice = await closing(sandbox)
    total = 0
    for fee in invoice["fees"]:
        explanation = await explained(sandbox, fee)
        for step in steps(explanation, "progressive credit"):
            assert step["label"] == f"Usage already billed on {first['number']}"
            assert fee["item"]["type"] == "charge"
            total += float(step["result"])
    await sandbox.send(("2024-02-04T00:00:00+00:00", "7"))
    late = [await sandbox.call("GET", f"fees/{fee['lago_id']}/explain") for fee in first["fees"]]
    assert sorted(item["explanation"]["matches"] for item in late) == [False, True]
    assert total == invoice["progressive_billing_credit_amount_cents"] == first["fees_amount_cents"]


@pytest.mark.parametrize(
    ("model", "properties"),
    [
        ("standard", {"amount": "1.5"}),
        ("graduated", {"graduated_ranges": TIERS}),
        ("volume", {"volume_ranges": TIERS}),
        ("package", {"amount": "5", "free_units": 2, "package_size": 4}),
    ],
)
async def test_02_14_units_set_by_hand(sandbox: Sandbox, model: str, properties: dict[str, Any]) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 3100)
    await sandbox.charge(plan, model=model, properties=properties)
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00Z", 7))
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    invoice = await sandbox.invoice(found["lago_id"])
    await adjust(sandbox, invoice, fee_id=charge_fee(invoice)["lago_id"], units="12.5")
    invoice = await sandbox.invoice(found["lago_id"])
    await adjust(sandbox, invoice, fee_id=subscription_fee(invoice)["lago_id"], units="3")
    issued = await finalize(sandbox, invoice)
    explanation = await explained(sandbox, charge_fee(issued))
    assert [step["result"] for step in steps(explanation, "adjustment")] == ["12.5"]
    explanation = await explained(sandbox, subscription_fee(issued))
    assert explanation["recomputed_amount_cents"] == 9300


async def test_02_14_units_and_price_set_by_hand(sandbox: Sandbox) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 0)
    await sandbox.charge(plan, properties={"amount": "10"})
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00Z", 7))
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    invoice = await sandbox.invoice(found["lago_id"])
    await adjust(sandbox, invoice, fee_id=charge_fee(invoice)["lago_id"], units="3", unit_precise_amount="150.005")
    explanation = await explained(sandbox, charge_fee(await sandbox.invoice(found["lago_id"])))
    assert steps(explanation, "adjustment")[0]["result"] == "450.015"
    assert explanation["recomputed_amount_cents"] == 45002
