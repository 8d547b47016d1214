"""Rules of customers that show on subscriptions and invoices (spec 03 §1)."""

from __future__ import annotations

import asyncio

import pytest

from billwright.billing.background.jobs import due_jobs, run_job
from tests.server.rest.client import validation
from tests.support.sandbox import Sandbox


async def test_03_1_2_the_currency_is_free_until_something_exists(sandbox: Sandbox) -> None:
    for currency in ("USD", "EUR", None, "GBP"):
        assert (await sandbox.customer("c1", currency=currency))["currency"] == currency


@pytest.mark.parametrize("state", ["active", "pending", "canceled", "terminated"])
async def test_03_1_2_any_subscription_locks_it(sandbox: Sandbox, state: str) -> None:
    await sandbox.plan("p", currency="EUR")
    later = {"subscription_at": "2024-05-01T00:00:00Z"} if state in ("pending", "canceled") else {}
    await sandbox.subscribe(**later)
    if state == "canceled":
        await sandbox.terminate(status="pending")
    if state == "terminated":
        await sandbox.terminate(on_termination_invoice="skip")
    assert (await sandbox.customer("c1", currency="EUR", name="same is fine"))["currency"] == "EUR"
    for currency in ("USD", None):
        answer = await sandbox.rest.post("customers", {"customer": {"external_id": "c1", "currency": currency}})
        assert (answer.status_code, answer.json()) == (422, validation(currency="currencies_does_not_match"))


