"""Figures of spec 01 (metering) that the tests beside the code do not assert, or not on an invoice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from billwright.billing.kernel.clock import iso, iso_ms
from billwright.billing.kernel.money import decimal_string, parse_decimal
from tests.billing.in_advance.shop import Shop
from tests.billing.metering.company import JULY, Company, at, charge
from tests.billing.metering.test_custom_examples import EX_18, RANGES, STEPS
from tests.billing.pricing.cases import tiers

INSTANT = datetime(2023, 9, 4, 15, 45, 12, 344_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("29", "29.0"),
        ("2.50", "2.5"),
        ("0", "0.0"),
        ("-0", "0.0"),
        ("0.000", "0.0"),
        ("1e-7", "0.0000001"),
        ("1E+3", "1000.0"),
        ("12.434", "12.434"),
        ("-3.10", "-3.1"),
        (
            "123456789012345678901234567890.000000000000000000001",
            "123456789012345678901234567890.000000000000000000001",
        ),
    ],
)
def test_01_0_wire_decimals(value: str, wire: str) -> None:
    assert decimal_string(Decimal(value)) == wire
    assert parse_decimal(value) == Decimal(wire)


def test_01_0_wire_times_are_truncated() -> None:
    assert iso_ms(INSTANT) == "2023-09-04T15:45:12.344Z"
    assert iso(INSTANT.replace(microsecond=999_999)) == "2023-09-04T15:45:12Z"
    new_york = INSTANT.astimezone(timezone(timedelta(hours=-4)))
    assert (iso(new_york), iso_ms(new_york)) == ("2023-09-04T15:45:12Z", "2023-09-04T15:45:12.344Z")
    assert (iso(None), iso_ms(None)) == (None, None)


async def seats_of_july(company: Company, *, prorated: bool) -> None:
    """Four seats carried into July, two more on the 10th; $10 each. Upgraded to plan q on the 15th at 14:00Z."""
    await company.metric("seats", "sum_agg", field_name="n", recurring=True)
    seats = charge("seats", amount="10", _prorated=prorated)
    await company.plan(seats)
    await company.plan(seats, code="q")
    await company.plan(code="without")
    await company.subscribe()
    await company.send((at("2024-06-01"), {"n": 4}))
    await company.to(JULY)
    await company.send((at("2024-07-10"), {"n": 2}))
    await company.to("2024-07-15T14:00:00")


async def test_01_6_3_ex_11_upgraded(company: Company) -> None:
    """Old plan 4 x 14/31 + 2 x 5/31 = 2.12904, new plan 6 x 17/31 = 3.29033; both show 6 seats."""
    await seats_of_july(company, prorated=True)
    await company.subscribe(plan="q")
    (old,) = await company.last_bill()
    assert (old.units, old.amount_cents, old.precise_amount_cents) == ("6.0", 2129, Decimal("2129.04"))
    assert (await company.shown())[:2] == ("6.0", 3290)
    (new,) = await company.bill("2024-08-01")
    assert (new.units, new.amount_cents, new.precise_amount_cents) == ("6.0", 3290, Decimal("3290.33"))


@pytest.mark.parametrize(("plan", "old", "new"), [("q", [], [6000]), ("without", [6000], [])])
async def test_01_6_5_not_prorated_seats_of_an_upgrade(
    company: Company, plan: str, old: list[int], new: list[int]
) -> None:
    """Also 02 §8: a new plan with the same metric bills the whole period, so the old one bills nothing."""
    await seats_of_july(company, prorated=False)
    await company.subscribe(plan=plan)
    assert (await company.last_bill()).amounts == old
    assert (await company.bill("2024-08-01")).amounts == new


async def test_01_6_5_not_prorated_seats_of_a_termination(company: Company) -> None:
    """Also 02 §8: without a successor the seats that are active at the end are billed in full."""
    await seats_of_july(company, prorated=False)
    await company.terminate()
    assert (await company.last_bill()).amounts == [6000]


async def test_01_6_5_a_plan_with_the_metric_in_advance_does_not_bill_the_running_period(company: Company) -> None:
    """Its renewal on the billing day pays for the next period, so the old plan bills this one (02 §8)."""
    await seats_of_july(company, prorated=False)
    await company.plan(charge("seats", amount="10", _pay_in_advance=True), code="ahead")
    await company.subscribe(plan="ahead")
    assert (await company.last_bill()).amounts == [6000]
    (renewed,) = await company.bill("2024-08-01")
    assert renewed.amount_cents == 6000


async def test_01_6_5_a_period_before_the_upgrade_is_billed_by_the_old_plan(company: Company) -> None:
    """03 §6.7: upgraded on 1 August before the run of that day: July is the old plan's, August the new one's."""
    await seats_of_july(company, prorated=False)
    async with company.context() as ctx:
        ctx.organization.clock_now = datetime(2024, 8, 1, 0, 5, tzinfo=UTC)
    await company.subscribe(plan="q")
    assert (await company.last_bill()).amounts == [6000]
    assert (await company.bill("2024-09-01")).amounts == [6000]


async def test_01_6_5_a_weighted_sum_prorates_by_itself(company: Company) -> None:
    """Recurring and not ``prorated``, but each plan has the seconds of its window: 10 x 14 + 10 x 17 days of 31."""
    await company.metric("level", "weighted_sum_agg", field_name="v", recurring=True)
    await company.plan(charge("level", amount="31"))
    await company.plan(charge("level", amount="31"), code="q")
    await company.subscribe()
    await company.send((at("2024-06-01"), {"v": 10}))
    await company.to("2024-07-15")
    await company.subscribe(plan="q")
    assert (await company.last_bill()).amounts == [14000]
    assert (await company.bill("2024-08-01")).amounts == [17000]


async def test_01_5_2_and_10_2_an_empty_set(company: Company) -> None:
    """0 units and 0 events: usage keeps the entry, the invoice drops the fee."""
    kinds = ("count_agg", "sum_agg", "max_agg", "latest_agg", "unique_count_agg", "weighted_sum_agg")
    for kind in kinds:
        await company.metric(kind, kind, **({} if kind == "count_agg" else {"field_name": "v"}))
    await company.plan(*[charge(kind, amount="1") for kind in kinds])
    await company.subscribe()
    entries = (await company.usage())["charges_usage"]
    assert [(entry["units"], entry["events_count"], entry["amount_cents"]) for entry in entries] == [("0.0", 0, 0)] * 6
    assert [entry["total_aggregated_units"] for entry in entries] == ["0.0"] * 6
    assert await company.bill(JULY) == []


async def test_01_10_2_each_fee_is_rounded_and_the_rounded_ones_are_added(company: Company) -> None:
    """Three groups of half a cent are 1 cent each; together they would be 2 (01 §4.5, §10.2)."""
    await company.metric("gb", "sum_agg", field_name="gb")
    await company.plan(charge("gb", amount="0.005", pricing_group_keys=["zone"]))
    await company.subscribe()
    await company.send(*[(at("2024-06-02"), {"gb": 1, "zone": zone}) for zone in "abc"])
    usage = await company.usage()
    assert (usage["amount_cents"], usage["charges_usage"][0]["amount_cents"]) == (3, 3)
    bill = await company.bill(JULY)
    assert bill.amounts == [1, 1, 1]
    assert [fee.precise_amount_cents for fee in bill] == [Decimal("0.5")] * 3


async def test_01_4_4_an_edit_re_rates_the_open_period_only(company: Company) -> None:
    """New prices and filters meet all usage of the open period; what was finalized stays as it is."""
    metric = await company.metric("gb", "sum_agg", field_name="gb", filters={"region": ["eu"]})
    plan = await company.plan(charge("gb", amount="1"))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"gb": 3, "region": "eu"}))
    assert (await company.bill(JULY)).amounts == [300]
    await company.send((at("2024-07-02"), {"gb": 3, "region": "eu"}), (at("2024-07-02"), {"gb": 1}))
    (listed,) = plan["charges"]
    filters = [{"values": {"region": ["eu"]}, "properties": {"amount": "5"}}]
    changed = {"id": listed["lago_id"], "billable_metric_id": metric, "charge_model": "standard"}
    await company.edit_plan("p", charges=[{**changed, "properties": {"amount": "2"}, "filters": filters}])
    assert (await company.shown())[1] == 1700
    assert (await company.bill("2024-08-01")).amounts == [1500, 200]
    first = (await company.rest.get("invoices?issuing_date_to=2024-07-01")).json()["invoices"]
    assert [item["fees_amount_cents"] for item in first] == [300]


async def test_01_9_3_ex_18_upgraded(company: Company) -> None:
    """The old plan bills what its state says, 32 units and $5.80; another charge starts from the initial state."""
    await company.custom_metric("traffic", EX_18, recurring=True)
    priced = charge("traffic", "custom", custom_properties=RANGES)
    await company.plan(priced)
    await company.plan(priced, code="q")
    await company.subscribe()
    for day, gb, zone, _ in STEPS:
        await company.send((at(day), {"gb": gb, "zone": zone}))
    assert (await company.bill(JULY)).amounts == [540]
    await company.send((at("2024-07-03"), {"gb": 2, "zone": "eu"}))
    await company.to("2024-07-15T14:00:00")
    await company.subscribe(plan="q")
    (old,) = await company.last_bill()
    assert (old.units, old.amount_cents) == ("32.0", 580)
    await company.send((at("2024-07-20"), {"gb": 12, "zone": "us"}))
    seen, billed = await company.both("2024-08-01")
    assert (seen[:2], billed) == (("12.0", 40), [40])


async def test_01_6_4_unique_seats_of_an_upgrade(company: Company) -> None:
    """A carried, B added on the 10th, A removed on the day of the upgrade: 14 + 5 days, then 1 (A) + 17 (B)."""
    await company.metric("seats", "unique_count_agg", field_name="n", recurring=True)
    seats = charge("seats", amount="31", _prorated=True)
    await company.plan(seats)
    await company.plan(seats, code="q")
    await company.subscribe()
    await company.send((at("2024-06-01"), {"n": "A"}))
    await company.to(JULY)
    await company.send((at("2024-07-10"), {"n": "B"}))
    await company.to("2024-07-15T14:00:00")
    await company.subscribe(plan="q")
    (old,) = await company.last_bill()
    assert (old.units, old.amount_cents, old.precise_amount_cents) == ("2.0", 1900, Decimal("1900.021"))
    await company.send((at("2024-07-15T18:00:00"), {"n": "A", "operation_type": "remove"}))
    (new,) = await company.bill("2024-08-01")
    assert (new.units, new.amount_cents, new.precise_amount_cents) == ("1.0", 1800, Decimal("1800.015"))


@pytest.mark.parametrize("aggregation", ["sum_agg", "unique_count_agg"])
async def test_01_6_1_carried_through_a_downgrade(company: Company, aggregation: str) -> None:
    await company.metric("seats", aggregation, field_name="n", recurring=True)
    await company.plan(charge("seats", amount="10"), amount_cents=1000)
    await company.plan(charge("seats", amount="3"), code="small", amount_cents=100)
    await company.subscribe()
    await company.send((at("2024-06-02"), {"n": 1}))
    await company.subscribe(plan="small")
    assert (await company.bill(JULY)).amounts == [1000]
    seen, billed = await company.both("2024-08-01")
    assert (seen[:2], billed) == (("1.0", 300), [300])


async def test_01_4_2_numbers_match_by_their_text(company: Company) -> None:
    """JSON ``2`` equals ``"2"``; ``2.0`` does not; upper and lower case differ; unlisted values match nothing."""
    await company.metric("calls", "count_agg", filters={"size": ["2", "eu"]})
    listed = {"values": {"size": ["2"]}, "properties": {"amount": "1"}}
    others = {"values": {"size": ["__ALL_FILTER_VALUES__"]}, "properties": {"amount": "10"}}
    await company.plan(charge("calls", amount="100", filters=[listed, others]))
    await company.subscribe()
    body = (
        '{"event":{"transaction_id":"%d","external_subscription_id":"s1","code":"calls",'
        '"timestamp":1717300000,"properties":{"size":%s}}}'
    )
    expected = 0
    for number, (value, cents) in enumerate(
        [("2", 100), ('"2"', 100), ("2.0", 10000), ('"eu"', 1000), ('"EU"', 10000), ('" 2"', 10000), ("null", 10000)]
    ):
        answer = await company.rest.post("events", (body % (number, value)).encode())
        assert answer.status_code == 200
        expected += cents
        assert (await company.shown())[1] == expected, value
    assert (await company.bill(JULY)).amounts == [200, 1000, 40000]


async def test_01_8_rounding_of_usage_in_advance(shop: Shop) -> None:
    """Events are billed as they come, 1.2 and 1.2; current usage rounds the aggregate, once."""
    await shop.sell("sum_agg", amount="1", metric={"rounding_function": "ceil", "rounding_precision": 0})
    fees = await shop.bill_events({"v": "1.2"}, {"v": "1.2"})
    assert [(fee.amount_cents, str(fee.units.normalize())) for fee in fees] == [(120, "1.2")] * 2
    assert await shop.company.shown() == ("3.0", 300, 2)


async def test_01_5_5_levels_of_groups_are_carried(company: Company) -> None:
    """Recurring: the level of a group at the start is the sum of its own earlier changes."""
    await company.metric("level", "weighted_sum_agg", field_name="v", recurring=True)
    await company.plan(charge("level", amount="1", pricing_group_keys=["zone"]))
    await company.subscribe()
    await company.send((at("2024-06-01"), {"v": 10, "zone": "eu"}), (at("2024-06-16"), {"v": 4, "zone": "us"}))
    assert sorted((await company.bill(JULY)).amounts) == [200, 1000]
    await company.send((at("2024-07-01"), {"v": -10, "zone": "eu"}))
    entry = await company.charge_usage()
    seen = [(each["grouped_by"]["zone"], each["units"], each["amount_cents"]) for each in entry["grouped_usage"]]
    assert seen == [("eu", "0.0", 0), ("us", "4.0", 400)]
    assert sum((await company.bill("2024-08-01")).amounts) == 400


async def test_01_5_5_the_level_of_an_earlier_subscription(company: Company) -> None:
    """+10 on 1 June, ended on the 11th, again from the 21st: 10 x 10/30 rounded up at the 20th decimal."""
    await company.metric("level", "weighted_sum_agg", field_name="v", recurring=True)
    await company.plan(charge("level", amount="3"))
    await company.subscribe()
    await company.send((at("2024-06-01"), {"v": 10}))
    await company.to("2024-06-11")
    await company.terminate()
    (first,) = await company.last_bill()
    assert first.units == "3.33333333333333333334"
    await company.to("2024-06-21")
    await company.subscribe()
    assert await company.both(JULY) == (("3.33333333333333333334", 1000, 0), [1000])


async def test_01_5_6_dynamic_by_group_and_filter(company: Company) -> None:
    await company.metric("gb", "sum_agg", field_name="n", filters={"region": ["eu"]})
    filters = [{"values": {"region": ["eu"]}, "properties": {}}]
    await company.plan(charge("gb", "dynamic", filters=filters, pricing_group_keys=["tier"]))
    await company.subscribe()
    for cents, properties in (
        ("70.35", {"n": 7, "region": "eu", "tier": "gold"}),
        ("55", {"n": 5, "tier": "gold"}),
        ("0.1", {"n": 5, "tier": "gold"}),
        ("220", {"n": 10, "tier": "silver"}),
    ):
        await company.send((at("2024-06-02"), properties), precise_total_amount_cents=cents)
    bill = await company.bill(JULY)
    assert [(fee.filter, fee.grouped_by, fee.units, fee.precise_amount_cents) for fee in bill] == [
        ({"region": ["eu"]}, {}, "7.0", Decimal("70.35")),
        (None, {"tier": "gold"}, "10.0", Decimal("55.1")),
        (None, {"tier": "silver"}, "10.0", Decimal(220)),
    ]


async def test_01_4_5_free_events_restart_in_each_bucket_and_group(company: Company) -> None:
    """The first event of each is free; the others cost 10 % and 1.00 each (02 §4.2, §5.4)."""
    terms = {"rate": "10", "fixed_amount": "1", "free_units_per_events": 1}
    await company.metric("paid", "sum_agg", field_name="v", filters={"region": ["eu"]})
    filters = [{"values": {"region": ["eu"]}, "properties": terms}]
    await company.plan(charge("paid", "percentage", filters=filters, pricing_group_keys=["tier"], **terms))
    await company.subscribe()
    places: list[tuple[int, dict[str, str]]] = [
        (10, {"region": "eu", "tier": "gold"}),
        (10, {"tier": "gold"}),
        (20, {"region": "eu", "tier": "silver"}),
        (30, {"tier": "gold"}),
        (50, {"tier": "silver"}),
    ]
    await company.send(*[(at(f"2024-06-{day:02}"), {"v": v, **place}) for day, (v, place) in enumerate(places, 2)])
    bill = await company.bill(JULY)
    assert [(fee.filter is None, fee.grouped_by, fee.amount_cents) for fee in bill] == [
        (False, {}, 300),
        (True, {"tier": "gold"}, 400),
        (True, {"tier": "silver"}, 0),
    ]


async def test_01_6_3_prorated_tiers_restart_in_each_group(company: Company) -> None:
    """Red: 4 units for half of June at 10; blue: 10 units for all of it, 5 at 10 and 5 at 5 (02 §6.3)."""
    ranges = tiers((0, 5, "10", "0"), (6, None, "5", "0"))
    await company.metric("seats", "sum_agg", field_name="n", recurring=True)
    await company.plan(
        charge("seats", "graduated", graduated_ranges=ranges, _prorated=True, pricing_group_keys=["team"])
    )
    await company.subscribe()
    await company.send((at("2024-06-16"), {"n": 4, "team": "red"}), (at("2024-06-01"), {"n": 10, "team": "blue"}))
    bill = await company.bill(JULY)
    assert {(fee.grouped_by["team"], fee.units, fee.amount_cents) for fee in bill} == {
        ("red", "4.0", 2000),
        ("blue", "10.0", 7500),
    }
    bill = await company.bill("2024-08-01")
    assert {(fee.grouped_by["team"], fee.amount_cents) for fee in bill} == {("red", 4000), ("blue", 7500)}
