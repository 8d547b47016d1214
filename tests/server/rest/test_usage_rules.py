"""What usage holds and what it leaves out, rule by rule (spec 01 §10.1-§10.5)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.metering.company import Company, at, charge, open_company

DAY = at("2024-06-10")


@pytest.fixture
async def company(database: Database) -> AsyncIterator[Company]:
    async with open_company(database) as made:
        yield made


def figures(entry: dict[str, Any]) -> tuple[str, int, int]:
    return entry["units"], entry["events_count"], entry["amount_cents"]


async def test_01_10_1_everything_of_the_plan_and_nothing_else(company: Company) -> None:
    """Zero charges and charges in advance are listed; subscription fee, minimum spend and commitment are not usage."""
    await company.metric("gb", "sum_agg", field_name="gb", name="zeta")
    await company.metric("calls", "count_agg", name="Alpha")
    await company.metric("seats", "sum_agg", field_name="n", name="beta")
    await company.plan(
        charge("gb", amount="1", _min_amount_cents=5000),
        charge("calls", amount="1"),
        charge("seats", amount="3", _pay_in_advance=True, _invoiceable=True),
        amount_cents=3000,
        minimum_commitment={"amount_cents": 90000},
    )
    await company.subscribe()
    await company.send((DAY, {"gb": 2}), code="gb")
    usage = await company.usage()
    assert [(entry["billable_metric"]["name"], figures(entry)) for entry in usage["charges_usage"]] == [
        ("Alpha", ("0.0", 0, 0)),
        ("beta", ("0.0", 0, 0)),
        ("zeta", ("2.0", 1, 200)),
    ]
    assert usage["amount_cents"] == usage["total_amount_cents"] == 200


async def test_01_10_1_several_charges_on_one_metric_are_ordered_by_id(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.plan(*(charge("gb", amount=str(price), _code=f"c{price}") for price in (3, 1, 2)))
    await company.subscribe()
    entries = (await company.usage())["charges_usage"]
    ids = [entry["charge"]["lago_id"] for entry in entries]
    assert ids == sorted(ids)


async def test_01_10_2_zero_fees_stay_in_usage_and_off_invoices(company: Company) -> None:
    """0 units, 0 amount and 0 events: dropped by invoices. A zero amount with events or a flat amount stays."""
    await company.metric("gb", "sum_agg", field_name="gb")
    flat = [{"from_value": 0, "to_value": None, "per_unit_amount": "0", "flat_amount": "7"}]
    await company.plan(
        charge("gb", amount="1", _code="priced"),
        charge("gb", "graduated", graduated_ranges=flat, _code="flat"),
    )
    await company.subscribe()
    entries = {item["charge"]["code"]: figures(item) for item in (await company.usage())["charges_usage"]}
    assert entries == {"priced": ("0.0", 0, 0), "flat": ("0.0", 0, 700)}
    assert (await company.bill("2024-07-01")).amounts == [700]
    await company.send((at("2024-07-05"), {"gb": 0}))
    bill = await company.bill("2024-08-01")
    assert [(fee.units, fee.events_count, fee.amount_cents) for fee in bill] == [("0.0", 1, 0), ("0.0", 1, 700)]


async def test_01_10_3_groups_of_all_buckets_nulls_last(company: Company) -> None:
    """One entry per distinct group, each with its own filters, zero ones included."""
    await company.metric("gb", "sum_agg", field_name="gb", filters={"cloud": ["aws", "gcp"]})
    priced = {"amount": "1", "pricing_group_keys": ["region"]}
    await company.plan(
        charge(
            "gb",
            **priced,
            filters=[
                {"values": {"cloud": [cloud]}, "properties": {**priced, "amount": "2"}} for cloud in ("aws", "gcp")
            ],
        )
    )
    await company.subscribe()
    await company.send(
        (DAY, {"gb": 1, "cloud": "aws", "region": "us"}),
        (DAY, {"gb": 2, "cloud": "aws"}),
        (DAY, {"gb": 4, "region": "eu"}),
        (DAY, {"gb": 8, "region": "us"}),
    )
    entry = await company.charge_usage()
    assert [(item["grouped_by"]["region"], figures(item)) for item in entry["grouped_usage"]] == [
        ("eu", ("4.0", 1, 400)),
        ("us", ("9.0", 2, 1000)),
        (None, ("2.0", 1, 400)),
    ]
    assert [[(item["values"], figures(item)) for item in group["filters"]] for group in entry["grouped_usage"][1:]] == [
        [({"cloud": ["aws"]}, ("1.0", 1, 200)), ({"cloud": ["gcp"]}, ("0.0", 0, 0)), (None, ("8.0", 1, 800))],
        [({"cloud": ["aws"]}, ("2.0", 1, 400)), ({"cloud": ["gcp"]}, ("0.0", 0, 0)), (None, ("0.0", 0, 0))],
    ]
    assert [figures(item) for item in entry["filters"]] == [("3.0", 2, 600), ("0.0", 0, 0), ("12.0", 2, 1200)]
    assert figures(entry) == ("15.0", 4, 1800)


async def test_01_10_5_drafts_and_true_ups_are_past_usage(company: Company) -> None:
    await company.rest.post(
        "customers", {"customer": {"external_id": "c1", "billing_configuration": {"invoice_grace_period": 5}}}
    )
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.metric("calls", "count_agg")
    await company.plan(charge("gb", amount="1", _min_amount_cents=5000), charge("calls", amount="1"), amount_cents=3000)
    await company.subscribe()
    await company.send((DAY, {"gb": 2}), code="gb")
    await company.to("2024-07-01")
    answer = await company.rest.get("customers/c1/past_usage", params={"external_subscription_id": "s1"})
    [period] = answer.json()["usage_periods"]
    [invoice] = (await company.rest.get("invoices", params={"status": "draft"})).json()["invoices"]
    assert period["lago_invoice_id"] == invoice["lago_id"]
    assert (period["from_datetime"], period["to_datetime"]) == ("2024-06-01T00:00:00Z", "2024-06-30T23:59:59Z")
    [entry] = period["charges_usage"]
    assert (entry["billable_metric"]["code"], entry["amount_cents"]) == ("gb", 5000), "200 of usage, 4800 missing"
    assert period["amount_cents"] == 8000, "the invoice's fees, subscription fee included"
