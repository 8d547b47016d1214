"""Worked examples of spec 01 §5: usage shows them and the invoice of the period bills the same."""

from __future__ import annotations

import pytest

from billwright.billing.kernel.db import Database
from tests.billing.metering.company import JULY, Company, at, charge, instant_of, open_company

EX_7 = [
    (at("2024-06-02"), {"v": 5}),
    (at("2024-06-05"), {"v": "3.5"}),
    (at("2024-06-09"), {"v": "abc"}),
    (at("2024-06-12"), {"v": -2}),
    (at("2024-06-20"), {"v": 7}),
    (at("2024-06-25"), {"v": None}),
    (at("2024-07-01"), {"v": 100}),
]


@pytest.mark.parametrize(
    ("aggregation", "units", "events", "level", "cents"),
    [
        ("count_agg", "6.0", 6, "6.0", 600),
        ("sum_agg", "13.5", 4, "13.5", 1350),
        ("max_agg", "7.0", 4, "7.0", 700),
        ("latest_agg", "7.0", 4, "7.0", 700),
        ("unique_count_agg", "5.0", 5, "5.0", 500),
        ("weighted_sum_agg", "9.16666666666666666667", 4, "13.5", 917),
    ],
)
async def test_01_5_3_ex_7(company: Company, aggregation: str, units: str, events: int, level: str, cents: int) -> None:
    field = {} if aggregation == "count_agg" else {"field_name": "v"}
    await company.metric("m", aggregation, **field)
    await company.plan(charge("m", amount="1"))
    await company.subscribe()
    await company.send(*EX_7)
    entry = await company.charge_usage()
    assert (entry["units"], entry["events_count"], entry["total_aggregated_units"]) == (units, events, level)
    assert entry["amount_cents"] == cents
    (fee,) = await company.bill(JULY)
    assert (fee.units, fee.events_count, fee.total_aggregated_units, fee.amount_cents) == (units, events, level, cents)


async def test_01_5_1_ex_6(database: Database) -> None:
    """The first window begins at the exact start, floored to the millisecond; windows end with the local day."""
    start = instant_of("2024-06-10T14:25:36.123456")
    async with open_company(database, start, timezone="America/New_York") as company:
        await company.metric("n", "count_agg")
        await company.plan(charge("n", amount="1"))
        await company.subscribe()
        for text in (
            "2024-06-10T14:25:36.122",
            "2024-06-10T14:25:36.123",
            "2024-07-01T03:59:59.999",
            "2024-07-01T04:00:00.000",
        ):
            await company.send((at(text), {}))
        usage = await company.usage()
        assert (usage["from_datetime"], usage["to_datetime"]) == ("2024-06-10T14:25:36Z", "2024-07-01T03:59:59Z")
        assert usage["issuing_date"] == "2024-06-30"
        assert usage["charges_usage"][0]["units"] == "2.0"
        (fee,) = await company.bill("2024-07-01T04:00:00")
        assert (fee.units, fee.row.charges_duration) == ("2.0", 30)
        usage = await company.usage()
        assert (usage["from_datetime"], usage["charges_usage"][0]["units"]) == ("2024-07-01T04:00:00Z", "1.0")
        (fee,) = await company.bill("2024-08-01T04:00:00")
        assert (fee.units, fee.row.charges_duration) == ("1.0", 31)


async def test_01_5_4_ex_8(company: Company) -> None:
    await company.metric("seats", "unique_count_agg", field_name="id")
    await company.plan(charge("seats", amount="10"))
    await company.subscribe()
    steps = [("A", "add"), ("A", "add"), ("B", "remove"), ("B", "add"), ("A", "remove"), ("C", "add")]
    await company.send(
        *[(at(f"2024-06-{day:02}"), {"id": who, "operation_type": what}) for day, (who, what) in enumerate(steps, 2)]
    )
    assert await company.both(JULY) == (("2.0", 2000, 2), [2000])


