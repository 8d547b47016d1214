"""Explanations of fees that are no usage, and of what is taken off and added (spec 09 §2)."""

from __future__ import annotations

from typing import Any

from tests.billing.explaining.calculator import check, steps
from tests.server.rest.client import rest_client
from tests.support.credits import apply, coupon
from tests.support.sandbox import Sandbox
from tests.support.wallets import wallet


async def explained(sandbox: Sandbox, fee: Any) -> Any:
    explanation = (await sandbox.call("GET", f"fees/{fee['lago_id']}/explain"))["explanation"]
    check(explanation)
    assert explanation["matches"] is True, explanation
    assert explanation["recomputed_amount_cents"] == explanation["amount_cents"] == fee["amount_cents"]
    assert explanation["notes"] == []
    return explanation


async def fees_of(sandbox: Sandbox) -> list[Any]:
    [found] = await sandbox.invoices()
    return (await sandbox.invoice(found["lago_id"]))["fees"]


async def test_09_1_subscription_fee_17_of_31_days(sandbox: Sandbox) -> None:
    """Spec 09 §1, worked example: 3100 from January 15th, 17 of 31 days."""
    await sandbox.customer("c1")
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    [fee] = await fees_of(sandbox)
    explanation = await explained(sandbox, fee)
    [proration] = steps(explanation, "proration")
    assert proration["formula"] == "plan_amount_cents * days / period_days"
    assert proration["inputs"] == {"plan_amount_cents": "3100", "days": "17", "period_days": "31", "trial_end": None}
    assert proration["result"] == "1700"


async def test_a_proration_that_never_ends(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", 1000, pay_in_advance=True)
    await sandbox.subscribe()
    [fee] = await fees_of(sandbox)
    explanation = await explained(sandbox, fee)
    [proration] = steps(explanation, "proration")
    assert proration["formula"].startswith("round(")
    assert proration["result"] == "548.38709677419354838710".rstrip("0")
    assert explanation["recomputed_amount_cents"] == 548


async def test_commitment(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    body = {
        "name": "P", "code": "p", "interval": "monthly", "amount_cents": 1000, "amount_currency": "EUR",
        "pay_in_advance": False, "minimum_commitment": {"amount_cents": 6200},
    }  # fmt: skip
    await sandbox.call("POST", "plans", {"plan": body})
    await sandbox.subscribe()
    await sandbox.advance("2024-02-01T00:00:00Z")
    fees = {fee["item"]["type"]: fee for fee in await fees_of(sandbox)}
    explanation = await explained(sandbox, fees["commitment"])
    due, missing = steps(explanation, "minimum")
    assert (due["result"], missing["result"]) == ("3400", str(fees["commitment"]["amount_cents"]))
    await explained(sandbox, fees["subscription"])


async def test_coupon_shares_and_taxes(sandbox: Sandbox) -> None:
    """Two coupons on two fees: shares with their remainder, and a tax on what is left."""
    await sandbox.customer("c1")
    await sandbox.tax("vat", "19")
    await sandbox.tax("city", "1.5")
    await coupon(sandbox, amount_cents=1000)
    await coupon(sandbox, "ten", coupon_type="percentage", percentage_rate="10", frequency="forever")
    await apply(sandbox)
    await apply(sandbox, "ten")
    plan = await sandbox.plan("p", 3333)
    await sandbox.charge(plan, "calls", properties={"amount": "1.11"})
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.send(("2024-01-20T00:00:00+00:00", 7))
    await sandbox.advance("2024-02-01T00:00:00Z")
    fees = await fees_of(sandbox)
    assert len(fees) == 2
    total = 0.0
    for fee in fees:
        explanation = await explained(sandbox, fee)
        shares = steps(explanation, "coupon share")
        assert [step["label"] for step in shares] == ["Coupon Deal", "Coupon Ten"]
        assert sum(float(step["result"]) for step in shares) == float(fee["precise_coupons_amount_cents"])
        total += sum(float(step["result"]) for step in shares)
        taxes = steps(explanation, "tax")
        amounts = {tax["tax_name"]: tax["amount_cents"] for tax in fee["applied_taxes"]}
        assert {step["label"].split(" ")[0]: int(step["result"]) for step in taxes} == amounts
    [invoice] = await sandbox.invoices()
    assert round(total, 5) == invoice["coupons_amount_cents"]


async def test_add_on(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    made = {"name": "Setup", "code": "setup", "amount_cents": 333, "amount_currency": "EUR"}
    await sandbox.call("POST", "add_ons", {"add_on": made})
    fees = [{"add_on_code": "setup", "units": "2.5"}]
    body = {"external_customer_id": "c1", "currency": "EUR", "fees": fees}
    await sandbox.call("POST", "invoices", {"invoice": body})
    [fee] = await fees_of(sandbox)
    explanation = await explained(sandbox, fee)
    assert steps(explanation, "pricing")[0]["result"] == "8.325"
    assert fee["amount_cents"] == 833


async def test_purchased_credits(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    """Credits bought are those of whole cents: 10.5 credits at 1.25 are 13.13, which are 10.504 credits."""
    await wallet(sandbox, rate_amount="1.25", paid_credits="10.5")
    [fee] = await fees_of(sandbox)
    explanation = await explained(sandbox, fee)
    assert steps(explanation, "pricing")[0]["inputs"] == {"credits": "10.504", "rate": "1.25"}
    assert fee["amount_cents"] == 1313


async def test_a_draft_is_explained_too(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    [found] = await sandbox.invoices()
    assert found["status"] == "draft"
    [fee] = await fees_of(sandbox)
    await explained(sandbox, fee)


async def test_unknown_fees_and_those_of_others(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    [fee] = await fees_of(sandbox)
    for fee_id in ("nonsense", "018d3b7e-0000-7000-8000-000000000000"):
        answer = await sandbox.rest.get(f"fees/{fee_id}/explain")
        assert (answer.status_code, answer.json()["code"]) == (404, "fee_not_found")
    async with rest_client(sandbox.runtime.database, name="Other") as other:
        answer = await other.get(f"fees/{fee['lago_id']}/explain")
        assert (answer.status_code, answer.json()["code"]) == (404, "fee_not_found")
