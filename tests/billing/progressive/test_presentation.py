"""What is announced and printed of progressive invoices (spec 02 §13.4, 04 §19.6, 06 §16.7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from billwright.billing.documents.blocks import Note, Totals
from billwright.billing.documents.layout import lay_out_invoice
from billwright.billing.invoicing.documents import invoice_document
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.db import Database
from tests.billing.notifications.test_payloads import Wired, wired_on
from tests.billing.progressive.steps import MARCH, closing, lifetime, progressive, sell, threshold, use
from tests.server.rest.contract import problems
from tests.support.sandbox import Sandbox
from tests.support.webhook_receiver import Receiver


@pytest.fixture
async def wired(database: Database, receiver: Receiver) -> AsyncIterator[Wired]:
    async with wired_on(database, receiver) as made:
        yield made


async def test_06_16_7_one_event_per_threshold_after_the_invoice(wired: Wired) -> None:
    sandbox = wired.sandbox
    await sell(sandbox, threshold(500, name="Five"), threshold(900), threshold(5000), threshold(100, recurring=True))
    await wired.news(at="2024-02-06T12:00:00Z")
    await sandbox.send(("2024-02-06T12:00:00+00:00", "950"))
    await sandbox.advance("2024-02-06T12:00:00Z")
    bodies = [request.json for request in wired.receiver.requests]
    names = [body["webhook_type"] for body in bodies]
    assert [name for name in names if name != "invoice.generated"] == [
        "invoice.created",
        "subscription.usage_threshold_reached",
        "subscription.usage_threshold_reached",
    ]
    invoice = bodies[0]["invoice"]
    assert (invoice["invoice_type"], invoice["status"]) == ("progressive_billing", "finalized")
    assert [period["invoicing_reason"] for period in invoice["billing_periods"]] == ["progressive_billing"]
    first, second = (body["subscription"] for body in bodies if body["webhook_type"].startswith("subscription."))
    for shown in (first, second):
        assert problems("SubscriptionWithThresholdObject", shown) == []
        assert (shown["external_id"], shown["customer"]["external_id"], shown["plan"]["code"]) == ("s1", "c1", "p")
        listed = [(item["amount_cents"], item["recurring"]) for item in shown["applicable_usage_thresholds"]]
        assert listed == [(500, False), (900, False), (5000, False), (100, True)]
    assert (first["usage_threshold"]["amount_cents"], first["usage_threshold"]["threshold_display_name"]) == (
        500,
        "Five",
    )
    assert second["usage_threshold"]["amount_cents"] == 900


async def test_04_1_3_the_invoice_object(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(500), threshold(100, recurring=True))
    await use(sandbox, "02-06", 730)
    [invoice] = await progressive(sandbox)
    assert problems("InvoiceObjectExtended", invoice) == []
    assert [period["invoicing_reason"] for period in invoice["billing_periods"]] == ["progressive_billing"]
    [period] = invoice["billing_periods"]
    assert period["charges_from_datetime"] == "2024-02-01T00:00:00Z"
    assert period["charges_to_datetime"] == "2024-02-29T23:59:59Z"
    assert [fee["item"]["type"] for fee in invoice["fees"]] == ["charge"]
    applied = [
        (item["usage_threshold"]["amount_cents"], item["lifetime_usage_amount_cents"])
        for item in invoice["applied_usage_thresholds"]
    ]
    assert applied == [(500, 730), (100, 730)]
    await sandbox.advance(MARCH)
    assert "applied_usage_thresholds" not in await closing(sandbox)


async def test_the_documents(sandbox: Sandbox) -> None:
    """Recurring: the last multiple that usage has passed; the closing invoice shows what was billed already."""
    await sell(sandbox, threshold(500), threshold(100, recurring=True), plan_cents=1000)
    await use(sandbox, "02-06", 730)
    [first] = await progressive(sandbox)
    await sandbox.advance(MARCH)
    last = await closing(sandbox)
    async with sandbox.context() as ctx:
        documents = [
            await invoice_document(ctx, await ctx.session.get_one(Invoice, UUID(item["lago_id"])))
            for item in (first, last)
        ]
    early, late = (lay_out_invoice(document).blocks for document in documents)
    notes = [block.text for block in early if isinstance(block, Note)]
    assert any("lifetime usage reached €7.30 and passed the threshold of €7.00" in text for text in notes), notes
    rows = [(row.label, row.amount) for block in late if isinstance(block, Totals) for row in block.rows]
    assert ("Usage already billed", "-€7.30") in rows, rows
    assert documents[0].threshold is not None
    assert documents[1].threshold is None
    assert first["file_url"] or (await sandbox.invoice(first["lago_id"]))["file_url"]


async def test_several_subscriptions_on_one_invoice(sandbox: Sandbox) -> None:
    """Each takes the credit of its own progressive invoice, and says so on its page."""
    await sell(sandbox, threshold(500), plan_cents=1000)
    await sandbox.subscribe("s2", "p", subscription_at="2024-02-01T00:00:00Z")
    await use(sandbox, "02-06", 700)
    await use(sandbox, "02-07", 900, subscription="s2")
    assert [item["fees_amount_cents"] for item in await progressive(sandbox)] == [700, 900]
    await sandbox.advance(MARCH)
    last = await closing(sandbox)
    assert last["progressive_billing_credit_amount_cents"] == 1600
    assert sorted(item["amount_cents"] for item in last["credits"]) == [700, 900]
    shares = {
        fee["external_subscription_id"]: fee["precise_coupons_amount_cents"]
        for fee in last["fees"]
        if fee["item"]["type"] == "charge"
    }
    assert shares == {"s1": "700.0", "s2": "900.0"}
    async with sandbox.context() as ctx:
        document = await invoice_document(ctx, await ctx.session.get_one(Invoice, UUID(last["lago_id"])))
    assert sorted(section.progressive_credit_cents for section in document.subscriptions) == [700, 900]


async def test_past_usage_has_an_entry_of_its_own(sandbox: Sandbox) -> None:
    """Spec 01 §10.5."""
    await sell(sandbox, threshold(500))
    await use(sandbox, "02-06", 700)
    await sandbox.advance(MARCH)
    query = {"external_subscription_id": "s1"}
    found = (await sandbox.call("GET", "customers/c1/past_usage", params=query))["usage_periods"]
    assert [item["amount_cents"] for item in found] == [700, 700]
    assert len({item["lago_invoice_id"] for item in found}) == 2


async def test_previews_show_what_was_billed_already_and_change_nothing(sandbox: Sandbox) -> None:
    await sell(sandbox, threshold(500), plan_cents=1000)
    await use(sandbox, "02-06", 700)
    before = await lifetime(sandbox)
    body = {"customer": {"external_id": "c1"}, "subscriptions": {"external_ids": ["s1"]}}
    shown = (await sandbox.call("POST", "invoices/preview", body))["invoice"]
    assert (shown["fees_amount_cents"], shown["progressive_billing_credit_amount_cents"]) == (1700, 700)
    assert shown["total_amount_cents"] == 1000
    assert await lifetime(sandbox) == before
    assert len(await sandbox.invoices()) == 1