async def test_01_5_4_operation_types(company: Company) -> None:
    """Missing and null mean add; anything else but remove is ignored."""
    await company.metric("seats", "unique_count_agg", field_name="id")
    await company.plan(charge("seats", amount="10"))
    await company.subscribe()
    await company.send(
        (at("2024-06-02"), {"id": "A"}),
        (at("2024-06-03"), {"id": "B", "operation_type": None}),
        (at("2024-06-04"), {"id": "C", "operation_type": "drop"}),
        (at("2024-06-05"), {"id": ""}),
        (at("2024-06-06"), {"id": 7}),
        (at("2024-06-07"), {"id": "7"}),
    )
    assert await company.both(JULY) == (("3.0", 3000, 3), [3000])


async def test_01_5_4_metered_remove_of_last_period_is_nothing(company: Company) -> None:
    await company.metric("seats", "unique_count_agg", field_name="id")
    await company.plan(charge("seats", amount="10"))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"id": "A"}))
    assert (await company.bill(JULY)).amounts == [1000]
    await company.send((at("2024-07-02"), {"id": "A", "operation_type": "remove"}))
    assert await company.both("2024-08-01") == (("0.0", 0, 0), [])


async def test_01_5_4_state_per_group(company: Company) -> None:
    """The same value in two groups counts twice, and a remove must carry the group's properties."""
    await company.metric("seats", "unique_count_agg", field_name="id")
    await company.plan(charge("seats", amount="10", pricing_group_keys=["region"]))
    await company.subscribe()
    await company.send(
        (at("2024-06-02"), {"id": "A", "region": "eu"}),
        (at("2024-06-03"), {"id": "A", "region": "us"}),
        (at("2024-06-04"), {"id": "A", "operation_type": "remove"}),
        (at("2024-06-05"), {"id": "A", "region": "us", "operation_type": "remove"}),
    )
    entry = await company.charge_usage()
    units = {group["grouped_by"]["region"]: group["units"] for group in entry["grouped_usage"]}
    assert units == {"eu": "1.0", "us": "0.0", None: "0.0"}
    assert (await company.bill(JULY)).amounts == [1000]


async def test_01_5_5_ex_9_june(company: Company) -> None:
    await company.metric("level", "weighted_sum_agg", field_name="v")
    await company.plan(charge("level", amount="1"))
    await company.subscribe()
    await company.send((at("2024-06-01"), {"v": 10}), (at("2024-06-11"), {"v": 5}))
    await company.to("2024-06-12")
    assert (await company.charge_usage())["units"] == "13.33333333333333333334"
    await company.send((at("2024-06-21"), {"v": -8}))
    entry = await company.charge_usage()
    assert (entry["units"], entry["total_aggregated_units"]) == ("10.66666666666666666667", "7.0")
    (fee,) = await company.bill(JULY)
    assert (fee.units, fee.total_aggregated_units, fee.amount_cents) == ("10.66666666666666666667", "7.0", 1067)
    assert await company.both("2024-08-01") == (("0.0", 0, 0), [])


async def test_01_5_5_ex_9_terminated(company: Company) -> None:
    await company.metric("level", "weighted_sum_agg", field_name="v")
    await company.plan(charge("level", amount="1"))
    await company.subscribe()
    await company.send((at("2024-06-01"), {"v": 10}), (at("2024-06-11"), {"v": 5}))
    await company.to("2024-06-21T12:00:00")
    await company.terminate()
    (fee,) = await company.bill("2024-06-21T12:00:00")
    assert fee.units == "8.58333333333333333334"


@pytest.mark.parametrize("late", [False, True])
async def test_01_5_5_ex_9_july_recurring(company: Company, late: bool) -> None:
    await company.metric("level", "weighted_sum_agg", field_name="v", recurring=True)
    await company.plan(charge("level", amount="1"))
    await company.subscribe()
    await company.send((at("2024-06-01"), {"v": 10}), (at("2024-06-11"), {"v": 5}), (at("2024-06-21"), {"v": -8}))
    (june,) = await company.bill(JULY)
    assert june.units == "10.66666666666666666667"
    if late:
        await company.send((at("2024-07-16"), {"v": 3}))
    expected = ("8.54838709677419354839", "10.0") if late else ("7.0", "7.0")
    entry = await company.charge_usage()
    assert (entry["units"], entry["total_aggregated_units"]) == expected
    (july,) = await company.bill("2024-08-01")
    assert (july.units, july.total_aggregated_units) == expected


