"""Units and amounts of the events of charges paid in advance, from the event to the fee (spec 02 §10.2-10.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billwright.billing.invoicing.models import Fee
from tests.billing.in_advance.shop import Shop
from tests.billing.metering.custom_aggregation.programs import EX_18 as PROGRAM
from tests.billing.metering.custom_aggregation.programs import EX_18_PROPERTIES
from tests.billing.pricing.cases import tiers
from tests.billing.pricing.test_models import GRADUATED_PERCENTAGE


def amounts(fees: list[Fee]) -> list[int]:
    return [fee.amount_cents for fee in fees]


def units(fees: list[Fee]) -> list[Decimal]:
    return [fee.units for fee in fees]


async def test_02_10_2_sum_bills_each_new_maximum_once(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    fees = await shop.bill_events(*[{"v": value} for value in (10, -4, 8, -10, 3, 20)])
    assert amounts(fees) == [1000, 0, 400, 0, 0, 1300]
    assert units(fees) == [10, 0, 4, 0, 3, 13]


async def test_02_10_2_a_first_decrease_sets_the_mark(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    assert await shop.cents(-3, 8, 3) == [0, 800, 0]


async def test_01_7_ex_15(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    assert await shop.cents(10, -4, 3, 5) == [1000, 0, 0, 400]
    await shop.company.subscribe("s2", customer="c2")
    fees = await shop.bill_events({"v": -5}, {"v": 10}, sub="s2", when="2024-06-03")
    assert amounts(fees)[4:] == [0, 1000]


def operations(text: str) -> list[dict[str, Any]]:
    """``"+a -a"``: adds and removes of values."""
    return [{"v": part[1:], "operation_type": {"+": "add", "-": "remove"}[part[0]]} for part in text.split()]


async def test_02_10_3_standard_unique(shop: Shop) -> None:
    await shop.sell("unique_count_agg", amount="12")
    fees = await shop.bill_events(*operations("+a -a +a +b +b +c -c"))
    assert amounts(fees) == [1200, 0, 0, 1200, 0, 1200, 0]
    assert units(fees) == [1, 0, 1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("model", "raw", "values", "cents"),
    [
        ("package", {"amount": "100", "package_size": 2, "free_units": 3}, [3, 1, 2], [0, 10000, 10000]),
        (
            "graduated",
            {"graduated_ranges": tiers((0, 5, ".02", ".01"), (6, None, ".01", ".01"))},
            [3, 1, 2],
            [7, 2, 4],
        ),
        ("percentage", {"rate": "5", "fixed_amount": "1", "free_units_per_events": 2}, [8, 5, 3], [0, 0, 115]),
        (
            "percentage",
            {"rate": "5", "fixed_amount": "1", "free_units_per_total_aggregation": "120"},
            [100, 10, 20, 20],
            [0, 0, 150, 200],
        ),
        (
            "percentage",
            {"rate": "5", "fixed_amount": "1", "free_units_per_total_aggregation": "3"},
            [5, 1],
            [110, 105],
        ),
        (
            "percentage",
            {
                "rate": "1",
                "fixed_amount": ".5",
                "per_transaction_min_amount": "1.75",
                "per_transaction_max_amount": "2",
            },
            [100, 1000, 10000],
            [175, 200, 200],
        ),
        ("graduated_percentage", GRADUATED_PERCENTAGE, [500, 550, 4000], [20500, 30600, 8000]),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_02_10_3_models(
    shop: Shop, model: str, raw: dict[str, Any], values: list[int], cents: list[int], at_once: bool
) -> None:
    """Sent in one request, or each after the one before was billed."""
    await shop.sell("sum_agg", model, **raw)
    if at_once:
        assert await shop.cents(*values) == cents
        return
    for place, value in enumerate(values):
        billed = await shop.cents(value, when=f"2024-06-02T00:00:0{place}")
    assert billed == cents


async def test_02_10_3_details_of_percentage(shop: Shop) -> None:
    await shop.sell("sum_agg", "percentage", rate="5", fixed_amount="1", free_units_per_total_aggregation="120")
    fees = await shop.bill_events({"v": 100}, {"v": 10}, {"v": 20})
    assert fees[2].amount_details == {
        "units": "20.0",
        "free_units": "10.0",
        "paid_units": "10.0",
        "free_events": "0.0",
        "paid_events": "1.0",
        "rate": "5.0",
        "per_unit_total_amount": "0.5",
        "fixed_fee_unit_amount": "1.0",
        "fixed_fee_total_amount": "1.0",
        "min_max_adjustment_total_amount": "0.0",
    }


async def test_02_10_3_dynamic(shop: Shop) -> None:
    await shop.sell("sum_agg", "dynamic")
    fees = await shop.bill_events(
        {"v": 7, "_cents": "70.35"}, {"v": 5}, {"v": "many", "_cents": "10"}, {"v": 10, "_cents": "220"}
    )
    assert amounts(fees) == [70, 0, 0, 220]
    assert [fee.precise_amount_cents for fee in fees] == [Decimal("70.35"), 0, 0, 220]


async def test_02_10_1_three_events_of_one_instant(shop: Shop) -> None:
    ranges = tiers((0, 2, "0", "0"), (3, None, "2", "0"))
    await shop.sell("count_agg", "graduated", graduated_ranges=ranges)
    same = "2024-06-02T00:00:00.5"
    assert amounts(await shop.bill_events(*[{"_at": same}] * 3)) == [0, 0, 200]


async def test_02_10_3_count(shop: Shop) -> None:
    await shop.sell("count_agg", amount="0.335")
    fees = await shop.bill_events({}, {})
    assert amounts(fees) == [34, 34]
    assert [(fee.units, fee.events_count, fee.precise_amount_cents) for fee in fees] == [(1, 1, Decimal("33.5"))] * 2
    assert [fee.precise_unit_amount for fee in fees] == [Decimal("0.34")] * 2


async def test_02_10_3_percentage_on_count(shop: Shop) -> None:
    await shop.sell("count_agg", "percentage", rate="10", fixed_amount="1", free_units_per_events=2)
    assert amounts(await shop.bill_events({}, {}, {}, {})) == [0, 0, 110, 110]


async def test_02_10_3_percentage_on_unique_count(shop: Shop) -> None:
    """A repeated add is an event of value 0: it costs the fixed amount (a decrease too)."""
    await shop.sell("unique_count_agg", "percentage", rate="10", fixed_amount="1", free_units_per_events=1)
    assert amounts(await shop.bill_events(*operations("+a +b +b -a"))) == [0, 110, 100, 100]


async def test_02_10_3_a_price_edited_in_the_period(shop: Shop) -> None:
    """The walk over the free units is made again with the new terms; events billed before stay as they are."""
    await shop.sell("sum_agg", "percentage", rate="5", fixed_amount="1", free_units_per_events=1)
    assert await shop.cents(100, 100) == [0, 600]
    answer = await shop.company.rest.get("plans/p")
    listed = answer.json()["plan"]["charges"][0]
    listed["properties"] = {"rate": "10", "fixed_amount": "2", "free_units_per_events": 3}
    await shop.company.edit_plan(
        "p", charges=[{"id": listed["lago_id"], "billable_metric_id": listed["lago_billable_metric_id"], **listed}]
    )
    assert await shop.cents(100, 100, when="2024-06-03") == [0, 600, 0, 1200]


async def test_01_7_non_numeric_values_bill_nothing(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    fees = await shop.bill_events({"v": "abc"}, {"v": "2.5"}, {"v": True})
    assert [(fee.amount_cents, fee.units, fee.events_count) for fee in fees] == [
        (0, 0, 1),
        (250, Decimal("2.5"), 1),
        (0, 0, 1),
    ]


async def test_01_2_10_events_without_the_property_bill_nothing(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    assert await shop.bill_events({}, {"v": None}, {"v": ""}, {"v": " "}, {"w": 3}) == []
    assert await shop.count("instant_events") == 0


async def test_01_8_the_metric_rounding_is_not_applied_to_events(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1", metric={"rounding_function": "ceil", "rounding_precision": 0})
    fees = await shop.bill_events({"v": "1.2"}, {"v": "1.2"})
    assert (amounts(fees), units(fees)) == ([120, 120], [Decimal("1.2")] * 2)


async def test_02_10_2_the_mark_starts_afresh_each_period(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    fees = await shop.bill_events(
        {"v": 10, "_at": "2024-06-30T23:59:59.999"},
        {"v": 4, "_at": "2024-07-01T00:00:00"},
        {"v": 3, "_at": "2024-07-01T00:00:01"},
    )
    assert amounts(fees) == [1000, 400, 300]
    assert [f"{fee.charges_from_datetime:%m-%d}" for fee in fees] == ["06-01", "07-01", "07-01"]


async def test_02_10_2_recurring_units_continue_the_tiers(shop: Shop) -> None:
    """§10.3: carried-over units are part of A; the state itself starts afresh."""
    ranges = tiers((0, 5, "2", "1"), (6, None, "1", "1"))
    await shop.sell("sum_agg", "graduated", metric={"recurring": True}, graduated_ranges=ranges)
    assert await shop.cents(4) == [900]
    fees = await shop.bill_events({"v": 3, "_at": "2024-07-03"})
    assert amounts(fees) == [900, 200 + 2 * 100 + 100]


async def test_02_10_2_unique_activity_of_the_whole_history(shop: Shop) -> None:
    await shop.sell("unique_count_agg", metric={"recurring": True}, amount="1")
    await shop.send(*operations("+a +b"))
    fees = await shop.bill_events(
        *[{**each, "_at": f"2024-07-02T00:00:0{place}"} for place, each in enumerate(operations("+a -a +c +a"))]
    )
    assert amounts(fees) == [100, 100, 0, 0, 0, 100]


async def test_02_10_4_prorated_seats(shop: Shop) -> None:
    await shop.sell("unique_count_agg", charge_options={"prorated": True}, metric={"recurring": True}, amount="30")
    fees = await shop.bill_events(*[{"v": str(day), "_at": f"2024-06-{day}T12:00"} for day in range(11, 16)])
    assert amounts(fees) == [2000, 1900, 1800, 1700, 1600]
    assert units(fees) == [1] * 5
    removed = await shop.bill_events({"v": "11", "operation_type": "remove", "_at": "2024-06-20"})
    assert amounts(removed)[-1] == 0


async def test_02_10_4_prorated_sum_in_the_customers_days(shop: Shop) -> None:
    """01 §6.2: both days count, in the customer's time zone: 23:30 in Los Angeles is still the 10th of June."""
    options = {"prorated": True}
    await shop.sell("sum_agg", charge_options=options, metric={"recurring": True}, amount="30", subscribe=False)
    made = await shop.company.rest.post(
        "customers", {"customer": {"external_id": "c1", "timezone": "America/Los_Angeles"}}
    )
    assert made.status_code == 200
    await shop.company.subscribe(since="2024-05-01T12:00:00Z")
    fees = await shop.bill_events({"v": 2, "_at": "2024-06-11T06:30"})
    assert (amounts(fees), units(fees)) == ([4200], [2])


