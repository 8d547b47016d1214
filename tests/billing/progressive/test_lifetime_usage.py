"""Lifetime usage (spec 02 §13.2, 01 §10.8, 07 §8.9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.progressive.steps import (
    MARCH,
    lifetime,
    progressive,
    sell,
    set_thresholds,
    settle,
    threshold,
    use,
)
from tests.server.rest.client import validation
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox


def parts(usage: Any) -> tuple[int, int, int]:
    names = ("external_historical_usage", "invoiced_usage", "current_usage")
    return tuple(usage[f"{name}_amount_cents"] for name in names)  # type: ignore[return-value]


async def set_historical(sandbox: Sandbox, amount: Any) -> Any:
    body = {"lifetime_usage": {"external_historical_usage_amount_cents": amount}}
    return await sandbox.rest.put("subscriptions/s1/lifetime_usage", body)


async def test_its_parts(sandbox: Sandbox) -> None:
    """Current usage becomes invoiced when its period closes; subscription fees and charges in advance never count."""
    plan = await sell(sandbox, plan_cents=3100)
    await sandbox.charge(plan, "now", properties={"amount": "0.01"}, pay_in_advance=True)
    await use(sandbox, "02-06", 700)
    await use(sandbox, "02-07", 300, code="now")
    usage = await lifetime(sandbox)
    assert problems("LifetimeUsageObject", usage) == []
    assert parts(usage) == (0, 0, 700)
    assert "usage_thresholds" not in usage
    assert usage["from_datetime"] == "2024-02-01T00:00:00Z"
    assert usage["to_datetime"] == "2024-02-07T12:00:00Z"
    assert (await set_historical(sandbox, 5000)).status_code == 200
    await use(sandbox, "03-02", 40)
    assert parts(await lifetime(sandbox)) == (5000, 700, 40)


async def test_02_13_2_renewals_of_charges_in_advance_do_not_count(sandbox: Sandbox) -> None:
    """They stand on the periodic invoice among the charges in arrears."""
    plan = await sell(sandbox)
    await sandbox.charge(plan, "seats", properties={"amount": "0.01"}, pay_in_advance=True, recurring=True)
    await use(sandbox, "02-06", 700)
    await use(sandbox, "02-07", 300, code="seats")
    await sandbox.advance(MARCH)
    periodic = await sandbox.invoice((await sandbox.invoices(issuing_date_from="2024-03-01"))[0]["lago_id"])
    charged = {fee["item"]["code"]: fee["amount_cents"] for fee in periodic["fees"] if fee["item"]["type"] == "charge"}
    assert charged == {"calls": 700, "seats": 300}
    assert parts(await lifetime(sandbox)) == (0, 700, 0)


async def test_progressive_invoices_are_not_counted_twice(sandbox: Sandbox) -> None:
    """Spec 02, trap 15."""
    await sell(sandbox, threshold(500))
    await use(sandbox, "02-06", 700)
    assert len(await progressive(sandbox)) == 1
    assert parts(await lifetime(sandbox)) == (0, 0, 700)
    await sandbox.advance(MARCH)
    assert parts(await lifetime(sandbox)) == (0, 700, 0)


async def test_voiding_the_closing_invoice_takes_its_usage_back(sandbox: Sandbox) -> None:
    await sell(sandbox)
    await use(sandbox, "02-06", 700)
    await sandbox.advance(MARCH)
    [invoice] = await sandbox.invoices()
    await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void")
    assert parts(await lifetime(sandbox)) == (0, 0, 0)


@pytest.mark.parametrize("how", ["void", "delete"])
async def test_02_13_2_usage_that_is_invoiced_no_more_is_checked_at_once(sandbox: Sandbox, how: str) -> None:
    """A voided or deleted invoice no longer holds the step that its usage had passed: the present usage passes it."""
    await sell(sandbox, threshold(1000), billing_configuration={"invoice_grace_period": 5})
    await use(sandbox, "02-06", 1500)
    await use(sandbox, "03-02", 1100)
    assert len(await progressive(sandbox)) == 1
    [closing] = await sandbox.invoices(invoice_type="subscription")
    path = f"invoices/{closing['lago_id']}"
    if how == "void":
        await sandbox.call("PUT", f"{path}/finalize")
        await sandbox.call("POST", f"{path}/void")
    else:
        await sandbox.call("DELETE", path)
    await settle(sandbox, "2024-03-02T12:00:00+00:00")
    assert [invoice["fees_amount_cents"] for invoice in await progressive(sandbox)] == [1500, 1100]


async def test_historical_usage_counts_towards_thresholds(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(1000), threshold(2000))
    assert (await set_historical(sandbox, 1500)).status_code == 200
    await use(sandbox, "02-06", 400)
    assert await progressive(sandbox) == []
    await use(sandbox, "02-07", 100)
    [invoice] = await progressive(sandbox)
    assert invoice["fees_amount_cents"] == 500
    assert [item["lifetime_usage_amount_cents"] for item in invoice["applied_usage_thresholds"]] == [2000]


@pytest.mark.parametrize(
    ("amount", "details"),
    [(-1, "value_is_out_of_range"), (None, "value_is_mandatory"), ("x", "value_is_invalid")],
)
async def test_refused(sandbox: Sandbox, amount: Any, details: str) -> None:
    await sell(sandbox)
    answer = await set_historical(sandbox, amount)
    assert (answer.status_code, answer.json()) == (422, validation(external_historical_usage_amount_cents=details))
    assert parts(await lifetime(sandbox)) == (0, 0, 0)


async def test_not_found(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    await sandbox.plan()
    for method, body in (("GET", None), ("PUT", {"lifetime_usage": {"external_historical_usage_amount_cents": 1}})):
        answer = await sandbox.rest.request(method, "subscriptions/s1/lifetime_usage", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "subscription_not_found")
    await sandbox.subscribe("s1", subscription_at="2024-06-01T00:00:00Z")
    answer = await sandbox.rest.get("subscriptions/s1/lifetime_usage", params={"status": "pending"})
    assert (answer.status_code, answer.json()["code"]) == (404, "lifetime_usage_not_found")
    other = await sandbox.rest.another()
    assert (await other.get("subscriptions/s1/lifetime_usage")).status_code == 404


async def test_permissions(sandbox: Sandbox) -> None:
    await sell(sandbox)
    reader = await sandbox.rest.with_key({"lifetime_usage": ["read"]})
    assert (await reader.get("subscriptions/s1/lifetime_usage")).status_code == 200
    body = {"lifetime_usage": {"external_historical_usage_amount_cents": 1}}
    refused = await reader.put("subscriptions/s1/lifetime_usage", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "write_action_not_allowed_for_lifetime_usage")


async def test_it_follows_a_plan_change(sandbox: Sandbox) -> None:
    """One record per chain, handed over; what the old plan invoiced stays."""
    await sell(sandbox, threshold(1000), plan_cents=100)
    await sandbox.plan("more", 9000)
    await use(sandbox, "02-06", 700)
    await set_historical(sandbox, 50)
    before = await lifetime(sandbox)
    await sandbox.advance("2024-02-08T00:00:00Z")
    after = await sandbox.subscribe("s1", "more")
    usage = await lifetime(sandbox)
    assert usage["lago_id"] == before["lago_id"]
    assert usage["lago_subscription_id"] == after["lago_id"] != before["lago_subscription_id"]
    assert parts(usage) == (50, 700, 0)
    assert "usage_thresholds" not in usage
    ended = await sandbox.rest.get("subscriptions/s1/lifetime_usage", params={"subscription_status": "terminated"})
    assert (ended.status_code, ended.json()["code"]) == (404, "lifetime_usage_not_found")


async def test_thresholds_of_the_new_plan_look_at_the_whole_chain(sandbox: Sandbox) -> None:
    await sell(sandbox, plan_cents=100)
    more = await sandbox.plan("more", 9000)
    await sandbox.charge(more, "seats", properties={"amount": "0.01"})
    await set_thresholds(sandbox, threshold(1000), plan="more")
    await use(sandbox, "02-06", 700)
    await sandbox.advance("2024-02-08T00:00:00Z")
    await sandbox.subscribe("s1", "more")
    await use(sandbox, "02-10", 299, code="seats")
    assert await progressive(sandbox) == []
    await use(sandbox, "02-11", 1, code="seats")
    [invoice] = await progressive(sandbox)
    assert invoice["fees_amount_cents"] == 300
    assert [item["lifetime_usage_amount_cents"] for item in invoice["applied_usage_thresholds"]] == [1000]


async def test_frozen_after_the_end(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(5000))
    await use(sandbox, "02-06", 700)
    await sandbox.terminate()
    usage = await lifetime(sandbox, status="terminated")
    assert parts(usage) == (0, 0, 700)
    await sandbox.send(("2024-02-06T11:00:00+00:00", "100"))
    await sandbox.advance("2024-04-01T00:00:00Z")
    assert parts(await lifetime(sandbox, subscription_status="terminated")) == (0, 0, 700)
    # The same external id again: another chain with a record of its own.
    await sandbox.subscribe("s1", "p")
    assert parts(await lifetime(sandbox)) == (0, 0, 0)


async def test_01_10_8_ex_21(sandbox: Sandbox) -> None:
    """T = 22,000, 47,300 and 75,000; reached steps tell when their invoice was made."""
    await sell(sandbox, threshold(10000), threshold(30000), threshold(20000, recurring=True))

    async def shown() -> list[tuple[int, Any, str | None]]:
        usage = await lifetime(sandbox)
        assert problems("LifetimeUsageObject", usage) == []
        names = ("amount_cents", "completion_ratio", "reached_at")
        return [tuple(item[name] for name in names) for item in usage["usage_thresholds"]]  # type: ignore[misc]

    await use(sandbox, "02-06", 22000)
    assert await shown() == [(10000, 1, "2024-02-06T12:00:00Z"), (30000, 0.6, None), (50000, 0, None)]
    await use(sandbox, "02-08", 25300)
    assert await shown() == [
        (10000, 1, "2024-02-06T12:00:00Z"),
        (30000, 1, "2024-02-08T12:00:00Z"),
        (50000, 0.865, None),
    ]
    await use(sandbox, "02-09", 27700)
    assert await shown() == [
        (10000, 1, "2024-02-06T12:00:00Z"),
        (30000, 1, "2024-02-08T12:00:00Z"),
        (50000, 1, "2024-02-09T12:00:00Z"),
        (70000, 1, "2024-02-09T12:00:00Z"),
        (90000, 0.25, None),
    ]
