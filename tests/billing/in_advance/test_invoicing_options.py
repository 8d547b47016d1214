"""The three ways of invoicing a charge paid in advance (spec 02 §10.5; 04 §1.1, §2.4, §3.1, §7)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.in_advance.shop import Shop
from tests.billing.metering.company import charge
from tests.server.rest.contract import problems

REGROUPED = {"invoiceable": False, "regroup_paid_fees": "invoice"}
STANDALONE = {"invoiceable": False}


async def customer(shop: Shop, **attributes: Any) -> None:
    answer = await shop.company.rest.post("customers", {"customer": {"external_id": "c1", **attributes}})
    assert answer.status_code == 200, answer.text


async def test_an_invoice_per_event(shop: Shop) -> None:
    await shop.tax()
    await shop.sell("sum_agg", amount="1", plan={"amount_cents": 100}, subscribe=False)
    await customer(shop, timezone="America/Los_Angeles", net_payment_term=10)
    await shop.company.subscribe(since="2024-05-15T12:00:00Z")
    await shop.company.to("2024-06-20T12:00")
    await shop.listen()
    await shop.bill_events({"v": 5, "_at": "2024-06-11T03:00", "_id": "tx-1"})
    [listed] = [item for item in await shop.invoices() if item["fees_amount_cents"] == 500]
    invoice = await shop.invoice(listed["lago_id"])
    assert problems("Invoice", {"invoice": invoice}) == []
    assert (invoice["invoice_type"], invoice["status"], invoice["payment_status"]) == (
        "subscription",
        "finalized",
        "pending",
    )
    assert (invoice["issuing_date"], invoice["payment_due_date"]) == ("2024-06-10", "2024-06-20")
    assert (invoice["taxes_amount_cents"], invoice["total_amount_cents"]) == (100, 600)
    [period] = invoice["billing_periods"]
    assert period["invoicing_reason"] == "in_advance_charge"
    assert (period["charges_from_datetime"], period["charges_to_datetime"]) == (
        "2024-06-01T07:00:00Z",
        "2024-07-01T06:59:59Z",
    )
    [fee] = invoice["fees"]
    assert (fee["pay_in_advance"], fee["invoiceable"], fee["event_transaction_id"]) == (True, True, "tx-1")
    assert (fee["units"], fee["total_aggregated_units"], fee["events_count"]) == ("5.0", "5.0", 1)
    assert (fee["from_date"], fee["to_date"]) == ("2024-06-01T00:00:00+00:00", "2024-06-30T23:59:59+00:00")
    assert fee["taxes_amount_cents"] == 100
    announced = [kind for kind, _ in await shop.announced()]
    assert announced[:2] == ["fee.created", "invoice.created"]
    assert announced.count("invoice.created") == 1


async def test_no_grace_period_for_the_invoice_of_an_event(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1", subscribe=False)
    await customer(shop, billing_configuration={"invoice_grace_period": 5})
    await shop.company.subscribe()
    await shop.bill_events({"v": 5})
    assert [item["status"] for item in await shop.invoices()] == ["finalized"]


async def test_numbers_of_late_events_are_of_the_month_of_issue(shop: Shop) -> None:
    """04 §4: the month is that of finalization; the invoice is dated by the event (04 §5)."""
    await shop.sell("sum_agg", amount="1")
    async with shop.company.context() as ctx:
        ctx.organization.document_numbering = "per_organization"
    await shop.company.to("2024-07-02")
    await shop.bill_events({"v": 5, "_at": "2024-06-11"})
    [invoice] = [item for item in await shop.invoices() if item["fees_amount_cents"]]
    assert (invoice["issuing_date"], invoice["number"].split("-")[-2]) == ("2024-06-11", "202407")


@pytest.mark.parametrize("skipped", [True, False])
async def test_04_7_an_empty_invoice_is_closed_when_those_are_skipped(shop: Shop, skipped: bool) -> None:
    await shop.sell("sum_agg", amount="1", subscribe=False)
    await customer(shop, finalize_zero_amount_invoice="skip" if skipped else "inherit")
    await shop.company.subscribe()
    await shop.listen()
    await shop.bill_events({"v": -5})
    assert [item.status for item in await shop.all_invoices()] == (["closed"] if skipped else ["finalized"])
    assert len(await shop.invoices()) == (0 if skipped else 1)
    fees = [kind for kind, _ in await shop.announced() if kind in ("fee.created", "invoice.created")]
    assert fees == ([] if skipped else ["fee.created", "invoice.created"])
    assert len(await shop.fees()) == (0 if skipped else 1)


async def test_standalone_fees_are_never_invoiced(shop: Shop) -> None:
    await shop.tax("10")
    await shop.sell("sum_agg", charge_options=STANDALONE, amount="0.333", plan={"amount_cents": 100})
    await shop.listen()
    await shop.bill_events({"v": 1})
    [fee] = await shop.fees()
    assert problems("Fee", {"fee": fee}) == []
    assert (fee["lago_invoice_id"], fee["invoiceable"], fee["payment_status"]) == (None, False, "pending")
    assert (fee["amount_cents"], fee["precise_amount"], fee["taxes_amount_cents"]) == (33, "0.333", 3)
    assert await shop.announced() == [("fee.created", fee["lago_id"])]
    assert await shop.invoices() == []
    await shop.pay(fee["lago_id"])
    await shop.company.to("2024-07-02")
    assert [item["fees_amount_cents"] for item in await shop.invoices()] == [100]


async def test_02_10_5_paid_fees_on_one_invoice_add_their_taxes(shop: Shop) -> None:
    """1707 + 1606 + 15060 at 20 %: taxes 341 + 321 + 3012 = 3674, not 3675; total 22047."""
    await shop.tax()
    await shop.sell("sum_agg", charge_options=REGROUPED, amount="0.01")
    await shop.listen()
    await shop.bill_events({"v": 1707}, {"v": 1606}, {"v": 15060}, {"v": 100}, {"v": 200}, {"v": 300})
    fees = await shop.fees()
    for fee in fees[:3]:
        await shop.pay(fee["lago_id"])
    await shop.pay(fees[3]["lago_id"], "failed")
    await shop.pay(fees[4]["lago_id"], "succeeded")
    await shop.pay(fees[4]["lago_id"], "refunded")
    await shop.company.to("2024-07-01")
    [periodic, listed] = sorted(await shop.invoices(), key=lambda item: item["invoice_type"], reverse=True)
    assert (periodic["fees_amount_cents"], listed["invoice_type"]) == (0, "advance_charges")
    invoice = await shop.invoice(listed["lago_id"])
    assert [each for each in problems("Invoice", {"invoice": invoice}) if "invoice_type" not in each] == []
    assert [fee["amount_cents"] for fee in invoice["fees"]] == [1707, 1606, 15060]
    assert (invoice["fees_amount_cents"], invoice["taxes_amount_cents"]) == (18373, 3674)
    assert (invoice["total_amount_cents"], invoice["total_paid_amount_cents"]) == (22047, 22047)
    assert (invoice["status"], invoice["payment_status"], invoice["total_due_amount_cents"]) == (
        "finalized",
        "succeeded",
        0,
    )
    found = (await shop.company.rest.get("payments", params={"invoice_id": invoice["lago_id"]})).json()["payments"]
    keys = ("amount_cents", "amount_currency", "type", "payment_status", "invoice_ids", "created_at")
    assert [tuple(payment[key] for key in keys) for payment in found] == [
        (22047, invoice["currency"], "manual", "succeeded", [invoice["lago_id"]], "2024-07-01T00:00:00Z")
    ]
    [tax] = invoice["applied_taxes"]
    assert (tax["tax_code"], tax["amount_cents"], tax["fees_amount_cents"]) == ("vat", 3674, 18373)
    [period] = invoice["billing_periods"]
    assert period["invoicing_reason"] == "in_advance_charge_periodic"
    assert (period["charges_from_datetime"], period["charges_to_datetime"]) == (
        "2024-06-01T00:00:00Z",
        "2024-06-30T23:59:59Z",
    )
    assert int(periodic["number"].split("-")[-1]) < int(invoice["number"].split("-")[-1])
    assert ("invoice.created", invoice["lago_id"]) in await shop.announced()
    answer = await shop.company.rest.put(f"fees/{fees[0]['lago_id']}", {"fee": {"payment_status": "failed"}})
    assert (answer.status_code, answer.json()["code"]) == (405, "invoiced_fee")


async def test_02_10_5_what_is_paid_later_comes_with_a_later_run(shop: Shop) -> None:
    await shop.sell("sum_agg", charge_options=REGROUPED, amount="1")
    await shop.bill_events({"v": 1}, {"v": 2}, {"v": 4, "_at": "2024-07-10"})
    fees = await shop.fees()
    await shop.pay(fees[0]["lago_id"])
    await shop.pay(fees[2]["lago_id"])
    await shop.company.to("2024-07-15")
    assert await regrouped(shop) == [[100]]
    await shop.pay(fees[1]["lago_id"])
    await shop.company.to("2024-08-01")
    assert await regrouped(shop) == [[100], [200, 400]]


async def regrouped(shop: Shop) -> list[list[int]]:
    found = await shop.invoices(invoice_type="advance_charges")
    return [[fee["amount_cents"] for fee in (await shop.invoice(item["lago_id"]))["fees"]] for item in found]


async def test_02_10_5_nothing_paid_no_invoice(shop: Shop) -> None:
    await shop.sell("sum_agg", charge_options=REGROUPED, amount="1")
    await shop.bill_events({"v": 1})
    await shop.company.to("2024-07-01")
    assert await regrouped(shop) == []


@pytest.mark.parametrize("skipped", [True, False])
async def test_04_7_paid_fees_of_nothing_close_their_invoice_when_empty_ones_are_skipped(
    shop: Shop, skipped: bool
) -> None:
    """No number, webhook, document, payment; and the fees are not collected again."""
    await shop.sell("sum_agg", charge_options=REGROUPED, amount="1", subscribe=False)
    await customer(shop, finalize_zero_amount_invoice="skip" if skipped else "inherit")
    await shop.company.subscribe()
    await shop.bill_events({"v": 0})
    [fee] = await shop.event_fees()
    await shop.pay(fee.id)
    await shop.listen()
    await shop.company.to("2024-08-02")
    made = [item for item in await shop.all_invoices() if item.invoice_type == "advance_charges"]
    assert [(item.status, item.sequential_id is None) for item in made] == [
        ("closed", True) if skipped else ("finalized", False)
    ]
    assert len(await shop.invoices(invoice_type="advance_charges")) == (0 if skipped else 1)
    announced = [kind for kind, of in await shop.announced() if of == str(made[0].id)]
    assert announced == ([] if skipped else ["invoice.created", "invoice.generated"])
    assert await shop.count("payments") == 0
    stored = [item.invoice_id for item in await shop.event_fees()]
    assert stored == [made[0].id]


@pytest.mark.parametrize("option", ["generate", "skip"])
async def test_02_10_5_termination_invoices_what_is_paid_whatever_its_period(shop: Shop, option: str) -> None:
    await shop.sell("sum_agg", charge_options=REGROUPED, amount="1")
    await shop.bill_events({"v": 1}, {"v": 2})
    fees = await shop.fees()
    await shop.pay(fees[0]["lago_id"])
    answer = await shop.company.rest.delete("subscriptions/s1", params={"on_termination_invoice": option})
    assert answer.status_code == 200
    assert await regrouped(shop) == [[100]]
    assert len(await shop.invoices(invoice_type="subscription")) == (1 if option == "generate" else 0)


async def test_02_10_5_an_upgrade_invoices_what_is_paid_and_later_runs_find_what_came_before_it(shop: Shop) -> None:
    await shop.sell("sum_agg", charge_options=REGROUPED, amount="1")
    await shop.bill_events({"v": 1}, {"v": 2}, {"v": 4})
    fees = await shop.fees()
    await shop.pay(fees[0]["lago_id"])
    await shop.company.plan(charge("m", amount="1"), code="q", amount_cents=1000)
    await shop.company.to("2024-06-10T10:00")
    await shop.company.subscribe(plan="q")
    assert await regrouped(shop) == [[100]]
    await shop.pay(fees[1]["lago_id"])
    await shop.company.to("2024-07-01")
    assert await regrouped(shop) == [[100], [200]]


async def test_02_10_5_regrouped_renewals_of_several_periods(shop: Shop) -> None:
    await shop.sell(
        "sum_agg", charge_options=REGROUPED, metric={"recurring": True}, amount="1", plan={"interval": "monthly"}
    )
    await shop.bill_events({"v": 3})
    await shop.company.to("2024-08-01")
    for fee in await shop.fees():
        await shop.pay(fee["lago_id"])
    await shop.company.to("2024-09-01")
    assert await regrouped(shop) == [[300, 300, 300]]


async def test_04_3_1_no_coupon_or_credit_touches_a_regrouped_invoice(shop: Shop) -> None:
    await shop.sell("sum_agg", charge_options=REGROUPED, amount="1")
    coupon = {
        "name": "Half",
        "code": "half",
        "coupon_type": "percentage",
        "percentage_rate": "50",
        "frequency": "forever",
        "expiration": "no_expiration",
    }
    assert (await shop.company.rest.post("coupons", {"coupon": coupon})).status_code == 200
    applied = {"external_customer_id": "c1", "coupon_code": "half"}
    assert (await shop.company.rest.post("applied_coupons", {"applied_coupon": applied})).status_code == 200
    await shop.bill_events({"v": 8})
    [fee] = await shop.fees()
    await shop.pay(fee["lago_id"])
    await shop.company.to("2024-07-01")
    [invoice] = await shop.invoices(invoice_type="advance_charges")
    assert (invoice["coupons_amount_cents"], invoice["total_amount_cents"]) == (0, 800)


async def test_04_3_1_coupons_reduce_the_invoice_of_an_event(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    coupon = {
        "name": "Half",
        "code": "half",
        "coupon_type": "percentage",
        "percentage_rate": "50",
        "frequency": "forever",
        "expiration": "no_expiration",
    }
    assert (await shop.company.rest.post("coupons", {"coupon": coupon})).status_code == 200
    applied = {"external_customer_id": "c1", "coupon_code": "half"}
    assert (await shop.company.rest.post("applied_coupons", {"applied_coupon": applied})).status_code == 200
    await shop.bill_events({"v": 8})
    [invoice] = await shop.invoices()
    assert (invoice["coupons_amount_cents"], invoice["total_amount_cents"]) == (400, 400)


async def test_a_subscription_that_ended_before_the_event_came_in_is_still_billed(shop: Shop) -> None:
    """01 §2.8: a terminated subscription keeps events up to its end; later ones belong to nobody."""
    await shop.sell("sum_agg", amount="1")
    await shop.company.to("2024-06-10T10:00")
    await shop.company.terminate()
    fees = await shop.bill_events({"v": 5, "_at": "2024-06-10T10:00"}, {"v": 7, "_at": "2024-06-10T10:00:00.001"})
    assert [fee.amount_cents for fee in fees] == [500]
    assert f"{fees[0].charges_to_datetime:%d %H}" == "10 10"


async def test_an_event_at_the_instant_of_an_upgrade_belongs_to_the_new_plan(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    await shop.company.plan(charge("m", _pay_in_advance=True, amount="3"), code="q", amount_cents=1000)
    await shop.company.to("2024-06-10T10:00")
    await shop.company.subscribe(plan="q")
    fees = await shop.bill_events({"v": 5, "_at": "2024-06-10T09:59:59.999"}, {"v": 7, "_at": "2024-06-10T10:00"})
    assert [fee.amount_cents for fee in fees] == [500, 2100]


async def test_an_event_without_subscription_bills_nothing(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1")
    assert await shop.bill_events({"v": 5}, sub="nobody") == []
    assert await shop.bill_events({"v": 5, "_at": "2024-05-31T23:59:59"}) == []
    assert await shop.count("instant_events") == 0
