"""Renewal of recurring charges paid in advance (spec 02 §10.6, §8; 01 §6.5)."""

from __future__ import annotations

from typing import Any

from tests.billing.in_advance.shop import Shop
from tests.billing.pricing.cases import tiers

SEATS: dict[str, Any] = {"metric": {"recurring": True}, "charge_options": {"prorated": True}, "amount": "30"}
STANDALONE = {**SEATS, "charge_options": {"prorated": True, "invoiceable": False}}


def seat(name: str, when: str, operation: str = "add") -> dict[str, Any]:
    return {"v": name, "operation_type": operation, "_at": when}


async def five_seats(shop: Shop, **options: Any) -> None:
    await shop.sell("unique_count_agg", **options)
    await shop.bill_events(*[seat(f"s{day}", f"2024-06-{day}T12:00") for day in range(11, 16)])


async def test_02_10_6_five_seats_and_two_more(shop: Shop) -> None:
    await five_seats(shop, **SEATS)
    july = await shop.company.bill("2024-07-01")
    assert [(fee.units, fee.amount_cents, fee.row.pay_in_advance) for fee in july] == [("5.0", 15000, False)]
    fees = await shop.bill_events(*[seat(name, "2024-07-12T09:00") for name in ("a", "b")])
    assert [fee.amount_cents for fee in fees[5:]] == [1936, 1936]
    august = await shop.company.bill("2024-08-01")
    assert [(fee.units, fee.amount_cents) for fee in august] == [("7.0", 21000)]
    assert august.invoice is not None
    shown = await shop.invoice(str(august.invoice.id))
    [fee] = [item for item in shown["fees"] if item["item"]["type"] == "charge"]
    assert (fee["from_date"], fee["to_date"]) == ("2024-08-01T00:00:00+00:00", "2024-08-31T23:59:59+00:00")
    assert "event_transaction_id" not in fee
    assert shown["billing_periods"][0]["charges_from_datetime"] == "2024-07-01T00:00:00Z"


