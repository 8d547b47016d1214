"""Purchases of credits and their invoices (spec 05 D4, C6)."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.invoicing.documents import invoice_document
from billwright.billing.invoicing.models import Invoice
from tests.support.credits import credit, details
from tests.support.sandbox import Sandbox
from tests.support.wallets import check_books, pay_invoice, reread, run_jobs, top_up, transactions, wallet


async def bought(sandbox: Sandbox, made: Any) -> Any:
    """The wallet's only purchase as it is now."""
    [found] = await transactions(sandbox, made, transaction_status="purchased")
    return found


async def test_05_D4_the_invoice_of_a_purchase(sandbox: Sandbox) -> None:
    await sandbox.tax("vat", "20")
    await sandbox.customer("c1", billing_configuration={"invoice_grace_period": 3})
    made = await wallet(sandbox, name="Main", rate_amount="0.5", paid_credits="10")
    found = await bought(sandbox, made)
    invoice = await sandbox.invoice(found["lago_invoice_id"])
    assert (invoice["invoice_type"], invoice["status"], invoice["payment_status"]) == ("credit", "finalized", "pending")
    assert (invoice["fees_amount_cents"], invoice["taxes_amount_cents"], invoice["total_amount_cents"]) == (500, 0, 500)
    [fee] = invoice["fees"]
    assert (fee["units"], fee["precise_unit_amount"], fee["item"]["type"], fee["item"]["code"]) == (
        "10.0",
        "0.5",
        "credit",
        "credit",
    )
    assert fee["item"]["lago_item_id"] == found["lago_id"]
    assert fee["item"]["invoice_display_name"] == "Prepaid credits - Main"
    assert (await reread(sandbox, made))["balance_cents"] == 0
    paid = await pay_invoice(sandbox, invoice["lago_id"])
    assert paid["payment_status"] == "succeeded"
    assert ((await bought(sandbox, made))["status"], (await reread(sandbox, made))["balance_cents"]) == ("settled", 500)
    await check_books(sandbox)


async def test_05_D4_settling_twice_and_after_a_failure(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, paid_credits="10")
    lago_id = (await bought(sandbox, made))["lago_invoice_id"]
    await pay_invoice(sandbox, lago_id, "failed")
    found = await bought(sandbox, made)
    assert (found["status"], found["failed_at"]) == ("failed", "2024-01-15T10:00:00Z")
    for status in ("succeeded", "failed", "succeeded", "pending", "succeeded"):
        await pay_invoice(sandbox, lago_id, status)
        found = await bought(sandbox, made)
        assert (found["status"], found["failed_at"]) == ("settled", None)
        assert (await reread(sandbox, made))["balance_cents"] == 1000
    await check_books(sandbox)


async def test_05_D4_an_invoice_that_requires_its_payment(sandbox: Sandbox) -> None:
    await sandbox.customer("c1", net_payment_term=30)
    made = await wallet(sandbox, paid_credits="10", invoice_requires_successful_payment=True)
    lago_id = (await bought(sandbox, made))["lago_invoice_id"]
    assert await sandbox.invoices() == []
    assert (await sandbox.rest.get(f"invoices/{lago_id}")).status_code == 404
    await sandbox.advance("2024-01-20T00:00:00Z")
    failed = await pay_invoice(sandbox, lago_id, "failed")
    assert (failed["status"], (await bought(sandbox, made))["status"]) == ("open", "failed")
    issued = await pay_invoice(sandbox, lago_id)
    assert (issued["status"], issued["issuing_date"], issued["payment_due_date"]) == (
        "finalized",
        "2024-01-20",
        "2024-01-20",
    )
    assert issued["number"].endswith("-001-001")
    assert [item["lago_id"] for item in await sandbox.invoices()] == [lago_id]
    assert (await reread(sandbox, made))["balance_cents"] == 1000
    [other] = await top_up(sandbox, made, paid_credits="1", invoice_requires_successful_payment=False)
    assert (await sandbox.invoice(other["lago_invoice_id"]))["status"] == "finalized"


async def test_a_purchase_is_billed_once(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox)
    body = {"wallet_transaction": {"wallet_id": made["lago_id"], "paid_credits": "10"}}
    await sandbox.call("POST", "wallet_transactions", body)
    ids = await due_jobs(sandbox.runtime.database, organization_id=sandbox.organization_id)
    await asyncio.gather(*(run_job(sandbox.runtime, job_id, immediate=True) for job_id in ids * 3))
    await run_jobs(sandbox)
    assert len(await sandbox.invoices()) == 1


