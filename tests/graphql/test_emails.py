"""Sending documents by e-mail again over GraphQL (spec 07 §6.2, 04 §22)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.credit_notes.schemas import CreditNoteCreate
from billwright.billing.credit_notes.service import create_credit_note
from billwright.jobs.registration import register_handlers
from tests.graphql.support import World, make_customers, make_plan

INVOICE = "mutation($i: ResendInvoiceEmailInput!) { resendInvoiceEmail(input: $i) { id } }"
NOTE = "mutation($i: ResendCreditNoteEmailInput!) { resendCreditNoteEmail(input: $i) { id } }"
OUTBOX = "{ emails { collection { kind recipients copyRecipients blindRecipients attachmentName status } } }"


async def work(world: World) -> None:
    register_handlers()
    for _ in range(2):
        for job_id in await due_jobs(world.runtime.database):
            assert await run_job(world.runtime, job_id, immediate=True) == "succeeded"


async def test_an_invoice_and_a_credit_note(world: World) -> None:
    await make_customers(world, await make_plan(world), 1)
    found = await world.data("{ invoices { collection { id number fees { id } } } }")
    [invoice] = found["invoices"]["collection"]
    asked: dict[str, Any] = {"id": invoice["id"], "cc": ["cfo@buyer.example"], "bcc": None}
    refused = await world.error(INVOICE, i=asked)
    assert (refused["extensions"]["status"], refused["extensions"]["code"]) == (405, "email_settings_disabled")
    async with world.runtime.database.transaction() as session:
        settings = "email = 'office@acme.test', email_settings = '[\"invoice.finalized\", \"credit_note.created\"]'"
        await session.execute(
            text(f"update organizations set {settings} where id = :id"), {"id": world.organization.id}
        )
    malformed = await world.error(INVOICE, i={**asked, "to": ["nobody"]})
    assert malformed["extensions"]["details"] == {"to": ["invalid_email_format"]}
    assert (await world.error(INVOICE, i={"id": "x"}))["extensions"]["status"] == 404
    assert await world.data(INVOICE, role="finance", i=asked) == {"resendInvoiceEmail": {"id": invoice["id"]}}
    async with world.runtime.database.transaction() as session:
        note = {
            "invoice_id": invoice["id"],
            "credit_amount_cents": 100,
            "items": [{"fee_id": invoice["fees"][0]["id"], "amount_cents": 100}],
        }
        made = await create_credit_note(await world.fresh(session), CreditNoteCreate.parse(note))
    await world.data(NOTE, role="manager", i={"id": str(made.id), "to": ["ann@buyer.example"]})
    await work(world)
    sent = (await world.data(OUTBOX))["emails"]["collection"]
    documents = [mail for mail in sent if mail["attachmentName"]]
    number = invoice["number"]
    # The note's own e-mail follows a few seconds after it.
    assert sorted((m["kind"], *m["recipients"], *m["copyRecipients"], m["attachmentName"]) for m in documents) == [
        ("credit_note.created", "ann@buyer.example", f"credit_note-{number}-CN001.pdf"),
        ("invoice.finalized", "c0@buyer.example", "cfo@buyer.example", f"invoice-{number}.pdf"),
    ]
