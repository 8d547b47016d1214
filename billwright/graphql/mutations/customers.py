"""Writing customers."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer as CustomerRow
from billwright.billing.customers.queries import customers_by_id, find_customer
from billwright.billing.customers.schemas import CustomerInput
from billwright.billing.customers.service import upsert_customer
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.ids import parse_id
from billwright.graphql.mutations.inputs import (
    CreateCustomerInput,
    UpdateCustomerInput,
    sent,
)
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.customers import Customer

NewCustomer = Annotated[CreateCustomerInput, strawberry.argument(description="Attributes of the customer.")]
ChangedCustomer = Annotated[UpdateCustomerInput, strawberry.argument(description="Attributes to change.")]


async def customer_of(ctx: Context, id: str) -> CustomerRow:
    """The live customer with this internal id. Raises ``NotFound("customer")``."""
    customer_id = parse_id(id)
    found = (await customers_by_id(ctx, [customer_id])).get(customer_id) if customer_id else None
    if found is None or found.deleted_at is not None:
        raise NotFound("customer")
    return found


@strawberry.type
class CustomerMutations:
    @strawberry.mutation(description="Make a customer.", permission_classes=[HasPermission("customers:create")])
    async def create_customer(self, info: Inf, input: NewCustomer) -> Customer | None:
        async with info.context.writing() as ctx:
            inp = CustomerInput.parse(sent(input))
            if inp.external_id and await find_customer(ctx, inp.external_id) is not None:
                raise ValidationFailed(external_id="value_already_exist")
            return shown(await upsert_customer(ctx, inp))

    @strawberry.mutation(description="Change a customer.", permission_classes=[HasPermission("customers:update")])
    async def update_customer(self, info: Inf, input: ChangedCustomer) -> Customer | None:
        async with info.context.writing() as ctx:
            customer = await customer_of(ctx, input.id)
            changes = {**sent(input, "id"), "external_id": customer.external_id}
            return shown(await upsert_customer(ctx, CustomerInput.parse(changes)))
