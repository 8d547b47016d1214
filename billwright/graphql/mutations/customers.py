"""Writing customers and subscriptions."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.catalog.queries import plan_by_id
from billwright.billing.customers.models import Customer as CustomerRow
from billwright.billing.customers.queries import customers_by_id, find_customer
from billwright.billing.customers.schemas import CustomerInput
from billwright.billing.customers.service import upsert_customer
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.ids import new_id, parse_id
from billwright.billing.subscriptions.queries import subscription_by_id
from billwright.billing.subscriptions.schemas import SubscriptionCreate, TerminationOptions
from billwright.billing.subscriptions.service import create_subscription, terminate_subscription
from billwright.graphql.mutations.inputs import (
    CreateCustomerInput,
    CreateSubscriptionInput,
    TerminateSubscriptionInput,
    UpdateCustomerInput,
    sent,
)
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.customers import Customer
from billwright.graphql.types.subscriptions import Subscription

NewCustomer = Annotated[CreateCustomerInput, strawberry.argument(description="Attributes of the customer.")]
ChangedCustomer = Annotated[UpdateCustomerInput, strawberry.argument(description="Attributes to change.")]
NewSubscription = Annotated[CreateSubscriptionInput, strawberry.argument(description="Who, on which plan, since when.")]
Ending = Annotated[TerminateSubscriptionInput, strawberry.argument(description="Which, and what follows.")]


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

    @strawberry.mutation(
        description="Put a customer on a plan.", permission_classes=[HasPermission("subscriptions:create")]
    )
    async def create_subscription(self, info: Inf, input: NewSubscription) -> Subscription | None:
        async with info.context.writing() as ctx:
            customer = await customer_of(ctx, input.customer_id)
            plan_id = parse_id(input.plan_id)
            if plan_id is None:
                raise NotFound("plan")
            plan = await plan_by_id(ctx, plan_id)
            values: dict[str, Any] = sent(input, "customer_id", "plan_id")
            if not (values.get("external_id") or "").strip():
                values["external_id"] = str(new_id())
            values |= {"external_customer_id": customer.external_id, "plan_code": plan.code}
            return shown(await create_subscription(ctx, SubscriptionCreate.parse(values)))

    @strawberry.mutation(
        description="End a subscription, or cancel a pending one.",
        permission_classes=[HasPermission("subscriptions:update")],
    )
    async def terminate_subscription(self, info: Inf, input: Ending) -> Subscription | None:
        subscription_id = parse_id(input.id)
        if subscription_id is None:
            raise NotFound("subscription")
        async with info.context.writing() as ctx:
            found = await subscription_by_id(ctx, subscription_id)
            if found.status not in ("active", "pending"):
                raise NotFound("subscription")
            options = TerminationOptions.parse(sent(input, "id"))
            return shown(await terminate_subscription(ctx, found.external_id, options, status=found.status))
