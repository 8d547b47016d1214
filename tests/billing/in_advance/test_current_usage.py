"""Current usage of charges paid in advance (spec 02 §10.7, 01 §7), and its agreement with what was billed."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from tests.billing.in_advance.shop import Shop
from tests.billing.in_advance.test_event_amounts import EX_18, operations, sell_custom
from tests.billing.pricing.cases import tiers
from tests.billing.pricing.test_models import GRADUATED_PERCENTAGE


async def test_02_10_7_a_decrease_lowers_the_units_not_the_amount(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.bill_events({"v": 10}, {"v": -4})
    assert await shop.company.shown() == ("6.0", 1000, 2)


async def test_01_7_ex_15_shows_9_priced_on_10(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.bill_events({"v": 10}, {"v": -4}, {"v": 3})
    assert await shop.company.shown() == ("9.0", 1000, 3)


async def test_01_7_ex_16_prorated_seats(shop: Shop) -> None:
    """A and B carried; C on the 11th, A leaves on the 16th, D on the 21st, E on the 26th: 4 shown, $85.00."""
    await shop.sell(
        "unique_count_agg",
        charge_options={"prorated": True, "invoiceable": False},
        metric={"recurring": True},
        amount="30",
        subscribe=False,
    )
    await shop.company.subscribe(since="2024-05-01T00:00:00Z")
    await shop.bill_events({"v": "A", "_at": "2024-05-10"}, {"v": "B", "_at": "2024-05-11"})
    fees = await shop.bill_events(
        {"v": "C", "_at": "2024-06-11"},
        {"v": "A", "operation_type": "remove", "_at": "2024-06-16"},
        {"v": "D", "_at": "2024-06-21"},
        {"v": "E", "_at": "2024-06-26"},
    )
    assert [fee.amount_cents for fee in fees[2:]] == [2000, 0, 0, 500]
    assert (await shop.company.shown())[:2] == ("4.0", 8500)


async def test_events_that_are_not_billed_yet_are_shown(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.bill_events({"v": 10}, {"v": -4})
    await shop.send({"v": 3}, when="2024-06-03")
    assert await shop.company.shown() == ("9.0", 1300, 3)
    await shop.work()
    assert await shop.company.shown() == ("9.0", 1000, 3)


async def test_nothing_used_costs_nothing(shop: Shop) -> None:
    """Trap 3: the first flat amount is due from the first event on."""
    await shop.sell("sum_agg", "graduated", graduated_ranges=tiers((0, None, "1", "9")))
    assert await shop.company.shown() == ("0.0", 0, 0)
    await shop.bill_events({"v": 2})
    assert await shop.company.shown() == ("2.0", 1100, 1)


async def test_groups_and_filters(shop: Shop) -> None:
    await shop.sell(
        "sum_agg",
        metric={"filters": {"region": ["eu"]}},
        filters=[{"values": {"region": ["eu"]}, "properties": {"amount": "2"}}],
        amount="1",
        pricing_group_keys=["zone"],
    )
    await shop.bill_events(
        {"v": 5, "region": "eu"},
        {"v": -2, "region": "eu"},
        {"v": 7, "zone": "a"},
        {"v": -3, "zone": "a"},
        {"v": 1, "zone": "b"},
        {"v": 1},
        {"v": -1},
    )
    entry = await shop.company.charge_usage()
    assert (entry["units"], entry["amount_cents"]) == ("8.0", 1000 + 700 + 100 + 100)
    by_group = {
        (each["grouped_by"].get("zone"), part["values"] is None): (part["units"], part["amount_cents"])
        for each in entry["grouped_usage"]
        for part in each["filters"]
    }
    assert by_group[("a", True)] == ("4.0", 700)
    assert by_group[("b", True)] == ("1.0", 100)
    assert by_group[(None, True)] == ("0.0", 100)
    melted = await shop.company.charge_usage(skip_grouping="true")
    assert (melted["units"], melted["amount_cents"]) == ("8.0", 1900)
    chosen = await shop.company.charge_usage(**{"group[zone]": "a"})
    assert (chosen["units"], chosen["amount_cents"]) == ("4.0", 700)


async def test_percentage_counts_each_event_by_what_it_billed(shop: Shop) -> None:
    """The list is 50, 0, 0: a decrease is an event of value 0 that costs the fixed amount."""
    await shop.sell("sum_agg", "percentage", rate="10", fixed_amount="1", per_transaction_min_amount="2")
    fees = await shop.bill_events({"v": 50}, {"v": -20}, {"v": 10})
    assert [fee.amount_cents for fee in fees] == [600, 200, 200]
    assert await shop.company.shown() == ("40.0", 1000, 3)


async def test_custom_aggregations(shop: Shop) -> None:
    await sell_custom(shop)
    await shop.bill_events(*EX_18)
    assert await shop.company.shown() == ("30.0", 540, 3)


async def test_unique_count(shop: Shop) -> None:
    await shop.sell("unique_count_agg", amount="12")
    await shop.bill_events(*operations("+a -a +a +b +b +c -c"))
    assert (await shop.company.shown())[:2] == ("2.0", 3600)


MODELS: list[tuple[str, dict[str, Any]]] = [
    ("standard", {"amount": "0.0335"}),
    ("graduated", {"graduated_ranges": tiers((0, 5, "2", "1"), (6, 20, "1", "4"), (21, None, "3", "0"))}),
    ("package", {"amount": "7", "package_size": 4, "free_units": 3}),
    ("graduated_percentage", GRADUATED_PERCENTAGE),
    ("percentage", {"rate": "3.3", "fixed_amount": "0.1", "free_units_per_events": 3}),
    ("percentage", {"rate": "5", "fixed_amount": "1", "free_units_per_total_aggregation": "20.5"}),
    ("percentage", {"rate": "10", "per_transaction_min_amount": "0.5", "per_transaction_max_amount": "1"}),
]


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_fees_of_the_events_add_up_to_the_arrears(shop: Shop, seed: int) -> None:
    """Without decreases, the same model bills the same money in advance, in current usage and in arrears."""
    chance = random.Random(seed)
    await shop.company.metric("m", "sum_agg", field_name="v")
    charges = [
        {"metric": "m", "charge_model": model, "properties": properties, **more}
        for model, properties in MODELS
        for more in ({"pay_in_advance": True, "invoiceable": False}, {})
    ]
    await shop.company.plan(*charges)
    await shop.company.subscribe()
    values = [Decimal(chance.randint(1, 900)).scaleb(-chance.randint(0, 2)) for _ in range(9)]
    await shop.bill_events(*[{"v": str(value)} for value in values[:5]])
    fees = await shop.bill_events(*[{"v": str(value)} for value in values[5:]], when="2024-06-20")
    billed: dict[Any, Decimal] = {}
    for fee in fees:
        billed[fee.charge_id] = billed.get(fee.charge_id, Decimal(0)) + fee.precise_amount_cents
    usage = (await shop.company.usage())["charges_usage"]
    assert len(usage) == 2 * len(MODELS)
    shown = {entry["charge"]["code"]: entry["amount_cents"] for entry in usage}
    plan = (await shop.company.rest.get("plans/p")).json()["plan"]
    listed = sorted(plan["charges"], key=lambda item: (len(item["code"]), item["code"]))
    arrears = await shop.company.bill("2024-07-01")
    owed = {str(fee.row.charge_id): fee.precise_amount_cents for fee in arrears}
    by_id = {str(charge_id): amount for charge_id, amount in billed.items()}
    pairs = list(zip(listed[::2], listed[1::2], strict=True))
    for (model, _), (advance, later) in zip(MODELS, pairs, strict=True):
        assert (advance["pay_in_advance"], later["pay_in_advance"], advance["charge_model"]) == (True, False, model)
        assert by_id[advance["lago_id"]] == owed[later["lago_id"]], model
        assert shown[advance["code"]] == shown[later["code"]], model
