"""Asking for CSV files of filtered lists (spec 04 §23, 07 §7.5)."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.credit_notes.queries import CreditNoteFilters
from billwright.billing.exports.service import request_credit_notes_export, request_invoices_export
from billwright.billing.invoicing.queries import InvoiceFilters
from billwright.billing.kernel.ids import some_id
from billwright.graphql.enums import (
    CreditNoteCreditStatusEnum,
    CreditNoteExportTypeEnum,
    CreditNoteReasonEnum,
    CreditNoteRefundStatusEnum,
    DataExportFormatTypeEnum,
    InvoiceExportTypeEnum,
    InvoicePaymentStatusEnum,
    InvoiceStatusEnum,
    InvoiceTypeEnum,
)
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt, ISO8601Date
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.exports import DataExport


@strawberry.input(description="Filters of the list of invoices; they combine with AND.")
class DataExportInvoiceFiltersInput:
    search_term: str | None = i("Text that one of the list's search fields contains.")
    status: list[InvoiceStatusEnum] | None = i("In any of these states.")
    payment_status: list[InvoicePaymentStatusEnum] | None = i("With any of these payment states.")
    invoice_type: list[InvoiceTypeEnum] | None = i("Of any of these types.")
    currency: str | None = i("In this currency.")
    amount_from: BigInt | None = i("Total of at least this, in minor units.")
    amount_to: BigInt | None = i("Total of at most this, in minor units.")
    issuing_date_from: ISO8601Date | None = i("Issued on this day or later.")
    issuing_date_to: ISO8601Date | None = i("Issued on this day or earlier.")
    customer_id: strawberry.ID | None = i("Of this customer.")
    customer_external_id: str | None = i("Of the customer with this external id.")
    subscription_id: strawberry.ID | None = i("That bill this subscription.")
    payment_overdue: bool | None = i("Overdue or not.")
    payment_dispute_lost: bool | None = i("With or without a lost dispute.")
    partially_paid: bool | None = i("Partly paid or not.")
    positive_due_amount: bool | None = i("With or without something still due.")


@strawberry.input(description="Filters of the list of credit notes; they combine with AND.")
class DataExportCreditNoteFiltersInput:
    search_term: str | None = i("Text that one of the list's search fields contains.")
    reason: list[CreditNoteReasonEnum] | None = i("For any of these reasons.")
    credit_status: list[CreditNoteCreditStatusEnum] | None = i("With the credit in any of these states.")
    refund_status: list[CreditNoteRefundStatusEnum] | None = i("With the refund in any of these states.")
    currency: str | None = i("In this currency.")
    amount_from: BigInt | None = i("Total of at least this, in minor units.")
    amount_to: BigInt | None = i("Total of at most this, in minor units.")
    issuing_date_from: ISO8601Date | None = i("Issued on this day or later.")
    issuing_date_to: ISO8601Date | None = i("Issued on this day or earlier.")
    customer_id: strawberry.ID | None = i("Of this customer.")
    customer_external_id: str | None = i("Of the customer with this external id.")
    invoice_number: str | None = i("For the invoice with exactly this number.")


@strawberry.input(description="Which invoices as a file, and a row for what.")
class CreateDataExportsInvoicesInput:
    format: DataExportFormatTypeEnum = m("Form of the file.")
    resource_type: InvoiceExportTypeEnum = m("What a row is.")
    filters: DataExportInvoiceFiltersInput = m("Filters of the list, as they stand.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Which credit notes as a file, and a row for what.")
class CreateDataExportsCreditNotesInput:
    format: DataExportFormatTypeEnum = m("Form of the file.")
    resource_type: CreditNoteExportTypeEnum = m("What a row is.")
    filters: DataExportCreditNoteFiltersInput = m("Filters of the list, as they stand.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


Invoices = Annotated[CreateDataExportsInvoicesInput, strawberry.argument(description="Which invoices, and how.")]
Notes = Annotated[CreateDataExportsCreditNotesInput, strawberry.argument(description="Which credit notes, and how.")]

_RENAMED = {
    "search_term": "search",
    "status": "statuses",
    "payment_status": "payment_statuses",
    "invoice_type": "invoice_types",
    "customer_external_id": "external_customer_id",
    "reason": "reasons",
    "credit_status": "credit_statuses",
    "refund_status": "refund_statuses",
}


def filters_of(given: Any) -> dict[str, Any]:
    """The arguments of ``InvoiceFilters`` or ``CreditNoteFilters`` that an input names; empty ones filter nothing."""
    found: dict[str, Any] = {}
    for name in given.__annotations__:
        value: Any = getattr(given, name)
        if value is strawberry.UNSET or value is None or value in ("", []):
            continue
        if name.endswith("_id") and name != "customer_external_id":
            value = some_id(value)
        elif isinstance(value, list):
            value = [item.value for item in value]
        found[_RENAMED.get(name, name)] = value
    return found


@strawberry.type
class ExportMutations:
    @strawberry.mutation(
        description="Make a CSV file of the filtered invoices, or of their fees, and e-mail its link to you.",
        permission_classes=[HasPermission("invoices:export")],
    )
    async def create_invoices_data_export(self, info: Inf, input: Invoices) -> DataExport | None:
        user_id = (await info.context.principal()).user.id
        filters = InvoiceFilters(**filters_of(input.filters))
        async with info.context.writing() as ctx:
            return shown(await request_invoices_export(ctx, user_id, input.resource_type.value, filters))

    @strawberry.mutation(
        description="Make a CSV file of the filtered credit notes, or of their items, and e-mail its link to you.",
        permission_classes=[HasPermission("credit_notes:export")],
    )
    async def create_credit_notes_data_export(self, info: Inf, input: Notes) -> DataExport | None:
        user_id = (await info.context.principal()).user.id
        filters = CreditNoteFilters(**filters_of(input.filters))
        async with info.context.writing() as ctx:
            return shown(await request_credit_notes_export(ctx, user_id, input.resource_type.value, filters))
