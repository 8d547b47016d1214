"""Invoices."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.invoicing.queries import (
    InvoiceFilters,
    find_invoice,
    invoices_statement,
    list_invoices,
)
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id, some_id
from billwright.billing.kernel.pagination import count_rows
from billwright.graphql.enums import InvoicePaymentStatusEnum, InvoiceStatusEnum, InvoiceTypeEnum
from billwright.graphql.permissions import HasPermission
from billwright.graphql.queries.customers import find_customer_by
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
    f,
    page_request,
    shown,
)
from billwright.graphql.types.invoices import Invoice


@strawberry.type(description="How many invoices each quick filter finds.")
class InvoiceCounts:
    draft: int = f("Drafts.")
    outstanding: int = f("Finalized, and the payment is pending or failed.")
    overdue: int = f("Due and unpaid.")
    disputed: int = f("With a lost dispute.")
    failed: int = f("Not issued, because their taxes could not be determined.")


async def _count(ctx: Any, **filters: Any) -> int:
    return await count_rows(ctx.session, invoices_statement(ctx, InvoiceFilters(**filters)))


@strawberry.type
class InvoiceQueries:
    @strawberry.field(description="Invoices, newest first.", permission_classes=[HasPermission("invoices:view")])
    async def invoices(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        status: Annotated[
            list[InvoiceStatusEnum] | None, strawberry.argument(description="In any of these states.")
        ] = None,
        payment_status: Annotated[
            list[InvoicePaymentStatusEnum] | None, strawberry.argument(description="With any of these payment states.")
        ] = None,
        invoice_type: Annotated[
            list[InvoiceTypeEnum] | None, strawberry.argument(description="Of any of these types.")
        ] = None,
        currency: CurrencyFilter = None,
        amount_from: AmountFrom = None,
        amount_to: AmountTo = None,
        issuing_date_from: IssuedFrom = None,
        issuing_date_to: IssuedTo = None,
        customer_id: CustomerFilter = None,
        customer_external_id: ExternalCustomerFilter = None,
        payment_overdue: Annotated[bool | None, strawberry.argument(description="Overdue or not.")] = None,
        payment_dispute_lost: Annotated[
            bool | None, strawberry.argument(description="With or without a lost dispute.")
        ] = None,
        partially_paid: Annotated[bool | None, strawberry.argument(description="Partly paid or not.")] = None,
        positive_due_amount: Annotated[
            bool | None, strawberry.argument(description="With or without something still due.")
        ] = None,
        subscription_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="That bill this subscription.")
        ] = None,
    ) -> Collection[Invoice]:
        filters = InvoiceFilters(
            customer_id=some_id(customer_id) if customer_id else None,
            external_customer_id=customer_external_id,
            statuses=[item.value for item in status] if status else None,
            payment_statuses=[item.value for item in payment_status] if payment_status else None,
            invoice_types=[item.value for item in invoice_type] if invoice_type else None,
            currency=currency,
            issuing_date_from=issuing_date_from,
            issuing_date_to=issuing_date_to,
            amount_from=amount_from,
            amount_to=amount_to,
            payment_overdue=payment_overdue,
            payment_dispute_lost=payment_dispute_lost,
            partially_paid=partially_paid,
            positive_due_amount=positive_due_amount,
            subscription_id=some_id(subscription_id) if subscription_id else None,
            search=search_term or None,
        )
        async with info.context.reading() as ctx:
            return collection(await list_invoices(ctx, filters, page_request(page, limit)))

    @strawberry.field(
        description="Invoices of one customer, newest first.", permission_classes=[HasPermission("invoices:view")]
    )
    async def customer_invoices(
        self,
        info: Inf,
        customer_id: Annotated[strawberry.ID, strawberry.argument(description="Internal id of the customer.")],
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        status: Annotated[
            list[InvoiceStatusEnum] | None, strawberry.argument(description="In any of these states.")
        ] = None,
    ) -> Collection[Invoice] | None:
        customer = await find_customer_by(info, customer_id, None)
        filters = InvoiceFilters(
            customer_id=customer.id,
            statuses=[item.value for item in status] if status else None,
            search=search_term or None,
        )
        async with info.context.reading() as ctx:
            return collection(await list_invoices(ctx, filters, page_request(page, limit)))

    @strawberry.field(description="One invoice.", permission_classes=[HasPermission("invoices:view")])
    async def invoice(self, info: Inf, id: IdArgument) -> Invoice | None:
        invoice_id = parse_id(id)
        if invoice_id is None:
            raise NotFound("invoice")
        async with info.context.reading() as ctx:
            return shown(await find_invoice(ctx, invoice_id))

    @strawberry.field(
        description="How many invoices each quick filter finds.", permission_classes=[HasPermission("invoices:view")]
    )
    async def invoice_counts(self, info: Inf) -> InvoiceCounts:
        async with info.context.reading() as ctx:
            return InvoiceCounts(
                draft=await _count(ctx, statuses=("draft",)),
                outstanding=await _count(ctx, statuses=("finalized",), payment_statuses=("pending", "failed")),
                overdue=await _count(ctx, payment_overdue=True),
                disputed=await _count(ctx, payment_dispute_lost=True),
                failed=await _count(ctx, statuses=("failed",)),
            )