async def test_02_8_metered_charges_in_advance_are_never_on_a_periodic_invoice(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    assert await shop.cents(7) == [700]
    assert await shop.company.bill("2024-07-01") == []


async def test_02_10_6_standalone_renewals(shop: Shop) -> None:
    await shop.tax()
    await shop.listen()
    await five_seats(shop, **STANDALONE)
    await shop.company.to("2024-07-01")
    fees = await shop.fees()
    renewal = fees[-1]
    assert (renewal["units"], renewal["amount_cents"], renewal["taxes_amount_cents"]) == ("5.0", 15000, 3000)
    assert (renewal["lago_invoice_id"], renewal["pay_in_advance"], renewal["invoiceable"]) == (None, True, False)
    assert (renewal["from_date"], renewal["to_date"]) == ("2024-07-01T00:00:00+00:00", "2024-07-31T23:59:59+00:00")
    assert "event_transaction_id" not in renewal
    assert ("fee.created", renewal["lago_id"]) in await shop.announced()
    assert len(fees) == 6
    assert (await shop.company.last_bill()) == []


async def test_02_10_6_standalone_renewals_are_stored_even_without_units(shop: Shop) -> None:
    await shop.sell("unique_count_agg", **STANDALONE)
    await shop.company.to("2024-07-01")
    [renewal] = await shop.fees()
    assert (renewal["units"], renewal["amount_cents"]) == ("0.0", 0)


async def test_02_10_6_a_grace_period_does_not_delay_standalone_renewals(shop: Shop) -> None:
    """Made on the billing day; neither a refresh nor finalization makes them again, nor after a deletion."""
    await shop.sell("unique_count_agg", **STANDALONE, subscribe=False)
    body = {"external_id": "c1", "billing_configuration": {"invoice_grace_period": 3}}
    assert (await shop.company.rest.post("customers", {"customer": body})).status_code == 200
    await shop.company.subscribe()
    await shop.bill_events(seat("a", "2024-06-11"))
    await shop.company.to("2024-07-01")
    [_, renewal] = await shop.fees()
    [invoice] = await shop.invoices()
    assert (invoice["status"], renewal["amount_cents"]) == ("draft", 3000)
    assert (await shop.company.rest.put(f"invoices/{invoice['lago_id']}/refresh")).status_code == 200
    assert len(await shop.fees()) == 2
    assert (await shop.company.rest.delete(f"fees/{renewal['lago_id']}")).status_code == 200
    await shop.company.to("2024-07-05")
    assert [item["status"] for item in await shop.invoices()] == ["finalized"]
    assert len(await shop.fees()) == 1


async def test_02_10_6_renewals_by_bucket_and_group(shop: Shop) -> None:
    await shop.sell(
        "sum_agg",
        metric={"recurring": True, "filters": {"region": ["eu"]}},
        filters=[{"values": {"region": ["eu"]}, "properties": {"amount": "2", "pricing_group_keys": ["zone"]}}],
        amount="1",
    )
    await shop.bill_events(
        {"v": 5, "region": "eu", "zone": "a"}, {"v": 3, "region": "eu", "zone": "b"}, {"v": 2}, {"v": -1}
    )
    july = await shop.company.bill("2024-07-01")
    assert [(fee.units, fee.amount_cents, fee.grouped_by) for fee in july] == [
        ("5.0", 1000, {"zone": "a"}),
        ("3.0", 600, {"zone": "b"}),
        ("1.0", 100, {}),
    ]


async def test_02_10_6_no_units_no_flat_amount(shop: Shop) -> None:
    """Trap 3: in advance the first flat amount comes with the first unit, at renewals too."""
    ranges = tiers((0, 5, "1", "9"), (6, None, "1", "0"))
    await shop.sell("sum_agg", "graduated", metric={"recurring": True}, graduated_ranges=ranges)
    assert await shop.company.bill("2024-07-01") == []
    await shop.bill_events({"v": 2, "_at": "2024-07-02"})
    assert (await shop.company.bill("2024-08-01")).amounts == [1100]


async def test_02_8_no_renewal_at_termination(shop: Shop) -> None:
    await five_seats(shop, **SEATS)
    await shop.company.to("2024-06-20T10:00")
    await shop.company.terminate()
    assert await shop.company.last_bill() == []


async def test_02_8_no_renewal_at_an_upgrade_and_the_new_plan_renews_at_its_own_billing_day(shop: Shop) -> None:
    await five_seats(shop, **SEATS)
    dear = {"_pay_in_advance": True, "_prorated": True, "amount": "40"}
    from tests.billing.metering.company import charge

    await shop.company.plan(charge("m", **dear), code="q", amount_cents=1000)
    await shop.company.to("2024-06-20T10:00")
    await shop.company.subscribe(plan="q")
    assert await shop.company.last_bill() == []
    july = await shop.company.bill("2024-07-01")
    assert [(fee.units, fee.amount_cents) for fee in july] == [("5.0", 20000)]


async def test_02_8_a_downgrade_renews_once_by_the_old_plan(shop: Shop) -> None:
    from tests.billing.metering.company import charge

    await shop.sell("unique_count_agg", **SEATS, plan={"amount_cents": 1000})
    await shop.bill_events(seat("a", "2024-06-11"))
    await shop.company.plan(charge("m", _pay_in_advance=True, amount="5"), code="q", amount_cents=100)
    await shop.company.subscribe(plan="q")
    july = await shop.company.bill("2024-07-01")
    assert [(fee.units, fee.amount_cents) for fee in july] == [("1.0", 3000)]
    august = await shop.company.bill("2024-08-01")
    assert [(fee.units, fee.amount_cents) for fee in august] == [("1.0", 500)]


async def test_02_8_the_trial_does_not_cover_usage(shop: Shop) -> None:
    await shop.sell("unique_count_agg", **SEATS, plan={"trial_period": 90})
    fees = await shop.bill_events(seat("a", "2024-06-16"))
    assert [fee.amount_cents for fee in fees] == [1500]
    assert (await shop.company.bill("2024-07-01")).amounts == [3000]


async def test_yearly_plans_that_bill_charges_monthly_renew_monthly(shop: Shop) -> None:
    await five_seats(shop, **SEATS, plan={"interval": "yearly", "bill_charges_monthly": True})
    july = await shop.company.bill("2024-07-01")
    assert [(fee.units, fee.amount_cents) for fee in july] == [("5.0", 15000)]


CODE = """
def aggregate(event, state, properties):
    return {"total_units": state["total_units"] + decimal(event["properties"]["v"]),
            "amount": decimal(event["properties"]["v"]) * 2}
"""


async def test_01_9_3_recurring_custom_metrics_renew_from_their_closing_state(shop: Shop) -> None:
    await shop.company.custom_metric("m", CODE, recurring=True)
    made = {"metric": "m", "charge_model": "custom", "pay_in_advance": True, "properties": {}}
    await shop.company.plan(made)
    await shop.company.subscribe()
    fees = await shop.bill_events({"v": 3}, {"v": 4})
    assert [fee.amount_cents for fee in fees] == [600, 800]
    july = await shop.company.bill("2024-07-01")
    assert [(fee.units, fee.amount_cents) for fee in july] == [("7.0", 1400)]
    fees = await shop.bill_events({"v": 1, "_at": "2024-07-03"})
    assert (fees[-1].amount_cents, fees[-1].units) == (200, 1)
    august = await shop.company.bill("2024-08-01")
    assert [(fee.units, fee.amount_cents) for fee in august] == [("8.0", 1600)]
