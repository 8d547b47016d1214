"""Changing issued invoices: payment status, metadata, void, lost dispute (spec 04 §9, §12, §13)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.invoicing.disputes import lose_dispute
from billwright.billing.invoicing.schemas import InvoiceUpdate
from billwright.billing.invoicing.updates import update_invoice
from billwright.billing.invoicing.voiding import VoidOptions, void_invoice
from billwright.graphql.enums import InvoicePaymentStatusEnum
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt
from billwright.graphql.types.common import Inf, id_of, shown
from billwright.graphql.types.invoices import Invoice


@strawberry.input(description="A key and value of an invoice.")
class InvoiceMetadataInput:
    id: strawberry.ID | None = i("Entry to change; without it one is made.")
    key: str = m("Key, unique on the invoice.")
    value: str = m("Value.")


@strawberry.input(description="What to change of an issued invoice.")
class UpdateInvoiceInput:
    id: strawberry.ID = m("Internal id of the invoice.")
    payment_status: InvoicePaymentStatusEnum | None = i("State of its payment, as you know it; records no payment.")
    metadata: list[InvoiceMetadataInput] | None = i("Keys and values; replaces those that are there.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Which invoice is cancelled, and what is credited for it.")
class VoidInvoiceInput:
    id: strawberry.ID = m("Internal id of the invoice.")
    generate_credit_note: bool | None = i("Give back by credit note.")
    credit_amount: BigInt | None = i("To the customer's balance, in minor units, taxes included.")
    refund_amount: BigInt | None = i("To be refunded, in minor units, taxes included.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class LoseInvoiceDisputeInput:
    id: strawberry.ID = m("Internal id of the invoice.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


Changing = Annotated[UpdateInvoiceInput, strawberry.argument(description="Which invoice, and what to change.")]
Voiding = Annotated[VoidInvoiceInput, strawberry.argument(description="Which invoice, and what is credited.")]
Losing = Annotated[LoseInvoiceDisputeInput, strawberry.argument(description="Which invoice.")]


@strawberry.type
class InvoiceChangeMutations:
    @strawberry.mutation(
        description="Set an issued invoice's payment status by hand, or its metadata.",
        permission_classes=[HasPermission("invoices:update")],
    )
    async def update_invoice(self, info: Inf, input: Changing) -> Invoice | None:
        async with info.context.writing() as ctx:
            return shown(await update_invoice(ctx, id_of("invoice", input.id), InvoiceUpdate.parse(sent(input, "id"))))

    @strawberry.mutation(
        description="Cancel an issued invoice: nothing is due on it any more.",
        permission_classes=[HasPermission("invoices:void")],
    )
    async def void_invoice(self, info: Inf, input: Voiding) -> Invoice | None:
        given = {name: value for name, value in sent(input, "id").items() if value is not None}
        async with info.context.writing() as ctx:
            return shown(await void_invoice(ctx, id_of("invoice", input.id), VoidOptions.parse(given)))

    @strawberry.mutation(
        description="Note that a dispute about the payment was lost.",
        permission_classes=[HasPermission("invoices:update")],
    )
    async def lose_invoice_dispute(self, info: Inf, input: Losing) -> Invoice | None:
        async with info.context.writing() as ctx:
            return shown(await lose_dispute(ctx, id_of("invoice", input.id)))
