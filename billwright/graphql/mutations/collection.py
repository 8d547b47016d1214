"""Collecting invoices, and what is done with all of them or with a draft (spec 04 §8, §13)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.invoicing.collection import payment_url, retry_all_payments, retry_payment
from billwright.billing.invoicing.deletion import delete_draft
from billwright.billing.invoicing.finalizing import finalize_all_invoices
from billwright.billing.invoicing.queries import find_invoice
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import Inf, f, id_of, shown
from billwright.graphql.types.invoices import Invoice


@strawberry.input(description="Names one object.")
class RetryInvoicePaymentInput:
    id: strawberry.ID = m("Internal id of the invoice.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Nothing is needed.")
class RetryAllInvoicePaymentsInput:
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Nothing is needed.")
class FinalizeAllInvoicesInput:
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Which invoice is to be paid.")
class GeneratePaymentUrlInput:
    invoice_id: strawberry.ID = m("Internal id of the invoice.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class DestroyInvoiceInput:
    id: strawberry.ID = m("Internal id of the draft.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.type(description="A page on which an invoice can be paid.")
class GeneratedPaymentUrl:
    payment_url: str = f("Its address.")


@strawberry.type(description="A draft that was deleted.")
class DestroyedInvoice:
    id: strawberry.ID = f("Its internal id.")


Collecting = Annotated[RetryInvoicePaymentInput, strawberry.argument(description="Which invoice.")]
CollectingAll = Annotated[RetryAllInvoicePaymentsInput, strawberry.argument(description="Nothing is needed.")]
FinalizingAll = Annotated[FinalizeAllInvoicesInput, strawberry.argument(description="Nothing is needed.")]
Linking = Annotated[GeneratePaymentUrlInput, strawberry.argument(description="Which invoice.")]
Destroying = Annotated[DestroyInvoiceInput, strawberry.argument(description="Which draft.")]


@strawberry.type
class CollectionMutations:
    @strawberry.mutation(
        description="Have an unpaid invoice collected once more.", permission_classes=[HasPermission("invoices:send")]
    )
    async def retry_invoice_payment(self, info: Inf, input: Collecting) -> Invoice | None:
        async with info.context.writing() as ctx:
            await retry_payment(ctx, id_of("invoice", input.id))
            return shown(await find_invoice(ctx, id_of("invoice", input.id)))

    @strawberry.mutation(
        description="The same for all unpaid invoices.", permission_classes=[HasPermission("invoices:send")]
    )
    async def retry_all_invoice_payments(self, info: Inf, input: CollectingAll) -> list[Invoice]:
        async with info.context.writing() as ctx:
            return shown(await retry_all_payments(ctx))

    @strawberry.mutation(
        description="Issue all drafts, in the background; answers with them as they are.",
        permission_classes=[HasPermission("invoices:update")],
    )
    async def finalize_all_invoices(self, info: Inf, input: FinalizingAll) -> list[Invoice]:
        async with info.context.writing() as ctx:
            return shown(await finalize_all_invoices(ctx))

    @strawberry.mutation(
        description="A page on which the customer can pay the invoice.",
        permission_classes=[HasPermission("invoices:update")],
    )
    async def generate_payment_url(self, info: Inf, input: Linking) -> GeneratedPaymentUrl | None:
        async with info.context.writing() as ctx:
            link = await payment_url(ctx, id_of("invoice", input.invoice_id))
            return GeneratedPaymentUrl(payment_url=link["payment_url"])

    @strawberry.mutation(
        description="Delete a draft; its period is not billed again.",
        permission_classes=[HasPermission("invoices:delete")],
    )
    async def destroy_invoice(self, info: Inf, input: Destroying) -> DestroyedInvoice | None:
        async with info.context.writing() as ctx:
            await delete_draft(ctx, id_of("invoice", input.id))
        return DestroyedInvoice(id=strawberry.ID(input.id))
