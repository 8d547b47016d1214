"""Figures of spec 02 §8-§16 on whole invoices: spending minimums, renewals, and fees whose prices are gone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from billwright.billing.invoicing.documents import invoice_document
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.db import Database
from tests.billing.in_advance.shop import Shop
from tests.billing.metering.company import charge as on
from tests.billing.pricing.cases import tiers
from tests.billing.subscriptions.lives import change_plan, life, metric, priced, shop_plan
from tests.billing.taxes.conftest import Seller
from tests.billing.taxes.test_waiting_invoices import invalid
from tests.support.sandbox import Sandbox

JANUARY, FEBRUARY = "2023-01-01T00:00Z", "2023-02-01T00:00Z"
REGION = [{"key": "region", "values": ["eu", "us"]}]


def regional(*values: str) -> list[dict[str, Any]]:
    return [{"values": {"region": [value]}, "properties": {"amount": "0.01"}} for value in values]


async def sell(sandbox: Sandbox, minimum: int, *, filters: list[dict[str, Any]] | None = None) -> None:
    """Plan ``p`` without a fee, of 28 or 31 days: a cent a unit, and at least ``minimum``. Plan ``q`` is dearer."""
    calls = await metric(sandbox, filters=REGION)
    charge = priced(calls, "0.01", min_amount_cents=minimum, **({"filters": filters} if filters else {}))
    await shop_plan(sandbox, "p", 0, charge)
    await shop_plan(sandbox, "q", 100)


async def charges(sandbox: Sandbox) -> list[Any]:
    """Charge fees of all invoices, the true-ups last."""
    found = (await sandbox.call("GET", "fees", params={"fee_type": "charge", "per_page": 100}))["fees"]
    return sorted(found, key=lambda fee: fee["lago_true_up_parent_fee_id"] is not None)


@pytest.mark.parametrize(
    ("start", "minimum", "used", "change", "at", "missing", "precise"),
    [
        (JANUARY, 10000, 5000, None, "2023-02-01T00:00:00Z", 5000, "50.0"),
        (FEBRUARY, 1000, 800, "terminate", "2023-02-25T06:00:00Z", 93, "0.92857142857142857"),
        ("2023-01-08T00:00Z", 10000, 3000, None, "2023-02-01T00:00:00Z", 4742, "47.41935483870967742"),
        (FEBRUARY, 1000, 800, "upgrade", "2023-02-25T06:00:00Z", 57, "0.57142857142857143"),
        (JANUARY, 10000, 0, None, "2023-02-01T00:00:00Z", 10000, "100.0"),
    ],
)
async def test_02_9_table(
    database: Database,
    start: str,
    minimum: int,
    used: int,
    change: str | None,
    at: str,
    missing: int,
    precise: str,
) -> None:
    """Full month; terminated on 25 February (892.857); from 8 January (7741.94); upgraded (857.14); no usage."""
    async with life(database, start) as sandbox:
        await sell(sandbox, minimum)
        await sandbox.subscribe()
        if used:
            await sandbox.send((f"2023-0{1 if '2023-01' in start else 2}-20T00:00:00Z", used))
        await sandbox.advance(at)
        if change == "terminate":
            await sandbox.terminate()
        elif change == "upgrade":
            await sandbox.subscribe(plan="q")
        parent, extra = await charges(sandbox)
        assert (parent["amount_cents"], extra["amount_cents"], extra["precise_amount"]) == (used, missing, precise)
        assert (parent["units"], parent["events_count"]) == (f"{used}.0", 1 if used else 0)
        assert (extra["units"], extra["total_aggregated_units"], extra["events_count"]) == ("1.0", "1.0", 0)
        assert Decimal(extra["precise_unit_amount"]) * 100 == missing
        assert (extra["item"]["filters"], extra["item"]["grouped_by"], extra["amount_details"]) == (None, {}, {})
        assert (parent["lago_true_up_fee_id"], extra["lago_true_up_parent_fee_id"]) == (
            extra["lago_id"],
            parent["lago_id"],
        )
        assert (extra["lago_charge_id"], extra["from_date"], extra["to_date"]) == (
            parent["lago_charge_id"],
            parent["from_date"],
            parent["to_date"],
        )
        [invoice] = [item for item in await sandbox.invoices() if item["fees_amount_cents"]]
        assert invoice["fees_amount_cents"] == used + missing


async def test_02_9_table_filters(database: Database) -> None:
    """Filters 2000 + 5000, due 8928.57: 1929 more; the parent is the default bucket's fee of nothing."""
    async with life(database, FEBRUARY) as sandbox:
        await sell(sandbox, 10000, filters=regional("eu", "us"))
        await sandbox.subscribe()
        await sandbox.send(("2023-02-20T00:00:00Z", 2000), region="eu")
        await sandbox.send(("2023-02-20T00:00:00Z", 5000), region="us")
        await sandbox.advance("2023-02-25T06:00:00Z")
        await sandbox.terminate()
        found = await charges(sandbox)
        amounts = [(fee["item"]["filters"], fee["amount_cents"], fee["units"]) for fee in found]
        assert sorted(amounts, key=lambda item: item[1]) == [
            (None, 0, "0.0"),
            (None, 1929, "1.0"),
            ({"region": ["eu"]}, 2000, "2000.0"),
            ({"region": ["us"]}, 5000, "5000.0"),
        ]
        [parent] = [fee for fee in found if fee["lago_true_up_fee_id"]]
        assert (parent["amount_cents"], parent["lago_charge_filter_id"]) == (0, None)
        assert found[-1]["lago_true_up_parent_fee_id"] == parent["lago_id"]


