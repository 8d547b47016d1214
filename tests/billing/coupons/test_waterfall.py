"""All credits on one invoice, in their order (spec 04 §3.2 example A)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import ChargeTax
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing import credits
from billwright.billing.invoicing.computing import compute
from billwright.billing.invoicing.drafts import finish_generation, rows_of
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.waterfall import Waterfall
from billwright.billing.taxes.queries import find_tax
from tests.support.credits import JANUARY, apply, coupon, credit, details, fee_id, items, notes
from tests.support.sandbox import Sandbox


def wallet(balance_cents: int) -> Any:
    async def pay(ctx: Context, customer: Customer, flow: Waterfall) -> None:
        if flow.final:
            flow.prepaid_cents += min(balance_cents, flow.due_cents)

    return pay


async def everything_at_once(sandbox: Sandbox) -> Any:
    """Fees 10000, 5000 (A) and 2333 (B), a 10 % coupon, VAT 20 % on all, LOCAL 5 % on B, credit notes 1000 and 800; a
    progressive invoice has billed 3000 of A."""
    await sandbox.customer("c1")
    await sandbox.plan("source", 1800, pay_in_advance=True)
    await sandbox.subscribe("source", "source", subscription_at=JANUARY, billing_time="anniversary")
    await sandbox.plan("p", 10000)
    plan = await sandbox.plan("p2", 10000)
    await sandbox.charge(plan, "a", properties={"amount": "1"})
    b = await sandbox.charge(plan, "b", properties={"amount": "1"})
    await sandbox.advance("2024-02-01T00:00:00Z")
    source = (await details(sandbox))[-1]
    await sandbox.subscribe(
        "s1", "p2", subscription_at="2024-02-01T00:00:00Z", usage_thresholds=[{"amount_cents": 3000}]
    )
    await sandbox.advance("2024-02-05T00:00:00Z")
    await sandbox.send(("2024-02-05T00:00:00+00:00", "30"), code="a")
    await sandbox.advance("2024-02-06T00:00:00Z")
    [progressive] = await sandbox.invoices(invoice_type="progressive_billing")
    assert progressive["sub_total_excluding_taxes_amount_cents"] == 3000
    for cents in (1000, 800):
        await credit(sandbox, source, items((fee_id(source), cents)), credit_amount_cents=cents)
    await sandbox.terminate("source", on_termination_invoice="skip", on_termination_credit_note="skip")
    await sandbox.tax("vat", "20")
    await sandbox.tax("local", "5", applied_to_organization=False)
    async with sandbox.context() as ctx:
        for code in ("vat", "local"):
            ctx.session.add(ChargeTax(charge_id=b.id, tax_id=(await find_tax(ctx, code)).id))
        ctx.organization.catalog_revision += 1
    await coupon(sandbox, coupon_type="percentage", percentage_rate="10", frequency="recurring", frequency_duration=2)
    await apply(sandbox)
    await sandbox.send(("2024-02-20T00:00:00+00:00", "20"), code="a")
    await sandbox.send(("2024-02-20T00:00:00+00:00", "23.33"), code="b")
    await sandbox.advance("2024-03-01T00:00:00Z")
    return (await details(sandbox))[-1]


@pytest.mark.parametrize(("balance", "prepaid", "total"), [(5000, 5000, 8785), (20000, 13785, 0)])
async def test_04_3_2_A(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, balance: int, prepaid: int, total: int
) -> None:
    after = credits.AFTER_TAXES
    monkeypatch.setattr(credits, "AFTER_TAXES", (*after, wallet(balance)))
    invoice = await everything_at_once(sandbox)
    assert {
        name: value for name, value in invoice.items() if name.endswith("_cents") and "paid_amount" not in name
    } == {
        "fees_amount_cents": 17333,
        "progressive_billing_credit_amount_cents": 3000,
        "coupons_amount_cents": 1433,
        "sub_total_excluding_taxes_amount_cents": 12900,
        "taxes_amount_cents": 2685,
        "sub_total_including_taxes_amount_cents": 15585,
        "credit_notes_amount_cents": 1800,
        "prepaid_credit_amount_cents": prepaid,
        "prepaid_granted_credit_amount_cents": None,
        "prepaid_purchased_credit_amount_cents": None,
        "total_amount_cents": total,
        "total_due_amount_cents": total,
        "total_offsetted_credit_note_amount_cents": 0,
    }
    assert invoice["payment_status"] == ("pending" if total else "succeeded")
    taxes = [(tax["tax_code"], tax["fees_amount_cents"], tax["amount_cents"]) for tax in invoice["applied_taxes"]]
    assert sorted(taxes) == [("local", 2100, 105), ("vat", 12900, 2580)]
    fees = {fee["item"]["code"]: fee for fee in invoice["fees"]}
    assert {code: fee["precise_coupons_amount_cents"] for code, fee in fees.items()} == {
        "p2": "999.79069",
        "a": "3199.95814",
        "b": "233.25117",
    }
    assert {code: fee["taxes_amount_cents"] for code, fee in fees.items()} == {"p2": 1800, "a": 360, "b": 525}
    assert [line["amount_cents"] for line in invoice["credits"]] == [3000, 1433, 1000, 800]


async def test_a_second_run_on_an_invoice_takes_nothing(sandbox: Sandbox) -> None:
    """Spec 04 §3.1: whatever runs the steps again, no credit is applied twice."""
    invoice = await everything_at_once(sandbox)
    before = await notes(sandbox)
    async with sandbox.context() as ctx:
        row = await ctx.session.get_one(Invoice, UUID(invoice["lago_id"]))
        await finish_generation(ctx, row.id)
        customer = await ctx.session.get_one(Customer, row.customer_id)
        computed = await compute(ctx, customer, await rows_of(ctx, row), invoice_id=row.id)
        flow = await credits.run_waterfall(
            ctx, customer, row, computed.fees, computed.totals, final=True, rows=computed.rows
        )
        assert (flow.progressive_cents, flow.coupons_cents, flow.credit_notes_cents, flow.rows) == (0, 0, 0, [])
        # Even if the status did not tell: what is on the invoice already is not taken again.
        row.status = "generating"
        await ctx.session.flush()
        flow = await credits.run_waterfall(
            ctx, customer, row, computed.fees, computed.totals, final=True, rows=computed.rows
        )
        assert (flow.progressive_cents, flow.coupons_cents, flow.credit_notes_cents, flow.rows) == (0, 0, 0, [])
        row.status = "finalized"
    assert await notes(sandbox) == before
    assert await sandbox.invoice(invoice["lago_id"]) == invoice