async def test_01_5_5_ex_10(database: Database) -> None:
    async with open_company(database, instant_of("2023-03-05")) as company:
        await company.metric("level", "weighted_sum_agg", field_name="v")
        await company.plan(charge("level", amount="1"))
        await company.subscribe()
        await company.send((at("2023-03-05"), {"v": 2500}))
        seen, billed = await company.both("2023-04-01")
        assert seen == ("2177.41935483870967741936", 217742, 1)
        assert billed == [217742]


async def test_01_5_5_ex_10_whole_march(database: Database) -> None:
    async with open_company(database, instant_of("2023-03-01")) as company:
        await company.metric("level", "weighted_sum_agg", field_name="v")
        await company.plan(charge("level", amount="1"))
        await company.subscribe()
        await company.send((at("2023-03-16"), {"v": 20}), (at("2023-03-17"), {"v": 10}))
        seen, billed = await company.both("2023-04-01")
        assert (seen[0], billed) == ("15.1612903225806451613", [1516])


async def test_01_5_5_daylight_saving_does_not_change_n(database: Database) -> None:
    """March in Berlin has 31 x 24 - 1 hours; the divisor stays 31 days."""
    start = instant_of("2024-02-29T23:00:00")
    async with open_company(database, start, timezone="Europe/Berlin") as company:
        await company.metric("level", "weighted_sum_agg", field_name="v")
        await company.plan(charge("level", amount="1"))
        await company.subscribe()
        await company.send((at("2024-02-29T23:00:00"), {"v": 744}))
        seen, billed = await company.both("2024-03-31T22:00:00")
        assert (seen[0], billed) == ("743.0", [74300])


async def test_01_5_3_latest(company: Company) -> None:
    """Negative counts as zero; a later value that is no number does not reset; the last received wins a tie."""
    await company.metric("now", "latest_agg", field_name="v")
    await company.plan(charge("now", amount="1"))
    await company.subscribe()
    await company.send((at("2024-06-10"), {"v": 5}), (at("2024-06-12"), {"v": 7}), (at("2024-06-12"), {"v": 9}))
    await company.send((at("2024-06-13"), {"v": "x"}))
    assert await company.shown() == ("9.0", 900, 3)
    await company.send((at("2024-06-14"), {"v": -1}))
    assert await company.both(JULY) == (("0.0", 0, 4), [0])


async def test_01_5_3_negative_totals_are_clamped_in_the_fee(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="v")
    await company.plan(charge("gb", amount="1"))
    await company.subscribe()
    await company.send((at("2024-06-10"), {"v": 5}), (at("2024-06-12"), {"v": -7}))
    assert await company.both(JULY) == (("0.0", 0, 2), [0])


async def test_01_2_4_what_is_numeric(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="v")
    await company.plan(charge("gb", amount="1"))
    await company.subscribe()
    numeric = ["12", "12.50", "-0.5", "007"]
    others = ["", " 12", "+5", ".5", "5.", "1e3", "1,000", "12 GB", "NaN", True, None, [1]]
    await company.send(*[(at("2024-06-02"), {"v": value}) for value in [*numeric, *others, 12, 12.5, -3]])
    await company.send((at("2024-06-02"), {}))
    body = (
        b'{"event":{"transaction_id":"e","external_subscription_id":"s1","code":"gb","timestamp":1717300000,'
        b'"properties":{"v":1e3}}}'
    )
    assert (await company.rest.post("events", body)).status_code == 200
    total = 12 + 12.5 - 0.5 + 7 + 12 + 12.5 - 3 + 1000
    seen, billed = await company.both(JULY)
    assert (seen, billed) == ((f"{total}", int(total * 100), 8), [int(total * 100)])