async def test_02_9_the_minimum_of_a_year_with_monthly_charges_is_monthly(database: Database) -> None:
    """M is per charges period, and not of current usage: 3100 a month, from 17 January 15/31 of it."""
    async with life(database, "2023-01-17T00:00Z") as sandbox:
        calls = await metric(sandbox)
        charge = priced(calls, "0.01", min_amount_cents=3100)
        await shop_plan(sandbox, "p", 0, charge, interval="yearly", bill_charges_monthly=True)
        await sandbox.subscribe()
        await sandbox.send(("2023-01-20T00:00:00Z", 500), ("2023-02-20T00:00:00Z", 600))
        query = {"external_subscription_id": "s1"}
        usage = (await sandbox.call("GET", "customers/c1/current_usage", params=query))["customer_usage"]
        assert usage["amount_cents"] == 500
        await sandbox.advance("2023-04-01T00:00:00Z")
        assert await sandbox.amounts() == [("2023-02-01", 1500), ("2023-03-01", 3100), ("2023-04-01", 3100)]
        extra = [fee["amount_cents"] for fee in await charges(sandbox) if fee["lago_true_up_parent_fee_id"]]
        assert extra == [1000, 2500, 3100]


async def test_02_9_the_minimum_comes_before_coupons_and_taxes(sandbox: Sandbox) -> None:
    """Due 10000 of fees before taxes, whatever a coupon takes off: 2000 usage and 8000 more."""
    await sandbox.tax("vat", "20")
    await sandbox.customer("c1", currency="EUR")
    await sell(sandbox, 10000)
    made = {
        "name": "Half",
        "code": "half",
        "coupon_type": "percentage",
        "percentage_rate": "50",
        "frequency": "forever",
        "expiration": "no_expiration",
    }
    await sandbox.call("POST", "coupons", {"coupon": made})
    applied = {"external_customer_id": "c1", "coupon_code": "half"}
    await sandbox.call("POST", "applied_coupons", {"applied_coupon": applied})
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.send(("2024-01-20T00:00:00Z", 2000))
    await sandbox.advance("2024-02-01T00:00:00Z")
    [invoice] = await sandbox.invoices()
    names = ("fees", "coupons", "sub_total_excluding_taxes", "taxes", "total")
    assert [invoice[f"{name}_amount_cents"] for name in names] == [10000, 5000, 5000, 1000, 6000]
    shares = {fee["amount_cents"]: fee["precise_coupons_amount_cents"] for fee in await charges(sandbox)}
    assert shares == {2000: "1000.0", 8000: "4000.0"}


