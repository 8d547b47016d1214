"""Sending a document's e-mail again by hand, to the customer or to others (spec 04 §22)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.models import CreditNote
from billwright.billing.credit_notes.queries import find_credit_note
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.kernel.errors import NotAllowed, NotFound, ValidationFailed
from billwright.billing.kernel.inputs import Input, refuse
from billwright.billing.kernel.validators import EmailAddress
from billwright.billing.mailing.customers import addresses_of, is_mailed
from billwright.billing.mailing.scenarios import CREDIT_NOTE, INVOICE, ask_again, is_on

MOST_ADDRESSES = 50


def _few(value: list[str]) -> list[str]:
    if len(value) > MOST_ADDRESSES:
        raise refuse("value_is_too_long")
    return list(dict.fromkeys(value))


Addresses = Annotated[list[EmailAddress], AfterValidator(_few)]


class ResendEmail(Input):
    """Who gets it: without ``to``, the customer. At most 50 addresses each."""

    to: Addresses = []
    cc: Addresses = []
    bcc: Addresses = []


async def resend_invoice_email(ctx: Context, invoice_id: UUID, inp: ResendEmail) -> Invoice:
    """Mail an issued invoice again; nothing happens for one that is never mailed (no fees).

    Raises ``NotFound("invoice")``, ``NotAllowed`` (``invoice_not_finalized``, ``email_settings_disabled``) and
    ``ValidationFailed`` (see ``_check``).
    """
    invoice = await find_invoice(ctx, invoice_id)
    if invoice.status != "finalized":
        raise NotAllowed("invoice_not_finalized")
    await _check(ctx, INVOICE, invoice.customer_id, inp)
    if is_mailed(invoice):
        await ask_again(ctx, INVOICE, invoice.id, inp.to, inp.cc, inp.bcc)
    return invoice


async def resend_credit_note_email(ctx: Context, note_id: UUID, inp: ResendEmail) -> CreditNote:
    """Mail a credit note again.

    Raises ``NotFound("credit_note")``, ``NotAllowed`` (``credit_note_not_finalized``, ``email_settings_disabled``) and
    ``ValidationFailed`` (see ``_check``).
    """
    note = await ctx.session.get(CreditNote, note_id)
    if note is not None and note.organization_id == ctx.organization_id and note.status == "draft":
        raise NotAllowed("credit_note_not_finalized")
    note = await find_credit_note(ctx, note_id)
    await _check(ctx, CREDIT_NOTE, note.customer_id, inp)
    await ask_again(ctx, CREDIT_NOTE, note.id, inp.to, inp.cc, inp.bcc)
    return note


async def _check(ctx: Context, scenario: str, customer_id: UUID, inp: ResendEmail) -> None:
    """``to: value_is_mandatory`` when neither the caller nor the customer names an address; ``organization_email:
    value_is_mandatory`` when the organization has none to answer to."""
    if not is_on(ctx.organization, scenario):
        raise NotAllowed("email_settings_disabled")
    if not ctx.organization.email:
        raise ValidationFailed(organization_email="value_is_mandatory")
    customer = await ctx.session.get(Customer, customer_id)
    if customer is None:
        raise NotFound("customer")
    if not inp.to and not addresses_of(customer):
        raise ValidationFailed(to="value_is_mandatory")
