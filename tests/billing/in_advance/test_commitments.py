"""Events in advance and renewals count towards a minimum commitment (spec 02 §12)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from billwright.billing.in_advance.waiting import EventsWaiting
from billwright.billing.scheduling.engine import run_customer
from billwright.billing.scheduling.test_clock import begin_advance
from billwright.billing.subscriptions.models import Subscription
from tests.billing.in_advance.shop import Shop
from tests.billing.metering.company import JULY

COMMITTED = {"minimum_commitment": {"amount_cents": 10000}}


async def commitment(shop: Shop) -> list[int]:
    found = [await shop.invoice(item["lago_id"]) for item in await shop.invoices()]
    return [fee["amount_cents"] for item in found for fee in item["fees"] if fee["item"]["type"] == "commitment"]


@pytest.mark.parametrize("invoiceable", [True, False])
async def test_02_12_c_event_fees_count(shop: Shop, invoiceable: bool) -> None:
    await shop.sell("sum_agg", charge_options={"invoiceable": invoiceable}, amount="1", plan=COMMITTED)
    await shop.bill_events({"v": 30})
    await shop.company.to("2024-07-01")
    assert await commitment(shop) == [7000]


@pytest.mark.parametrize("invoiceable", [True, False])
async def test_02_12_d_renewals_count_for_the_period_they_pay(shop: Shop, invoiceable: bool) -> None:
    options = {"invoiceable": invoiceable}
    await shop.sell("sum_agg", charge_options=options, metric={"recurring": True}, amount="1", plan=COMMITTED)
    await shop.bill_events({"v": 30})
    await shop.company.to("2024-08-01")
    assert await commitment(shop) == [7000, 7000]


async def test_02_12_a_period_is_not_reconciled_before_its_events_are_billed(shop: Shop) -> None:
    await shop.sell("sum_agg", amount="1", plan=COMMITTED)
    await shop.send({"v": 30})
    async with shop.company.context() as ctx:
        customer_id = (await ctx.session.scalars(select(Subscription))).one().customer_id
        await begin_advance(ctx, JULY)
        ctx.organization.clock_now = JULY
    runtime, organization_id = shop.company.runtime, shop.company.rest.organization.id
    with pytest.raises(EventsWaiting):
        await run_customer(runtime, organization_id, customer_id, JULY)
    await shop.work()
    await run_customer(runtime, organization_id, customer_id, JULY)
    assert await commitment(shop) == [7000]
