"""Credit notes (spec 07 §6.2)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.credit_notes.queries import CreditNoteFilters, find_credit_note, list_credit_notes
from billwright.billing.credit_notes.schemas import CreditNoteEstimateInput
from billwright.billing.credit_notes.service import estimate_credit_note
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id, some_id
from billwright.graphql.enums import (
    CreditNoteCreditStatusEnum,
    CreditNoteReasonEnum,
    CreditNoteRefundStatusEnum,
)
from billwright.graphql.mutations.inputs import m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt
from billwright.graphql.types.common import (
    AmountFrom,
    AmountTo,
    Collection,
    CurrencyFilter,
    CustomerFilter,
    ExternalCustomerFilter,
    IdArgument,
    Inf,
    IssuedFrom,
    IssuedTo,
    Limit,
    PageNumber,
    SearchTerm,
    collection,
    page_request,
    shown,
)
from billwright.graphql.types.credit_notes import CreditNote, CreditNoteEstimate, credit_note_estimate


@strawberry.input(description="What to give back of one fee.")
class CreditNoteItemInput:
    fee_id: strawberry.ID = m("Internal id of the fee.")
    amount_cents: BigInt = m("Amount without taxes and before coupons, in minor units.")


InvoiceId = Annotated[strawberry.ID, strawberry.argument(description="Internal id of the invoice.")]
Items = Annotated[list[CreditNoteItemInput], strawberry.argument(description="What to give back, fee by fee.")]


@strawberry.type
class CreditNoteQueries:
    @strawberry.field(
        description="Credit notes, newest first.", permission_classes=[HasPermission("credit_notes:view")]
    )
    async def credit_notes(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        reason: Annotated[
            list[CreditNoteReasonEnum] | None, strawberry.argument(description="For any of these reasons.")
        ] = None,
        credit_status: Annotated[
            list[CreditNoteCreditStatusEnum] | None,
            strawberry.argument(description="With the credit in any of these states."),
        ] = None,
        refund_status: Annotated[
            list[CreditNoteRefundStatusEnum] | None,
            strawberry.argument(description="With the refund in any of these states."),
        ] = None,
        currency: CurrencyFilter = None,
        amount_from: AmountFrom = None,
        amount_to: AmountTo = None,
        issuing_date_from: IssuedFrom = None,
        issuing_date_to: IssuedTo = None,
        customer_id: CustomerFilter = None,
        customer_external_id: ExternalCustomerFilter = None,
        invoice_number: Annotated[
            str | None, strawberry.argument(description="For the invoice with exactly this number.")
        ] = None,
    ) -> Collection[CreditNote]:
        filters = CreditNoteFilters(
            customer_id=some_id(customer_id) if customer_id else None,
            external_customer_id=customer_external_id,
            issuing_date_from=issuing_date_from,
            issuing_date_to=issuing_date_to,
            amount_from=amount_from,
            amount_to=amount_to,
            currency=currency,
            reasons=[item.value for item in reason or ()],
            credit_statuses=[item.value for item in credit_status or ()],
            refund_statuses=[item.value for item in refund_status or ()],
            invoice_number=invoice_number,
            search=search_term or None,
        )
        async with info.context.reading() as ctx:
            return collection(await list_credit_notes(ctx, filters, page_request(page, limit)))

    @strawberry.field(
        description="Credit notes of one invoice, newest first.",
        permission_classes=[HasPermission("credit_notes:view")],
    )
    async def invoice_credit_notes(
        self, info: Inf, invoice_id: InvoiceId, page: PageNumber = None, limit: Limit = None
    ) -> Collection[CreditNote] | None:
        async with info.context.reading() as ctx:
            invoice = await find_invoice(ctx, some_id(invoice_id))
            found = await list_credit_notes(ctx, CreditNoteFilters(invoice_id=invoice.id), page_request(page, limit))
            return collection(found)

    @strawberry.field(description="One credit note.", permission_classes=[HasPermission("credit_notes:view")])
    async def credit_note(self, info: Inf, id: IdArgument) -> CreditNote | None:
        note_id = parse_id(id)
        if note_id is None:
            raise NotFound("credit_note")
        async with info.context.reading() as ctx:
            return shown(await find_credit_note(ctx, note_id))

    @strawberry.field(
        description="What a credit note with these items would be worth; stores nothing.",
        permission_classes=[HasPermission("credit_notes:create")],
    )
    async def credit_note_estimate(self, info: Inf, invoice_id: InvoiceId, items: Items) -> CreditNoteEstimate | None:
        asked = {"invoice_id": invoice_id, "items": [sent(item) for item in items]}
        async with info.context.reading() as ctx:
            return credit_note_estimate(await estimate_credit_note(ctx, CreditNoteEstimateInput.parse(asked)))
