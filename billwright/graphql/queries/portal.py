"""What a portal token reads (spec 07 §5.4): the customer's own, and nothing by a session."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.kernel.errors import NotAllowed
from billwright.billing.kernel.ids import parse_id
from billwright.billing.metering.usage import CurrentUsage, UsageRequest, usage_of
from billwright.billing.portal import queries as own
from billwright.billing.wallets.queries import count_active
from billwright.graphql.enums import InvoiceStatusEnum, SubscriptionStatusEnum
from billwright.graphql.permissions import IsPortalCustomer
from billwright.graphql.scalars import BigInt
from billwright.graphql.types.common import (
    Collection,
    IdArgument,
    Inf,
    Limit,
    PageNumber,
    SearchTerm,
    collection,
    page_request,
    shown,
)
from billwright.graphql.types.portal import (
    CustomerPortalCustomer,
    CustomerPortalInvoice,
    CustomerPortalInvoiceCollectionSum,
    CustomerPortalOrganization,
    CustomerPortalOverdueBalance,
    CustomerPortalSubscription,
    CustomerPortalWallet,
)
from billwright.graphql.types.portal_usage import (
    CustomerPortalCustomerProjectedUsage,
    CustomerPortalCustomerUsage,
    portal_projected_usage,
    portal_usage,
)
from billwright.graphql.types.wallets import WalletCollectionMetadata, WalletStatusEnum

SubscriptionId = Annotated[strawberry.ID, strawberry.argument(description="Internal id of the subscription.")]
Expire = Annotated[bool | None, strawberry.argument(description="Figures are never cached; accepted for clients.")]
WITHOUT_TAXES = UsageRequest(apply_taxes=False)
NOBODY = UUID(int=0)


@strawberry.type(description="A page of wallets.")
class CustomerPortalWalletCollection:
    collection: list[CustomerPortalWallet] = strawberry.field(
        description="The wallets of this page, first payer first."
    )
    metadata: WalletCollectionMetadata = strawberry.field(description="Where this page stands.")


def own_field(description: str) -> Any:
    """A field for portal tokens."""
    return strawberry.field(description=description, permission_classes=[IsPortalCustomer])


async def _usage(info: Inf, ctx: Context, subscription_id: str) -> CurrentUsage:
    customer = (await info.context.visitor()).customer
    subscription = await own.own_subscription(ctx, customer, parse_id(subscription_id) or NOBODY)
    if subscription.status != "active":
        raise NotAllowed("no_active_subscription")
    return await usage_of(ctx, customer, subscription, WITHOUT_TAXES)


@strawberry.type
class PortalQueries:
    @own_field("The customer whose portal this is.")
    async def customer_portal_user(self, info: Inf) -> CustomerPortalCustomer | None:
        return shown((await info.context.visitor()).customer)

    @own_field("Who sends the invoices.")
    async def customer_portal_organization(self, info: Inf) -> CustomerPortalOrganization | None:
        return shown((await info.context.visitor()).organization)

    @own_field("The customer's subscriptions, newest first.")
    async def customer_portal_subscriptions(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        status: Annotated[
            list[SubscriptionStatusEnum] | None,
            strawberry.argument(description="In any of these states; active unless told."),
        ] = None,
        plan_code: Annotated[str | None, strawberry.argument(description="On the plan with this code.")] = None,
        currency: Annotated[str | None, strawberry.argument(description="On a plan of this currency.")] = None,
    ) -> Collection[CustomerPortalSubscription]:
        customer = (await info.context.visitor()).customer
        async with info.context.reading() as ctx:
            found = await own.own_subscriptions(
                ctx,
                customer,
                page_request(page, limit),
                statuses=[item.value for item in status] if status else None,
                plan_code=plan_code,
                currency=currency,
            )
        return collection(found)

    @own_field("One of the customer's subscriptions.")
    async def customer_portal_subscription(self, info: Inf, id: IdArgument) -> CustomerPortalSubscription | None:
        customer = (await info.context.visitor()).customer
        async with info.context.reading() as ctx:
            return shown(await own.own_subscription(ctx, customer, parse_id(id) or NOBODY))

    @own_field("What the running period of an active subscription would cost now, without taxes.")
    async def customer_portal_customer_usage(
        self, info: Inf, subscription_id: SubscriptionId
    ) -> CustomerPortalCustomerUsage | None:
        async with info.context.reading() as ctx:
            return portal_usage(ctx, await _usage(info, ctx, subscription_id))

    @own_field("What the running period would cost at its end, if usage goes on evenly, without taxes.")
    async def customer_portal_customer_projected_usage(
        self, info: Inf, subscription_id: SubscriptionId
    ) -> CustomerPortalCustomerProjectedUsage | None:
        async with info.context.reading() as ctx:
            return portal_projected_usage(ctx, await _usage(info, ctx, subscription_id))

    @own_field("The customer's wallets by priority, then age.")
    async def customer_portal_wallets(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        status: Annotated[
            WalletStatusEnum | None, strawberry.argument(description="Those in this state; active unless told.")
        ] = None,
    ) -> CustomerPortalWalletCollection:
        customer = (await info.context.visitor()).customer
        async with info.context.reading() as ctx:
            found = await own.own_wallets(
                ctx, customer, page_request(page, limit), status=status.value if status else None
            )
            active = await count_active(ctx, customer.id)
        return CustomerPortalWalletCollection(
            collection=shown(found.items),
            metadata=WalletCollectionMetadata(
                current_page=found.meta()["current_page"] or 0,
                total_pages=found.total_pages,
                total_count=found.total_count,
                limit_value=found.request.per_page,
                customer_active_wallets_count=active,
            ),
        )

    @own_field("One of the customer's wallets.")
    async def customer_portal_wallet(self, info: Inf, id: IdArgument) -> CustomerPortalWallet | None:
        customer = (await info.context.visitor()).customer
        async with info.context.reading() as ctx:
            return shown(await own.own_wallet(ctx, customer, parse_id(id) or NOBODY))

    @own_field("The customer's finalized invoices, newest first.")
    async def customer_portal_invoices(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        status: Annotated[
            list[InvoiceStatusEnum] | None,
            strawberry.argument(description="Accepted for clients: only finalized ones are shown, whatever it says."),
        ] = None,
    ) -> Collection[CustomerPortalInvoice]:
        customer = (await info.context.visitor()).customer
        async with info.context.reading() as ctx:
            return collection(await own.own_invoices(ctx, customer, page_request(page, limit), search=search_term))

    @own_field("The customer's invoices by month and payment state, in its currency.")
    async def customer_portal_invoice_collections(
        self, info: Inf, expire_cache: Expire = None
    ) -> list[CustomerPortalInvoiceCollectionSum]:
        customer = (await info.context.visitor()).customer
        async with info.context.reading() as ctx:
            rows = await own.own_collections(ctx, customer)
        return [
            CustomerPortalInvoiceCollectionSum(
                month=row["month"],
                payment_status=row["payment_status"],
                invoices_count=BigInt(row["invoices_count"]),
                amount_cents=BigInt(row["amount_cents"]),
                currency=row["currency"],
            )
            for row in rows
        ]

    @own_field("What the customer's overdue invoices ask for, by month, in its currency.")
    async def customer_portal_overdue_balances(
        self, info: Inf, expire_cache: Expire = None
    ) -> list[CustomerPortalOverdueBalance]:
        customer = (await info.context.visitor()).customer
        async with info.context.reading() as ctx:
            rows = await own.own_overdue_balances(ctx, customer)
        return [
            CustomerPortalOverdueBalance(
                month=row["month"],
                amount_cents=BigInt(row["amount_cents"]),
                currency=row["currency"],
                lago_invoice_ids=[str(each) for each in row["lago_invoice_ids"]],
            )
            for row in rows
        ]