async def test_payment_links_of_purchases(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="1", paid_credits="1")
    for found in await transactions(sandbox, made):
        answer = await sandbox.rest.post(f"wallet_transactions/{found['lago_id']}/payment_url")
        expected = {"granted": "wallet_transaction_not_purchased", "purchased": "no_linked_payment_provider"}
        assert answer.json()["error_details"] == {"base": [expected[found["transaction_status"]]]}


async def test_05_C6_a_refund_voids_credits_of_that_purchase(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, paid_credits="15", granted_credits="5")
    invoice = await sandbox.invoice((await bought(sandbox, made))["lago_invoice_id"])
    await pay_invoice(sandbox, invoice["lago_id"])
    async with sandbox.context() as ctx:
        (await ctx.session.get_one(Invoice, UUID(invoice["lago_id"]))).total_paid_amount_cents = 1500
    entries = [{"fee_id": invoice["fees"][0]["lago_id"], "amount_cents": 500}]
    note = await credit(sandbox, invoice, entries, refund_amount_cents=500)
    now = await reread(sandbox, made)
    assert (now["balance_cents"], now["credits_balance"]) == (1500, "15.0")
    assert (await bought(sandbox, made))["remaining_amount_cents"] == 1000
    [gone] = await transactions(sandbox, made, transaction_status="voided")
    assert (gone["lago_credit_note_id"], gone["amount"]) == (note["lago_id"], "5.0")
    await check_books(sandbox)


async def test_05_C6_an_offset_ends_an_unpaid_purchase_for_good(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, paid_credits="15")
    invoice = await sandbox.invoice((await bought(sandbox, made))["lago_invoice_id"])
    entries = [{"fee_id": invoice["fees"][0]["lago_id"], "amount_cents": 1500}]
    await credit(sandbox, invoice, entries, offset_amount_cents=1500)
    assert (await sandbox.invoice(invoice["lago_id"]))["payment_status"] == "succeeded"
    assert (await bought(sandbox, made))["status"] == "failed"
    await pay_invoice(sandbox, invoice["lago_id"], "pending")
    await pay_invoice(sandbox, invoice["lago_id"])
    assert ((await bought(sandbox, made))["status"], (await reread(sandbox, made))["balance_cents"]) == ("failed", 0)


async def test_parallel_top_ups_voids_payments_and_invoices_keep_the_books(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, paid_credits="10", granted_credits="100")
    purchase = (await bought(sandbox, made))["lago_invoice_id"]
    await sandbox.plan("start", 700, pay_in_advance=True)

    async def post(**values: Any) -> int:
        body = {"wallet_transaction": {"wallet_id": made["lago_id"], **values}}
        return (await sandbox.rest.post("wallet_transactions", body)).status_code

    answers = await asyncio.gather(
        *(sandbox.subscribe(f"s{n}", "start") for n in range(4)),
        *(post(granted_credits="3") for _ in range(4)),
        *(post(voided_credits="2") for _ in range(4)),
        *(pay_invoice(sandbox, purchase) for _ in range(3)),
    )
    assert [code for code in answers if isinstance(code, int)] == [200] * 8
    await sandbox.advance("2024-01-15T10:05:00Z")
    invoices = [item for item in await details(sandbox) if item["invoice_type"] == "subscription"]
    paid = sum(item["prepaid_credit_amount_cents"] for item in invoices)
    assert (len(invoices), [item["total_amount_cents"] for item in invoices]) == (4, [0] * 4)
    now = await reread(sandbox, made)
    assert now["balance_cents"] == 10_000 + 1_000 + 1_200 - 800 - paid
    await check_books(sandbox)


async def test_deleting_a_customer_ends_its_wallets(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, granted_credits="10")
    await sandbox.call("DELETE", "customers/c1")
    await run_jobs(sandbox, only="customer.%")
    now = await reread(sandbox, made)
    assert (now["status"], now["balance_cents"]) == ("terminated", 1000)


async def test_04_19_the_paper_of_a_purchase(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    made = await wallet(sandbox, name="Main", rate_amount="0.5", paid_credits="10")
    lago_id = UUID((await bought(sandbox, made))["lago_invoice_id"])
    async with sandbox.context() as ctx:
        document = await invoice_document(ctx, await ctx.session.get_one(Invoice, lago_id))
    purchase = document.credit_purchase
    assert purchase is not None
    assert (purchase.credits, purchase.unit_price, purchase.amount_cents) == (Decimal(10), Decimal("0.5"), 500)
    assert (purchase.wallet_name, purchase.transaction_name) == ("Main", None)
    await sandbox.advance("2024-01-16T00:00:00Z")
    assert (await sandbox.invoice(str(lago_id)))["file_url"]
