"""Writing customers."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.customers.deletion import delete_customer
from billwright.billing.customers.models import Customer as CustomerRow
from billwright.billing.customers.queries import customers_by_id, find_customer
from billwright.billing.customers.schemas import CustomerInput
from billwright.billing.customers.service import change_external_id, upsert_customer
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.ids import parse_id
from billwright.billing.previewing.outlook import foresee_next_invoice
from billwright.graphql import batches
from billwright.graphql.mutations.customer_inputs import (
    CreateCustomerInput,
    DestroyCustomerInput,
    PreviewNextInvoicesInput,
    UpdateCustomerInput,
    UpdateCustomerInvoiceGracePeriodInput,
)
from billwright.graphql.mutations.inputs import sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import Inf, f, shown
from billwright.graphql.types.customers import Customer
from billwright.graphql.types.outlook import OutlookInvoice
from billwright.graphql.types.subscriptions import Subscription

NewCustomer = Annotated[CreateCustomerInput, strawberry.argument(description="Attributes of the customer.")]
ChangedCustomer = Annotated[UpdateCustomerInput, strawberry.argument(description="Attributes to change.")]
GoneCustomer = Annotated[DestroyCustomerInput, strawberry.argument(description="Which customer.")]
GracePeriod = Annotated[UpdateCustomerInvoiceGracePeriodInput, strawberry.argument(description="Which, and how long.")]
Whose = Annotated[PreviewNextInvoicesInput, strawberry.argument(description="Whose invoices.")]
MOST_FORESEEN = 10
"""Subscriptions whose next invoice is computed at once: each is billed in a dry run."""


@strawberry.type(description="The invoice that comes next for a subscription, if nothing changes; nothing is stored.")
class NextInvoice:
    subscription: Subscription = f("The subscription.")
    invoice: OutlookInvoice | None = f("Its next invoice with the usage known today; null when none comes.")


def _input(given: dict[str, Any]) -> CustomerInput:
    """The REST input, where the payment provider is part of the billing configuration."""
    provider: dict[str, Any] = {name: given.pop(name) for name in _PROVIDER if name in given}
    provider |= given.pop("provider_customer", None) or {}
    if provider:
        given["billing_configuration"] = {**(given.get("billing_configuration") or {}), **provider}
    return CustomerInput.parse(given)


_PROVIDER = ("payment_provider", "payment_provider_code")


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
            inp = _input(sent(input))
            if inp.external_id and await find_customer(ctx, inp.external_id) is not None:
                raise ValidationFailed(external_id="value_already_exist")
            return shown(await upsert_customer(ctx, inp))

    @strawberry.mutation(description="Change a customer.", permission_classes=[HasPermission("customers:update")])
    async def update_customer(self, info: Inf, input: ChangedCustomer) -> Customer | None:
        async with info.context.writing() as ctx:
            customer = await customer_of(ctx, input.id)
            changes = sent(input, "id")
            if "external_id" in changes:
                await change_external_id(ctx, customer, changes["external_id"] or "")
            return shown(await upsert_customer(ctx, _input({**changes, "external_id": customer.external_id})))

    @strawberry.mutation(
        description="Change for how many days a customer's invoices stay drafts.",
        permission_classes=[HasPermission("customers:update")],
    )
    async def update_customer_invoice_grace_period(self, info: Inf, input: GracePeriod) -> Customer | None:
        async with info.context.writing() as ctx:
            customer = await customer_of(ctx, input.id)
            changes = {"billing_configuration": {"invoice_grace_period": input.invoice_grace_period}}
            return shown(await upsert_customer(ctx, _input({**changes, "external_id": customer.external_id})))

    @strawberry.mutation(
        description="Delete a customer: its subscriptions end and are billed, what was issued stays.",
        permission_classes=[HasPermission("customers:delete")],
    )
    async def destroy_customer(self, info: Inf, input: GoneCustomer) -> Customer | None:
        async with info.context.writing() as ctx:
            customer = await customer_of(ctx, input.id)
            return shown(await delete_customer(ctx, customer.external_id))

    @strawberry.mutation(
        description="What the next invoices of a customer's active subscriptions would be, of the oldest ten; nothing"
        " is stored.",
        permission_classes=[HasPermission("invoices:view")],
    )
    async def preview_next_invoices(self, info: Inf, input: Whose) -> list[NextInvoice]:
        async with info.context.reading() as ctx:
            customer = await customer_of(ctx, input.customer_id)
        held = await info.context.load(batches.subscriptions_of_customer, customer.id, [])
        active = sorted((item for item in held if item.status == "active"), key=lambda item: (item.created_at, item.id))
        answer: list[NextInvoice] = []
        for item in active[:MOST_FORESEEN]:
            async with info.context.writing() as ctx:
                coming = await foresee_next_invoice(ctx, item.id)
            answer.append(NextInvoice(subscription=shown(item), invoice=shown(coming)))
        return answer
