"""The official Python client on coupons, applied coupons and credit notes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models.applied_coupon import AppliedCoupon
from lago_python_client.models.coupon import Coupon, LimitationConfiguration
from lago_python_client.models.credit_note import CreditNote, CreditNoteEstimate, CreditNoteUpdate, Item, Items

from tests.support.credits import details, fee_id, pay
from tests.support.sandbox import Sandbox
from tests.support.serving import ask, official_client


@pytest.fixture
async def lago(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with official_client(sandbox.rest) as client:
        yield client


async def test_coupons(sandbox: Sandbox, lago: Client) -> None:
    await sandbox.plan("p")
    await sandbox.customer("c1")
    made = await ask(
        lago.coupons.create,
        Coupon(
            name="Deal",
            code="deal",
            coupon_type="percentage",
            percentage_rate=12.5,
            frequency="recurring",
            frequency_duration=3,
            expiration="no_expiration",
            applies_to=LimitationConfiguration(plan_codes=["p"]),
        ),
    )
    assert (made.percentage_rate, made.plan_codes, made.limited_plans) == (12.5, ["p"], True)
    changed = await ask(lago.coupons.update, Coupon(name="Better deal"), "deal")
    assert (changed.name, changed.frequency_duration, changed.plan_codes) == ("Better deal", 3, ["p"])
    assert (await ask(lago.coupons.find, "deal")).lago_id == made.lago_id
    assert [item.code for item in (await ask(lago.coupons.find_all))["coupons"]] == ["deal"]
    given = await ask(lago.applied_coupons.create, AppliedCoupon(external_customer_id="c1", coupon_code="deal"))
    assert (given.percentage_rate, given.frequency_duration_remaining, given.status) == (12.5, 3, "active")
    found = await ask(lago.applied_coupons.find_all, {"status": "active", "external_customer_id": "c1"})
    assert [item.lago_id for item in found["applied_coupons"]] == [given.lago_id]
    ended = await ask(lago.applied_coupons.destroy, "c1", given.lago_id)
    assert ended.status == "terminated"
    await ask(lago.coupons.destroy, "deal")
    with pytest.raises(LagoApiError) as refused:
        await ask(lago.coupons.find, "deal")
    assert refused.value.status_code == 404


async def test_credit_notes(sandbox: Sandbox, lago: Client) -> None:
    await sandbox.tax("vat", "20")
    await sandbox.customer("c1")
    await sandbox.plan("p", 3000, pay_in_advance=True)
    await sandbox.subscribe(subscription_at="2024-01-15T00:00:00Z", billing_time="anniversary")
    [invoice] = await details(sandbox)
    await pay(sandbox, invoice["lago_id"], 3600)
    entries = Items(__root__=[Item(fee_id=fee_id(invoice), amount_cents=1000)])
    estimated = await ask(lago.credit_notes.estimate, CreditNoteEstimate(invoice_id=invoice["lago_id"], items=entries))
    assert (estimated.max_creditable_amount_cents, estimated.max_refundable_amount_cents) == (1200, 1200)
    assert estimated.max_offsettable_amount_cents == 0
    made = await ask(
        lago.credit_notes.create,
        CreditNote(
            invoice_id=invoice["lago_id"],
            reason="other",
            credit_amount_cents=700,
            refund_amount_cents=500,
            items=entries,
            metadata={"ticket": "4711"},
        ),
    )
    assert (made.total_amount_cents, made.refund_status, made.metadata) == (1200, "pending", {"ticket": "4711"})
    assert made.items.__root__[0].fee.lago_id == fee_id(invoice)
    updated = await ask(lago.credit_notes.update, CreditNoteUpdate(refund_status="succeeded"), made.lago_id)
    assert (updated.refund_status, updated.metadata) == ("succeeded", {"ticket": "4711"})
    assert (await ask(lago.credit_notes.find, made.lago_id)).number == made.number
    found = await ask(lago.credit_notes.find_all, {"external_customer_id": "c1"})
    assert [item.lago_id for item in found["credit_notes"]] == [made.lago_id]
    assert await ask(lago.credit_notes.download, made.lago_id) is None
    assert await ask(lago.credit_notes.merge_metadata, made.lago_id, {"a": None}) == {"ticket": "4711", "a": None}
    assert await ask(lago.credit_notes.delete_metadata_key, made.lago_id, "ticket") == {"a": None}
    assert await ask(lago.credit_notes.replace_metadata, made.lago_id, {"b": "1"}) == {"b": "1"}
    assert await ask(lago.credit_notes.delete_all_metadata, made.lago_id) is None
    voided = await ask(lago.credit_notes.void, made.lago_id)
    assert (voided.credit_status, voided.balance_amount_cents) == ("voided", 0)
