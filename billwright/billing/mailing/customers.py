"""E-mails of invoices and credit notes to customers: the jobs that write them (spec 04 §22).

They run after the PDF, and make it if it is missing. What the scenario brings is written once per document, whatever
runs twice; nothing is written, silently, when an address is missing or the invoice has no fees.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.credit_notes import documents as note_documents
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import document_locale
from billwright.billing.documents.locales import load_locale
from billwright.billing.invoicing import documents as invoice_documents
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.files import file_url
from billwright.billing.kernel.models import StoredFile
from billwright.billing.mailing.letters import (
    Letter,
    Sender,
    credit_note_letter,
    invoice_letter,
    letter_html,
    letter_text,
)
from billwright.billing.mailing.models import Email
from billwright.billing.mailing.scenarios import CREDIT_NOTE, INVOICE, JOBS, is_on
from billwright.billing.mailing.service import queue_email

NEVER_MAILED = ("advance_charges",)


def addresses_of(customer: Customer) -> list[str]:
    """The customer's e-mail addresses; several are separated by commas."""
    return [part.strip() for part in (customer.email or "").split(",") if part.strip()]


def is_mailed(invoice: Invoice) -> bool:
    """Whether such an invoice is ever mailed: issued, with fees, and no summary of fees that were paid before."""
    return invoice.status == "finalized" and invoice.invoice_type not in NEVER_MAILED and invoice.fees_amount_cents != 0


@job(JOBS[INVOICE])
async def mail_invoice(call: JobCall) -> None:
    """Write the e-mail of ``invoice_id``; ``to``, ``cc`` and ``bcc`` are given when it is sent again by hand."""
    invoice_id = UUID(call.arguments["invoice_id"])
    await invoice_documents.make_document(call)
    async with _locked(call, Invoice, invoice_id) as (ctx, invoice):
        if invoice is None or not is_mailed(invoice):
            return
        customer = await ctx.session.get_one(Customer, invoice.customer_id)

        def letter(sender: Sender, url: str) -> Letter:
            return invoice_letter(
                load_locale(document_locale(customer, ctx.organization)),
                sender,
                number=invoice.number,
                issued=invoice.issuing_date,
                total_cents=invoice.total_amount_cents,
                currency=invoice.currency,
                url=url,
            )

        await _write(call, ctx, INVOICE, customer, invoice, letter, f"invoice-{invoice.number}.pdf")


@job(JOBS[CREDIT_NOTE])
async def mail_credit_note(call: JobCall) -> None:
    """The same for ``credit_note_id``."""
    note_id = UUID(call.arguments["credit_note_id"])
    await note_documents.make_document(call)
    async with _locked(call, CreditNote, note_id) as (ctx, note):
        if note is None or note.status != "finalized":
            return
        customer = await ctx.session.get_one(Customer, note.customer_id)
        invoice = await ctx.session.get_one(Invoice, note.invoice_id)

        def letter(sender: Sender, url: str) -> Letter:
            return credit_note_letter(
                load_locale(document_locale(customer, ctx.organization)),
                sender,
                number=note.number,
                invoice_number=invoice.number,
                issued=note.issuing_date,
                credit_cents=note.credit_amount_cents,
                refund_cents=note.refund_amount_cents,
                offset_cents=note.offset_amount_cents,
                currency=note.currency,
                url=url,
            )

        await _write(call, ctx, CREDIT_NOTE, customer, note, letter, f"credit_note-{note.number}.pdf")


@asynccontextmanager
async def _locked(call: JobCall, kind: Any, document_id: UUID) -> AsyncGenerator[tuple[Context, Any]]:
    """A transaction with the document locked, so that two runs write one after the other."""
    async with call.runtime.database.transaction() as session:
        organization = await session.get_one(Organization, call.organization_id)
        statement = select(kind).where(kind.id == document_id, kind.organization_id == organization.id)
        found = (await session.scalars(statement.with_for_update())).first()
        yield Context(session, organization, api_url=call.runtime.api_url), found


async def _write(
    call: JobCall, ctx: Context, scenario: str, customer: Customer, document: Any, letter: Any, attachment: str
) -> None:
    organization, given = ctx.organization, call.arguments
    by_hand = "to" in given
    to: list[str] = given.get("to") or addresses_of(customer)
    if not organization.email or not to or document.file_id is None or not (by_hand or is_on(organization, scenario)):
        return
    once: str = given["once"]
    if await ctx.session.scalar(select(col(Email.id)).where(col(Email.once) == once)) is not None:
        return
    token, filename = (
        await ctx.session.execute(
            select(col(StoredFile.token), col(StoredFile.filename)).where(col(StoredFile.id) == document.file_id)
        )
    ).one()
    sender = Sender(organization.name, organization.email, has_logo=organization.logo is not None)
    written: Letter = letter(sender, file_url(ctx.api_url, token, filename))
    await queue_email(
        ctx.session,
        scenario,
        subject=written.subject,
        text=letter_text(written),
        html=letter_html(written),
        to=to,
        cc=given.get("cc") or (),
        bcc=given.get("bcc") or (),
        organization_id=ctx.organization_id,
        attachment=(document.file_id, attachment),
        document_id=document.id,
        once=once,
    )
