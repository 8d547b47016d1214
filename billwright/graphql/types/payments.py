"""Payments. Amounts are minor units of their currency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from billwright.billing.payments import models
from billwright.graphql import batches
from billwright.graphql.enums import PaymentPayablePaymentStatusEnum, PaymentTypeEnum
from billwright.graphql.scalars import BigInt, ISO8601DateTime
from billwright.graphql.types.common import Inf, f

if TYPE_CHECKING:
    from billwright.graphql.types.customers import Customer
    from billwright.graphql.types.invoices import Invoice

LazyCustomer = Annotated["Customer", strawberry.lazy("billwright.graphql.types.customers")]
LazyInvoice = Annotated["Invoice", strawberry.lazy("billwright.graphql.types.invoices")]
Row = strawberry.Parent[models.Payment]


@strawberry.type(description="Money received, or an attempt to collect it.")
class Payment:
    id: strawberry.ID = f("Internal id.")
    amount_cents: BigInt = f("Amount in minor units.")
    status: str = f("State in the provider's own words; succeeded for a payment recorded by hand.")
    payable_payment_status: PaymentPayablePaymentStatusEnum = f("State of the payment.")
    payment_type: PaymentTypeEnum = f("Recorded by hand, or collected by a provider.")
    payable_type: str = f("What it pays: Invoice or PaymentRequest.")
    reference: str | None = f("Reference of a payment recorded by hand.")
    created_at: ISO8601DateTime = f("When it was received.")
    updated_at: ISO8601DateTime = f("When it was last changed.")

    @strawberry.field(description="Currency (ISO 4217).")
    def amount_currency(self, root: Row) -> str:
        return root.currency

    @strawberry.field(description="Who paid.")
    async def customer(self, root: Row, info: Inf) -> LazyCustomer:
        return await info.context.load(batches.customers, root.customer_id)

    @strawberry.field(description="The invoices that it pays.")
    async def invoices(self, root: Row, info: Inf) -> list[LazyInvoice]:
        found = await info.context.load(batches.invoices, root.payable_id)
        return [] if found is None else [found]
