"""Worked examples of carry-over and proration (spec 01 §6, 02 §6): usage shows them and invoices bill them."""

from __future__ import annotations

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.metering.company import JULY, Company, at, charge, instant_of, open_company

VOLUME = [
    {"from_value": 0, "to_value": 100, "per_unit_amount": "2", "flat_amount": "10"},
    {"from_value": 101, "to_value": 200, "per_unit_amount": "1", "flat_amount": "0"},
    {"from_value": 201, "to_value": None, "per_unit_amount": "1", "flat_amount": "0"},
]
GRADUATED = [
    {"from_value": 0, "to_value": 5, "per_unit_amount": "10", "flat_amount": "100"},
    {"from_value": 6, "to_value": 15, "per_unit_amount": "5", "flat_amount": "50"},
    {"from_value": 16, "to_value": None, "per_unit_amount": "2", "flat_amount": "0"},
]


async def seats(company: Company, aggregation: str = "sum_agg", *, prorated: bool = True, amount: str = "10") -> None:
    await company.metric("seats", aggregation, field_name="n", recurring=True)
    await company.plan(charge("seats", amount=amount, _prorated=prorated))
    await company.subscribe()


async def test_01_6_1_carried_units_are_billed_without_events(company: Company) -> None:
    """Not prorated: what is active at the end is billed for the whole period, whenever it came or went."""
    await seats(company, prorated=False)
    await company.send((at("2024-05-01"), {"n": 4}), (at("2024-06-30T23:59:59"), {"n": 1}))
    assert await company.both(JULY) == (("5.0", 5000, 2), [5000])
    assert await company.both("2024-08-01") == (("5.0", 5000, 2), [5000])
    await company.send((at("2024-08-02"), {"n": -1}))
    assert await company.both("2024-09-01") == (("4.0", 4000, 3), [4000])


@pytest.mark.parametrize("aggregation", ["sum_agg", "unique_count_agg"])
async def test_01_6_1_carried_into_a_new_subscription_with_the_same_id(company: Company, aggregation: str) -> None:
    await seats(company, aggregation, prorated=False)
    await company.send((at("2024-06-02"), {"n": 1}))
    await company.to("2024-06-10")
    await company.terminate()
    await company.to("2024-06-20")
    await company.subscribe()
    assert (await company.shown())[:2] == ("1.0", 1000)


@pytest.mark.parametrize(("prorated", "cents"), [(True, 5097), (False, 5000)])
async def test_01_6_3_ex_11(company: Company, prorated: bool, cents: int) -> None:
    await seats(company, prorated=prorated)
    await company.send((at("2024-06-01"), {"n": 4}))
    await company.to(JULY)
    await company.send((at("2024-07-10"), {"n": 2}), (at("2024-07-22"), {"n": -1}))
    assert await company.both("2024-08-01") == (("5.0", cents, 3), [cents])


async def test_01_6_3_ex_11_terminated(company: Company) -> None:
    """4 x 15/31 + 2 x 6/31 = 2.32259 seats of July, at $10; the fee shows 6."""
    await seats(company)
    await company.send((at("2024-06-01"), {"n": 4}))
    await company.to(JULY)
    await company.send((at("2024-07-10"), {"n": 2}))
    await company.to("2024-07-15T14:00:00")
    await company.terminate()
    (fee,) = await company.last_bill()
    assert (fee.units, fee.amount_cents) == ("6.0", 2323)
    assert str(fee.precise_amount_cents.normalize()) == "2322.59"


async def test_01_6_3_ex_11_seat_added_on_the_10th(company: Company) -> None:
    await company.to(JULY)
    await seats(company)
    await company.send((at("2024-07-10"), {"n": 1}))
    assert await company.both("2024-08-01") == (("1.0", 710, 1), [710])


async def test_01_6_4_ex_12(company: Company) -> None:
    await seats(company, "unique_count_agg", amount="1")
    for day, who, what in [
        ("2024-05-20", "u1", "add"),
        ("2024-06-11", "u2", "add"),
        ("2024-06-05", "u3", "add"),
        ("2024-06-14", "u3", "remove"),
        ("2024-05-02", "u4", "add"),
        ("2024-06-09", "u4", "remove"),
        ("2024-06-20T09:00", "u5", "add"),
        ("2024-06-20T17:00", "u5", "remove"),
        ("2024-04-01", "u6", "add"),
        ("2024-05-30", "u6", "remove"),
    ]:
        await company.send((at(day), {"n": who, "operation_type": what}))
    seen, billed = await company.both(JULY)
    assert (seen, billed) == (("2.0", 233, 2), [233])
    (fee,) = await company.last_bill()
    assert str(fee.precise_amount_cents.normalize()) == "233.334"


async def test_01_6_4_ex_13(company: Company) -> None:
    await seats(company, "unique_count_agg")
    steps = [("27T01", "add"), ("27T02", "remove"), ("27T03", "add"), ("28", "remove"), ("30", "add")]
    await company.send(*[(at(f"2024-06-{day}"), {"n": "a", "operation_type": what}) for day, what in steps])
    assert await company.both(JULY) == (("1.0", 100, 1), [100])


