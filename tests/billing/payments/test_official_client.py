"""The official Python client on payments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models import Payment

from tests.support.sandbox import Sandbox
from tests.support.serving import official_client


@pytest.fixture
async def lago(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with official_client(sandbox.rest) as client:
        yield client


async def test_payments_are_made_found_and_listed(sandbox: Sandbox, lago: Client) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", 10000, pay_in_advance=True)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z")
    await sandbox.advance("2024-02-01T00:00:00Z")
    invoice = (await sandbox.invoices())[-1]
    sent = Payment(invoice_id=invoice["lago_id"], amount_cents=4000, reference="wire", paid_at=None)
    made = await asyncio.to_thread(lago.payments.create, sent)
    assert (made.amount_cents, made.type, made.payment_status, made.reference) == (4000, "manual", "succeeded", "wire")
    assert (made.invoice_ids, made.invoice_numbers) == ([invoice["lago_id"]], [invoice["number"]])
    found = await asyncio.to_thread(lago.payments.find, made.lago_id)
    assert found == made
    listed = await asyncio.to_thread(lago.payments.find_all, {"invoice_id": invoice["lago_id"]})
    assert [item.lago_id for item in listed["payments"]] == [made.lago_id]
    with pytest.raises(LagoApiError) as refused:
        await asyncio.to_thread(lago.payments.create, sent.copy(update={"amount_cents": 6001}))
    assert refused.value.status_code == 422
