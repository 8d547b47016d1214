"""The PDFs of invoices with fees of charges paid in advance (spec 04 §2.4, §18, §19; 02 §15)."""

from __future__ import annotations

from typing import Any

import pytest

import billwright.billing.invoicing.documents  # noqa: F401 - registers its job
from billwright.billing.invoicing.documents import invoice_document
from billwright.billing.invoicing.models import Invoice
from tests.billing.in_advance.shop import Shop

REGROUPED: dict[str, Any] = {"invoiceable": False, "regroup_paid_fees": "invoice"}


@pytest.mark.parametrize("options", [{}, REGROUPED])
async def test_every_invoice_gets_its_document(shop: Shop, options: dict[str, Any]) -> None:
    await shop.tax()
    await shop.sell("sum_agg", metric={"recurring": True}, charge_options=options, amount="2")
    await shop.bill_events({"v": 3}, {"v": 4})
    for fee in await shop.fees(payment_status="pending") if options else []:
        await shop.pay(fee["lago_id"])
    await shop.company.to("2024-07-01")
    listed = await shop.invoices()
    kinds = sorted((item["invoice_type"], item["fees_amount_cents"]) for item in listed)
    if options:
        assert kinds == [("advance_charges", 1400), ("subscription", 0)]
    else:
        assert kinds == [("subscription", 600), ("subscription", 800), ("subscription", 1400)]
    assert all(item["file_url"] for item in listed)


async def test_a_renewal_is_printed_under_the_period_it_pays_for(shop: Shop) -> None:
    await shop.sell("sum_agg", metric={"recurring": True}, amount="2")
    await shop.bill_events({"v": 3})
    await shop.company.to("2024-07-01")
    async with shop.company.context() as ctx:
        [listed] = [item for item in await shop.invoices() if item["issuing_date"] == "2024-07-01"]
        invoice = await ctx.session.get_one(Invoice, listed["lago_id"])
        document = await invoice_document(ctx, invoice)
    [line] = [line for part in document.subscriptions for line in part.fees if line.units == 3]
    assert (f"{line.from_date}", f"{line.to_date}") == ("2024-07-01", "2024-07-31")
    assert line.recurring is None


async def test_02_15_prorated_events_say_for_how_many_days(shop: Shop) -> None:
    await shop.sell("sum_agg", metric={"recurring": True}, charge_options={"prorated": True}, amount="2")
    await shop.bill_events({"v": 3, "_at": "2024-06-21"})
    async with shop.company.context() as ctx:
        [listed] = await shop.invoices()
        document = await invoice_document(ctx, await ctx.session.get_one(Invoice, listed["lago_id"]))
    [line] = document.subscriptions[0].fees
    assert (line.days_used, line.days_total, line.units) == (10, 30, 3)
