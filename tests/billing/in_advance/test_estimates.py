"""Estimates over REST (spec 01 §11, 02 §10.8)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.in_advance.shop import Shop
from tests.billing.in_advance.test_event_amounts import sell_custom
from tests.billing.metering.company import charge
from tests.billing.pricing.cases import tiers
from tests.server.rest.client import validation
from tests.server.rest.contract import problems

TABLES = ("instant_events", "unit_marks", "fees", "fees_taxes", "invoices", "jobs", "events")


async def ask(shop: Shop, path: str = "estimate_fees", **event: Any) -> Any:
    body = {"event": {"code": "m", "external_subscription_id": "s1", **event}}
    answer = await shop.company.rest.post(f"events/{path}", body)
    assert answer.status_code == 200, answer.text
    return answer.json()["fees"]


async def refused(shop: Shop, path: str = "estimate_fees", **event: Any) -> tuple[int, Any]:
    body = {"event": {"code": "m", "external_subscription_id": "s1", **event}}
    answer = await shop.company.rest.post(f"events/{path}", body)
    return answer.status_code, answer.json()


async def test_01_11_1_an_estimated_fee(shop: Shop) -> None:
    await shop.tax()
    await shop.sell("sum_agg", amount="0.125")
    before = [await shop.count(table) for table in TABLES]
    [fee] = await ask(shop, properties={"v": 3})
    assert [await shop.count(table) for table in TABLES] == before
    assert problems("Fees", {"fees": [fee]}) == []
    assert (fee["lago_id"], fee["lago_invoice_id"], fee["created_at"]) == (None, None, None)
    assert (fee["pay_in_advance"], fee["events_count"], fee["payment_status"]) == (True, 1, "pending")
    assert (fee["amount_cents"], fee["precise_amount"], fee["taxes_amount_cents"]) == (38, "0.375", 8)
    assert (fee["units"], fee["precise_unit_amount"][:8]) == ("3.0", "0.126666")
    assert (fee["from_date"], fee["to_date"]) == ("2024-06-01T00:00:00+00:00", "2024-06-30T23:59:59+00:00")
    assert len(fee["event_transaction_id"]) == 36
    assert (fee["external_customer_id"], fee["external_subscription_id"]) == ("c1", "s1")


async def test_01_11_1_with_the_usage_of_the_period(shop: Shop) -> None:
    """The same event estimated and then sent costs the same."""
    ranges = tiers((0, 5, "2", "1"), (6, None, "1", "1"))
    await shop.company.metric("m", "sum_agg", field_name="v")
    await shop.company.plan(
        charge("m", "graduated", _pay_in_advance=True, graduated_ranges=ranges),
        charge("m", "package", _pay_in_advance=True, amount="3", package_size=2, free_units=1),
        charge("m", "percentage", _pay_in_advance=True, rate="10", fixed_amount="1", free_units_per_events=2),
        charge("m", amount="9"),
    )
    await shop.company.subscribe()
    await shop.company.to("2024-06-05")
    for place, value in enumerate((4, -1, 3, 7)):
        estimated = [fee["amount_cents"] for fee in await ask(shop, properties={"v": value})]
        assert len(estimated) == 3
        known = len(await shop.event_fees())
        fees = await shop.bill_events({"v": value, "_at": f"2024-06-01T00:00:00.00{place}"})
        order = {code: number for number, code in enumerate(("m", "m_2", "m_3"))}
        made = sorted(fees[known:], key=lambda fee: order[fee.item["charge_code"]])
        assert [fee.amount_cents for fee in made] == estimated


async def test_01_11_1_unique_counts_and_custom_aggregations(shop: Shop) -> None:
    await shop.sell("unique_count_agg", amount="12")
    await shop.bill_events({"v": "a", "_at": "2024-06-01"})
    assert [fee["amount_cents"] for fee in await ask(shop, properties={"v": "a"})] == [0]
    assert [fee["amount_cents"] for fee in await ask(shop, properties={"v": "b"})] == [1200]
    assert [fee["amount_cents"] for fee in await ask(shop, properties={})] == [0]


async def test_01_11_1_custom(shop: Shop) -> None:
    await sell_custom(shop)
    await shop.bill_events({"gb": 14, "zone": "asia", "_at": "2024-06-01"})
    assert [fee["amount_cents"] for fee in await ask(shop, properties={"gb": 16, "zone": "us"})] == [420]
    status, body = await refused(shop, properties={"gb": "x"})
    assert (status, body["code"]) == (422, "aggregation_failure")


async def test_01_11_1_dynamic_and_expression(shop: Shop) -> None:
    await shop.sell("sum_agg", "dynamic", metric={"expression": "event.properties.a * 2"})
    [fee] = await ask(shop, properties={"a": 4}, precise_total_amount_cents="70.5")
    assert (fee["units"], fee["amount_cents"]) == ("8.0", 71)
    assert await refused(shop, properties={}) == (
        422,
        {
            "status": 422,
            "error": "Unprocessable Entity",
            "code": "validation_errors",
            "error_details": "expression_evaluation_failed: Variable: a not found",
        },
    )


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        ({"external_subscription_id": "nobody"}, 404, "subscription_not_found"),
        ({"external_subscription_id": None}, 404, "subscription_not_found"),
        ({"code": "unknown"}, 404, "billable_metric_not_found"),
    ],
)
async def test_01_11_1_unknown(shop: Shop, event: dict[str, Any], status: int, code: str) -> None:
    await shop.sell("sum_agg", amount="1")
    assert await refused(shop, **event) == (status, {"status": status, "error": "Not Found", "code": code})


async def test_01_11_1_refusals(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.company.metric("n", "max_agg", field_name="v")
    assert await refused(shop, timestamp="soon") == (422, validation(timestamp="invalid_format"))
    assert await refused(shop, properties={"v": "x"}) == (422, validation(properties="value_is_not_valid_number"))
    assert await refused(shop, code="n") == (422, validation(code="does_not_match_an_instant_charge"))
    assert [fee["units"] for fee in await ask(shop, properties=None, timestamp=None)] == ["0.0"]
    answer = await shop.company.rest.post("events/estimate_fees", {})
    assert answer.status_code == 400
    await shop.company.terminate()
    assert (await refused(shop, properties={"v": 1}))[1]["code"] == "subscription_not_found"


async def test_01_11_2_ex_22(shop: Shop) -> None:
    await shop.sell("sum_agg", "percentage", rate="0.1", fixed_amount="0")
    [fee] = await ask(shop, "estimate_instant_fees", properties={"v": 500}, transaction_id="mine")
    assert (fee["amount_cents"], fee["precise_amount"], fee["precise_unit_amount"]) == (50, "0.5", "0.1")
    assert (fee["event_transaction_id"], fee["taxes_amount_cents"], fee["lago_id"]) == ("mine", 0, None)
    strings = [".precise_amount", ".precise_total_amount", ".taxes_precise_amount", ".precise_unit_amount"]
    found = problems("FeesEstimate", {"fees": [fee]})
    assert [each for each in found if not any(name in each for name in strings)] == []


@pytest.mark.parametrize(
    ("aggregation", "model", "prices", "value", "cents"),
    [
        ("count_agg", "percentage", {"rate": "10"}, None, 10),
        (
            "sum_agg",
            "percentage",
            {
                "rate": "1",
                "fixed_amount": "0.30",
                "per_transaction_min_amount": "0.50",
                "per_transaction_max_amount": "5",
            },
            [10, 100, 1000],
            [50, 130, 500],
        ),
        ("sum_agg", "standard", {"amount": "2"}, [3, -3], [600, 0]),
    ],
)
async def test_01_11_2_amounts(
    shop: Shop, aggregation: str, model: str, prices: dict[str, Any], value: Any, cents: Any
) -> None:
    await shop.tax()
    await shop.sell(aggregation, model, **prices)
    values = value if isinstance(value, list) else [value]
    found = [(await ask(shop, "estimate_instant_fees", properties={"v": each}))[0]["amount_cents"] for each in values]
    assert found == (cents if isinstance(cents, list) else [cents])


async def test_01_11_2_the_metric_rounding_applies(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1", metric={"rounding_function": "ceil"})
    [fee] = await ask(shop, "estimate_instant_fees", properties={"v": "1.2"})
    assert (fee["units"], fee["amount_cents"]) == ("2.0", 200)


async def test_01_11_2_refusals(shop: Shop) -> None:
    await shop.sell("sum_agg", "package", amount="1", package_size=1, free_units=0)
    path = "estimate_instant_fees"
    assert await refused(shop, path) == (422, validation(code="does_not_match_an_instant_charge"))
    assert (await refused(shop, path, external_subscription_id="x"))[0] == 404


async def test_01_11_2_batch(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.company.subscribe("s2", customer="c2")
    events = [("s2", "m", 1), ("s1", "m", 2), ("s2", "unknown", 3), ("s2", "m", 4)]
    listed = [
        {"code": code, "external_subscription_id": sub, "properties": {"v": value}} for sub, code, value in events
    ]
    for body in (listed, [{"event": each} for each in listed]):
        answer = await shop.company.rest.post("events/batch_estimate_instant_fees", {"events": body})
        assert answer.status_code == 200, answer.text
        assert [(fee["external_subscription_id"], fee["amount_cents"]) for fee in answer.json()["fees"]] == [
            ("s2", 100),
            ("s2", 400),
            ("s1", 200),
        ]
    answer = await shop.company.rest.post("events/batch_estimate_instant_fees", {"events": []})
    assert (answer.status_code, answer.json()) == (422, validation(events="no_events"))


async def test_estimates_need_write_permission_on_events(shop: Shop) -> None:
    rest = await shop.company.rest.with_key({"event": ["read"]})
    for path in ("estimate_fees", "estimate_instant_fees", "batch_estimate_instant_fees"):
        answer = await rest.post(f"events/{path}", {"event": {"code": "m"}})
        assert (answer.status_code, answer.json()["code"]) == (403, "write_action_not_allowed_for_event")