async def test_02_4_filters_have_their_own_state_and_price(shop: Shop) -> None:
    await shop.sell(
        "sum_agg",
        amount="2",
        metric={"filters": {"region": ["eu", "us"]}},
        filters=[
            {"values": {"region": ["eu"]}, "properties": {"amount": "1"}},
            {"values": {"region": ["us"]}, "properties": {"amount": "3"}},
        ],
    )
    fees = await shop.bill_events(
        {"v": 5, "region": "eu"},
        {"v": 5, "region": "us"},
        {"v": -2, "region": "eu"},
        {"v": 5},
        {"v": 4, "region": "eu"},
    )
    assert amounts(fees) == [500, 1500, 0, 1000, 200]
    assert [fee.item["filters"] for fee in fees[:4]] == [
        {"region": ["eu"]},
        {"region": ["us"]},
        {"region": ["eu"]},
        None,
    ]


async def test_02_4_groups_restart_tiers_and_marks(shop: Shop) -> None:
    ranges = tiers((0, 1, "5", "0"), (2, None, "1", "0"))
    await shop.sell("sum_agg", "graduated", graduated_ranges=ranges, pricing_group_keys=["zone"])
    fees = await shop.bill_events(
        {"v": 1, "zone": "a"}, {"v": 1, "zone": "b"}, {"v": 1}, {"v": 2, "zone": "a"}, {"v": 1, "zone": None}
    )
    assert amounts(fees) == [500, 500, 500, 200, 100]
    assert [fee.grouped_by for fee in fees] == [{"zone": "a"}, {"zone": "b"}, {"zone": ""}, {"zone": "a"}, {"zone": ""}]


