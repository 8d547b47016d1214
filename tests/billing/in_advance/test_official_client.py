"""The official Python client on estimates and standalone fees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models import Event, Fee

from tests.billing.in_advance.shop import Shop
from tests.support.serving import official_client


@pytest.fixture
async def lago(shop: Shop) -> AsyncIterator[Client]:
    async with official_client(shop.company.rest) as client:
        yield client


async def test_events_are_estimated_with_explicit_nulls(shop: Shop, lago: Client) -> None:
    await shop.sell("sum_agg", amount="2")
    event = Event(transaction_id="t", external_subscription_id="s1", code="m", properties={"v": 3})
    assert event.dict()["timestamp"] is None
    found = await asyncio.to_thread(lago.events.estimate_fees, event)
    [fee] = found["fees"]
    assert (fee.amount_cents, fee.lago_id, fee.pay_in_advance, fee.units) == (600, None, True, "3.0")
    with pytest.raises(LagoApiError) as refused:
        await asyncio.to_thread(
            lago.events.estimate_fees, Event(transaction_id="t", external_subscription_id="x", code="m")
        )
    assert refused.value.status_code == 404


async def test_standalone_fees_are_paid_and_deleted(shop: Shop, lago: Client) -> None:
    await shop.tax()
    await shop.sell("sum_agg", charge_options={"invoiceable": False}, amount="2")
    event = Event(transaction_id="t-1", external_subscription_id="s1", code="m", properties={"v": 3})
    await asyncio.to_thread(lago.events.create, event)
    await shop.work()
    listed = await asyncio.to_thread(lago.fees.find_all, {"event_transaction_id": "t-1"})
    [fee] = listed["fees"]
    assert (fee.payment_status, fee.total_amount_cents, fee.lago_invoice_id) == ("pending", 720, None)
    paid = await asyncio.to_thread(lago.fees.update, Fee(payment_status="succeeded"), fee.lago_id)
    assert (paid.payment_status, paid.succeeded_at) == ("succeeded", "2024-06-01T00:00:00Z")
    gone = await asyncio.to_thread(lago.fees.destroy, fee.lago_id)
    assert gone.lago_id == fee.lago_id
    assert (await asyncio.to_thread(lago.fees.find_all))["fees"] == []