async def test_01_6_4_ex_14(database: Database) -> None:
    """Also 02 §6.1: a $30 seat of September 15 is 1600, removed on October 22 it is 2129."""
    async with open_company(database, instant_of("2024-09-01")) as company:
        await seats(company, "unique_count_agg", amount="30")
        await company.send((at("2024-09-15"), {"n": "a"}))
        assert await company.both("2024-10-01") == (("1.0", 1600, 1), [1600])
        await company.send((at("2024-10-22"), {"n": "a", "operation_type": "remove"}))
        seen, billed = await company.both("2024-11-01")
        assert (seen[:2], billed) == (("0.0", 2129), [2129])


async def test_02_6_1_check(company: Company) -> None:
    await seats(company)
    await company.send((at("2024-06-01"), {"n": 5}))
    await company.to(JULY)
    await company.send((at("2024-07-26"), {"n": 24}))
    seen, billed = await company.both("2024-08-01")
    assert (seen[:2], billed) == (("29.0", 9645), [9645])
    (fee,) = await company.last_bill()
    assert str(fee.precise_amount_cents.normalize()) == "9645.17"


async def test_01_8_ex_17_prorated_units_are_rounded_after_proration(company: Company) -> None:
    """Prorated 9.64517 with ceil: 10 units are priced, 29 shown."""
    await company.metric("seats", "sum_agg", field_name="n", recurring=True, rounding_function="ceil")
    await company.plan(charge("seats", amount="10", _prorated=True))
    await company.subscribe()
    await company.send((at("2024-06-01"), {"n": 5}))
    await company.to(JULY)
    await company.send((at("2024-07-26"), {"n": 24}))
    seen, billed = await company.both("2024-08-01")
    assert (seen[:2], billed) == (("29.0", 10000), [10000])


async def test_02_6_2_volume_by_full_units(company: Company) -> None:
    """Full 120, prorated 60: the tier of 120 prices 60 units."""
    await company.metric("seats", "sum_agg", field_name="n", recurring=True)
    await company.plan(charge("seats", "volume", volume_ranges=VOLUME, _prorated=True))
    await company.subscribe()
    await company.send((at("2024-06-16"), {"n": 120}))
    seen, billed = await company.both(JULY)
    assert (seen[:2], billed) == (("120.0", 6000), [6000])


async def test_02_6_3_graduated_prorated(database: Database) -> None:
    async with open_company(database, instant_of("2024-09-01")) as company:
        await company.metric("seats", "sum_agg", field_name="n", recurring=True)
        await company.plan(charge("seats", "graduated", graduated_ranges=GRADUATED, _prorated=True))
        await company.subscribe()
        assert (await company.shown())[:2] == ("0.0", 10000)
        steps = [(10, 2, 11400), (16, 5, 18400), (20, -6, 16567), (25, 10, 17967), (26, 4, 18300), (30, 60, 18700)]
        units = 0
        for day, value, cents in steps:
            await company.send((at(f"2024-09-{day}"), {"n": value}))
            units += value
            assert (await company.shown())[:2] == (f"{units}.0", cents)
        assert (await company.bill("2024-10-01")).amounts == [18700]
        assert (await company.shown())[:2] == ("75.0", 37000)
        await company.send((at("2024-10-17"), {"n": 20}))
        seen, billed = await company.both("2024-11-01")
        assert (seen[:2], billed) == (("95.0", 38935), [38935])


async def test_01_6_2_days_are_local(database: Database) -> None:
    """23:30 UTC on June 10 is June 11 in Paris: 20 of 30 days."""
    async with open_company(database, instant_of("2024-05-31T22:00:00"), timezone="Europe/Paris") as company:
        await seats(company)
        await company.send((at("2024-06-10T23:30:00"), {"n": 3}))
        seen, billed = await company.both("2024-06-30T22:00:00")
        assert (seen[:2], billed) == (("3.0", 2000), [2000])


async def test_01_5_1_window_start_belongs_to_the_window_only(company: Company) -> None:
    """An event exactly at the start of the period is not carried over: it counts once."""
    await seats(company)
    await company.send((at("2024-06-01T00:00:00"), {"n": 3}))
    seen, billed = await company.both(JULY)
    assert (seen[:2], billed) == (("3.0", 3000), [3000])
    seen, billed = await company.both("2024-08-01")
    assert (seen[:2], billed) == (("3.0", 3000), [3000])


async def test_01_4_5_groups_of_earlier_periods_exist_through_their_units(company: Company) -> None:
    await company.metric("seats", "sum_agg", field_name="n", recurring=True)
    await company.plan(charge("seats", amount="10", pricing_group_keys=["team"]))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"n": 2, "team": "red"}), (at("2024-06-03"), {"n": 1, "team": "blue"}))
    assert sorted((await company.bill(JULY)).amounts) == [1000, 2000]
    await company.send((at("2024-07-02"), {"n": 1, "team": "red"}))
    bill = await company.bill("2024-08-01")
    assert {(fee.grouped_by["team"], fee.amount_cents) for fee in bill} == {("red", 3000), ("blue", 1000)}
