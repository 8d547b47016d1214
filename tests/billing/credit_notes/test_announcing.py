"""What a credit note looks like on paper and in webhooks (spec 04 §19.5, §21, 06 §16.7)."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sqlalchemy import update

from billwright.billing.catalog.models import Charge
from billwright.billing.credit_notes.documents import credit_note_document
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.documents.credit_note_layout import lay_out_credit_note
from billwright.billing.documents.layout import lay_out_invoice
from billwright.billing.documents.render import render_credit_note
from billwright.billing.invoicing.documents import invoice_document
from billwright.billing.invoicing.models import Invoice
from billwright.billing.notifications.payloads import build_payload
from tests.support.credits import credit, details, fee_id, items, pay, the_invoice_of_A4
from tests.support.sandbox import Sandbox


def rows(layout: Any, kind: str) -> list[tuple[str, ...]]:
    """Labels and cells of the document's tables, or of its totals."""
    found: list[tuple[str, ...]] = []
    for block in layout.blocks:
        if block.kind == "table" and kind == "table":
            found += [(row.label, *(line for cell in row.cells for line in cell)) for row in block.rows]
        if block.kind == "totals" and kind == "totals":
            found += [(row.label, row.amount) for row in block.rows]
    return found


async def test_04_21_on_paper(sandbox: Sandbox) -> None:
    invoice = await the_invoice_of_A4(sandbox)
    await pay(sandbox, invoice["lago_id"], 2000)
    entries = items((fee_id(invoice, "api"), 2000), (fee_id(invoice), 900))
    note = await credit(sandbox, invoice, entries, refund_amount_cents=1200, credit_amount_cents=1844)
    async with sandbox.context() as ctx:
        document = await credit_note_document(ctx, await ctx.session.get_one(CreditNote, UUID(note["lago_id"])))
    layout = lay_out_credit_note(document)
    assert layout.title == f"Credit note {note['number']}"
    assert (document.invoice_number, document.customer.name) == (invoice["number"], "c1")
    assert rows(layout, "table") == [("Subscription - P", "20.0%", "€9.00"), ("Api", "20.0%", "€20.00")]
    assert rows(layout, "totals") == [
        ("Coupons", "-€3.64"),
        ("Subtotal (excl. tax)", "€25.36"),
        ("VAT20 (20.0% on €25.36)", "€5.07"),
        ("Credited on the customer's balance", "€18.43"),
        ("Refunded", "€12.00"),
        ("Total", "€30.43"),
    ]
    assert render_credit_note(document).startswith(b"%PDF")


async def test_a_true_up_stands_behind_its_charge(sandbox: Sandbox) -> None:
    await sandbox.customer("c1")
    plan = await sandbox.plan("p", 1000)
    await sandbox.charge(plan, "api", properties={"amount": "1"}, min_amount_cents=500)
    await sandbox.subscribe(subscription_at="2024-01-01T00:00:00Z", name="Seat")
    await sandbox.send(("2024-01-20T00:00:00+00:00", 1), code="api")
    await sandbox.advance("2024-02-01T00:00:00Z")
    [invoice] = await details(sandbox)
    extra = [fee for fee in invoice["fees"] if fee["lago_true_up_parent_fee_id"]]
    entries = items((extra[0]["lago_true_up_parent_fee_id"], 40), (extra[0]["lago_id"], 160))
    note = await credit(sandbox, invoice, entries, credit_amount_cents=200)
    only = await credit(sandbox, invoice, items((extra[0]["lago_id"], 10)), credit_amount_cents=10)
    async with sandbox.context() as ctx:
        documents = [
            await credit_note_document(ctx, await ctx.session.get_one(CreditNote, UUID(item["lago_id"])))
            for item in (note, only)
        ]
    assert rows(lay_out_credit_note(documents[0]), "table") == [
        ("Api", "0.0%", "€0.40"),
        ("Api - true-up", "0.0%", "€1.60"),
    ]
    assert rows(lay_out_credit_note(documents[1]), "table") == [("Api - true-up", "0.0%", "€0.10")]


async def test_04_19_5_an_invoice_names_its_coupons_and_credit_notes(sandbox: Sandbox) -> None:
    invoice = await the_invoice_of_A4(sandbox)
    await credit(sandbox, invoice, items((fee_id(invoice), 1000)), credit_amount_cents=1049)
    await sandbox.advance("2024-03-01T00:00:00Z")
    later = (await details(sandbox))[-1]
    async with sandbox.context() as ctx:
        first, second = [
            lay_out_invoice(await invoice_document(ctx, await ctx.session.get_one(Invoice, UUID(item["lago_id"]))))
            for item in (invoice, later)
        ]
    assert rows(first, "totals")[0] == ("Deal (€20.00)", "-€20.00")
    assert ("Credit notes", "-€10.49") in rows(second, "totals")


async def test_06_16_7_payloads(sandbox: Sandbox) -> None:
    invoice = await the_invoice_of_A4(sandbox)
    note = await credit(sandbox, invoice, items((fee_id(invoice), 1000)), credit_amount_cents=1049)

    async def sent(event_type: str) -> Any:
        async with sandbox.context() as ctx:
            body = await build_payload(ctx, event_type, "credit_note", UUID(note["lago_id"]))
        assert body is not None
        return json.loads(body)

    created = await sent("credit_note.created")
    assert (created["object_type"], created["credit_note"]) == ("credit_note", note)
    generated = (await sent("credit_note.generated"))["credit_note"]
    assert set(note) - set(generated) == {"items", "applied_taxes"}
    assert generated["customer"]["external_id"] == "c1"


async def test_a_credited_fee_keeps_its_names_when_the_catalogue_changes(sandbox: Sandbox) -> None:
    invoice = await the_invoice_of_A4(sandbox)
    note = await credit(sandbox, invoice, items((fee_id(invoice, "api"), 1000)), credit_amount_cents=1049)
    async with sandbox.context() as ctx:
        await ctx.session.execute(update(Charge).values(invoice_display_name="Renamed"))
        document = await credit_note_document(ctx, await ctx.session.get_one(CreditNote, UUID(note["lago_id"])))
    assert rows(lay_out_credit_note(document), "table") == [("Api", "20.0%", "€10.00")]
