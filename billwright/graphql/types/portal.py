"""What a customer sees of itself in its portal (spec 07 §5.4).

These types are the portal's own and lead nowhere else: no metadata, no plans of others, no integrations, no members.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import strawberry

from billwright.billing.access import models as access
from billwright.billing.customers import models as customers
from billwright.billing.customers.settings import applicable_timezone, document_locale
from billwright.billing.invoicing import models as invoicing
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.progressive.checking import completions
from billwright.billing.progressive.queries import lifetime_usage_of
from billwright.billing.progressive.schemas import ratio
from billwright.billing.progressive.service import LifetimeUsageView, view_of
from billwright.billing.subscriptions import models as subscriptions
from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.wallets import models as wallets
from billwright.billing.wallets.amounts import credits_of
from billwright.graphql import batches
from billwright.graphql.enums import (
    CustomerCustomerTypeEnum,
    InvoicePaymentStatusEnum,
    InvoiceTypeEnum,
    PlanIntervalEnum,
    SubscriptionStatusEnum,
)
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601Date, ISO8601DateTime
from billwright.graphql.types.common import Inf, f, shown
from billwright.graphql.types.wallets import WalletStatusEnum

ONE_DAY = timedelta(days=1)
CustomerRow = strawberry.Parent[customers.Customer]
OrganizationRow = strawberry.Parent[access.Organization]
SubscriptionRow = strawberry.Parent[subscriptions.Subscription]
WalletRow = strawberry.Parent[wallets.Wallet]
InvoiceRow = strawberry.Parent[invoicing.Invoice]
LifetimeRow = strawberry.Parent[LifetimeUsageView]


@strawberry.type(description="A postal address.")
class CustomerPortalAddress:
    address_line1: str | None = f("First line.")
    address_line2: str | None = f("Second line.")
    city: str | None = f("City.")
    zipcode: str | None = f("Postal code.")
    state: str | None = f("State or province.")
    country: str | None = f("Country (ISO 3166 alpha-2).")


@strawberry.type(description="The customer whose portal this is.")
class CustomerPortalCustomer:
    id: strawberry.ID = f("Internal id.")
    customer_type: CustomerCustomerTypeEnum | None = f("Company or individual.")
    name: str | None = f("Name.")
    firstname: str | None = f("First name.")
    lastname: str | None = f("Last name.")
    legal_name: str | None = f("Legal name.")
    legal_number: str | None = f("Registration number.")
    tax_identification_number: str | None = f("Tax id.")
    email: str | None = f("E-mail addresses for invoices, separated by commas.")
    address_line1: str | None = f("First line of the billing address.")
    address_line2: str | None = f("Second line of the billing address.")
    city: str | None = f("City of the billing address.")
    zipcode: str | None = f("Postal code of the billing address.")
    state: str | None = f("State or province of the billing address.")
    country: str | None = f("Country of the billing address (ISO 3166 alpha-2).")
    currency: str | None = f("Currency (ISO 4217).")
    document_locale: str | None = f("Language chosen by the customer; null: the organization's.")

    @strawberry.field(description="Where goods go; all null without such an address.")
    def shipping_address(self, root: CustomerRow) -> CustomerPortalAddress:
        names = ("address_line1", "address_line2", "city", "zipcode", "state", "country")
        return CustomerPortalAddress(**{name: (root.shipping_address or {}).get(name) for name in names})

    @strawberry.field(description="Time zone of dates.")
    async def applicable_timezone(self, root: CustomerRow, info: Inf) -> str:
        return applicable_timezone(root, (await info.context.visitor()).organization)

    @strawberry.field(description="Language of the portal and of documents.")
    async def applicable_document_locale(self, root: CustomerRow, info: Inf) -> str:
        return document_locale(root, (await info.context.visitor()).organization)

    @strawberry.field(description="Language of the organization.")
    async def organization_document_locale(self, root: CustomerRow, info: Inf) -> str:
        return (await info.context.visitor()).organization.document_locale

    @strawberry.field(description="Whether invoices may be paid online: a payment provider is linked.")
    def has_payment_provider(self, root: CustomerRow) -> bool:
        return bool(root.payment_provider)


@strawberry.type(description="Who sends the invoices.")
class CustomerPortalOrganization:
    id: strawberry.ID = f("Internal id.")
    name: str = f("Name.")
    default_currency: str = f("Currency (ISO 4217).")
    timezone: str = f("Time zone.")
    document_locale: str = f("Language of documents.")

    @strawberry.field(description="Address of its logo; null without one.")
    def logo_url(self, root: OrganizationRow, info: Inf) -> str | None:
        return info.context.services.settings.portal_links.logo_url(root.id, root.logo)


@strawberry.type(description="What a subscription costs.")
class CustomerPortalPlan:
    id: strawberry.ID = f("Internal id.")
    name: str = f("Name.")
    invoice_display_name: str | None = f("Name printed on invoices.")
    interval: PlanIntervalEnum = f("Length of a billing period.")
    amount_cents: BigInt = f("Fee of a period without taxes, in minor units.")
    amount_currency: str = f("Currency (ISO 4217).")


@strawberry.type(description="Usage since a subscription's beginning, on the way to its thresholds.")
class CustomerPortalLifetimeUsage:
    @strawberry.field(description="All of it, in minor units.")
    def total_usage_amount_cents(self, root: LifetimeRow) -> BigInt:
        return BigInt(root.usage.total)

    @strawberry.field(description="Since when.")
    def total_usage_from_datetime(self, root: LifetimeRow) -> ISO8601DateTime:
        return ISO8601DateTime(root.subscription.subscription_at)

    @strawberry.field(description="Until when.")
    def total_usage_to_datetime(self, root: LifetimeRow) -> ISO8601DateTime:
        return ISO8601DateTime(root.now)

    @strawberry.field(description="The threshold reached last, in minor units; null before the first.")
    def last_threshold_amount_cents(self, root: LifetimeRow) -> BigInt | None:
        reached = [item for item in completions(root.grid, root.usage.total) if item.is_reached]
        return BigInt(reached[-1].amount_cents) if reached else None

    @strawberry.field(description="The next threshold, in minor units; null after the last.")
    def next_threshold_amount_cents(self, root: LifetimeRow) -> BigInt | None:
        ahead = [item for item in completions(root.grid, root.usage.total) if not item.is_reached]
        return BigInt(ahead[0].amount_cents) if ahead else None

    @strawberry.field(description="Part of the way from the last threshold to the next, from 0 to 1.")
    def next_threshold_ratio(self, root: LifetimeRow) -> DecimalText | None:
        ahead = [item for item in completions(root.grid, root.usage.total) if not item.is_reached]
        return DecimalText(ratio(ahead[0].ratio)) if ahead else None


@strawberry.type(description="A plan that the customer is on.")
class CustomerPortalSubscription:
    id: strawberry.ID = f("Internal id.")
    name: str | None = f("Name given to it.")
    status: SubscriptionStatusEnum = f("State.")
    started_at: ISO8601DateTime | None = f("When it started.")
    ending_at: ISO8601DateTime | None = f("When it will end, if that is set.")

    @strawberry.field(description="What it costs.")
    async def plan(self, root: SubscriptionRow, info: Inf) -> CustomerPortalPlan:
        return await info.context.load(batches.plans, root.plan_id)

    @strawberry.field(description="Start of the running period; null when not active.")
    async def current_billing_period_started_at(self, root: SubscriptionRow, info: Inf) -> ISO8601DateTime | None:
        return (await _wire(root, info)).get("current_billing_period_started_at")

    @strawberry.field(description="End of the running period; null when not active.")
    async def current_billing_period_ending_at(self, root: SubscriptionRow, info: Inf) -> ISO8601DateTime | None:
        return (await _wire(root, info)).get("current_billing_period_ending_at")

    @strawberry.field(description="First day of the next period in the customer's time zone; null when not active.")
    async def renewal_date(self, root: SubscriptionRow, info: Inf) -> ISO8601Date | None:
        end = parse_instant((await _wire(root, info)).get("current_billing_period_ending_at") or "")
        if end is None:
            return None
        visitor = await info.context.visitor()
        last = local_date(end, applicable_timezone(visitor.customer, visitor.organization))
        return ISO8601Date(last + ONE_DAY)

    @strawberry.field(description="Usage since its beginning, live; null without usage thresholds.")
    async def lifetime_usage(self, root: SubscriptionRow, info: Inf) -> CustomerPortalLifetimeUsage | None:
        async with info.context.reading() as ctx:
            record = await lifetime_usage_of(ctx, root.id)
            view = await view_of(ctx, root, record) if record is not None else None
        return shown(view) if view is not None and view.grid else None


async def _wire(root: subscriptions.Subscription, info: Inf) -> Any:
    return await info.context.load(batches.subscription_wires, root.id, {})


@strawberry.type(description="Prepaid credits.")
class CustomerPortalWallet:
    id: strawberry.ID = f("Internal id.")
    name: str | None = f("Name.")
    status: WalletStatusEnum = f("State.")
    priority: int = f("Place among the wallets: 1 pays first.")
    currency: str = f("Currency (ISO 4217).")
    rate_amount: DecimalText = f("Price of one credit in units of the currency.")
    balance_cents: BigInt = f("What the wallet holds, in minor units.")
    credits_balance: DecimalText = f("The same in credits.")
    ongoing_balance_cents: BigInt = f("Balance less usage that is not billed yet, in minor units; may be negative.")
    consumed_amount_cents: BigInt = f("What has been used, in minor units.")
    consumed_credits: DecimalText = f("The same in credits.")
    expiration_at: ISO8601DateTime | None = f("When it ends by itself.")
    paid_top_up_min_amount_cents: BigInt | None = f("Least amount of a purchase, in minor units.")
    paid_top_up_max_amount_cents: BigInt | None = f("Greatest amount of a purchase, in minor units.")

    @strawberry.field(description="Ongoing balance in credits.")
    def credits_ongoing_balance(self, root: WalletRow) -> DecimalText:
        return DecimalText(credits_of(root.ongoing_balance_cents, root.rate_amount, root.currency))


@strawberry.type(description="A purchase of credits.")
class CustomerPortalWalletTransaction:
    id: strawberry.ID = f("Internal id.")
    amount_cents: BigInt = f("Price, in minor units of the wallet's currency.")
    credit_amount: DecimalText = f("Credits.")
    status: str = f("pending until its invoice is paid, then settled; or failed.")
    created_at: ISO8601DateTime = f("When it was made.")


@strawberry.type(description="A finalized invoice.")
class CustomerPortalInvoice:
    id: strawberry.ID = f("Internal id.")
    number: str = f("Number.")
    invoice_type: InvoiceTypeEnum = f("What it bills.")
    issuing_date: ISO8601Date = f("Day of issue.")
    payment_due_date: ISO8601Date | None = f("Day until which it is to be paid.")
    currency: str = f("Currency (ISO 4217).")
    total_amount_cents: BigInt = f("Total with taxes, in minor units.")
    payment_status: InvoicePaymentStatusEnum = f("State of its payment.")
    payment_overdue: bool = f("Whether it is unpaid after its due date.")
    total_due_amount_cents: BigInt = f("What is still to be paid, in minor units.")

    @strawberry.field(description="Whether a dispute about its payment was lost.")
    def payment_dispute_lost(self, root: InvoiceRow) -> bool:
        return root.payment_dispute_lost_at is not None


@strawberry.type(description="The document of an invoice.")
class CustomerPortalInvoiceDocument:
    id: strawberry.ID = f("Internal id of the invoice.")
    file_url: str | None = f("Address of the PDF for the next ten minutes.")


@strawberry.type(description="Invoices of a month in one payment state.")
class CustomerPortalInvoiceCollectionSum:
    month: str = f("First instant of the month (UTC).")
    payment_status: str | None = f("pending, succeeded or failed.")
    invoices_count: BigInt = f("How many invoices it sums.")
    amount_cents: BigInt = f("Sum of their totals in minor units of the currency.")
    currency: str | None = f("Currency (ISO 4217).")


@strawberry.type(description="What overdue invoices of a month still ask for.")
class CustomerPortalOverdueBalance:
    month: str = f("First instant of the month in which they were due (UTC).")
    amount_cents: BigInt = f("Sum in minor units of the currency.")
    currency: str = f("Currency (ISO 4217).")
    lago_invoice_ids: list[str] = f("The invoices.")


@strawberry.type(description="Where to pay an invoice.")
class CustomerPortalPaymentUrl:
    payment_url: str | None = f("Address of the payment page.")


@strawberry.type(description="A link to a customer's portal.")
class PortalUrl:
    url: str = f("Address, valid for twelve hours.")