@pytest.mark.parametrize("gone", ["charge", "filter", "metric"])
async def test_02_16_trap_18_old_fees_resolve_what_was_deleted(sandbox: Sandbox, gone: str) -> None:
    """A deleted charge, filter or metric stays on the invoices that billed it, and bills no more."""
    calls = await metric(sandbox, filters=REGION)
    filters = [{"invoice_display_name": "Europe", **regional("eu")[0]}]
    plan = await shop_plan(sandbox, "p", 0, priced(calls, "0.02", filters=filters, invoice_display_name="Phone"))
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.send(("2024-01-20T00:00:00Z", 700), region="eu")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [issued] = await sandbox.invoices()
    before = await sandbox.invoice(issued["lago_id"])
    [item] = [fee["item"] for fee in before["fees"] if fee["item"]["type"] == "charge"]
    assert (item["invoice_display_name"], item["filter_invoice_display_name"], item["filters"]) == (
        "Phone",
        "Europe",
        {"region": ["eu"]},
    )
    charge = plan["charges"][0]
    if gone == "charge":
        await change_plan(sandbox, "p", charges=[])
    elif gone == "filter":
        kept = priced(calls, "0.02", invoice_display_name="Phone", filters=[], id=charge["lago_id"])
        await change_plan(sandbox, "p", charges=[kept])
    else:
        await sandbox.call("DELETE", "billable_metrics/calls")
    await sandbox.send(("2024-02-10T00:00:00Z", 100), region="eu")
    await sandbox.advance("2024-03-01T00:00:00Z")
    after = await sandbox.invoice(issued["lago_id"])
    assert after["fees"] == before["fees"]
    listed = (await sandbox.call("GET", "fees", params={"fee_type": "charge"}))["fees"]
    assert [fee["amount_cents"] for fee in listed] == ([700, 200] if gone == "filter" else [700])


async def test_02_16_trap_4_half_a_unit_in_the_second_tier(sandbox: Sandbox) -> None:
    """10.5 with tiers 0-10 and 11-20: a tier begins where the one before ended."""
    calls = await metric(sandbox)
    ranges = tiers((0, 10, "10", "2"), (11, 20, "5", "3"), (21, None, "5", "3"))
    graduated = {"billable_metric_id": calls, "charge_model": "graduated", "properties": {"graduated_ranges": ranges}}
    await shop_plan(sandbox, "p", 0, graduated)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.send(("2024-01-20T00:00:00Z", "10.5"))
    await sandbox.advance("2024-02-01T00:00:00Z")
    [fee] = await charges(sandbox)
    first, second = fee["amount_details"]["graduated_ranges"]
    assert (fee["amount_cents"], first["units"], second["units"]) == (10750, "10.0", "0.5")


async def test_02_16_trap_8_thirds_of_a_month(database: Database) -> None:
    """Three seats for ten of thirty days and one for all of them: exactly 2, which floats would make 2.00001."""
    async with life(database, "2023-06-01T00:00Z") as sandbox:
        seats = await metric(sandbox, "seats", recurring=True)
        await shop_plan(sandbox, "p", 0, priced(seats, "10", prorated=True))
        await sandbox.subscribe()
        days = [("2023-06-01T00:00:00Z", 1), *[("2023-06-21T00:00:00Z", 1)] * 3]
        await sandbox.send(*days, code="seats")
        await sandbox.advance("2023-07-01T00:00:00Z")
        [fee] = await charges(sandbox)
        assert (fee["units"], fee["amount_cents"], fee["precise_amount"]) == ("4.0", 2000, "20.0")