EX_18 = [{"gb": 4, "zone": "eu"}, {"gb": 10, "zone": "asia"}, {"gb": 16, "zone": "us"}]


async def sell_custom(shop: Shop, model: str = "custom", **properties: Any) -> None:
    await shop.company.custom_metric("m", PROGRAM)
    made = {"metric": "m", "charge_model": model, "pay_in_advance": True}
    await shop.company.plan({**made, "properties": {"custom_properties": EX_18_PROPERTIES, **properties}})
    await shop.company.subscribe()


@pytest.mark.parametrize("at_once", [True, False])
async def test_01_9_4_ex_18_custom(shop: Shop, at_once: bool) -> None:
    """The fee holds what the one event added: states 4/0, 14/1.20, 30/5.40."""
    await sell_custom(shop)
    if at_once:
        fees = await shop.bill_events(*EX_18)
    else:
        for place, event in enumerate(EX_18):
            fees = await shop.bill_events({**event, "_at": f"2024-06-02T00:00:0{place}"})
    assert (amounts(fees), units(fees)) == ([0, 120, 420], [4, 10, 16])


async def test_01_9_4_custom_units_with_another_model(shop: Shop) -> None:
    await sell_custom(shop, "standard", amount="2")
    assert amounts(await shop.bill_events(*EX_18)) == [800, 2000, 3200]


