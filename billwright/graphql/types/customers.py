"""Customers."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from billwright.billing.analytics.invoiced import overdue_by_customer, revenue_by_customer
from billwright.billing.customers import models, settings
from billwright.billing.customers.service import are_editable
from billwright.billing.invoicing.queries import InvoiceFilters, list_invoices
from billwright.graphql import batches, credit_note_batches, customer_batches, wallet_batches
from billwright.graphql.enums import CustomerCustomerTypeEnum
from billwright.graphql.scalars import BigInt, ISO8601DateTime
from billwright.graphql.types.common import (
    Collection,
    Inf,
    Limit,
    PageNumber,
    SearchTerm,
    collection,
    f,
    page_request,
    shown,
)
from billwright.graphql.types.credit_notes import CreditNotesBalance
from billwright.graphql.types.invoices import Invoice
from billwright.graphql.types.subscriptions import Subscription
from billwright.graphql.types.taxes import Tax

if TYPE_CHECKING:
    from billwright.graphql.types.coupons import AppliedCoupon

LazyApplied = Annotated["AppliedCoupon", strawberry.lazy("billwright.graphql.types.coupons")]
Row = strawberry.Parent[models.Customer]


@strawberry.enum(description="Who collects payments.")
class CustomerPaymentProviderEnum(Enum):
    stripe = "stripe"
    gocardless = "gocardless"
    adyen = "adyen"


@strawberry.type(description="A customer at its payment provider.")
class ProviderCustomer:
    provider_customer_id: str | None = f("Its id there.")
    sync_with_provider: bool = f("Whether it is made there.")
    provider_payment_methods: list[str] = f("Payment methods that it may use there.")


@strawberry.type(description="An address.")
class CustomerAddress:
    address_line1: str | None = f("First line.")
    address_line2: str | None = f("Second line.")
    city: str | None = f("City.")
    zipcode: str | None = f("Postal code.")
    state: str | None = f("State or province.")
    country: str | None = f("Country (ISO 3166 alpha-2).")


@strawberry.type(description="A key and value of a customer.")
class CustomerMetadata:
    id: strawberry.ID = f("Internal id.")
    key: str = f("Key, unique on the customer.")
    value: str = f("Value.")
    display_in_invoice: bool = f("Whether it is printed on invoices.")


@strawberry.type(description="A sum over invoices of one currency.")
class CustomerBalance:
    amount_cents: BigInt = f("Sum in minor units of the currency.")
    currency: str = f("Currency (ISO 4217).")
    invoices_count: int = f("How many invoices it sums.")


@strawberry.type(description="A buyer.")
class Customer:
    id: strawberry.ID = f("Internal id.")
    external_id: str = f("Your id of the customer.")
    sequential_id: int = f("Number of the customer in the organization.")
    slug: str = f("Short code used in invoice numbers.")
    name: str | None = f("Name.")
    firstname: str | None = f("First name.")
    lastname: str | None = f("Last name.")
    customer_type: CustomerCustomerTypeEnum | None = f("Company or individual.")
    email: str | None = f("E-mail addresses, separated by commas.")
    legal_name: str | None = f("Legal name.")
    legal_number: str | None = f("Registration number.")
    tax_identification_number: str | None = f("Tax id.")
    phone: str | None = f("Telephone number.")
    url: str | None = f("Web site.")
    logo_url: str | None = f("Address of its logo.")
    external_salesforce_id: str | None = f("Its id at Salesforce.")
    address_line1: str | None = f("First line of the billing address.")
    address_line2: str | None = f("Second line of the billing address.")
    city: str | None = f("City.")
    zipcode: str | None = f("Postal code.")
    state: str | None = f("State or province.")
    country: str | None = f("Country (ISO 3166 alpha-2).")
    currency: str | None = f("Currency (ISO 4217); null until the first subscription.")
    timezone: str | None = f("Time zone; null inherits the organization's.")
    net_payment_term: int | None = f("Days until an invoice is due; null inherits.")
    invoice_grace_period: int | None = f("Days for which invoices stay drafts; null inherits.")
    document_locale: str | None = f("Language of documents; null inherits.")
    finalize_zero_amount_invoice: str = f("Whether empty invoices are issued: inherit, skip or finalize.")
    subscription_invoice_issuing_date_anchor: str | None = f(
        "Day that invoices of subscriptions carry: current_period_end or next_period_start; null inherits."
    )
    subscription_invoice_issuing_date_adjustment: str | None = f(
        "What a grace period does to it: keep_anchor or align_with_finalization_date; null inherits."
    )
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")
    deleted_at: ISO8601DateTime | None = f("When it was deleted.")

    @strawberry.field(description="Name to show: name, then first and last name; null when there is none.")
    def display_name(self, root: Row) -> str | None:
        person = " ".join(part for part in (root.firstname, root.lastname) if part)
        return " - ".join(part for part in (root.name, person) if part) or None

    @strawberry.field(description="Shipping address.")
    def shipping_address(self, root: Row) -> CustomerAddress:
        sent: Any = root.shipping_address or {}
        names = ("address_line1", "address_line2", "city", "zipcode", "state", "country")
        return CustomerAddress(**{name: sent.get(name) for name in names})

    @strawberry.field(description="Time zone in force.")
    async def applicable_timezone(self, root: Row, info: Inf) -> str:
        return settings.applicable_timezone(root, (await info.context.principal()).organization)

    @strawberry.field(description="How many credit notes it has; null without credit_notes:view.")
    async def credit_notes_count(self, root: Row, info: Inf) -> int | None:
        if not await info.context.may("credit_notes:view"):
            return None
        return await info.context.load(credit_note_batches.credit_notes_by_customer, root.id, 0)

    @strawberry.field(description="What is left of its credit notes, by currency; null without credit_notes:view.")
    async def credit_notes_balances(self, root: Row, info: Inf) -> list[CreditNotesBalance] | None:
        if not await info.context.may("credit_notes:view"):
            return None
        return await info.context.load(credit_note_batches.usable_credit_of_customer, root.id, [])

    @strawberry.field(description="Payment term in force, in days.")
    async def applicable_net_payment_term(self, root: Row, info: Inf) -> int:
        return settings.net_payment_term(root, (await info.context.principal()).organization)

    @strawberry.field(description="Grace period in force, in days.")
    async def applicable_invoice_grace_period(self, root: Row, info: Inf) -> int:
        return settings.invoice_grace_period(root, (await info.context.principal()).organization)

    @strawberry.field(description="Language of new documents.")
    async def applicable_document_locale(self, root: Row, info: Inf) -> str:
        return settings.document_locale(root, (await info.context.principal()).organization)

    @strawberry.field(description="Whether invoices without fees are issued.")
    async def finalizes_empty_invoices(self, root: Row, info: Inf) -> bool:
        return settings.finalizes_empty_invoices(root, (await info.context.principal()).organization)

    @strawberry.field(description="Provider that collects payments; null without one.")
    def payment_provider(self, root: Row) -> str | None:
        return (root.payment_provider or {}).get("payment_provider")

    @strawberry.field(description="Code of the connection to the payment provider.")
    def payment_provider_code(self, root: Row) -> str | None:
        return (root.payment_provider or {}).get("payment_provider_code")

    @strawberry.field(description="The customer at its payment provider; null without one.")
    def provider_customer(self, root: Row) -> ProviderCustomer | None:
        linked = root.payment_provider
        if not linked:
            return None
        return ProviderCustomer(
            provider_customer_id=linked.get("provider_customer_id"),
            sync_with_provider=bool(linked.get("sync_with_provider")),
            provider_payment_methods=list(linked.get("provider_payment_methods") or []),
        )

    @strawberry.field(description="Whether the currency may still be changed.")
    async def can_edit_attributes(self, root: Row, info: Inf) -> bool:
        return await info.context.load(are_editable, root.id, True)

    @strawberry.field(description="Keys and values of the customer.")
    async def metadata(self, root: Row, info: Inf) -> list[CustomerMetadata]:
        return await info.context.load(batches.metadata_of_customer, root.id, [])

    @strawberry.field(description="Taxes of the customer itself.")
    async def taxes(self, root: Row, info: Inf) -> list[Tax]:
        return await info.context.load(batches.taxes_of_customer, root.id, [])

    @strawberry.field(description="Number of active subscriptions.")
    async def active_subscriptions_count(self, root: Row, info: Inf) -> int:
        return await info.context.load(batches.active_subscriptions_by_customer, root.id, 0)

    @strawberry.field(description="Number of subscriptions in any state.")
    async def subscriptions_count(self, root: Row, info: Inf) -> int:
        return await info.context.load(batches.subscriptions_by_customer, root.id, 0)

    @strawberry.field(description="Number of active wallets.")
    async def active_wallets_count(self, root: Row, info: Inf) -> int:
        return await info.context.load(wallet_batches.active_wallets_by_customer, root.id, 0)

    @strawberry.field(description="Number of subscriptions that have not started.")
    async def pending_subscriptions_count(self, root: Row, info: Inf) -> int:
        return await info.context.load(customer_batches.pending_subscriptions, root.id, 0)

    @strawberry.field(description="Number of draft invoices.")
    async def draft_invoices_count(self, root: Row, info: Inf) -> int:
        return await info.context.load(customer_batches.draft_invoices, root.id, 0)

    @strawberry.field(description="Number of coupons that still reduce its invoices.")
    async def active_coupons_count(self, root: Row, info: Inf) -> int:
        return await info.context.load(customer_batches.active_coupons, root.id, 0)

    @strawberry.field(description="Coupons that it was given, those still in use first; null without coupons:view.")
    async def applied_coupons(
        self,
        root: Row,
        info: Inf,
        only_active: Annotated[bool, strawberry.argument(description="Leave out those that ended.")] = False,
    ) -> list[LazyApplied] | None:
        if not await info.context.may("coupons:view"):
            return None
        found = await info.context.load(customer_batches.applied_coupons, root.id, [])
        return shown([item for item in found if item.status == "active" or not only_active])

    @strawberry.field(description="Number of invoices.")
    async def invoices_count(self, root: Row, info: Inf) -> int:
        return await info.context.load(batches.invoices_by_customer, root.id, 0)

    @strawberry.field(description="Per currency, what overdue invoices still ask for; null without analytics:view.")
    async def overdue_balances(self, root: Row, info: Inf) -> list[CustomerBalance] | None:
        if not await info.context.may("analytics:view"):
            return None
        return await info.context.load(overdue_by_customer, root.id, [])

    @strawberry.field(description="Per currency, totals of finalized invoices; null without analytics:view.")
    async def gross_revenues(self, root: Row, info: Inf) -> list[CustomerBalance] | None:
        if not await info.context.may("analytics:view"):
            return None
        return await info.context.load(revenue_by_customer, root.id, [])

    @strawberry.field(description="Subscriptions, active and pending ones first; null without subscriptions:view.")
    async def subscriptions(
        self,
        root: Row,
        info: Inf,
        only_active: Annotated[bool, strawberry.argument(description="Leave out all that are not active.")] = False,
    ) -> list[Subscription] | None:
        if not await info.context.may("subscriptions:view"):
            return None
        found = await info.context.load(batches.subscriptions_of_customer, root.id, [])
        return [item for item in found if item.status == "active" or not only_active]

    @strawberry.field(description="Invoices of the customer, newest first; null without invoices:view.")
    async def invoices(
        self,
        root: Row,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        drafts: Annotated[
            bool | None, strawberry.argument(description="True: only drafts. False: everything else.")
        ] = None,
        search_term: SearchTerm = None,
    ) -> Collection[Invoice] | None:
        if not await info.context.may("invoices:view"):
            return None
        statuses = {None: None, True: ("draft",), False: ("finalized", "voided", "failed", "pending")}[drafts]
        async with info.context.reading() as ctx:
            found = await list_invoices(
                ctx,
                InvoiceFilters(customer_id=root.id, statuses=statuses, search=search_term or None),
                page_request(page, limit),
            )
        return collection(found)
