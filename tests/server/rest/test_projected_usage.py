"""Projected usage over REST (spec 01 §10.7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.metering.company import Company, at, charge, open_company
from tests.support.serving import ask, official_client

DAY = at("2024-06-10")
TIERS = [
    {"from_value": 0, "to_value": 300, "per_unit_amount": "0.1", "flat_amount": "0"},
    {"from_value": 301, "to_value": None, "per_unit_amount": "0.08", "flat_amount": "0"},
]


@pytest.fixture
async def company(database: Database) -> AsyncIterator[Company]:
    async with open_company(database) as made:
        yield made


async def projected(company: Company, sub: str = "s1", **query: Any) -> dict[str, Any]:
    answer = await company.rest.get("customers/c1/projected_usage", params={"external_subscription_id": sub, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()["customer_projected_usage"]


def figures(entry: dict[str, Any]) -> tuple[str, str, int, int]:
    return entry["units"], entry["projected_units"], entry["amount_cents"], entry["projected_amount_cents"]


async def test_01_10_7_ex_20(company: Company) -> None:
    """June 12: ratio 12/30. 130 units -> 325; standard 13 -> 32.50; volume 13 -> 26; percentage 8 -> 20."""
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.plan(
        charge("gb", amount="0.1", _code="a"),
        charge("gb", "volume", volume_ranges=TIERS, _code="b"),
        charge("gb", "percentage", rate="0", fixed_amount="8", _code="c"),
    )
    await company.subscribe()
    await company.send((DAY, {"gb": 130}))
    await company.to("2024-06-12T15:00:00+00:00")
    usage = await projected(company)
    assert {entry["charge"]["code"]: figures(entry) for entry in usage["charges_usage"]} == {
        "a": ("130.0", "325.0", 1300, 3250),
        "b": ("130.0", "325.0", 1300, 2600),
        "c": ("130.0", "325.0", 800, 2000),
    }
    assert (usage["amount_cents"], usage["projected_amount_cents"]) == (3400, 7850)
    assert (usage["taxes_amount_cents"], usage["total_amount_cents"]) == (0, 3400)
    assert (usage["from_datetime"], usage["to_datetime"], usage["lago_invoice_id"]) == (
        "2024-06-01T00:00:00Z",
        "2024-06-30T23:59:59Z",
        None,
    )
    assert "total_aggregated_units" not in usage["charges_usage"][0]


async def test_01_10_7_days_are_local_and_of_the_window(company: Company) -> None:
    """Started on June 16 in Tokyo: a window of 15 days. 23:00 UTC of June 20 is day 6 there, 7 units grow to 17.5."""
    await company.rest.post("customers", {"customer": {"external_id": "c1", "timezone": "Asia/Tokyo"}})
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.plan(charge("gb", amount="1"))
    await company.subscribe(since="2024-06-15T15:00:00Z")
    await company.to("2024-06-20T23:00:00+00:00")
    await company.send((at("2024-06-20T10:00"), {"gb": 7}))
    [entry] = (await projected(company))["charges_usage"]
    assert figures(entry) == ("7.0", "17.5", 700, 1750)


async def test_01_10_7_units_are_rounded_before_they_are_priced(company: Company) -> None:
    """1 unit on day 7 of 30 is 4.2857...: 4.29 units, 4.29; the percentage grows by the exact ratio: 4.29 too."""
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.plan(
        charge("gb", amount="1", _code="a"),
        charge("gb", amount="100", _code="b"),
        charge("gb", "percentage", rate="10000", _code="c"),
    )
    await company.subscribe()
    await company.send((at("2024-06-02"), {"gb": 1}))
    await company.to("2024-06-07T00:00:00+00:00")
    entries = {item["charge"]["code"]: figures(item) for item in (await projected(company))["charges_usage"]}
    assert entries == {
        "a": ("1.0", "4.29", 100, 429),
        "b": ("1.0", "4.29", 10000, 42900),
        "c": ("1.0", "4.29", 10000, 42857),
    }


async def test_01_10_7_recurring_metrics_stay(company: Company) -> None:
    await company.metric("seats", "sum_agg", field_name="n", recurring=True)
    await company.plan(charge("seats", amount="2"))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"n": 5}))
    await company.to("2024-06-06T00:00:00+00:00")
    [entry] = (await projected(company))["charges_usage"]
    assert figures(entry) == ("5.0", "5.0", 1000, 1000)


async def test_01_10_7_filters_groups_and_rounding(company: Company) -> None:
    """Each bucket and group is rounded for itself, then added up."""
    await company.rest.post(
        "taxes", {"tax": {"name": "VAT", "code": "vat", "rate": "20", "applied_to_organization": True}}
    )
    await company.metric("gb", "sum_agg", field_name="gb", filters={"cloud": ["aws", "gcp"]})
    await company.plan(
        charge(
            "gb",
            amount="0.001",
            pricing_group_keys=["region"],
            filters=[{"values": {"cloud": ["aws"]}, "properties": {"amount": "3", "pricing_group_keys": ["region"]}}],
        )
    )
    await company.subscribe()
    await company.send(
        (DAY, {"gb": 1, "cloud": "aws", "region": "eu"}),
        (DAY, {"gb": 5, "region": "eu"}),
        (DAY, {"gb": 5}),
    )
    await company.to("2024-06-12T00:00:00+00:00")
    usage = await projected(company)
    [entry] = usage["charges_usage"]
    assert figures(entry) == ("11.0", "27.5", 302, 752)
    aws, default = entry["filters"]
    assert (figures(aws), aws["values"], aws["invoice_display_name"]) == (
        ("1.0", "2.5", 300, 750),
        {"cloud": ["aws"]},
        "aws",
    )
    assert (figures(default), default["values"], default["invoice_display_name"]) == (("10.0", "25.0", 2, 2), {}, None)
    groups = {item["grouped_by"]["region"]: figures(item) for item in entry["grouped_usage"]}
    assert groups == {"eu": ("6.0", "15.0", 301, 751), None: ("5.0", "12.5", 1, 1)}
    assert [figures(item) for item in entry["grouped_usage"][0]["filters"]] == [
        ("1.0", "2.5", 300, 750),
        ("5.0", "12.5", 1, 1),
    ]
    assert (usage["amount_cents"], usage["projected_amount_cents"], usage["taxes_amount_cents"]) == (302, 752, 60)
    untaxed = await projected(company, apply_taxes="false")
    assert (untaxed["taxes_amount_cents"], untaxed["total_amount_cents"]) == (0, 302)
    chosen = await projected(company, skip_grouping="true", charge_code="gb")
    assert chosen["charges_usage"][0]["grouped_usage"] == []


async def test_01_10_7_refusals_are_those_of_current_usage(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.plan(charge("gb", amount="1"))
    await company.subscribe()
    for path, status, code in (
        ("customers/nobody/projected_usage?external_subscription_id=s1", 404, "customer_not_found"),
        ("customers/c1/projected_usage", 405, "no_active_subscription"),
        ("customers/c1/projected_usage?external_subscription_id=x", 405, "no_active_subscription"),
        ("customers/c1/projected_usage?external_subscription_id=s1&charge_code=x", 404, "charge_not_found"),
        ("customers/c1/projected_usage?external_subscription_id=s1&full_usage=true", 405, "full_usage_not_allowed"),
    ):
        answer = await company.rest.get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path


async def test_the_official_client(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="gb", filters={"cloud": ["aws"]})
    await company.plan(
        charge("gb", amount="1", filters=[{"values": {"cloud": ["aws"]}, "properties": {"amount": "3"}}])
    )
    await company.subscribe()
    await company.send((DAY, {"gb": 10}))
    await company.to("2024-06-15T00:00:00+00:00")
    async with official_client(company.rest) as lago:
        found = await ask(lago.customers.projected_usage, "c1", "s1")
    assert (found.amount_cents, found.projected_amount_cents) == (1000, 2000)
    assert [item.values for item in found.charges_usage[0].filters] == [{"cloud": ["aws"]}, {}]
