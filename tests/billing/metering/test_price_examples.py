"""Worked examples of filters, groups, rounding and models (spec 01 §4, §8-§10, 02 §4, §5) in usage and invoices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.metering.company import JULY, Company, at, charge

DAY = at("2024-06-10")
TIERS = [
    {"from_value": 0, "to_value": 10, "per_unit_amount": "1", "flat_amount": "0"},
    {"from_value": 11, "to_value": None, "per_unit_amount": "0.5", "flat_amount": "0"},
]
ALL = ["__ALL_FILTER_VALUES__"]


def chosen(values: dict[str, list[str]], amount: str, **more: Any) -> dict[str, Any]:
    return {"values": values, "properties": {"amount": amount}, **more}


async def test_01_4_3_ex_3(company: Company) -> None:
    """Each event of the table falls in its bucket; the price of a bucket is its number."""
    await company.metric(
        "calls",
        "count_agg",
        filters={"steps": ["25", "50", "75", "100"], "size": ["512", "1024"], "model": ["l1", "l2", "l3", "l4"]},
    )
    buckets = [
        {"steps": ["25"], "size": ["512"], "model": ["l2"]},
        {"steps": ["25"], "size": ["512"]},
        {"steps": ALL, "size": ALL},
        {"size": ALL},
        {"size": ["512"]},
    ]
    filters = [chosen(values, str(10 ** (place + 1))) for place, values in enumerate(buckets)]
    await company.plan(charge("calls", amount="1", filters=filters))
    await company.subscribe()
    table = [
        ({"steps": 25, "size": 512, "model": "l2"}, 1),
        ({"steps": 25, "size": 512, "model": "l3"}, 2),
        ({"steps": 50, "size": 1024}, 3),
        ({"steps": 999, "size": 512}, 5),
        ({"size": 512}, 5),
        ({"size": 1024}, 4),
        ({"size": 9}, 0),
        ({"steps": 25}, 0),
    ]
    expected = 0
    for properties, bucket in table:
        await company.send((DAY, properties))
        expected += 10**bucket * 100
        assert (await company.shown())[1] == expected, properties
    entry = await company.charge_usage()
    assert [item["events_count"] for item in entry["filters"]] == [1, 1, 1, 1, 2, 2]
    bill = await company.bill(JULY)
    assert (bill.total, sorted(fee.events_count for fee in bill)) == (expected, [1, 1, 1, 1, 2, 2])


async def test_01_4_3_ex_4(company: Company) -> None:
    await company.metric("calls", "count_agg", filters={"region": ["eu", "us"], "tier": ["gold", "silver"]})
    filters = [chosen({"region": ["eu"]}, "2"), chosen({"tier": ["gold", "silver"]}, "3")]
    await company.plan(charge("calls", amount="1", filters=filters))
    await company.subscribe()
    for properties, cents in (
        ({"region": "eu", "tier": "gold"}, 200),
        ({"tier": "gold"}, 500),
        ({"region": "us", "tier": "bronze"}, 600),
    ):
        await company.send((DAY, properties))
        assert (await company.shown())[1] == cents
    assert (await company.bill(JULY)).amounts == [200, 300, 100]


async def test_02_4_filters_example(company: Company) -> None:
    await company.metric(
        "u", "sum_agg", field_name="n", filters={"region": ["africa", "eu"], "provider": ["aws", "gcp"]}
    )
    filters = [chosen({"region": ["africa"], "provider": ["aws"]}, "1"), chosen({"region": ALL}, "0.5")]
    await company.plan(charge("u", amount="2", filters=filters))
    await company.subscribe()
    await company.send(
        (DAY, {"n": 1, "region": "africa", "provider": "aws"}),
        (DAY, {"n": 1, "region": "africa", "provider": "gcp"}),
        (DAY, {"n": 1, "region": "mars", "provider": "aws"}),
        (DAY, {"n": 1}),
    )
    entry = await company.charge_usage()
    assert [(item["units"], item["amount_cents"], item["values"]) for item in entry["filters"]] == [
        ("1.0", 100, {"region": ["africa"], "provider": ["aws"]}),
        ("1.0", 50, {"region": ALL}),
        ("2.0", 400, None),
    ]
    assert [item["invoice_display_name"] for item in entry["filters"]] == ["africa, aws", "region", None]
    assert (await company.bill(JULY)).amounts == [100, 50, 400]


async def test_01_4_1_zero_default_price(company: Company) -> None:
    """A charge without own properties prices the default bucket at zero."""
    await company.metric("calls", "count_agg", filters={"region": ["eu"]})
    made = charge("calls", filters=[chosen({"region": ["eu"]}, "2")])
    del made["properties"]
    await company.plan(made)
    await company.subscribe()
    await company.send((DAY, {"region": "eu"}), (DAY, {"region": "us"}))
    assert await company.both(JULY) == (("2.0", 200, 2), [200, 0])


async def test_01_10_3_ex_19(company: Company) -> None:
    await company.metric("calls", "count_agg", filters={"region": ["europe", "usa"]})
    filters = [chosen({"region": ["europe"]}, "20"), chosen({"region": ["usa"]}, "50")]
    await company.plan(charge("calls", amount="10", filters=filters))
    await company.subscribe()
    await company.send((DAY, {"region": "europe"}))
    entry = await company.charge_usage()
    assert (entry["units"], entry["amount_cents"], entry["grouped_usage"]) == ("1.0", 2000, [])
    assert [(item["values"], item["units"], item["amount_cents"]) for item in entry["filters"]] == [
        ({"region": ["europe"]}, "1.0", 2000),
        ({"region": ["usa"]}, "0.0", 0),
        (None, "0.0", 0),
    ]
    assert (await company.bill(JULY)).amounts == [2000]


@pytest.mark.parametrize(
    ("model", "properties", "amounts"),
    [
        ("standard", {"amount": "1"}, [1000, 1500, 200]),
        ("graduated", {"graduated_ranges": TIERS}, [1000, 1250, 200]),
    ],
)
async def test_01_4_5_ex_5(company: Company, model: str, properties: Any, amounts: list[int]) -> None:
    """Also 02 §4: eu 10 and us 15 are 1000 and 1500, graduated 10.00 and 12.50."""
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.plan(charge("gb", model, pricing_group_keys=["region"], **properties))
    await company.subscribe()
    await company.send(
        (DAY, {"gb": 10, "region": "eu"}),
        (DAY, {"gb": 15, "region": "us"}),
        (DAY, {"gb": 1}),
        (DAY, {"gb": "0.5", "region": None}),
        (DAY, {"gb": 0.5, "region": ""}),
    )
    entry = await company.charge_usage()
    assert [(item["grouped_by"], item["units"], item["amount_cents"]) for item in entry["grouped_usage"]] == [
        ({"region": "eu"}, "10.0", amounts[0]),
        ({"region": "us"}, "15.0", amounts[1]),
        ({"region": None}, "2.0", amounts[2]),
    ]
    bill = await company.bill(JULY)
    assert [(fee.grouped_by["region"] or None, fee.amount_cents) for fee in bill] == [
        ("eu", amounts[0]),
        ("us", amounts[1]),
        (None, amounts[2]),
    ]


async def test_02_4_2_ungrouped_tiers(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.plan(charge("gb", "graduated", graduated_ranges=TIERS))
    await company.subscribe()
    await company.send((DAY, {"gb": 10, "region": "eu"}), (DAY, {"gb": 15, "region": "us"}))
    assert await company.both(JULY) == (("25.0", 1750, 2), [1750])


async def test_01_4_5_empty_groups(company: Company) -> None:
    """Without events usage shows one zero entry with all keys null; the invoice has no fee."""
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.plan(charge("gb", amount="1", grouped_by=["region", "", "zone"]))
    await company.subscribe()
    entry = await company.charge_usage()
    (group,) = entry["grouped_usage"]
    assert (group["grouped_by"], group["units"], group["filters"]) == ({"region": None, "zone": None}, "0.0", [])
    assert await company.bill(JULY) == []


async def test_01_4_5_groups_of_filters(company: Company) -> None:
    """A filter groups by its own keys; the charge's keys serve the default bucket only."""
    await company.metric("gb", "sum_agg", field_name="gb", filters={"tier": ["gold", "silver"]})
    gold = {"values": {"tier": ["gold"]}, "properties": {"amount": "3", "pricing_group_keys": ["zone", "region"]}}
    silver = {"values": {"tier": ["silver"]}, "properties": {"amount": "2"}}
    await company.plan(charge("gb", amount="1", pricing_group_keys=["region", "zone"], filters=[gold, silver]))
    await company.subscribe()
    place = {"region": "eu", "zone": "a"}
    await company.send(
        (DAY, {"gb": 1, "tier": "gold", **place}),
        (DAY, {"gb": 1, "tier": "silver", **place}),
        (DAY, {"gb": 1, **place}),
    )
    entry = await company.charge_usage()
    grouped = {tuple(sorted(item["grouped_by"].items())): item for item in entry["grouped_usage"]}
    assert {key: item["amount_cents"] for key, item in grouped.items()} == {
        (("region", "eu"), ("zone", "a")): 400,
        (): 200,
    }
    shared = grouped[("region", "eu"), ("zone", "a")]
    assert [item["amount_cents"] for item in shared["filters"]] == [300, 0, 100]
    bill = await company.bill(JULY)
    assert [(fee.amount_cents, fee.grouped_by) for fee in bill] == [
        (300, {"zone": "a", "region": "eu"}),
        (200, {}),
        (100, place),
    ]


