"""Customers, subscriptions, usage."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from billwright.billing.customers.queries import CustomerFilters, get_customer, list_customers
from billwright.billing.kernel.errors import NotAllowed, NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.metering.usage import usage_of
from billwright.billing.subscriptions.queries import (
    SubscriptionFilters,
    find_subscription,
    list_subscriptions,
    subscription_by_id,
)
from billwright.graphql import batches
from billwright.graphql.enums import CustomerCustomerTypeEnum, SubscriptionStatusEnum
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.common import (
    Collection,
    ExternalCustomerFilter,
    Inf,
    Limit,
    PageNumber,
    SearchTerm,
    collection,
    page_request,
    shown,
)
from billwright.graphql.types.customers import Customer
from billwright.graphql.types.subscriptions import Subscription
from billwright.graphql.types.usage import CustomerUsage, customer_usage

Texts = Annotated[list[str] | None, strawberry.argument(description="Any of these.")]


async def find_customer_by(info: Info[Any, Any], id: str | None, external_id: str | None) -> Any:
    """The live customer by either id. Raises ``NotFound("customer")``."""
    if external_id is not None:
        async with info.context.reading() as ctx:
            return await get_customer(ctx, external_id)
    customer_id = parse_id(id) if id else None
    found = await info.context.load(batches.customers, customer_id) if customer_id else None
    if found is None or found.deleted_at is not None:
        raise NotFound("customer")
    return found


@strawberry.input(description="A key of customers, with a value or not set at all.")
class CustomerMetadataFilter:
    key: str = strawberry.field(description="Key.")
    value: str | None = strawberry.field(description="Value; empty or left out: the key is not set.", default=None)


@strawberry.type
class CustomerQueries:
    @strawberry.field(description="Customers, newest first.", permission_classes=[HasPermission("customers:view")])
    async def customers(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        external_id: Annotated[str | None, strawberry.argument(description="Exactly this external id.")] = None,
        currencies: Texts = None,
        countries: Texts = None,
        states: Texts = None,
        zipcodes: Texts = None,
        customer_type: Annotated[
            CustomerCustomerTypeEnum | None, strawberry.argument(description="Of this kind.")
        ] = None,
        has_customer_type: Annotated[bool | None, strawberry.argument(description="With or without a kind.")] = None,
        has_tax_identification_number: Annotated[
            bool | None, strawberry.argument(description="With or without a tax id.")
        ] = None,
        metadata: Annotated[
            list[CustomerMetadataFilter] | None, strawberry.argument(description="With all of these keys and values.")
        ] = None,
        active_subscriptions_count_from: Annotated[
            int | None, strawberry.argument(description="With so many active subscriptions or more.")
        ] = None,
        active_subscriptions_count_to: Annotated[
            int | None, strawberry.argument(description="With so many active subscriptions or fewer.")
        ] = None,
        with_deleted: Annotated[bool | None, strawberry.argument(description="Deleted ones too.")] = None,
    ) -> Collection[Customer]:
        filters = CustomerFilters(
            search=search_term,
            external_id=external_id,
            currencies=[item.upper() for item in currencies or []],
            countries=[item.upper() for item in countries or []],
            states=states,
            zipcodes=zipcodes,
            customer_type=customer_type.value if customer_type else None,
            has_customer_type=has_customer_type,
            has_tax_identification_number=has_tax_identification_number,
            metadata={item.key: item.value or "" for item in metadata or []},
            active_subscriptions_from=active_subscriptions_count_from,
            active_subscriptions_to=active_subscriptions_count_to,
            with_deleted=bool(with_deleted),
        )
        async with info.context.reading() as ctx:
            return collection(await list_customers(ctx, filters, page_request(page, limit)))

    @strawberry.field(description="One customer, by either id.", permission_classes=[HasPermission("customers:view")])
    async def customer(
        self,
        info: Inf,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="Internal id.")] = None,
        external_id: Annotated[str | None, strawberry.argument(description="External id.")] = None,
    ) -> Customer | None:
        return await find_customer_by(info, id, external_id)

    @strawberry.field(
        description="What the running period of a subscription would cost now.",
        permission_classes=[HasPermission("customers:view")],
    )
    async def customer_usage(
        self,
        info: Inf,
        subscription_id: Annotated[strawberry.ID, strawberry.argument(description="Internal id of the subscription.")],
        customer_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Internal id of its customer.")
        ] = None,
    ) -> CustomerUsage | None:
        wanted = parse_id(subscription_id)
        subscription = await info.context.load(batches.subscriptions, wanted) if wanted else None
        if subscription is None or (customer_id is not None and parse_id(customer_id) != subscription.customer_id):
            raise NotFound("subscription")
        if subscription.status != "active":
            raise NotAllowed("no_active_subscription")
        customer = await info.context.load(batches.customers, subscription.customer_id)
        async with info.context.reading() as ctx:
            return customer_usage(ctx, await usage_of(ctx, customer, subscription))

    @strawberry.field(
        description="Subscriptions, newest first.", permission_classes=[HasPermission("subscriptions:view")]
    )
    async def subscriptions(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        status: Annotated[
            list[SubscriptionStatusEnum] | None,
            strawberry.argument(description="In any of these states; active and pending unless told."),
        ] = None,
        plan_code: Annotated[str | None, strawberry.argument(description="On the plan with this code.")] = None,
        external_customer_id: ExternalCustomerFilter = None,
        external_id: Annotated[str | None, strawberry.argument(description="Exactly this external id.")] = None,
        overriden: Annotated[bool | None, strawberry.argument(description="With or without overridden prices.")] = None,
        currency: Annotated[str | None, strawberry.argument(description="On a plan of this currency.")] = None,
    ) -> Collection[Subscription]:
        filters = SubscriptionFilters(
            external_customer_id=external_customer_id,
            plan_code=plan_code,
            external_id=external_id,
            statuses=[item.value for item in status] if status else ("active", "pending"),
            currency=currency.upper() if currency else None,
            overridden=overriden,
            search=search_term or None,
        )
        async with info.context.reading() as ctx:
            return collection(await list_subscriptions(ctx, filters, page_request(page, limit)))

    @strawberry.field(
        description="One subscription, by either id.", permission_classes=[HasPermission("subscriptions:view")]
    )
    async def subscription(
        self,
        info: Inf,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="Internal id.")] = None,
        external_id: Annotated[
            str | None, strawberry.argument(description="External id of an active subscription.")
        ] = None,
    ) -> Subscription | None:
        async with info.context.reading() as ctx:
            if external_id is not None:
                return shown(await find_subscription(ctx, external_id))
            wanted = parse_id(id) if id else None
            if wanted is None:
                raise NotFound("subscription")
            return shown(await subscription_by_id(ctx, wanted))