async def test_01_9_4_a_charge_that_comes_later_folds_what_came_before(shop: Shop) -> None:
    await shop.company.custom_metric("m", PROGRAM)
    await shop.company.plan()
    await shop.company.subscribe()
    assert await shop.bill_events(*EX_18[:2]) == []
    made = {
        "billable_metric_id": shop.company.metrics["m"],
        "charge_model": "custom",
        "pay_in_advance": True,
        "properties": {"custom_properties": EX_18_PROPERTIES},
    }
    await shop.company.edit_plan("p", charges=[made])
    fees = await shop.bill_events({**EX_18[2], "_at": "2024-06-03"})
    assert (amounts(fees), units(fees)) == ([420], [16])


async def test_several_charges_on_one_metric_bill_each_event(shop: Shop) -> None:
    await shop.company.metric("m", "sum_agg", field_name="v")
    made = [
        {"metric": "m", "charge_model": "standard", "pay_in_advance": True, "properties": {"amount": price}}
        for price in ("1", "3")
    ]
    arrears = {"metric": "m", "charge_model": "standard", "properties": {"amount": "7"}}
    await shop.company.plan(*made, arrears)
    await shop.company.subscribe()
    assert sorted(await shop.cents(2)) == [200, 600]
    assert (await shop.company.bill("2024-07-01")).amounts == [1400]


async def test_an_amount_too_large_for_any_column_is_an_error_not_a_fee(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1000000")
    await shop.send({"v": "9" * 30})
    await shop.work()
    assert [item["name"] for item in shop.failed] == ["in_advance.bill"]
    assert await shop.event_fees() == []
