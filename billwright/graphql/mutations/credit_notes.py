"""Issuing credit notes, changing, voiding and printing them (spec 07 §6.2, 05 C3, C5)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.background.jobs import JobCall
from billwright.billing.credit_notes.documents import make_document, request_document
from billwright.billing.credit_notes.schemas import CreditNoteCreate, CreditNoteUpdate
from billwright.billing.credit_notes.service import (
    create_credit_note,
    replace_metadata,
    update_credit_note,
    void_credit_note,
)
from billwright.billing.kernel.ids import new_id
from billwright.graphql import credit_note_batches
from billwright.graphql.enums import CreditNoteReasonEnum, CreditNoteRefundStatusEnum
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.queries.credit_notes import CreditNoteItemInput
from billwright.graphql.scalars import BigInt, JsonObject
from billwright.graphql.types.common import Inf, id_of, shown
from billwright.graphql.types.credit_notes import CreditNote


@strawberry.input(description="A credit note. The three amounts include taxes and add up to what the items are worth.")
class CreateCreditNoteInput:
    invoice_id: strawberry.ID = m("Internal id of the invoice.")
    reason: CreditNoteReasonEnum = m("Why it is issued.")
    items: list[CreditNoteItemInput] = m("What is given back, fee by fee.")
    description: str | None = i("Internal note; never printed.")
    credit_amount_cents: BigInt | None = i("For later invoices, in minor units.")
    refund_amount_cents: BigInt | None = i("To be paid back, in minor units.")
    offset_amount_cents: BigInt | None = i("Off what this invoice asks for, in minor units.")
    metadata: JsonObject | None = i("Your own keys and values: text to text.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="What to change of a credit note.")
class UpdateCreditNoteInput:
    id: strawberry.ID = m("Internal id.")
    refund_status: CreditNoteRefundStatusEnum | None = i("What became of a refund that you made yourself.")
    metadata: JsonObject | None = i("Your own keys and values; replaces those that are there.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class VoidCreditNoteInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class DownloadCreditNoteInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


Creating = Annotated[CreateCreditNoteInput, strawberry.argument(description="What is given back, and how.")]
Changing = Annotated[UpdateCreditNoteInput, strawberry.argument(description="Which credit note, and what to change.")]
Voiding = Annotated[VoidCreditNoteInput, strawberry.argument(description="Which credit note.")]
Downloading = Annotated[DownloadCreditNoteInput, strawberry.argument(description="Which credit note.")]


@strawberry.type
class CreditNoteMutations:
    @strawberry.mutation(description="Issue a credit note.", permission_classes=[HasPermission("credit_notes:create")])
    async def create_credit_note(self, info: Inf, input: Creating) -> CreditNote | None:
        async with info.context.writing() as ctx:
            return shown(await create_credit_note(ctx, CreditNoteCreate.parse(sent(input))))

    @strawberry.mutation(
        description="Report a refund, set metadata.", permission_classes=[HasPermission("credit_notes:update")]
    )
    async def update_credit_note(self, info: Inf, input: Changing) -> CreditNote | None:
        note_id, asked = id_of("credit_note", input.id), sent(input, "id", "metadata")
        async with info.context.writing() as ctx:
            note = await update_credit_note(ctx, note_id, CreditNoteUpdate.parse(asked))
            if input.metadata is not strawberry.UNSET:
                await replace_metadata(ctx, note_id, input.metadata)
            return shown(note)

    @strawberry.mutation(
        description="Void what is left of its credit; the refund is untouched.",
        permission_classes=[HasPermission("credit_notes:void")],
    )
    async def void_credit_note(self, info: Inf, input: Voiding) -> CreditNote | None:
        async with info.context.writing() as ctx:
            return shown(await void_credit_note(ctx, id_of("credit_note", input.id)))

    @strawberry.mutation(
        description="Make its PDF, if there is none; fileUrl of the answer is its address.",
        permission_classes=[HasPermission("credit_notes:view")],
    )
    async def download_credit_note(self, info: Inf, input: Downloading) -> CreditNote | None:
        note_id = id_of("credit_note", input.id)
        async with info.context.writing() as ctx:
            ready = await request_document(ctx, note_id)
            organization_id = ctx.organization_id
        if ready is not None:
            return shown(ready)
        runtime = info.context.services.runtime
        await make_document(JobCall(runtime, new_id(), organization_id, {"credit_note_id": str(note_id)}, attempt=1))
        return await info.context.load(credit_note_batches.credit_notes, note_id)
