"""Fees in advance of recurring charges, set by hand on the draft that renews them (spec 02 §10.6, §14)."""

from __future__ import annotations

from typing import Any

from tests.billing.adjusted_fees.shop import JANUARY, NEXT, adjust, charge_fee, customer, finalize, subscription_fee
from tests.support.sandbox import Sandbox


async def renewing(sandbox: Sandbox) -> Any:
    """The draft of February 1: seats at 10.00, renewed in advance."""
    await customer(sandbox)
    plan = await sandbox.plan("p", 100)
    await sandbox.charge(plan, "seats", recurring=True, pay_in_advance=True, properties={"amount": "10"})
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00Z", 4), code="seats")
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    return await sandbox.invoice(found["lago_id"])


async def test_a_renewal_keeps_the_period_that_it_pays(sandbox: Sandbox) -> None:
    invoice = await renewing(sandbox)
    before = charge_fee(invoice, "seats")
    assert (before["amount_cents"], before["units"]) == (4000, "4.0")
    await adjust(sandbox, invoice, fee_id=before["lago_id"], units="2")
    issued = charge_fee(await finalize(sandbox, invoice), "seats")
    assert (issued["amount_cents"], issued["units"], issued["events_count"]) == (2000, "2.0", 0)
    dates = ("from_date", "to_date")
    assert [issued[name] for name in dates] == [before[name] for name in dates]
    assert issued["from_date"].startswith("2024-02-01")


async def test_an_added_renewal_pays_for_the_next_period(sandbox: Sandbox) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 100)
    made = await sandbox.charge(plan, "seats", recurring=True, pay_in_advance=True, properties={"amount": "10"})
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    invoice = await sandbox.invoice(found["lago_id"])
    subscription = subscription_fee(invoice)["lago_subscription_id"]
    shown = await adjust(sandbox, invoice, subscription_id=subscription, charge_id=str(made.id), units="3")
    fee = charge_fee(shown, "seats")
    assert (fee["amount_cents"], fee["from_date"][:10], fee["to_date"][:10]) == (3000, "2024-02-01", "2024-02-29")
