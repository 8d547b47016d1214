"""E-mails of invoices and credit notes to customers: when, to whom, in which words (spec 04 §22)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import col

from billwright.billing.background.jobs import JobCall, due_jobs, run_job
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.documents.locales import load_locale, supported_locales
from billwright.billing.kernel.ids import new_id
from billwright.billing.mailing.customers import mail_invoice
from billwright.billing.mailing.letters import Sender, credit_note_letter, invoice_letter, letter_html, letter_text
from billwright.billing.mailing.models import Email
from tests.server.rest.client import validation
from tests.support.sandbox import API_URL, Sandbox

BOTH = ["invoice.finalized", "credit_note.created"]
START = "2024-01-15T11:00:00Z"


async def set_up(sandbox: Sandbox, settings: list[str] | None = None, **organization: Any) -> None:
    body = {"email": "office@hooli.test", "email_settings": BOTH if settings is None else settings, **organization}
    await sandbox.call("PUT", "organizations", {"organization": body})


async def billed(sandbox: Sandbox, clock: str = START, *, email: str | None = "ann@acme.test", **customer: Any) -> Any:
    """A customer with a subscription in advance, and their first invoice."""
    await sandbox.plan(pay_in_advance=True)
    await sandbox.customer(email=email, **customer)
    await sandbox.subscribe()
    await sandbox.advance(clock)
    [invoice] = await sandbox.invoices()
    return await sandbox.invoice(invoice["lago_id"])


async def credited(sandbox: Sandbox, invoice: Any, **parts: int) -> Any:
    [fee] = invoice["fees"]
    note = {
        "invoice_id": invoice["lago_id"],
        "items": [{"fee_id": fee["lago_id"], "amount_cents": sum(parts.values())}],
        **parts,
    }
    return (await sandbox.call("POST", "credit_notes", {"credit_note": note}))["credit_note"]


async def emails(sandbox: Sandbox) -> list[Email]:
    """What was written, after all jobs are done."""
    async with sandbox.context() as ctx:
        rows = await ctx.session.scalars(select(Email).order_by(col(Email.created_at), col(Email.id)))
        return list(rows)


async def work(sandbox: Sandbox) -> None:
    while due := await due_jobs(sandbox.runtime.database, organization_id=sandbox.organization_id):
        for job_id in due:
            assert await run_job(sandbox.runtime, job_id, immediate=True) == "succeeded"


async def test_04_22_the_default_is_off(sandbox: Sandbox) -> None:
    await sandbox.call("PUT", "organizations", {"organization": {"email": "office@hooli.test"}})
    await credited(sandbox, await billed(sandbox), credit_amount_cents=100)
    await work(sandbox)
    assert await emails(sandbox) == []


async def test_04_22_an_invoice(sandbox: Sandbox) -> None:
    await set_up(sandbox)
    invoice = await billed(sandbox, email="ann@acme.test, bob@acme.test")
    [mail] = await emails(sandbox)
    assert mail.recipients == ["ann@acme.test", "bob@acme.test"]
    assert mail.kind == "invoice.finalized"
    assert mail.subject == f"Your invoice from Hooli #{invoice['number']}"
    assert mail.attachment_name == f"invoice-{invoice['number']}.pdf"
    assert mail.document_id == UUID(invoice["lago_id"])
    assert mail.text == (
        "Invoice from Hooli\n\n€17.00\nIssued on Jan 15, 2024\n\n"
        f"Invoice number: {invoice['number']}\nIssue date: Jan 15, 2024\n\n"
        f"Download the invoice: {invoice['file_url']}\n\nQuestions? Write to office@hooli.test\n\n"
    )
    assert invoice["file_url"].startswith(f"{API_URL}/files/")
    assert mail.html is not None
    assert f'href="{invoice["file_url"]}"' in mail.html
    assert "cid:logo" not in mail.html
    assert mail.status == "kept", "no mail server: it stays in the outbox and nothing fails"


async def test_04_22_a_credit_note_and_its_words(sandbox: Sandbox) -> None:
    await set_up(sandbox)
    invoice = await billed(sandbox, billing_configuration={"document_locale": "fr"})
    note = await credited(sandbox, invoice, credit_amount_cents=100)
    await work(sandbox)
    first, second = await emails(sandbox)
    assert first.subject == f"Votre facture de Hooli #{invoice['number']}"
    assert second.subject == f"Votre avoir de Hooli #{note['number']}"
    assert second.attachment_name == f"credit_note-{note['number']}.pdf"
    assert second.text.startswith("Avoir de Hooli\n\n1,00 €\nCrédité sur le solde du client le 15 janv. 2024\n\n")
    assert invoice["number"] in second.text
    assert note["number"] in second.text


@pytest.mark.parametrize(
    ("settings", "organization", "customer"),
    [
        (["credit_note.created"], {}, {}),
        (BOTH, {"email": None}, {}),
        (BOTH, {}, {"email": None}),
    ],
)
async def test_04_22_what_must_be_there(
    sandbox: Sandbox, settings: list[str], organization: dict[str, Any], customer: dict[str, Any]
) -> None:
    """Trap 15: the setting and both addresses; without one of them, silently nothing."""
    await set_up(sandbox, settings, **organization)
    await billed(sandbox, **customer)
    assert await emails(sandbox) == []


async def test_04_22_invoices_without_fees_and_drafts_are_not_mailed(sandbox: Sandbox) -> None:
    await set_up(sandbox, billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan("free", 0)
    await sandbox.plan("paid", 3100)
    await sandbox.customer(email="ann@acme.test")
    await sandbox.subscribe("s1", "free")
    await sandbox.customer("c2", email="bob@acme.test")
    await sandbox.subscribe("s2", "paid", "c2")
    await sandbox.advance("2024-02-01T02:00:00Z")
    assert {item["status"] for item in await sandbox.invoices()} == {"draft"}
    assert await emails(sandbox) == []
    await sandbox.advance("2024-02-05T02:00:00Z")
    assert {item["status"] for item in await sandbox.invoices()} == {"finalized"}
    assert [mail.recipients for mail in await emails(sandbox)] == [["bob@acme.test"]]


async def test_04_22_automatic_credit_notes_are_mailed_too(sandbox: Sandbox) -> None:
    await set_up(sandbox, ["credit_note.created"])
    await billed(sandbox)
    await sandbox.terminate()
    await work(sandbox)
    assert [mail.kind for mail in await emails(sandbox)] == ["credit_note.created"]


async def test_04_22_a_note_that_is_finalized_with_its_draft_is_mailed(sandbox: Sandbox) -> None:
    await set_up(sandbox, billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan(pay_in_advance=True)
    await sandbox.customer(email="ann@acme.test")
    await sandbox.subscribe()
    await sandbox.advance(START)
    await sandbox.terminate()
    await work(sandbox)
    assert await emails(sandbox) == [], "drafts"
    await sandbox.advance("2024-01-20T11:00:00Z")
    await work(sandbox)
    kinds = [mail.kind for mail in await emails(sandbox)]
    assert kinds.count("credit_note.created") == 1
    assert kinds.count("invoice.finalized") == len([i for i in await sandbox.invoices() if i["fees_amount_cents"]])


async def test_04_22_once_per_invoice_and_event(sandbox: Sandbox) -> None:
    await set_up(sandbox)
    invoice = await billed(sandbox)
    [mail] = await emails(sandbox)
    arguments = {"invoice_id": invoice["lago_id"], "once": mail.once}
    await mail_invoice(JobCall(sandbox.runtime, new_id(), sandbox.organization_id, arguments, attempt=2))
    assert len(await emails(sandbox)) == 1


async def test_04_22_switched_off_meanwhile(sandbox: Sandbox) -> None:
    await set_up(sandbox)
    invoice = await billed(sandbox)
    await set_up(sandbox, [])
    arguments = {"invoice_id": invoice["lago_id"], "once": "another"}
    await mail_invoice(JobCall(sandbox.runtime, new_id(), sandbox.organization_id, arguments, attempt=1))
    assert len(await emails(sandbox)) == 1


async def test_04_22_an_invoice_sent_again(sandbox: Sandbox) -> None:
    await set_up(sandbox)
    invoice = await billed(sandbox)
    path = f"invoices/{invoice['lago_id']}/resend_email"
    answer = await sandbox.rest.post(path)
    assert (answer.status_code, answer.content) == (200, b"")
    to, cc, bcc = ["cfo@acme.test", "cfo@acme.test"], ["ann@acme.test"], ["x@acme.test"]
    await sandbox.call("POST", path, {"to": to, "cc": cc, "bcc": bcc})
    await work(sandbox)
    _, again, others = await emails(sandbox)
    assert again.recipients == ["ann@acme.test"]
    assert again.subject == others.subject
    assert (others.recipients, others.copy_recipients, others.blind_recipients) == (["cfo@acme.test"], cc, bcc)


async def test_04_22_what_cannot_be_sent_again(sandbox: Sandbox) -> None:
    await set_up(sandbox)
    invoice = await billed(sandbox, email=None)
    path = f"invoices/{invoice['lago_id']}/resend_email"
    assert (await sandbox.rest.post(path)).json() == validation(to="value_is_mandatory")
    assert (await sandbox.rest.post(path, {"to": ["nobody"]})).json() == validation(to="invalid_email_format")
    refused = await sandbox.rest.post(path, {"to": ["a@b.test"], "cc": ["a@b.test", "x y"]})
    assert refused.json() == validation(cc="invalid_email_format")
    unknown = await sandbox.rest.post(f"invoices/{new_id()}/resend_email", {"to": ["nobody"]})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "invoice_not_found")
    await sandbox.call("PUT", "organizations", {"organization": {"email": None}})
    refused = await sandbox.rest.post(path, {"to": ["a@b.test"]})
    assert refused.json() == validation(organization_email="value_is_mandatory")
    await set_up(sandbox, [])
    refused = await sandbox.rest.post(path, {"to": ["a@b.test"]})
    assert (refused.status_code, refused.json()["code"]) == (405, "email_settings_disabled")
    await sandbox.call("POST", f"invoices/{invoice['lago_id']}/void")
    refused = await sandbox.rest.post(path, {"to": ["a@b.test"]})
    assert (refused.status_code, refused.json()["code"]) == (405, "invoice_not_finalized")
    await work(sandbox)
    assert await emails(sandbox) == []


async def test_04_22_a_credit_note_sent_again(sandbox: Sandbox) -> None:
    await set_up(sandbox, ["invoice.finalized"], billing_configuration={"invoice_grace_period": 3})
    await sandbox.plan(pay_in_advance=True)
    await sandbox.customer(email="ann@acme.test")
    await sandbox.subscribe()
    await sandbox.advance(START)
    await sandbox.terminate()
    async with sandbox.context() as ctx:
        note_id = await ctx.session.scalar(select(col(CreditNote.id)))
    path = f"credit_notes/{note_id}/resend_email"
    refused = await sandbox.rest.post(path)
    assert (refused.status_code, refused.json()["code"]) == (405, "credit_note_not_finalized")
    await sandbox.advance("2024-01-20T11:00:00Z")
    refused = await sandbox.rest.post(path)
    assert (refused.status_code, refused.json()["code"]) == (405, "email_settings_disabled")
    await set_up(sandbox)
    assert (await sandbox.rest.post(path, {"to": ["bob@acme.test"]})).status_code == 200
    await work(sandbox)
    assert [(mail.kind, mail.recipients) for mail in await emails(sandbox) if mail.kind == "credit_note.created"] == [
        ("credit_note.created", ["bob@acme.test"])
    ]
    assert (await sandbox.rest.post(f"credit_notes/{new_id()}/resend_email")).json()["code"] == "credit_note_not_found"


@pytest.mark.parametrize("code", supported_locales())
def test_04_22_every_language_has_its_words(code: str) -> None:
    """No word of the letters falls back to English."""
    sender = Sender("Hooli", "office@hooli.test")
    common: dict[str, Any] = {"issued": date(2025, 1, 5), "currency": "EUR", "url": "https://a.test/f", "number": "N1"}
    parts = {"credit_cents": 0, "refund_cents": 500, "offset_cents": 0}

    def letters(language: str) -> list[Any]:
        locale = load_locale(language)
        note = credit_note_letter(locale, sender, invoice_number="I1", **parts, **common)
        return [invoice_letter(locale, sender, total_cents=123450, **common), note]

    for mine, english in zip(letters(code), letters("en"), strict=True):
        if code != "en":
            assert mine.subject != english.subject
            assert mine.heading != english.heading
            assert mine.button[0] != english.button[0]
            assert mine.contact != english.contact
        assert "#N1" in mine.subject
        assert "Hooli" in mine.subject
        assert mine.notes[0] in letter_text(mine)


def test_words_of_others_are_escaped_in_the_page() -> None:
    sender = Sender("<b>Acme & Co</b>", "a@b.test", has_logo=True)
    letter = invoice_letter(
        load_locale("en"),
        sender,
        number='"><i>',
        issued=date(2025, 1, 5),
        total_cents=1,
        currency="EUR",
        url="https://a",
    )
    page = letter_html(letter)
    assert "<b>Acme" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;Acme &amp; Co" in page
    assert 'src="cid:logo"' in page