async def test_03_1_2_a_subscription_gives_its_currency(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", currency="JPY")
    await sandbox.subscribe()
    assert (await sandbox.call("GET", "customers/c1"))["customer"]["currency"] == "JPY"


async def test_03_1_2_a_refused_subscription_leaves_nothing(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="USD")
    await sandbox.plan("p", currency="EUR", pay_in_advance=True)
    body = {"subscription": {"external_customer_id": "c1", "plan_code": "p", "external_id": "s1"}}
    answer = await sandbox.rest.post("subscriptions", body)
    assert (answer.status_code, answer.json()) == (422, validation(currency="currencies_does_not_match"))
    assert (await sandbox.call("GET", "subscriptions?status[]=all"))["meta"]["total_count"] == 0
    assert await sandbox.invoices() == []


async def test_03_1_1_concurrent_creations_make_one_customer(sandbox: Sandbox) -> None:
    made = await asyncio.gather(*(sandbox.customer("c1", city=str(number)) for number in range(6)))
    assert len({item["lago_id"] for item in made}) == 1
    assert {item["sequential_id"] for item in made} == {1}
    assert (await sandbox.customer("c2"))["sequential_id"] == 2


async def test_03_1_5_deletion_winds_up(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.plan("q", 3100)
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.subscribe("s1", "p")
    await sandbox.subscribe("s2", "q")
    await sandbox.subscribe("s3", "q", subscription_at="2024-06-01T00:00:00Z")
    await sandbox.call("DELETE", "customers/c1")
    assert (await sandbox.rest.get("customers/c1")).status_code == 404
    clock = await sandbox.advance("2024-01-15T10:00:00Z")
    assert clock["next_due_at"] == "2024-01-15T10:05:00Z"
    assert {item["status"] for item in await sandbox.invoices()} == {"draft"}
    statuses = (await sandbox.call("GET", "subscriptions?status[]=all"))["subscriptions"]
    assert {item["external_id"]: item["status"] for item in statuses} == {
        "s1": "terminated",
        "s2": "terminated",
        "s3": "canceled",
    }
    clock = await sandbox.advance("2024-01-15T10:05:00Z")
    assert clock["next_due_at"] is None
    found = await sandbox.invoices(external_customer_id="c1")
    assert sorted((item["status"], item["fees_amount_cents"]) for item in found) == [
        ("finalized", 0),
        ("finalized", 100),
        ("finalized", 1700),
    ]


async def test_03_1_5_the_external_id_is_free_at_once(sandbox: Sandbox) -> None:
    old = await sandbox.customer("c1", name="Old")
    await sandbox.call("DELETE", "customers/c1")
    new = await sandbox.customer("c1")
    assert (new["lago_id"] != old["lago_id"], new["name"], new["sequential_id"]) == (True, None, 2)


async def test_03_1_5_winding_up_twice_bills_once(sandbox: Sandbox) -> None:
    await sandbox.plan("p", 3100)
    await sandbox.subscribe()
    await sandbox.call("DELETE", "customers/c1")
    [job] = await due_jobs(sandbox.rest.database, organization_id=sandbox.organization_id)
    assert await run_job(sandbox.runtime, job) == "succeeded"
    from billwright.billing.kernel.outbox import enqueue

    async with sandbox.context() as ctx:
        customer = (await sandbox.invoices())[0]["customer"]["lago_id"]
        await enqueue(ctx.session, ctx.organization_id, "customer.wind_up", {"customer_id": customer})
    await sandbox.advance("2024-01-15T11:00:00Z")
    assert await sandbox.amounts() == [("2024-01-15", 100)]


async def test_03_1_1_taxes_of_a_customer_replace_the_defaults(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20")
    await sandbox.tax("low", "5", applied_to_organization=False)
    await sandbox.plan(pay_in_advance=True)
    await sandbox.customer("c1", tax_codes=["low"])
    await sandbox.subscribe("s1", customer="c1")
    await sandbox.subscribe("s2", customer="c2")
    found = await sandbox.invoices()
    assert sorted(item["applied_taxes"][0]["tax_code"] for item in found) == ["low", "vat"]


async def test_03_8_2_a_new_zone_moves_what_is_due(sandbox: Sandbox) -> None:
    await sandbox.plan()
    await sandbox.subscribe()
    for zone, due in (
        ("Asia/Kolkata", "2024-01-31T18:30:00Z"),
        ("America/New_York", "2024-02-01T05:00:00Z"),
        (None, "2024-02-01T00:00:00Z"),
    ):
        await sandbox.customer("c1", timezone=zone)
        assert (await sandbox.call("GET", "test_clock"))["test_clock"]["next_due_at"] == due


async def test_03_1_2_an_applied_coupon_with_a_currency_locks_it(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", currency="EUR")
    shared = {"coupon_type": "percentage", "percentage_rate": "10", "frequency": "once", "expiration": "no_expiration"}
    await sandbox.call("POST", "coupons", {"coupon": {"name": "Ten", "code": "ten", **shared}})
    fixed = {"coupon_type": "fixed_amount", "amount_cents": 500, "amount_currency": "EUR"}
    await sandbox.call("POST", "coupons", {"coupon": {"name": "Five", "code": "five", **shared, **fixed}})
    for code, status in (("ten", 200), ("five", 422)):
        applied = {"external_customer_id": "c1", "coupon_code": code}
        await sandbox.call("POST", "applied_coupons", {"applied_coupon": applied})
        for currency in ("USD", "EUR"):
            answer = await sandbox.rest.post("customers", {"customer": {"external_id": "c1", "currency": currency}})
            assert answer.status_code == (200 if currency == "EUR" else status), (code, currency)


@pytest.mark.parametrize(("grace", "expected"), [(0, [(1700, 500)]), (3, [(1700, 0)])])
async def test_03_1_5_coupons_reduce_final_invoices_but_not_drafts(
    sandbox: Sandbox, grace: int, expected: list[tuple[int, int]]
) -> None:
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": grace})
    await sandbox.plan("p", 3100)
    await sandbox.subscribe()
    five = {"coupon_type": "fixed_amount", "amount_cents": 500, "amount_currency": "EUR", "expiration": "no_expiration"}
    await sandbox.call("POST", "coupons", {"coupon": {"name": "Five", "code": "five", "frequency": "forever", **five}})
    applied = {"external_customer_id": "c1", "coupon_code": "five"}
    await sandbox.call("POST", "applied_coupons", {"applied_coupon": applied})
    await sandbox.advance("2024-01-31T10:00:00Z")
    await sandbox.call("DELETE", "customers/c1")
    await sandbox.advance("2024-01-31T10:06:00Z")
    found = await sandbox.invoices()
    assert [item["status"] for item in found] == ["finalized"]
    assert [(item["fees_amount_cents"], item["coupons_amount_cents"]) for item in found] == expected
