"""Payments."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.payments.queries import PaymentFilters, find_payment, list_payments
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import (
    Collection,
    ExternalCustomerFilter,
    IdArgument,
    Inf,
    Limit,
    PageNumber,
    SearchTerm,
    collection,
    page_request,
    shown,
)
from billwright.graphql.types.payments import Payment


@strawberry.type
class PaymentQueries:
    @strawberry.field(description="Payments, newest first.", permission_classes=[HasPermission("payments:view")])
    async def payments(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        invoice_id: Annotated[strawberry.ID | None, strawberry.argument(description="Of this invoice.")] = None,
        external_customer_id: ExternalCustomerFilter = None,
    ) -> Collection[Payment]:
        filters = PaymentFilters(
            invoice_id=(parse_id(invoice_id) or UUID(int=0)) if invoice_id else None,
            external_customer_id=external_customer_id,
            search=search_term or None,
        )
        async with info.context.reading() as ctx:
            return collection(await list_payments(ctx, filters, page_request(page, limit)))

    @strawberry.field(description="One payment.", permission_classes=[HasPermission("payments:view")])
    async def payment(self, info: Inf, id: IdArgument) -> Payment | None:
        payment_id = parse_id(id)
        if payment_id is None:
            raise NotFound("payment")
        async with info.context.reading() as ctx:
            return shown(await find_payment(ctx, payment_id))
