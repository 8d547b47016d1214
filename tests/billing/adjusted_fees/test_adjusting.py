"""Setting the fees of a draft by hand (spec 02 §14)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from billwright.billing.adjusted_fees.schemas import FeeAdjustment
from billwright.billing.adjusted_fees.service import create_adjusted_fee
from billwright.billing.catalog.models import BillableMetricFilter, ChargeFilter
from billwright.billing.kernel.errors import BillingError, Forbidden, NotFound, ValidationFailed
from billwright.billing.kernel.ids import new_id
from tests.billing.adjusted_fees.shop import (
    JANUARY,
    NEXT,
    adjust,
    charge_fee,
    customer,
    draft,
    finalize,
    preview,
    refresh,
    revert,
    subscription_fee,
)
from tests.support.sandbox import Sandbox


@asynccontextmanager
async def refused(kind: type[BillingError], code: Any) -> AsyncGenerator[None]:
    """``code``: the code, or the details of a failed validation."""
    with pytest.raises(kind) as failure:
        yield
    found: Any = failure.value
    assert (found.details if kind is ValidationFailed else found.code) == code


def line(fee: Any) -> tuple[int, str, str, int | None]:
    return fee["amount_cents"], fee["units"], fee["precise_unit_amount"], fee["events_count"]


async def test_02_14_the_examples(sandbox: Sandbox) -> None:
    """Standard $5, usage 0, units 3 -> 1500. Standard $10, units 3 at 150 -> 45000. Package 5 per 100, 100 free, 201
    units -> 1000. All survive refresh and finalization."""
    await customer(sandbox)
    plan = await sandbox.plan("p", 0, currency="USD")
    five = await sandbox.charge(plan, "five", properties={"amount": "5"})
    await sandbox.charge(plan, "ten", properties={"amount": "10"})
    package = await sandbox.charge(
        plan, "pack", model="package", properties={"amount": "5", "free_units": 100, "package_size": 100}
    )
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00Z", 7), code="ten")
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    invoice = await sandbox.invoice(found["lago_id"])
    assert [fee["item"]["code"] for fee in invoice["fees"]] == ["p", "ten"]
    subscription = invoice["fees"][0]["lago_subscription_id"]
    assert await preview(sandbox, invoice, subscription_id=subscription, charge_id=str(five.id), units="3") == (
        1500,
        0,
        [],
    )
    assert (await sandbox.invoice(invoice["lago_id"]))["fees"] == invoice["fees"], "a preview stores nothing"
    await adjust(sandbox, invoice, subscription_id=subscription, charge_id=str(five.id), units="3")
    ten = charge_fee(await sandbox.invoice(invoice["lago_id"]), "ten")
    await adjust(sandbox, invoice, fee_id=ten["lago_id"], units="3", unit_precise_amount="150.00")
    await adjust(sandbox, invoice, subscription_id=subscription, charge_id=str(package.id), units="201")
    await sandbox.send(("2024-01-21T00:00:00Z", 9), code="ten")
    await sandbox.send(("2024-01-21T00:00:00Z", 9), code="five")
    for shown in (await refresh(sandbox, invoice), await finalize(sandbox, invoice)):
        assert line(charge_fee(shown, "five")) == (1500, "3.0", "5.0", 0)
        assert line(charge_fee(shown, "ten")) == (45000, "3.0", "150.0", 0)
        assert charge_fee(shown, "ten")["amount_details"] == {}
        assert line(charge_fee(shown, "pack"))[:2] == (1000, "201.0")
        assert shown["fees_amount_cents"] == shown["total_amount_cents"] == 47500
    assert shown["status"] == "finalized"


async def test_02_14_the_subscription_fee(sandbox: Sandbox) -> None:
    """Units times the computed, prorated amount: 17 of 31 days of 31.01 are 17.00548..., twice that is 34.01."""
    await customer(sandbox)
    await sandbox.plan("p", 3101)
    await sandbox.subscribe(subscription_at="2024-01-15T10:00:00Z")
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    invoice = await sandbox.invoice(found["lago_id"])
    assert line(subscription_fee(invoice)) == (1701, "1.0", "17.01", None)
    fee_id = subscription_fee(invoice)["lago_id"]
    twice = await adjust(sandbox, invoice, fee_id=fee_id, units="2")
    assert line(subscription_fee(twice)) == (3401, "2.0", "17.005483870967742", None)
    assert subscription_fee(twice)["amount_details"] == {"plan_amount_cents": 3101}
    async with refused(ValidationFailed, {"adjusted_fee": ["already_exists"]}):
        await adjust(sandbox, invoice, fee_id=subscription_fee(twice)["lago_id"], units="3")
    back = await revert(sandbox, invoice, fee_id=subscription_fee(twice)["lago_id"])
    assert line(subscription_fee(back)) == (1701, "1.0", "17.01", None)
    free = await adjust(
        sandbox, invoice, fee_id=subscription_fee(back)["lago_id"], units="0", invoice_display_name="On the house"
    )
    assert line(subscription_fee(free))[:2] == (0, "0.0")
    assert subscription_fee(free)["item"]["invoice_display_name"] == "On the house"


async def test_02_14_only_the_name(sandbox: Sandbox) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 100)
    await sandbox.charge(plan, "calls", model="percentage", properties={"rate": "10"})
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00Z", 70))
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    invoice = await sandbox.invoice(found["lago_id"])
    before = charge_fee(invoice)
    renamed = await adjust(sandbox, invoice, fee_id=before["lago_id"], invoice_display_name=" Card payments ")
    fee = charge_fee(renamed)
    assert (line(fee), fee["amount_details"]) == (line(before), before["amount_details"])
    assert fee["item"]["invoice_display_name"] == "Card payments"
    await sandbox.send(("2024-01-21T00:00:00Z", 30))
    assert line(charge_fee(await finalize(sandbox, invoice)))[0] == 1000, "amounts still follow the usage"


async def test_02_14_models_that_need_events(sandbox: Sandbox) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 100)
    ranges = [{"from_value": 0, "to_value": None, "per_unit_amount": "1", "flat_amount": "0"}]
    await sandbox.charge(plan, "calls", model="percentage", properties={"rate": "10"})
    await sandbox.charge(
        plan, "seats", recurring=True, prorated=True, model="graduated", properties={"graduated_ranges": ranges}
    )
    dynamic = await sandbox.charge(plan, "dyn", model="dynamic", properties={"amount": "0"})
    invoice = await draft(sandbox)
    subscription = subscription_fee(invoice)["lago_subscription_id"]
    async with sandbox.context() as ctx:
        ids = {
            code: str(charge_id)
            for code, charge_id in await ctx.session.execute(
                text("select code, id from charges where organization_id = :id"), {"id": ctx.organization_id}
            )
        }
    for code in ("calls", "seats"):
        async with refused(ValidationFailed, {"charge": ["invalid_charge_model"]}):
            await adjust(sandbox, invoice, subscription_id=subscription, charge_id=ids[code], units="3")
        shown = await adjust(
            sandbox, invoice, subscription_id=subscription, charge_id=ids[code], units="3", unit_precise_amount="2"
        )
        assert line(charge_fee(shown, code)) == (600, "3.0", "2.0", 0)
    shown = await adjust(sandbox, invoice, subscription_id=subscription, charge_id=str(dynamic.id), units="3")
    assert line(charge_fee(shown, "dyn"))[:2] == (0, "3.0"), "a dynamic charge has no price without events"


async def test_02_14_true_up_commitment_and_taxes_follow(sandbox: Sandbox) -> None:
    await customer(sandbox)
    await sandbox.tax("vat", "20")
    plan = await sandbox.plan("p", 1000)
    await sandbox.charge(plan, "calls", properties={"amount": "1"}, min_amount_cents=5000)
    await sandbox.call("PUT", "plans/p", {"plan": {"minimum_commitment": {"amount_cents": 10000}}})
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00Z", 20))
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    invoice = await sandbox.invoice(found["lago_id"])

    def amounts(shown: Any) -> dict[str, int]:
        return {
            "true_up" if fee["lago_true_up_parent_fee_id"] else fee["item"]["type"]: fee["amount_cents"]
            for fee in shown["fees"]
        }

    assert amounts(invoice) == {"subscription": 1000, "charge": 2000, "true_up": 3000, "commitment": 4000}
    [true_up] = [fee["lago_id"] for fee in invoice["fees"] if fee["lago_true_up_parent_fee_id"]]
    [commitment] = [fee["lago_id"] for fee in invoice["fees"] if fee["item"]["type"] == "commitment"]
    for fixed in (true_up, commitment):
        async with refused(NotFound, "fee_not_found"):
            await adjust(sandbox, invoice, fee_id=fixed, units="1")
    lower = await adjust(sandbox, invoice, fee_id=charge_fee(invoice)["lago_id"], units="45")
    assert amounts(lower) == {"subscription": 1000, "charge": 4500, "true_up": 500, "commitment": 4000}
    assert (lower["taxes_amount_cents"], lower["total_amount_cents"]) == (2000, 12000)
    higher = await adjust(sandbox, invoice, fee_id=subscription_fee(lower)["lago_id"], units="8")
    assert amounts(higher) == {"subscription": 8000, "charge": 4500, "true_up": 500}
    assert (higher["taxes_amount_cents"], higher["total_amount_cents"]) == (2600, 15600)
    fee = charge_fee(higher)
    assert (fee["taxes_amount_cents"], fee["applied_taxes"][0]["amount_cents"]) == (900, 900)
    assert await preview(sandbox, invoice, fee_id=fee["lago_id"], units="60") == (6000, 1200, [1200])
    assert amounts(await sandbox.invoice(invoice["lago_id"])) == amounts(higher)
    back = await revert(sandbox, invoice, fee_id=charge_fee(higher)["lago_id"])
    back = await revert(sandbox, invoice, fee_id=subscription_fee(back)["lago_id"])
    assert amounts(back) == amounts(invoice)
    assert back["total_amount_cents"] == invoice["total_amount_cents"]


async def test_02_14_filters_and_groups(sandbox: Sandbox) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 0)
    filtered = await sandbox.charge(plan, "calls", properties={"amount": "1"})
    await sandbox.charge(plan, "seats", properties={"amount": "1", "pricing_group_keys": ["region"]})
    async with sandbox.context() as ctx:
        now = ctx.now()
        kept = ChargeFilter(
            id=new_id(), created_at=now, updated_at=now, organization_id=ctx.organization_id, charge_id=filtered.id,
            values={"region": ["eu"]}, properties={"amount": "3"},
        )  # fmt: skip
        ctx.session.add(kept)
        ctx.session.add(
            BillableMetricFilter(
                id=new_id(), created_at=now, updated_at=now, billable_metric_id=filtered.billable_metric_id,
                key="region", values=["eu", "us"],
            )
        )  # fmt: skip
        ctx.organization.catalog_revision += 1
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00Z", 5), region="us")
    await sandbox.send(("2024-01-20T00:00:00Z", 2), code="seats", region="eu")
    await sandbox.send(("2024-01-20T00:00:00Z", 4), code="seats")
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    invoice = await sandbox.invoice(found["lago_id"])
    subscription = subscription_fee(invoice)["lago_subscription_id"]
    target = {"subscription_id": subscription, "charge_id": str(filtered.id)}
    async with refused(NotFound, "charge_filter_not_found"):
        await adjust(sandbox, invoice, **target, charge_filter_id=str(uuid4()), units="1")
    await adjust(sandbox, invoice, **target, charge_filter_id=str(kept.id), units="2")
    shown = await sandbox.invoice(invoice["lago_id"])
    assert line(charge_fee(shown, filters={"region": ["eu"]})) == (600, "2.0", "3.0", 0)
    assert line(charge_fee(shown, filters=None)) == (500, "5.0", "1.0", 1)
    [unnamed] = [fee for fee in shown["fees"] if fee["item"]["grouped_by"] == {"region": ""}]
    await adjust(sandbox, invoice, fee_id=unnamed["lago_id"], units="40")
    for shown in (await refresh(sandbox, invoice), await finalize(sandbox, invoice)):
        seats = {
            fee["item"]["grouped_by"]["region"]: fee["amount_cents"]
            for fee in shown["fees"]
            if fee["item"]["code"] == "seats"
        }
        assert seats == {"eu": 200, "": 4000}


async def test_02_14_zero_units_still_give_a_fee(sandbox: Sandbox) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 100)
    await sandbox.charge(plan, "calls", properties={"amount": "1"})
    await sandbox.subscribe(subscription_at=JANUARY)
    await sandbox.send(("2024-01-20T00:00:00Z", 5))
    await sandbox.advance(NEXT)
    [found] = await sandbox.invoices(status="draft")
    invoice = await sandbox.invoice(found["lago_id"])
    await adjust(sandbox, invoice, fee_id=charge_fee(invoice)["lago_id"], units="0")
    for shown in (await sandbox.invoice(invoice["lago_id"]), await finalize(sandbox, invoice)):
        assert line(charge_fee(shown))[:2] == (0, "0.0")
        assert shown["fees_amount_cents"] == 100


async def test_02_14_what_is_refused(sandbox: Sandbox) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 100)
    made = await sandbox.charge(plan, "calls", properties={"amount": "1"})
    advance = await sandbox.charge(plan, "adv", properties={"amount": "1"}, pay_in_advance=True)
    invoice = await draft(sandbox)
    fee = subscription_fee(invoice)
    target = {"subscription_id": fee["lago_subscription_id"], "charge_id": str(made.id)}
    for wrong in (str(uuid4()), "x", ""):
        async with refused(NotFound, "invoice_not_found"):
            await adjust(sandbox, {"lago_id": wrong}, fee_id=fee["lago_id"], units="1")
        async with refused(NotFound, "fee_not_found"):
            await adjust(sandbox, invoice, fee_id=wrong, units="1")
        async with refused(NotFound, "subscription_not_found"):
            await adjust(sandbox, invoice, **{**target, "subscription_id": wrong}, units="1")
        async with refused(NotFound, "charge_not_found"):
            await adjust(sandbox, invoice, **{**target, "charge_id": wrong}, units="1")
    async with refused(NotFound, "charge_not_found"):
        await adjust(sandbox, invoice, **{**target, "charge_id": str(advance.id)}, units="1")
    for values in ({}, {"invoice_display_name": " "}, {"unit_precise_amount": "3"}):
        async with refused(ValidationFailed, {"units": ["value_is_mandatory"]}):
            await adjust(sandbox, invoice, fee_id=fee["lago_id"], **values)
    async with refused(ValidationFailed, {"units": ["value_is_mandatory"]}):
        await adjust(sandbox, invoice, **target, invoice_display_name="A name alone makes no fee")
    async with refused(ValidationFailed, {"units": ["value_is_out_of_range"]}):
        await adjust(sandbox, invoice, fee_id=fee["lago_id"], units="-1")
    async with refused(ValidationFailed, {"unit_precise_amount": ["value_is_out_of_range"]}):
        await adjust(sandbox, invoice, fee_id=fee["lago_id"], units="1", unit_precise_amount="-0.01")
    async with refused(NotFound, "adjusted_fee_not_found"):
        await revert(sandbox, invoice, fee_id=fee["lago_id"])
    assert (await sandbox.invoice(invoice["lago_id"]))["fees"] == invoice["fees"]
    await finalize(sandbox, invoice)
    issued = await sandbox.invoice(invoice["lago_id"])
    fee = subscription_fee(issued)
    for attempt in (
        adjust(sandbox, issued, fee_id=fee["lago_id"], units="1"),
        preview(sandbox, issued, fee_id=fee["lago_id"], units="1"),
        revert(sandbox, issued, fee_id=fee["lago_id"]),
    ):
        async with refused(Forbidden, "feature_unavailable"):
            await attempt


async def test_an_added_fee_goes_when_it_is_taken_back(sandbox: Sandbox) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 100)
    made = await sandbox.charge(plan, "calls", properties={"amount": "1"})
    invoice = await draft(sandbox)
    target = {"subscription_id": subscription_fee(invoice)["lago_subscription_id"], "charge_id": str(made.id)}
    shown = await adjust(sandbox, invoice, **target, units="2", invoice_display_name="Extra")
    fee = charge_fee(shown)
    assert (fee["amount_cents"], fee["from_date"], fee["to_date"]) == (
        200,
        "2024-01-01T00:00:00+00:00",
        "2024-01-31T23:59:59+00:00",
    )
    back = await revert(sandbox, invoice, fee_id=fee["lago_id"])
    assert [item["item"]["type"] for item in back["fees"]] == ["subscription"]


async def test_two_at_once_set_it_once(sandbox: Sandbox) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 100)
    made = await sandbox.charge(plan, "calls", properties={"amount": "1"})
    invoice = await draft(sandbox)
    target = {"subscription_id": subscription_fee(invoice)["lago_subscription_id"], "charge_id": str(made.id)}
    answers = await asyncio.gather(
        *(adjust(sandbox, invoice, **target, units=str(units)) for units in (1, 2, 3)), return_exceptions=True
    )
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(answer) for answer in failures] == [ValidationFailed, ValidationFailed]
    assert len((await sandbox.invoice(invoice["lago_id"]))["fees"]) == 2


async def test_another_organization_finds_nothing(sandbox: Sandbox) -> None:
    await customer(sandbox)
    await sandbox.plan("p", 100)
    invoice = await draft(sandbox)
    stranger = await sandbox.rest.another()
    async with stranger.context() as ctx, refused(NotFound, "invoice_not_found"):
        await create_adjusted_fee(
            ctx,
            FeeAdjustment.parse(
                {"invoice_id": invoice["lago_id"], "fee_id": invoice["fees"][0]["lago_id"], "units": "1"}
            ),
        )
