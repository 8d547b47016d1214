"""The official Python client on add-ons, one-off invoices and everything one does to an invoice (spec 04)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models import AddOn, Coupon, Customer, Invoice, InvoiceMetadata, InvoiceMetadataList
from lago_python_client.models.coupon import CouponsList
from lago_python_client.models.invoice import InvoiceFee, InvoiceFeesList, InvoicePreview, OneOffInvoice
from lago_python_client.models.subscription import Subscriptions

from tests.support.sandbox import Sandbox
from tests.support.serving import ask, official_client


@pytest.fixture
async def lago(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with official_client(sandbox.rest) as client:
        yield client


async def _refused(call: Callable[..., Any], *arguments: Any) -> tuple[int, Any]:
    with pytest.raises(LagoApiError) as refused:
        await ask(call, *arguments)
    return refused.value.status_code, refused.value.response


async def _sell(sandbox: Sandbox, lago: Client) -> Any:
    await sandbox.customer("c1", currency="EUR")
    await ask(lago.add_ons.create, AddOn(name="Setup", code="setup", amount_cents=33300, amount_currency="EUR"))
    fees = [InvoiceFee(add_on_code="setup", units=2.5, description="On site"), InvoiceFee(add_on_code="setup")]
    sold = OneOffInvoice(external_customer_id="c1", fees=InvoiceFeesList(__root__=fees))
    return await ask(lago.invoices.create, sold)


async def test_add_ons(lago: Client) -> None:
    made = await ask(
        lago.add_ons.create,
        AddOn(name="Setup", code="set/up", amount_cents=50000, amount_currency="EUR", description="Once"),
    )
    assert (made.code, made.amount_cents, made.taxes.__root__) == ("set/up", 50000, [])
    changed = await ask(lago.add_ons.update, AddOn(amount_cents=60000, name="Set-up"), "set/up")
    assert (changed.amount_cents, changed.name, changed.description) == (60000, "Set-up", "Once")
    assert (await ask(lago.add_ons.find, "set/up")).lago_id == made.lago_id
    assert (await ask(lago.add_ons.find_all, {"per_page": 1}))["meta"]["total_count"] == 1
    assert (await ask(lago.add_ons.destroy, "set/up")).lago_id == made.lago_id
    assert await _refused(lago.add_ons.find, "set/up") == (
        404,
        {"status": 404, "error": "Not Found", "code": "add_on_not_found"},
    )


async def test_one_off_invoices(sandbox: Sandbox, lago: Client) -> None:
    invoice = await _sell(sandbox, lago)
    assert (invoice.invoice_type, invoice.status, invoice.total_amount_cents) == ("one_off", "finalized", 116550)
    first, second = invoice.fees.__root__
    assert (first.units, first.amount_cents, first.description, first.item.code) == ("2.5", 83250, "On site", "setup")
    assert (second.units, second.amount_cents) == ("1.0", 33300)
    assert (await ask(lago.invoices.find, invoice.lago_id)).number == invoice.number
    metadata = InvoiceMetadataList(__root__=[InvoiceMetadata(key="deal", value="42")])
    paid = await ask(lago.invoices.update, Invoice(payment_status="succeeded", metadata=metadata), invoice.lago_id)
    assert (paid.payment_status, paid.metadata.__root__[0].value) == ("succeeded", "42")


async def test_documents_and_collection(sandbox: Sandbox, lago: Client) -> None:
    invoice = await _sell(sandbox, lago)
    assert await ask(lago.invoices.download, invoice.lago_id) is None
    assert await ask(lago.invoices.retry_payment, invoice.lago_id) is None
    await sandbox.advance("2024-01-15T11:00:00Z")
    assert (await ask(lago.invoices.download, invoice.lago_id)).file_url.endswith(f"/{invoice.number}.pdf")
    status, body = await _refused(lago.invoices.payment_url, invoice.lago_id)
    assert (status, body["error_details"]) == (422, {"base": ["no_linked_payment_provider"]})
    assert (await _refused(lago.invoices.retry, invoice.lago_id))[1]["code"] == "invalid_status"
    lost = await ask(lago.invoices.lose_dispute, invoice.lago_id)
    assert lost.payment_dispute_lost_at == "2024-01-15T11:00:00Z"


async def test_voids(sandbox: Sandbox, lago: Client) -> None:
    invoice = await _sell(sandbox, lago)
    voided = await ask(lago.invoices.void, invoice.lago_id)
    assert (voided.status, voided.total_due_amount_cents, voided.voided_at) == ("voided", 0, "2024-01-15T10:00:00Z")
    assert (await _refused(lago.invoices.void, invoice.lago_id))[1]["code"] == "not_voidable"
    body = {"external_customer_id": "c1", "fees": [{"add_on_code": "setup"}]}
    other = (await sandbox.call("POST", "invoices", {"invoice": body}))["invoice"]
    options = {"generate_credit_note": True, "credit_amount": 300}
    assert (await ask(lago.invoices.void_invoice, other["lago_id"], options)).status == "voided"


async def test_drafts_are_deleted(sandbox: Sandbox, lago: Client) -> None:
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan("p", 3100, pay_in_advance=True)
    await sandbox.subscribe()
    [draft] = (await ask(lago.invoices.find_all, {"status": "draft"}))["invoices"]
    assert (await ask(lago.invoices.destroy, draft.lago_id)).status == "deleted"
    assert (await ask(lago.invoices.find_all))["invoices"] == []


async def test_previews(sandbox: Sandbox, lago: Client) -> None:
    await sandbox.customer("c1")
    await sandbox.plan("p", 3100, pay_in_advance=True)
    coupons = CouponsList(__root__=[Coupon(code="ten", coupon_type="percentage", percentage_rate=10.0)])
    shown = await ask(
        lago.invoices.preview, InvoicePreview(plan_code="p", customer=Customer(external_id="c1"), coupons=coupons)
    )
    assert (shown.fees_amount_cents, shown.coupons_amount_cents, shown.total_amount_cents) == (1700, 170, 1530)
    assert (shown.number.endswith("-DRAFT"), shown.fees.__root__[0].lago_id) == (True, None)
    await sandbox.subscribe()
    chosen = Subscriptions(external_ids=["s1"], terminated_at="2024-01-20T00:00:00Z")
    shown = await ask(lago.invoices.preview, InvoicePreview(customer=Customer(external_id="c1"), subscriptions=chosen))
    assert shown.billing_periods.__root__[0].invoicing_reason == "subscription_terminating"


async def test_figures(sandbox: Sandbox, lago: Client) -> None:
    invoice = await _sell(sandbox, lago)
    await sandbox.advance("2024-01-20T00:00:00Z")
    revenue = (await ask(lago.gross_revenues.find_all, {"currency": "EUR"}))["gross_revenues"]
    assert [(row.month, row.amount_cents, row.invoices_count) for row in revenue] == [
        ("2024-01-01T00:00:00.000Z", 116550, 1)
    ]
    [row] = (await ask(lago.overdue_balances.find_all))["overdue_balances"]
    assert (row.amount_cents, row.currency, row.lago_invoice_ids) == (116550, "EUR", [invoice.lago_id])
