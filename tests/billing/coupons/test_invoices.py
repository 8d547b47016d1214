"""Coupons on invoices, over REST (spec 05 B3): what is consumed, carried over and left alone."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlmodel import col

from billwright.billing.catalog.models import Charge
from billwright.billing.subscriptions.models import Subscription
from tests.support.credits import applied, apply, coupon, details, money
from tests.support.sandbox import Sandbox


async def test_05_B3_example_1_once_is_carried_over(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await coupon(sandbox)
    given = await apply(sandbox)
    assert (given["amount_cents_remaining"], given["frequency_duration_remaining"]) == (10000, None)
    plan = await sandbox.plan("p", 7000)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [state] = await applied(sandbox)
    assert (state["status"], state["amount_cents_remaining"]) == ("active", 3000)
    async with sandbox.context() as ctx:
        stored = await ctx.session.get_one(type(plan), plan.id)
        stored.amount_cents = 5000
        ctx.organization.catalog_revision += 1
    await sandbox.advance("2024-03-01T00:00:00Z")
    first, second = await details(sandbox)
    assert money(first) == (7000, 7000, 0, 0)
    assert (first["status"], first["payment_status"]) == ("finalized", "succeeded")
    assert money(second) == (5000, 3000, 0, 2000)
    [state] = await applied(sandbox)
    assert (state["status"], state["amount_cents_remaining"]) == ("terminated", 0)
    assert [(line["amount_cents"], line["before_taxes"]) for line in state["credits"]] == [(7000, True), (3000, True)]
    assert state["credits"][0]["invoice"] == {"lago_id": first["lago_id"], "payment_status": "succeeded"}
    [line] = second["credits"]
    assert line["item"] == {
        "lago_item_id": given["lago_coupon_id"],
        "type": "coupon",
        "code": "deal",
        "name": "Deal",
        "description": None,
    }


async def test_05_B3_example_2_recurring_loses_the_rest(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await coupon(sandbox, amount_cents=5000, frequency="recurring", frequency_duration=3)
    assert (await apply(sandbox))["frequency_duration_remaining"] == 3
    await sandbox.plan("p", 3000)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [state] = await applied(sandbox)
    assert (state["status"], state["frequency_duration_remaining"]) == ("active", 2)
    await sandbox.advance("2024-05-01T00:00:00Z")
    assert [money(item) for item in await sandbox.invoices()] == [(3000, 3000, 0, 0)] * 3 + [(3000, 0, 0, 3000)]
    [state] = await applied(sandbox, status="terminated")
    assert state["frequency_duration_remaining"] == 0


async def test_05_B3_example_4_in_its_order(sandbox: Sandbox) -> None:
    """Two subscriptions on one invoice; the sequence of use is not the sequence of application."""
    await sandbox.tax("vat", "20")
    await sandbox.customer("c1")
    await sandbox.plan("a", 5000)
    plan_b = await sandbox.plan("b", 2000)
    await sandbox.charge(plan_b, "api", properties={"amount": "1"})
    await coupon(sandbox, "once3", amount_cents=3000)
    await coupon(
        sandbox,
        "plan-a",
        amount_cents=2500,
        frequency="recurring",
        frequency_duration=9,
        applies_to={"plan_codes": ["a"]},
    )
    await coupon(
        sandbox,
        "half",
        coupon_type="percentage",
        percentage_rate="50",
        frequency="forever",
        applies_to={"billable_metric_codes": ["api"]},
    )
    await coupon(sandbox, "once4", amount_cents=4000)
    await coupon(sandbox, "hundred", amount_cents=100, frequency="recurring", frequency_duration=5)
    for code in ("once3", "plan-a", "half", "once4", "hundred"):
        await apply(sandbox, code)
    await sandbox.subscribe("sa", "a", subscription_at="2024-01-01T00:00:00Z")
    await sandbox.subscribe("sb", "b", subscription_at="2024-01-01T00:00:00Z")
    await sandbox.send(("2024-01-20T00:00:00+00:00", 30), code="api", subscription="sb")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [invoice] = await details(sandbox)
    assert money(invoice) == (10000, 10000, 0, 0)
    assert [(line["item"]["code"], line["amount_cents"]) for line in invoice["credits"]] == [
        ("half", 1500),
        ("plan-a", 2500),
        ("once3", 3000),
        ("once4", 3000),
    ]
    assert sorted(fee["precise_coupons_amount_cents"] for fee in invoice["fees"]) == ["2000.0", "3000.0", "5000.0"]
    state = {item["coupon_code"]: item for item in await applied(sandbox)}
    assert {code: item["status"] for code, item in state.items()} == {
        "half": "active",
        "plan-a": "active",
        "once3": "terminated",
        "once4": "active",
        "hundred": "active",
    }
    assert state["once4"]["amount_cents_remaining"] == 1000
    assert state["plan-a"]["frequency_duration_remaining"] == 8
    assert state["hundred"]["frequency_duration_remaining"] == 5


async def test_04_3_2_E_finalized_at_zero(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20")
    await sandbox.customer("c1", finalize_zero_amount_invoice="skip")
    await coupon(sandbox, amount_cents=1000)
    await apply(sandbox)
    await sandbox.plan("p", 800, pay_in_advance=True)
    await sandbox.subscribe(subscription_at="2024-01-15T00:00:00Z", billing_time="anniversary")
    [invoice] = await details(sandbox)
    assert (invoice["status"], *money(invoice)) == ("finalized", 800, 800, 0, 0)
    assert [item["amount_cents_remaining"] for item in await applied(sandbox)] == [200]


async def test_drafts_show_and_consume_nothing(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await coupon(sandbox, frequency="recurring", frequency_duration=1)
    await apply(sandbox, amount_cents=500)
    await sandbox.plan("p", 3000, pay_in_advance=True)
    await sandbox.subscribe(subscription_at="2024-01-15T00:00:00Z", billing_time="anniversary")
    [draft] = await details(sandbox)
    assert (draft["status"], draft["credits"], *money(draft)) == ("draft", [], 3000, 0, 0, 3000)
    await sandbox.call("PUT", f"invoices/{draft['lago_id']}/refresh")
    assert [item["frequency_duration_remaining"] for item in await applied(sandbox)] == [1]
    issued = (await sandbox.call("PUT", f"invoices/{draft['lago_id']}/finalize"))["invoice"]
    assert money(issued) == (3000, 500, 0, 2500)
    assert [item["status"] for item in await applied(sandbox)] == ["terminated"]
    again = await sandbox.rest.put(f"invoices/{draft['lago_id']}/finalize")
    assert again.status_code == 404
    assert money(await sandbox.invoice(draft["lago_id"])) == (3000, 500, 0, 2500)


async def test_other_currencies_are_left_alone(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    await coupon(sandbox, "usd", amount_currency="USD")
    await coupon(sandbox, "half", coupon_type="percentage", percentage_rate=50)
    await apply(sandbox, "usd")
    await apply(sandbox, "half")
    await sandbox.plan("p", 3000, pay_in_advance=True)
    await sandbox.subscribe(subscription_at="2024-01-15T00:00:00Z", billing_time="anniversary")
    assert [money(item) for item in await sandbox.invoices()] == [(3000, 1500, 0, 1500)]
    assert [(item["coupon_code"], item["status"]) for item in await applied(sandbox)] == [
        ("usd", "active"),
        ("half", "terminated"),
    ]


async def test_a_plan_coupon_covers_overrides_and_true_ups_and_no_other_plan(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    parent = await sandbox.plan("p", 3000)
    await sandbox.plan("other", 1000)
    override = await sandbox.plan("p", 2000, parent_id=parent.id)
    await sandbox.charge(override, "api", properties={"amount": "1"}, min_amount_cents=500)
    await coupon(sandbox, coupon_type="percentage", percentage_rate="100", applies_to={"plan_codes": ["p"]})
    await apply(sandbox)
    await sandbox.subscribe("s1", "p", subscription_at="2024-01-01T00:00:00Z")
    await sandbox.subscribe("s2", "other", subscription_at="2024-01-01T00:00:00Z")
    async with sandbox.context() as ctx:
        await ctx.session.execute(
            update(Subscription).where(col(Subscription.external_id) == "s1").values(plan_id=override.id)
        )
    await sandbox.advance("2024-02-01T00:00:00Z")
    [invoice] = await details(sandbox)
    assert money(invoice) == (3500, 2500, 0, 1000)
    assert sorted((fee["amount_cents"], fee["precise_coupons_amount_cents"]) for fee in invoice["fees"]) == [
        (0, "0.0"),
        (500, "500.0"),
        (1000, "0.0"),
        (2000, "2000.0"),
    ]


async def test_a_limited_coupon_without_eligible_fees_is_not_consumed(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", 3000, pay_in_advance=True)
    await sandbox.plan("other", 1000)
    await coupon(sandbox, frequency="recurring", frequency_duration=2, applies_to={"plan_codes": ["other"]})
    await apply(sandbox)
    await sandbox.subscribe(subscription_at="2024-01-15T00:00:00Z", billing_time="anniversary")
    assert [money(item) for item in await sandbox.invoices()] == [(3000, 0, 0, 3000)]
    assert [item["frequency_duration_remaining"] for item in await applied(sandbox)] == [2]


async def test_a_reached_coupon_counts_even_for_nothing(sandbox: Sandbox) -> None:
    """Spec 05 B3 step 7, trap 5: a cap of 0 with eligible fees gives a credit of 0, which consumes a period."""
    await sandbox.customer("c1")
    plan = await sandbox.plan("p", 0)
    await sandbox.plan("other", 1000)
    await sandbox.charge(await sandbox.plan("elsewhere", 0), "api")
    free = {"coupon_type": "percentage", "percentage_rate": "100", "frequency": "forever"}
    await coupon(sandbox, "api", **free, applies_to={"billable_metric_codes": ["api"]})
    await coupon(sandbox, "p", frequency="recurring", frequency_duration=2, applies_to={"plan_codes": ["p"]})
    await apply(sandbox, "p")
    await apply(sandbox, "api")
    async with sandbox.context() as ctx:
        charge = (await ctx.session.scalars(select(Charge))).one()
        charge.plan_id = plan.id
        ctx.organization.catalog_revision += 1
    await sandbox.subscribe("s1", "p", subscription_at="2024-01-01T00:00:00Z")
    await sandbox.subscribe("s2", "other", subscription_at="2024-01-01T00:00:00Z")
    await sandbox.send(("2024-01-20T00:00:00+00:00", 5), code="api")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [invoice] = await details(sandbox)
    assert money(invoice) == (1500, 500, 0, 1000)
    assert [(line["item"]["code"], line["amount_cents"]) for line in invoice["credits"]] == [("api", 500), ("p", 0)]
    state = {item["coupon_code"]: item for item in await applied(sandbox)}
    assert state["p"]["frequency_duration_remaining"] == 1
