"""Current and past usage over REST (spec 01 §10.1-§10.5)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.metering.company import JULY, Company, at, charge, instant_of, open_company

DAY = at("2024-06-10")


@pytest.fixture
async def company(database: Database) -> AsyncIterator[Company]:
    async with open_company(database) as made:
        yield made


async def traffic(company: Company) -> None:
    """Two charges of "gb" by region and one of "Calls", taxed at 20 %."""
    await company.rest.post(
        "taxes", {"tax": {"name": "VAT", "code": "vat", "rate": "20", "applied_to_organization": True}}
    )
    await company.metric("gb", "sum_agg", field_name="gb", name="Traffic")
    await company.metric("calls", "count_agg", name="calls")
    await company.plan(
        charge("gb", amount="1", pricing_group_keys=["region", "zone"], _code="by-region"),
        charge("gb", amount="0.5", _code="flat"),
        charge("calls", amount="0.001", _invoice_display_name="API"),
        amount_cents=3000,
    )
    await company.subscribe()
    await company.send(
        (DAY, {"gb": 1, "region": "eu", "zone": "a"}),
        (DAY, {"gb": 2, "region": "eu", "zone": "b"}),
        (DAY, {"gb": 4, "region": "us", "zone": "a"}),
        code="gb",
    )
    await company.send(*[(DAY, {})] * 33, code="calls")


async def test_01_10_1_shape(company: Company) -> None:
    await traffic(company)
    usage = await company.usage()
    entries = usage.pop("charges_usage")
    assert usage == {
        "from_datetime": "2024-06-01T00:00:00Z",
        "to_datetime": "2024-06-30T23:59:59Z",
        "issuing_date": "2024-06-30",
        "lago_invoice_id": None,
        "currency": "USD",
        "amount_cents": 700 + 350 + 3,
        "taxes_amount_cents": 211,
        "total_amount_cents": 1053 + 211,
    }
    assert [entry["billable_metric"]["name"] for entry in entries] == ["calls", "Traffic", "Traffic"]
    calls = entries[0]
    assert calls.pop("charge").pop("lago_id")
    assert calls.pop("billable_metric") == {
        "lago_id": company.metrics["calls"],
        "name": "calls",
        "code": "calls",
        "aggregation_type": "count_agg",
    }
    assert calls == {
        "units": "33.0",
        "total_aggregated_units": "33.0",
        "events_count": 33,
        "amount_cents": 3,
        "amount_currency": "USD",
        "filters": [],
        "grouped_usage": [],
        "presentation_breakdowns": [],
        "pricing_unit_details": None,
    }
    untaxed = await company.usage(apply_taxes="false")
    assert (untaxed["taxes_amount_cents"], untaxed["total_amount_cents"]) == (0, 1053)
    bill = await company.bill(JULY)
    assert bill.invoice is not None
    assert (bill.total, bill.invoice.total_amount_cents) == (1053, (3000 + 1053) * 120 // 100 + 1)


async def test_01_10_1_bill_charges_monthly(database: Database) -> None:
    """A yearly plan that bills charges monthly shows the running month."""
    async with open_company(database, instant_of("2024-03-15")) as company:
        await company.metric("calls", "count_agg")
        await company.plan(charge("calls", amount="1"), interval="yearly", bill_charges_monthly=True)
        await company.plan(charge("calls", amount="1"), code="q", interval="yearly")
        await company.subscribe()
        await company.subscribe("s2", plan="q")
        await company.to("2024-04-10")
        monthly, yearly = await company.usage(), await company.usage("s2")
        assert (monthly["from_datetime"], monthly["to_datetime"]) == ("2024-04-01T00:00:00Z", "2024-04-30T23:59:59Z")
        assert (yearly["from_datetime"], yearly["to_datetime"]) == ("2024-03-15T00:00:00Z", "2024-12-31T23:59:59Z")


@pytest.mark.parametrize(
    ("customer", "query", "status", "code"),
    [
        ("nobody", {"external_subscription_id": "s1"}, 404, "customer_not_found"),
        ("c1", {}, 405, "no_active_subscription"),
        ("c1", {"external_subscription_id": "s9"}, 405, "no_active_subscription"),
        ("c2", {"external_subscription_id": "s1"}, 405, "no_active_subscription"),
        ("c1", {"external_subscription_id": "s1", "charge_code": "none"}, 404, "charge_not_found"),
        ("c1", {"external_subscription_id": "s1", "charge_id": "none"}, 404, "charge_not_found"),
        ("c1", {"external_subscription_id": "s1", "billable_metric_code": "none"}, 404, "charge_not_found"),
        ("c1", {"external_subscription_id": "s1", "full_usage": "true"}, 405, "full_usage_not_allowed"),
    ],
)
async def test_01_10_1_refusals(company: Company, customer: str, query: Any, status: int, code: str) -> None:
    await traffic(company)
    await company.subscribe("s2", customer="c2")
    answer = await company.rest.get(f"customers/{customer}/current_usage", params=query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_01_10_1_terminated_subscriptions_have_no_usage(company: Company) -> None:
    await traffic(company)
    await company.terminate()
    answer = await company.rest.get("customers/c1/current_usage", params={"external_subscription_id": "s1"})
    assert (answer.status_code, answer.json()["code"]) == (405, "no_active_subscription")


async def test_01_10_4_selecting_charges(company: Company) -> None:
    await traffic(company)

    async def codes(**query: Any) -> list[str]:
        return [entry["charge"]["code"] for entry in (await company.usage(**query))["charges_usage"]]

    everything = {entry["charge"]["code"]: entry["charge"] for entry in (await company.usage())["charges_usage"]}
    assert sorted(await codes(billable_metric_code="gb")) == ["by-region", "flat"]
    assert sorted(await codes(filter_by_metric_code="gb")) == ["by-region", "flat"]
    assert await codes(charge_code="flat", billable_metric_code="calls") == ["flat"]
    assert await codes(filter_by_charge_code="flat") == ["flat"]
    for name in ("charge_id", "filter_by_charge_id"):
        assert await codes(**{name: everything["by-region"]["lago_id"], "charge_code": "flat"}) == ["by-region"]
    assert (await company.usage(charge_code="flat", apply_taxes="false"))["total_amount_cents"] == 350


async def test_01_10_4_groups(company: Company) -> None:
    await traffic(company)

    async def groups(**query: Any) -> list[Any]:
        entry = await company.charge_usage(charge_code="by-region", **query)
        return [(item["grouped_by"], item["units"]) for item in entry["grouped_usage"]]

    assert await groups() == [
        ({"region": "eu", "zone": "a"}, "1.0"),
        ({"region": "eu", "zone": "b"}, "2.0"),
        ({"region": "us", "zone": "a"}, "4.0"),
    ]
    assert await groups(**{"group[region]": "eu"}) == [({"zone": "a"}, "1.0"), ({"zone": "b"}, "2.0")]
    assert await groups(filter_by_group='{"region": "eu"}') == [({"zone": "a"}, "1.0"), ({"zone": "b"}, "2.0")]
    assert await groups(**{"group[region]": "eu", "group[zone]": "b"}) == []
    entry = await company.charge_usage(charge_code="by-region", **{"group[region]": "eu", "group[zone]": "b"})
    assert (entry["units"], entry["amount_cents"]) == ("2.0", 200)
    assert await groups(skip_grouping="true") == []
    entry = await company.charge_usage(charge_code="by-region", skip_grouping="true")
    assert (entry["units"], entry["amount_cents"], entry["events_count"]) == ("7.0", 700, 3)


async def test_01_10_4_full_usage(company: Company) -> None:
    await traffic(company)
    await company.metric("seats", "sum_agg", field_name="n", recurring=True)
    await company.plan(charge("seats", amount="1", _prorated=True, _code="seats"), code="q")
    await company.subscribe("s2", plan="q")
    await company.to("2024-07-10")
    await company.send((at("2024-07-02"), {"gb": 8}), code="gb")
    assert (await company.charge_usage(charge_code="flat"))["units"] == "8.0"
    usage = await company.usage(charge_code="flat", full_usage="true")
    assert (usage["from_datetime"], usage["to_datetime"]) == ("2024-06-01T00:00:00Z", "2024-07-31T23:59:59Z")
    assert (usage["charges_usage"][0]["units"], usage["amount_cents"]) == ("15.0", 750)
    usage = await company.usage(**{"group[region]": "eu", "full_usage": "true", "billable_metric_code": "gb"})
    assert {entry["charge"]["code"]: entry["units"] for entry in usage["charges_usage"]} == {
        "by-region": "3.0",
        "flat": "3.0",
    }
    refused = await company.rest.get(
        "customers/c1/current_usage",
        params={"external_subscription_id": "s2", "charge_code": "seats", "full_usage": "true"},
    )
    assert (refused.status_code, refused.json()["code"]) == (405, "full_usage_not_allowed")


async def past(company: Company, **query: Any) -> dict[str, Any]:
    answer = await company.rest.get("customers/c1/past_usage", params={"external_subscription_id": "s1", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_01_10_5_past_usage(company: Company) -> None:
    await traffic(company)
    assert await past(company) == {
        "usage_periods": [],
        "meta": {"current_page": 0, "next_page": None, "prev_page": None, "total_pages": 0, "total_count": 0},
    }
    await company.to(JULY)
    await company.send((at("2024-07-10"), {"gb": 8, "region": "eu"}), code="gb")
    await company.to("2024-08-01")
    await company.to("2024-08-10")
    await company.terminate()
    answer = await past(company)
    august, july, june = answer["usage_periods"]
    assert [period["from_datetime"] for period in (august, july, june)] == [
        "2024-08-01T00:00:00Z",
        "2024-07-01T00:00:00Z",
        "2024-06-01T00:00:00Z",
    ]
    assert (june["to_datetime"], june["issuing_date"], june["currency"]) == (
        "2024-06-30T23:59:59Z",
        "2024-07-01",
        "USD",
    )
    assert (june["amount_cents"], june["total_amount_cents"]) == (4053, 4053 + june["taxes_amount_cents"])
    assert june["lago_invoice_id"]
    by_code = {entry["charge"]["code"]: entry for entry in june["charges_usage"]}
    assert (by_code["flat"]["units"], by_code["flat"]["amount_cents"]) == ("7.0", 350)
    names = {entry["billable_metric"]["name"]: entry["charge"]["invoice_display_name"] for entry in by_code.values()}
    assert names == {"Traffic": None, "calls": "API"}, "null without a name of its own, as in current usage (01 §10.3)"
    assert [(item["grouped_by"], item["amount_cents"]) for item in by_code["by-region"]["grouped_usage"]] == [
        ({"region": "eu", "zone": "a"}, 100),
        ({"region": "eu", "zone": "b"}, 200),
        ({"region": "us", "zone": "a"}, 400),
    ]
    (group,) = next(entry for entry in july["charges_usage"] if entry["charge"]["code"] == "by-region")["grouped_usage"]
    assert (group["grouped_by"], group["units"]) == ({"region": "eu", "zone": None}, "8.0")
    assert august["charges_usage"] == []
    assert [period["lago_invoice_id"] for period in (await past(company, periods_count=2))["usage_periods"]] == [
        august["lago_invoice_id"],
        july["lago_invoice_id"],
    ]
    assert (await past(company, periods_count=2))["meta"]["total_count"] == 2
    assert len((await past(company, periods_count=-2))["usage_periods"]) == 3
    assert (await past(company, per_page=1, page=2))["usage_periods"] == [july]
    narrowed = (await past(company, billable_metric_code="calls"))["usage_periods"][2]
    assert [entry["billable_metric"]["code"] for entry in narrowed["charges_usage"]] == ["calls"]
    assert narrowed["amount_cents"] == 4053


async def test_01_10_5_filters_and_deleted_metrics(company: Company) -> None:
    await company.metric("calls", "count_agg", filters={"region": ["eu", "us"]})
    eu = {"values": {"region": ["eu"]}, "properties": {"amount": "2"}, "invoice_display_name": "Europe"}
    us = {"values": {"region": ["us"]}, "properties": {"amount": "3"}}
    await company.plan(charge("calls", amount="1", filters=[us, eu]))
    await company.subscribe()
    await company.send((DAY, {"region": "eu"}), (DAY, {"region": "us"}), (DAY, {}))
    await company.to(JULY)
    assert (await company.rest.delete("billable_metrics/calls")).status_code == 200
    (entry,) = (await past(company, billable_metric_code="calls"))["usage_periods"][0]["charges_usage"]
    assert (entry["units"], entry["amount_cents"], entry["billable_metric"]["code"]) == ("3.0", 600, "calls")
    assert [(item["values"], item["invoice_display_name"], item["amount_cents"]) for item in entry["filters"]] == [
        ({"region": ["us"]}, "us", 300),
        ({"region": ["eu"]}, "Europe", 200),
        (None, None, 100),
    ]


async def test_01_10_5_refusals(company: Company) -> None:
    await traffic(company)
    missing = await company.rest.get("customers/c1/past_usage")
    assert (missing.status_code, missing.json()["error_details"]) == (
        422,
        {"external_subscription_id": ["value_is_mandatory"]},
    )
    unknown = await company.rest.get(
        "customers/c1/past_usage", params={"external_subscription_id": "s1", "billable_metric_code": "none"}
    )
    assert (unknown.status_code, unknown.json()["code"]) == (404, "billable_metric_not_found")
    for customer, sub in (("nobody", "s1"), ("c1", "s9")):
        answer = await company.rest.get(f"customers/{customer}/past_usage", params={"external_subscription_id": sub})
        assert (answer.status_code, answer.json()["usage_periods"]) == (200, [])


async def test_permissions(company: Company) -> None:
    await traffic(company)
    stranger = await company.rest.with_key({"customer": ["read"]})
    for path in ("current_usage", "past_usage"):
        answer = await stranger.get(f"customers/c1/{path}", params={"external_subscription_id": "s1"})
        assert (answer.status_code, answer.json()["code"]) == (403, "read_action_not_allowed_for_customer_usage")
