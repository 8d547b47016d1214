"""Issuing invoices and printing them."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.background.jobs import JobCall
from billwright.billing.invoicing.documents import document_to_show, make_document
from billwright.billing.invoicing.drafts import finalize_invoice, refresh_invoice
from billwright.billing.invoicing.pending import retry_all_invoices, retry_invoice
from billwright.billing.kernel.ids import new_id
from billwright.graphql import batches
from billwright.graphql.mutations.inputs import (
    CLIENT_MUTATION_ID,
    DownloadInvoiceInput,
    FinalizeInvoiceInput,
    RefreshInvoiceInput,
    i,
    m,
)
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import Inf, id_of, shown
from billwright.graphql.types.invoices import Invoice

Finalizing = Annotated[FinalizeInvoiceInput, strawberry.argument(description="Which draft.")]
Refreshing = Annotated[RefreshInvoiceInput, strawberry.argument(description="Which draft.")]
Downloading = Annotated[DownloadInvoiceInput, strawberry.argument(description="Which invoice.")]


@strawberry.input(description="Names one object.")
class RetryInvoiceInput:
    id: strawberry.ID = m("Internal id of the failed invoice.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Nothing is needed.")
class RetryAllInvoicesInput:
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


Retrying = Annotated[RetryInvoiceInput, strawberry.argument(description="Which failed invoice.")]
RetryingAll = Annotated[RetryAllInvoicesInput, strawberry.argument(description="Nothing is needed.")]


@strawberry.type
class InvoiceMutations:
    @strawberry.mutation(
        description="Determine the taxes of a failed invoice again, in the background.",
        permission_classes=[HasPermission("invoices:update")],
    )
    async def retry_invoice(self, info: Inf, input: Retrying) -> Invoice | None:
        async with info.context.writing() as ctx:
            return shown(await retry_invoice(ctx, id_of("invoice", input.id)))

    @strawberry.mutation(
        description="The same for all failed invoices.", permission_classes=[HasPermission("invoices:update")]
    )
    async def retry_all_invoices(self, info: Inf, input: RetryingAll) -> list[Invoice]:
        async with info.context.writing() as ctx:
            return shown(await retry_all_invoices(ctx))

    @strawberry.mutation(description="Issue a draft now.", permission_classes=[HasPermission("invoices:update")])
    async def finalize_invoice(self, info: Inf, input: Finalizing) -> Invoice | None:
        async with info.context.writing() as ctx:
            return shown(await finalize_invoice(ctx, id_of("invoice", input.id)))

    @strawberry.mutation(
        description="Compute a draft again from usage and catalogue as they are now.",
        permission_classes=[HasPermission("invoices:update")],
    )
    async def refresh_invoice(self, info: Inf, input: Refreshing) -> Invoice | None:
        async with info.context.writing() as ctx:
            return shown(await refresh_invoice(ctx, id_of("invoice", input.id)))

    @strawberry.mutation(
        description="Make the PDF of an issued invoice, if there is none; fileUrl of the answer is its address.",
        permission_classes=[HasPermission("invoices:view")],
    )
    async def download_invoice(self, info: Inf, input: Downloading) -> Invoice | None:
        invoice_id = id_of("invoice", input.id)
        async with info.context.writing() as ctx:
            found = await document_to_show(ctx, invoice_id)
            organization_id = ctx.organization_id
        if found.file_id is not None:
            return shown(found)
        runtime = info.context.services.runtime
        await make_document(JobCall(runtime, new_id(), organization_id, {"invoice_id": str(invoice_id)}, attempt=1))
        return await info.context.load(batches.invoices, invoice_id)