@pytest.mark.parametrize(
    ("change", "renewed"), [("terminate", []), ("q", [2100, 2100]), ("r", [700, 3500]), (None, [700, 700])]
)
@pytest.mark.parametrize("invoiceable", [True, False])
async def test_02_8_table_recurring_charges_in_advance(
    shop: Shop, change: str | None, renewed: list[int], invoiceable: bool
) -> None:
    """Seven units, changed on 20 June: no renewal at the end or an upgrade, one by the old plan at a downgrade."""
    options = {"invoiceable": invoiceable}
    await shop.sell(
        "sum_agg", metric={"recurring": True}, charge_options=options, amount="1", plan={"amount_cents": 1000}
    )
    for code, price, cents in (("q", "3", 2000), ("r", "5", 100)):
        await shop.company.plan(
            on("m", _pay_in_advance=True, _invoiceable=invoiceable, amount=price), code=code, amount_cents=cents
        )
    assert await shop.cents(7) == [700]
    await shop.company.to("2024-06-20T10:00")
    if change == "terminate":
        await shop.company.terminate()
    elif change:
        await shop.company.subscribe(plan=change)
    assert len(await shop.fees()) == 1
    await shop.company.to("2024-08-01")
    assert [fee["amount_cents"] for fee in await shop.fees()] == [700, *renewed]


@pytest.mark.parametrize("change", ["terminate", "q", "r", None])
async def test_02_8_table_metered_charges_in_advance(shop: Shop, change: str | None) -> None:
    """Billed with each event and never again."""
    await shop.sell("sum_agg", amount="1", plan={"amount_cents": 1000})
    for code, cents in (("q", 2000), ("r", 100)):
        await shop.company.plan(on("m", _pay_in_advance=True, amount="3"), code=code, amount_cents=cents)
    assert await shop.cents(7) == [700]
    await shop.company.to("2024-06-20T10:00")
    if change == "terminate":
        await shop.company.terminate()
    elif change:
        await shop.company.subscribe(plan=change)
    await shop.company.to("2024-08-01")
    assert [fee["amount_cents"] for fee in await shop.fees()] == [700]


async def test_02_10_5_taxes_that_are_pending(waiting: Seller) -> None:
    """``fee.created`` at once and not again, ``invoice.created`` when the taxes are known (spec 05 A7)."""
    plan = await waiting.box.plan("p", 0)
    await waiting.box.charge(plan, pay_in_advance=True, properties={"amount": "2"})
    await waiting.box.subscribe()
    event = {"transaction_id": "t1", "external_subscription_id": "s1", "code": "calls", "properties": {"n": "3"}}
    await waiting.box.call("POST", "events", {"event": event})
    await waiting.jobs()
    [invoice] = await waiting.box.invoices()
    assert (invoice["status"], invoice["fees_amount_cents"]) == ("pending", 600)
    [fee] = await waiting.announced("fee.created")
    assert (fee["amount_cents"], fee["lago_invoice_id"]) == (600, invoice["lago_id"])
    assert await waiting.announced("invoice.created") == []
    await invalid(waiting)
    assert len(await waiting.announced("fee.created")) == 1
    [issued] = await waiting.announced("invoice.created")
    assert (issued["lago_id"], issued["total_amount_cents"]) == (invoice["lago_id"], 732)


async def test_02_15_the_minimum_of_an_upgrade_on_the_last_day_is_prorated(database: Database) -> None:
    """Of 28 days the last belongs to the new plan: due is 1000/28 x 27 = 964.29, and the document says prorated."""
    async with life(database, FEBRUARY) as sandbox:
        await sell(sandbox, 1000)
        await sandbox.subscribe()
        await sandbox.send(("2023-02-20T00:00:00Z", 800))
        await sandbox.advance("2023-02-28T18:00:00Z")
        await sandbox.subscribe(plan="q")
        [listed] = await sandbox.invoices()
        async with sandbox.context() as ctx:
            document = await invoice_document(ctx, await ctx.session.get_one(Invoice, UUID(listed["lago_id"])))
        [found] = [line.true_up for section in document.subscriptions for line in section.fees if line.true_up]
        assert (found.amount_cents, found.minimum_amount_cents, found.prorated) == (164, 1000, True)
