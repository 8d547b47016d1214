"""Custom aggregation and pricing through usage and invoices (spec 01 §9, 02 §5.8)."""

from __future__ import annotations

from tests.billing.metering.company import JULY, Company, at, charge
from tests.billing.metering.custom_aggregation.programs import EX_18
from tests.billing.metering.custom_aggregation.programs import EX_18_PROPERTIES as RANGES

STEPS = [("2024-06-02", 4, "eu", 0), ("2024-06-03", 10, "asia", 120), ("2024-06-04", 16, "us", 540)]


async def test_01_9_ex_18(company: Company) -> None:
    await company.custom_metric("traffic", EX_18)
    await company.plan(charge("traffic", "custom", custom_properties=RANGES))
    await company.subscribe()
    assert await company.shown() == ("0.0", 0, 0)
    for day, gb, zone, cents in STEPS:
        await company.send((at(day), {"gb": gb, "zone": zone}))
        assert (await company.shown())[1] == cents
    assert await company.both(JULY) == (("30.0", 540, 3), [540])
    assert await company.shown() == ("0.0", 0, 0)


async def test_01_9_ex_18_standard(company: Company) -> None:
    await company.custom_metric("traffic", EX_18)
    await company.plan(charge("traffic", amount="2", custom_properties=RANGES))
    await company.subscribe()
    for day, gb, zone, _ in STEPS:
        await company.send((at(day), {"gb": gb, "zone": zone}))
    assert await company.both(JULY) == (("30.0", 6000, 3), [6000])


async def test_01_9_3_ex_18_next_period_recurring(company: Company) -> None:
    """The closing state is where the next period begins, the amount included."""
    await company.custom_metric("traffic", EX_18, recurring=True)
    await company.plan(charge("traffic", "custom", custom_properties=RANGES))
    await company.subscribe()
    for day, gb, zone, _ in STEPS:
        await company.send((at(day), {"gb": gb, "zone": zone}))
    assert (await company.bill(JULY)).amounts == [540]
    assert (await company.shown())[:2] == ("30.0", 540)
    await company.send((at("2024-07-03"), {"gb": 2, "zone": "eu"}))
    seen, billed = await company.both("2024-08-01")
    assert (seen[:2], billed) == (("32.0", 580), [580])
    seen, billed = await company.both("2024-09-01")
    assert (seen[:2], billed) == (("32.0", 580), [580])


async def test_02_5_8_example(company: Company) -> None:
    await company.custom_metric("traffic", EX_18)
    await company.plan(charge("traffic", "custom", custom_properties=RANGES))
    await company.subscribe()
    await company.send(
        (at("2024-06-02"), {"gb": 1, "zone": "eu"}),
        (at("2024-06-03"), {"gb": 10, "zone": "asia"}),
        (at("2024-06-04"), {"gb": 35, "zone": "us"}),
    )
    assert await company.both(JULY) == (("46.0", 990, 3), [990])


async def test_01_9_groups_fold_on_their_own(company: Company) -> None:
    await company.custom_metric("traffic", EX_18)
    await company.plan(charge("traffic", "custom", custom_properties=RANGES, pricing_group_keys=["zone"]))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"gb": 12, "zone": "eu"}), (at("2024-06-03"), {"gb": 12, "zone": "us"}))
    assert await company.both(JULY) == (("24.0", 60, 2), [20, 40])


async def test_01_9_2_a_failing_program_bills_nothing(company: Company) -> None:
    await company.custom_metric("traffic", EX_18)
    await company.plan(charge("traffic", "custom", custom_properties=RANGES))
    await company.subscribe()
    await company.send((at("2024-06-02"), {"gb": "many", "zone": "eu"}))
    answer = await company.rest.get("customers/c1/current_usage", params={"external_subscription_id": "s1"})
    assert (answer.status_code, answer.json()["code"]) == (422, "aggregation_failure")
    company.may_fail = True
    bill = await company.bill(JULY)
    assert company.failed
    assert bill == []
    assert bill.invoice is not None
    assert bill.invoice.status == "generating"
