"""Recording payments."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.payments.schemas import PaymentInput
from billwright.billing.payments.service import create_manual_payment
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt, ISO8601DateTime
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.payments import Payment


@strawberry.input(description="Money that was received for an invoice.")
class CreatePaymentInput:
    invoice_id: strawberry.ID = m("Internal id of the invoice.")
    amount_cents: BigInt = m("What was received, in minor units; at most what is due.")
    reference: str = m("What names the payment, at most 40 characters: the number of a transfer or cheque.")
    created_at: ISO8601DateTime = m("When it was received.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


Receiving = Annotated[CreatePaymentInput, strawberry.argument(description="What was received, and for what.")]


@strawberry.type
class PaymentMutations:
    @strawberry.mutation(
        description="Record a payment of an invoice.", permission_classes=[HasPermission("payments:create")]
    )
    async def create_payment(self, info: Inf, input: Receiving) -> Payment | None:
        values = sent(input, "created_at")
        async with info.context.writing() as ctx:
            return shown(await create_manual_payment(ctx, PaymentInput.parse({**values, "paid_at": input.created_at})))
