"""Sending the e-mail of a document again (spec 04 §22)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.mailing.resending import ResendEmail, resend_credit_note_email, resend_invoice_email
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.credit_notes import CreditNote
from billwright.graphql.types.invoices import Invoice

_TO = "Who gets it; the customer without it."
_CC = "Who gets a copy that everybody sees."
_BCC = "Who gets a copy that nobody sees."


@strawberry.input(description="Which invoice is mailed again, and to whom.")
class ResendInvoiceEmailInput:
    id: strawberry.ID = m("Internal id of the invoice.")
    to: list[str] | None = i(_TO)
    cc: list[str] | None = i(_CC)
    bcc: list[str] | None = i(_BCC)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Which credit note is mailed again, and to whom.")
class ResendCreditNoteEmailInput:
    id: strawberry.ID = m("Internal id of the credit note.")
    to: list[str] | None = i(_TO)
    cc: list[str] | None = i(_CC)
    bcc: list[str] | None = i(_BCC)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


InvoiceAgain = Annotated[ResendInvoiceEmailInput, strawberry.argument(description="Which invoice, and to whom.")]
NoteAgain = Annotated[ResendCreditNoteEmailInput, strawberry.argument(description="Which credit note, and to whom.")]


def _parsed(given: ResendInvoiceEmailInput | ResendCreditNoteEmailInput, kind: str) -> tuple[UUID, ResendEmail]:
    found = parse_id(given.id)
    if found is None:
        raise NotFound(kind)
    addresses = {name: value for name, value in sent(given, "id").items() if value is not None}
    return found, ResendEmail.parse(addresses)


@strawberry.type
class EmailMutations:
    @strawberry.mutation(
        description="Send an issued invoice by e-mail again.", permission_classes=[HasPermission("invoices:send")]
    )
    async def resend_invoice_email(self, info: Inf, input: InvoiceAgain) -> Invoice | None:
        invoice_id, addresses = _parsed(input, "invoice")
        async with info.context.writing() as ctx:
            return shown(await resend_invoice_email(ctx, invoice_id, addresses))

    @strawberry.mutation(
        description="Send a credit note by e-mail again.", permission_classes=[HasPermission("credit_notes:send")]
    )
    async def resend_credit_note_email(self, info: Inf, input: NoteAgain) -> CreditNote | None:
        note_id, addresses = _parsed(input, "credit_note")
        async with info.context.writing() as ctx:
            return shown(await resend_credit_note_email(ctx, note_id, addresses))
