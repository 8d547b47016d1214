"""Fees that were set by hand on paper (spec 04 §19.4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from billwright.billing.documents.layout import lay_out_invoice
from billwright.billing.invoicing.documents import invoice_document
from billwright.billing.invoicing.models import Invoice
from tests.billing.adjusted_fees.shop import adjust, charge_fee, customer, draft, finalize, subscription_fee
from tests.support.sandbox import Sandbox


async def rows(sandbox: Sandbox, invoice: Any) -> list[tuple[str, ...]]:
    """Label, units, unit price and amount of each printed line."""
    async with sandbox.context() as ctx:
        stored = await ctx.session.get_one(Invoice, UUID(invoice["lago_id"]))
        layout = lay_out_invoice(await invoice_document(ctx, stored))
    return [
        (row.label, *(line for index, cell in enumerate(row.cells) if index != 2 for line in cell))
        for block in layout.blocks
        if block.kind == "table"
        for row in block.rows
    ]


async def test_units_and_prices_that_were_set(sandbox: Sandbox) -> None:
    await customer(sandbox)
    plan = await sandbox.plan("p", 3100)
    made = await sandbox.charge(plan, "calls", properties={"amount": "2"})
    invoice = await draft(sandbox)
    subscription = subscription_fee(invoice)["lago_subscription_id"]
    await adjust(sandbox, invoice, subscription_id=subscription, charge_id=str(made.id), units="3")
    shown = await sandbox.invoice(invoice["lago_id"])
    await adjust(sandbox, invoice, fee_id=subscription_fee(shown)["lago_id"], units="2")
    issued = await finalize(sandbox, invoice)
    assert charge_fee(issued)["amount_cents"] == 600
    assert await rows(sandbox, issued) == [
        ("Monthly subscription - P", "2", "€31.00", "€62.00"),
        ("Calls", "3", "€2.00", "€6.00"),
    ]