@pytest.mark.parametrize(
    ("function", "precision", "units"), [("ceil", 2, "48.44"), ("floor", None, "48.0"), ("round", -1, "50.0")]
)
async def test_01_8_ex_17(company: Company, function: str, precision: int | None, units: str) -> None:
    await company.metric("gb", "sum_agg", field_name="gb", rounding_function=function, rounding_precision=precision)
    await company.plan(charge("gb", amount="1"))
    await company.subscribe()
    await company.send((DAY, {"gb": 40.434}), (DAY, {"gb": 8}))
    cents = round(float(units) * 100)
    assert await company.both(JULY) == ((units, cents, 2), [cents])


@pytest.mark.parametrize(("keys", "units"), [(["region"], "4.0"), ([], "3.0")])
async def test_01_8_ex_17_once_per_group(company: Company, keys: list[str], units: str) -> None:
    await company.metric("gb", "sum_agg", field_name="gb", rounding_function="ceil")
    await company.plan(charge("gb", amount="1", pricing_group_keys=keys))
    await company.subscribe()
    await company.send((DAY, {"gb": "1.2", "region": "eu"}), (DAY, {"gb": "1.2", "region": "us"}))
    seen, billed = await company.both(JULY)
    assert (seen[0], sum(billed)) == (units, int(float(units) * 100))


