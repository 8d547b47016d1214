"""Coupons over REST: definitions, limits, applications, expiry, what a void gives back (spec 05 B1, B2)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from billwright.billing.coupons.service import terminate_coupon
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.credits import applied, apply, coupon, details, money
from tests.support.sandbox import Sandbox

FIXED = {
    "name": "Deal",
    "code": "deal",
    "coupon_type": "fixed_amount",
    "amount_cents": 500,
    "amount_currency": "EUR",
    "frequency": "once",
    "expiration": "no_expiration",
}


async def post(sandbox: Sandbox, **changes: Any) -> Any:
    body = {name: value for name, value in {**FIXED, **changes}.items() if value != "-"}
    return await sandbox.rest.post("coupons", {"coupon": body})


async def test_a_coupon_on_the_wire(sandbox: Sandbox) -> None:
    await sandbox.plan("p")
    made = await coupon(
        sandbox,
        "half/off",
        coupon_type="percentage",
        percentage_rate=50,
        frequency="recurring",
        frequency_duration=6,
        expiration="time_limit",
        expiration_at="2024-08-01T00:00:00Z",
        reusable=False,
        description="Half",
        applies_to={"plan_codes": ["p"]},
    )
    assert {name: value for name, value in made.items() if name != "lago_id"} == {
        "name": "Half/Off",
        "code": "half/off",
        "description": "Half",
        "coupon_type": "percentage",
        "amount_cents": None,
        "amount_currency": None,
        "percentage_rate": "50.0",
        "frequency": "recurring",
        "frequency_duration": 6,
        "reusable": False,
        "limited_plans": True,
        "plan_codes": ["p"],
        "limited_billable_metrics": False,
        "billable_metric_codes": [],
        "expiration": "time_limit",
        "expiration_at": "2024-08-01T00:00:00Z",
        "created_at": "2024-01-15T10:00:00Z",
        "terminated_at": None,
    }
    assert (await sandbox.call("GET", "coupons/half/off"))["coupon"] == made


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"name": "-"}, {"name": "value_is_mandatory"}),
        ({"code": " "}, {"code": "value_is_mandatory"}),
        ({"coupon_type": "-"}, {"coupon_type": "value_is_mandatory"}),
        ({"coupon_type": "gift"}, {"coupon_type": "value_is_invalid"}),
        ({"frequency": "daily"}, {"frequency": "value_is_invalid"}),
        ({"expiration": "soon"}, {"expiration": "value_is_invalid"}),
        ({"amount_cents": "-"}, {"amount_cents": "value_is_mandatory"}),
        ({"amount_cents": 0}, {"amount_cents": "value_is_out_of_range"}),
        ({"amount_currency": "-"}, {"amount_currency": "value_is_mandatory"}),
        ({"amount_currency": "XXX"}, {"amount_currency": "value_is_invalid"}),
        ({"coupon_type": "percentage"}, {"percentage_rate": "value_is_mandatory"}),
        ({"coupon_type": "percentage", "percentage_rate": "much"}, {"percentage_rate": "value_is_invalid"}),
        ({"frequency": "recurring"}, {"frequency_duration": "value_is_mandatory"}),
        ({"frequency": "recurring", "frequency_duration": 0}, {"frequency_duration": "value_is_out_of_range"}),
        ({"expiration": "time_limit", "expiration_at": "2024-01-15T10:00:00Z"}, {"expiration_at": "invalid_date"}),
        ({"expiration": "time_limit", "expiration_at": "some day"}, {"expiration_at": "invalid_date"}),
    ],
)
async def test_05_B1_errors(sandbox: Sandbox, changes: dict[str, Any], codes: dict[str, str]) -> None:
    assert (await post(sandbox, **changes)).json() == validation(**codes)


async def test_05_B1_codes_and_targets(sandbox: Sandbox) -> None:
    plan = await sandbox.plan("p")
    await sandbox.charge(plan, "api")
    await coupon(sandbox)
    assert (await post(sandbox)).json() == validation(code="value_already_exist")
    both = await post(sandbox, code="x", applies_to={"plan_codes": ["p"], "billable_metric_codes": ["api"]})
    assert (both.status_code, both.json()["code"]) == (405, "only_one_limitation_type_per_coupon_allowed")
    for targets, code in (
        ({"plan_codes": ["p", "q"]}, "plans_not_found"),
        ({"billable_metric_codes": ["q"]}, "billable_metrics_not_found"),
    ):
        answer = await post(sandbox, code="x", applies_to=targets)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert (await sandbox.rest.get("coupons/x")).json()["code"] == "coupon_not_found"


async def test_05_B1_switching_the_kind_of_target(sandbox: Sandbox) -> None:
    plan = await sandbox.plan("p")
    await sandbox.charge(plan, "api")
    await coupon(sandbox, applies_to={"billable_metric_codes": ["api"]})

    async def limit(**targets: Any) -> tuple[Any, Any]:
        body = {"coupon": {"applies_to": targets}}
        shown = (await sandbox.call("PUT", "coupons/deal", body))["coupon"]
        assert shown["limited_plans"] == bool(shown["plan_codes"])
        assert shown["limited_billable_metrics"] == bool(shown["billable_metric_codes"])
        return shown["plan_codes"], shown["billable_metric_codes"]

    assert await limit() == ([], ["api"])
    assert await limit(plan_codes=["p"]) == (["p"], [])
    assert await limit(plan_codes=[], billable_metric_codes=None) == ([], [])
    assert await limit(billable_metric_codes=["api"]) == ([], ["api"])


async def test_05_B1_the_order_of_the_list(sandbox: Sandbox) -> None:
    await coupon(sandbox, "late", expiration="time_limit", expiration_at="2024-09-01T00:00:00Z")
    await coupon(sandbox, "soon", expiration="time_limit", expiration_at="2024-03-01T00:00:00Z")
    await coupon(sandbox, "ended")
    await coupon(sandbox, "open")
    async with sandbox.context() as ctx:
        await terminate_coupon(ctx, "ended")
    shown = (await sandbox.call("GET", "coupons"))["coupons"]
    assert [item["code"] for item in shown] == ["open", "soon", "late", "ended"]


async def test_05_B1_an_applied_coupon_is_mostly_fixed(sandbox: Sandbox) -> None:
    """Trap 6: locked fields are ignored without error, even after that application has ended."""
    await sandbox.customer("c1")
    await coupon(sandbox)
    given = await apply(sandbox)
    await sandbox.call("DELETE", f"customers/c1/applied_coupons/{given['lago_id']}")
    body = {
        "name": "New",
        "description": "d",
        "code": "other",
        "amount_cents": 1,
        "reusable": False,
        "frequency": "forever",
        "expiration": "time_limit",
        "expiration_at": "2024-09-01T00:00:00Z",
        "applies_to": {"plan_codes": ["nope"]},
    }
    shown = (await sandbox.call("PUT", "coupons/deal", {"coupon": body}))["coupon"]
    assert (shown["name"], shown["description"], shown["expiration"]) == ("New", "d", "time_limit")
    assert (shown["code"], shown["amount_cents"], shown["reusable"], shown["frequency"]) == (
        "deal",
        10000,
        True,
        "once",
    )
    await coupon(sandbox, "free")
    body = {"coupon": {"code": "changed", "coupon_type": "percentage", "percentage_rate": "7.5"}}
    shown = (await sandbox.call("PUT", "coupons/free", body))["coupon"]
    assert (shown["code"], shown["percentage_rate"], shown["amount_cents"]) == ("changed", "7.5", None)


async def test_05_B1_deleting_ends_every_application(sandbox: Sandbox) -> None:
    await sandbox.plan("p")
    await coupon(sandbox, applies_to={"plan_codes": ["p"]})
    for customer in ("c1", "c2"):
        await sandbox.customer(customer)
        await apply(sandbox, customer=customer)
    await sandbox.call("DELETE", "coupons/deal")
    assert {item["status"] for item in await applied(sandbox)} == {"terminated"}
    assert all(item["coupon_deleted_at"] for item in await applied(sandbox))
    assert (await sandbox.rest.delete("coupons/deal")).status_code == 404
    await coupon(sandbox)


async def test_05_B1_expiry_ends_no_application(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await coupon(sandbox, frequency="forever", expiration="time_limit", expiration_at="2024-01-20T12:30:00Z")
    await apply(sandbox)
    clock = (await sandbox.call("GET", "test_clock"))["test_clock"]
    assert clock["next_due_at"] == "2024-01-20T13:30:00Z"
    await sandbox.advance("2024-01-20T13:29:59Z")
    refused = await sandbox.rest.post(
        "applied_coupons", {"applied_coupon": {"external_customer_id": "c1", "coupon_code": "deal"}}
    )
    assert (refused.status_code, refused.json()["code"]) == (404, "coupon_not_found")
    assert (await sandbox.call("GET", "coupons/deal"))["coupon"]["terminated_at"] is None
    await sandbox.advance("2024-01-21T00:00:00Z")
    shown = (await sandbox.call("GET", "coupons/deal"))["coupon"]
    assert shown["terminated_at"] == "2024-01-20T13:30:00Z"
    [state] = await applied(sandbox)
    assert (state["status"], state["coupon_status"]) == ("active", "terminated")
    await sandbox.plan("p", 3000, pay_in_advance=True)
    await sandbox.subscribe(subscription_at="2024-01-21T00:00:00Z", billing_time="anniversary")
    assert [money(item) for item in await sandbox.invoices()] == [(3000, 3000, 0, 0)]


async def test_05_B2_values_of_an_application(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await coupon(sandbox, amount_cents=500)
    given = await apply(sandbox, amount_cents=700, amount_currency="usd", frequency="recurring", frequency_duration=2)
    assert {name: given[name] for name in given if name not in ("lago_id", "lago_coupon_id", "lago_customer_id")} == {
        "coupon_code": "deal",
        "coupon_name": "Deal",
        "coupon_status": "active",
        "coupon_deleted_at": None,
        "external_customer_id": "c1",
        "status": "active",
        "amount_cents": 700,
        "amount_cents_remaining": None,
        "amount_currency": "USD",
        "percentage_rate": None,
        "frequency": "recurring",
        "frequency_duration": 2,
        "frequency_duration_remaining": 2,
        "expiration_at": None,
        "created_at": "2024-01-15T10:00:00Z",
        "terminated_at": None,
    }
    shown = (await sandbox.call("GET", "customers/c1"))["customer"]
    assert shown["currency"] == "USD"
    await apply(sandbox, amount_currency="EUR")
    assert (await sandbox.call("GET", "customers/c1"))["customer"]["currency"] == "USD"
    await coupon(sandbox, "rate", coupon_type="percentage", percentage_rate="10")
    given = await apply(sandbox, "rate", percentage_rate="12.5", amount_cents=3)
    assert (given["percentage_rate"], given["amount_cents"]) == ("12.5", None)


async def test_05_B2_errors_in_order(sandbox: Sandbox) -> None:
    plan = await sandbox.plan("p")
    await sandbox.charge(plan, "api")
    await sandbox.plan("q")

    async def refused(code: str, customer: str = "c1", **values: Any) -> tuple[int, Any]:
        body = {"external_customer_id": customer, "coupon_code": code, **values}
        answer = await sandbox.rest.post("applied_coupons", {"applied_coupon": body})
        return answer.status_code, answer.json().get("error_details") or answer.json()["code"]

    await coupon(sandbox, "p", frequency="forever", applies_to={"plan_codes": ["p"]})
    await coupon(sandbox, "q", frequency="forever", applies_to={"plan_codes": ["q"]})
    await coupon(sandbox, "api", frequency="forever", applies_to={"billable_metric_codes": ["api"]})
    await coupon(sandbox, "single", reusable=False)
    await coupon(sandbox, "ended")
    async with sandbox.context() as ctx:
        await terminate_coupon(ctx, "ended")
    assert await refused("nothing") == (404, "customer_not_found")
    await sandbox.customer("c1")
    assert await refused("nothing") == (404, "coupon_not_found")
    assert await refused("ended") == (404, "coupon_not_found")
    first = await apply(sandbox, "p")
    assert await refused("p") == (405, "plan_overlapping")
    assert await refused("api") == (405, "plan_overlapping")
    await apply(sandbox, "q")
    await sandbox.call("DELETE", f"customers/c1/applied_coupons/{first['lago_id']}")
    await apply(sandbox, "api")
    assert await refused("p") == (405, "plan_overlapping")
    one = await apply(sandbox, "single")
    await sandbox.call("DELETE", f"customers/c1/applied_coupons/{one['lago_id']}")
    assert await refused("single") == (422, {"coupon": ["coupon_is_not_reusable"]})
    await coupon(sandbox, "more")
    assert await refused("more", frequency="recurring") == (422, {"frequency_duration": ["value_is_mandatory"]})
    assert await refused("more", amount_cents=-1) == (422, {"amount_cents": ["value_is_out_of_range"]})
    assert await refused("more", amount_currency="XXX") == (422, {"amount_currency": ["value_is_invalid"]})
    await apply(sandbox, "more")
    await apply(sandbox, "more")


async def test_05_B2_lists_and_removal(sandbox: Sandbox) -> None:
    for customer in ("c1", "c2"):
        await sandbox.customer(customer)
    await coupon(sandbox, "a")
    await coupon(sandbox, "b")
    first = await apply(sandbox, "a")
    await apply(sandbox, "b")
    await apply(sandbox, "a", customer="c2")

    async def shown(path: str = "applied_coupons", **query: Any) -> list[tuple[str, str]]:
        answer = (await sandbox.call("GET", path, params=query))["applied_coupons"]
        assert all(item["credits"] == [] for item in answer)
        return [(item["external_customer_id"], item["coupon_code"]) for item in answer]

    assert await shown() == [("c2", "a"), ("c1", "b"), ("c1", "a")]
    assert await shown(external_customer_id="c1") == [("c1", "b"), ("c1", "a")]
    assert await shown("customers/c1/applied_coupons", **{"coupon_code[]": "b"}) == [("c1", "b")]
    for _ in range(2):
        removed = await sandbox.call("DELETE", f"customers/c1/applied_coupons/{first['lago_id']}")
        assert removed["applied_coupon"]["status"] == "terminated"
    assert await shown(status="terminated") == [("c1", "a")]
    assert await shown(status="active", external_customer_id="c1") == [("c1", "b")]
    for customer, lago_id, code in (
        ("c1", str(uuid4()), "applied_coupon"),
        ("cx", first["lago_id"], "customer"),
        ("c2", first["lago_id"], "applied_coupon"),
    ):
        answer = await sandbox.rest.delete(f"customers/{customer}/applied_coupons/{lago_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, f"{code}_not_found")
    await sandbox.call("DELETE", "customers/c1")
    assert await shown() == [("c2", "a")]


async def test_05_B2_another_organization_finds_nothing(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await coupon(sandbox)
    given = await apply(sandbox)
    other = await sandbox.rest.another()
    assert (await other.get("coupons/deal")).status_code == 404
    assert (await other.get("applied_coupons")).json()["applied_coupons"] == []
    await other.post("customers", {"customer": {"external_id": "c1"}})
    assert (await other.delete(f"customers/c1/applied_coupons/{given['lago_id']}")).status_code == 404
    body = {"applied_coupon": {"external_customer_id": "c1", "coupon_code": "deal"}}
    assert (await other.post("applied_coupons", body)).json()["code"] == "coupon_not_found"


async def billed(sandbox: Sandbox, **values: Any) -> Any:
    """An invoice of 3000 with a coupon used on it."""
    await sandbox.customer("c1")
    await coupon(sandbox, **values)
    await apply(sandbox)
    await sandbox.plan("p", 3000, pay_in_advance=True)
    await sandbox.subscribe(subscription_at="2024-01-15T00:00:00Z", billing_time="anniversary")
    [invoice] = await details(sandbox)
    return invoice


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, ("active", 10000, None)),
        ({"amount_cents": 1000}, ("active", 1000, None)),
        ({"frequency": "recurring", "frequency_duration": 1}, ("active", None, 1)),
        ({"frequency": "recurring", "frequency_duration": 3}, ("active", None, 3)),
        ({"frequency": "forever"}, ("active", None, None)),
        ({"coupon_type": "percentage", "percentage_rate": "10"}, ("active", None, None)),
    ],
)
async def test_05_B3_a_void_gives_back(sandbox: Sandbox, values: dict[str, Any], state: tuple[Any, ...]) -> None:
    invoice = await billed(sandbox, **values)
    assert invoice["coupons_amount_cents"] > 0
    await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void")
    [after] = await applied(sandbox)
    assert (after["status"], after["amount_cents_remaining"], after["frequency_duration_remaining"]) == state
    assert after["terminated_at"] is None


@pytest.mark.parametrize("ended_by", ["removal", "termination", "deletion"])
async def test_05_B3_a_void_does_not_undo_a_decision(sandbox: Sandbox, ended_by: str) -> None:
    invoice = await billed(sandbox, amount_cents=1000)
    [before] = await applied(sandbox)
    assert before["status"] == "terminated"
    if ended_by == "removal":
        await sandbox.call("DELETE", f"customers/c1/applied_coupons/{before['lago_id']}")
    elif ended_by == "deletion":
        await sandbox.call("DELETE", "coupons/deal")
    else:
        async with sandbox.context() as ctx:
            await terminate_coupon(ctx, "deal")
    await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void")
    assert [item["status"] for item in await applied(sandbox)] == ["terminated"]


async def test_answers_follow_the_contract(sandbox: Sandbox) -> None:
    invoice = await billed(sandbox, amount_cents=1000)
    assert problems("Coupon", await sandbox.call("GET", "coupons/deal")) == []
    assert problems("CouponsPaginated", await sandbox.call("GET", "coupons")) == []
    listed = await sandbox.call("GET", "applied_coupons")
    assert problems("AppliedCouponsPaginated", listed) == []
    removed = await sandbox.call("DELETE", f"customers/c1/applied_coupons/{listed['applied_coupons'][0]['lago_id']}")
    assert problems("AppliedCoupon", removed) == []
    assert problems("Invoice", {"invoice": invoice}) == []