@pytest.mark.parametrize(
    ("values", "properties", "amount", "free"),
    [
        ([200, 100, 100, 50], {"rate": "1.2", "fixed_amount": "0.10", "N": 3, "F": "500"}, "70", ("400.0", 3)),
        ([50, 100, 250, 400], {"rate": "1.3", "fixed_amount": "2", "N": 3, "F": "250"}, "1115", ("250.0", 2)),
        ([50, 100, 250, 400], {"rate": "1.3", "fixed_amount": "2", "N": 3}, "720", ("400.0", 3)),
        ([100, 10, 20, 20], {"rate": "5", "fixed_amount": "1", "F": "120"}, "350", ("120.0", 2)),
        ([200, 300, 50], {"rate": "5", "fixed_amount": "1", "F": "500"}, "450", ("500.0", 1)),
        ([10, 80, 10000], {"rate": "2.99", "min": "1.75", "max": "12"}, "1614.2", ("0.0", 0)),
        ([10, 80, 10000], {"rate": "2.99", "fixed_amount": "2", "min": "1.75", "max": "12"}, "1869.1", ("0.0", 0)),
        ([10, 80, 10000], {"rate": "2.99", "min": "1.75", "max": "12", "F": "30"}, "1379.4", ("30.0", 1)),
        ([10, 80, 10000], {"rate": "2.99", "min": "1.75", "max": "12", "N": 2}, "1200", ("90.0", 2)),
        ([10, 80, 10000], {"rate": "2.99", "min": "1.75", "max": "12", "N": 3, "F": "10000"}, "269.1", ("10000.0", 2)),
        ([], {"rate": "5", "fixed_amount": "1", "N": 3, "F": "10"}, "0", ("0.0", 0)),
    ],
)
async def test_02_5_4_percentage(
    company: Company, values: list[int], properties: dict[str, Any], amount: str, free: tuple[str, int]
) -> None:
    names = {
        "N": "free_units_per_events",
        "F": "free_units_per_total_aggregation",
        "min": "per_transaction_min_amount",
        "max": "per_transaction_max_amount",
    }
    await company.metric("paid", "sum_agg", field_name="v")
    await company.plan(
        charge("paid", "percentage", **{names.get(key, key): value for key, value in properties.items()})
    )
    await company.subscribe()
    if values:
        await company.send(*[(at(f"2024-06-{day:02}"), {"v": value}) for day, value in enumerate(values, 2)])
    (_, cents, events), billed = await company.both(JULY)
    assert events == len(values)
    if not values:
        assert (cents, billed) == (0, [])
        return
    (fee,) = await company.last_bill()
    assert f"{fee.precise_amount_cents.normalize():f}" == amount
    assert cents == fee.amount_cents == int(float(amount) + 0.5)
    assert (fee.row.amount_details["free_units"], fee.row.amount_details["free_events"]) == free


async def test_02_5_7_dynamic(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="n")
    await company.plan(charge("gb", "dynamic"))
    await company.subscribe()
    for units, cents in ((7, "70"), (5, 55), (10, "220")):
        await company.send((DAY, {"n": units}), precise_total_amount_cents=cents)
    await company.send((DAY, {"n": "many"}), precise_total_amount_cents="1000")
    assert await company.both(JULY) == (("22.0", 345, 3), [345])
    (fee,) = await company.last_bill()
    assert f"{fee.row.precise_unit_amount:.15f}" == "0.156818181818182"
    for units, cents in ((10, "20.1"), (9, "20.1"), (1, None)):
        await company.send((at("2024-07-10"), {"n": units}), precise_total_amount_cents=cents)
    assert await company.both("2024-08-01") == (("20.0", 40, 3), [40])
    (fee,) = await company.last_bill()
    assert f"{fee.precise_amount_cents.normalize():f}" == "40.2"
