"""Invoices and fees. All ``*AmountCents`` are minor units of the invoice's currency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from billwright.billing.credit_notes.availability import Availability
from billwright.billing.invoicing import models
from billwright.billing.mailing.scenarios import INVOICE, is_on
from billwright.graphql import batches, credit_note_batches
from billwright.graphql.enums import (
    AdjustedFeeTypeEnum,
    FeeTypeEnum,
    InvoicePaymentStatusEnum,
    InvoiceStatusEnum,
    InvoiceTypeEnum,
)
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601Date, ISO8601DateTime, JsonObject
from billwright.graphql.types.common import Inf, f
from billwright.graphql.types.credit_notes import CreditNote, InvoiceCredit
from billwright.graphql.types.subscriptions import Subscription
from billwright.graphql.types.thresholds import AppliedUsageThreshold

if TYPE_CHECKING:
    from billwright.graphql.types.customers import Customer
    from billwright.graphql.types.payments import Payment

LazyCustomer = Annotated["Customer", strawberry.lazy("billwright.graphql.types.customers")]
LazyInvoice = Annotated["Invoice", strawberry.lazy("billwright.graphql.types.invoices")]
LazyPayment = Annotated["Payment", strawberry.lazy("billwright.graphql.types.payments")]
FeeRow = strawberry.Parent[models.Fee]
Row = strawberry.Parent[models.Invoice]
PeriodRow = strawberry.Parent[models.InvoiceSubscription]


async def _available(info: Inf, invoice_id: UUID | None) -> Availability | None:
    """What can still be given back of an invoice; nothing unless it is issued."""
    if invoice_id is None:
        return None
    return await info.context.load(credit_note_batches.availability_of_invoice, invoice_id)


@strawberry.type(description="A tax applied to a fee, as it was then.")
class FeeAppliedTax:
    tax_code: str = f("Code of the tax.")
    tax_name: str = f("Name of the tax.")
    tax_rate: DecimalText = f("Rate in percent.")
    amount_cents: BigInt = f("Tax in minor units.")


@strawberry.type(description="A tax of an invoice, summed over its fees.")
class InvoiceAppliedTax:
    tax_code: str = f("Code of the tax.")
    tax_name: str = f("Name of the tax.")
    tax_rate: DecimalText = f("Rate in percent.")
    fees_amount_cents: BigInt = f("Taxed base in minor units.")
    amount_cents: BigInt = f("Tax in minor units.")


@strawberry.type(description="One priced line.")
class Fee:
    id: strawberry.ID = f("Internal id.")
    fee_type: FeeTypeEnum = f("What it bills.")
    currency: str = f("Currency (ISO 4217).")
    amount_cents: BigInt = f("Amount without taxes, in minor units.")
    taxes_amount_cents: BigInt = f("Taxes, in minor units.")
    taxes_rate: DecimalText = f("Sum of the rates in percent.")
    units: DecimalText = f("Units billed.")
    total_aggregated_units: DecimalText | None = f("The same as units; of a weighted sum the level at its end.")
    events_count: int | None = f("Events counted.")
    precise_unit_amount: DecimalText = f("Price of a unit in currency units.")
    amount_details: JsonObject = f("How the amount came about, tier by tier.")
    grouped_by: JsonObject = f("Property -> value of the group that it bills.")
    invoice_display_name: str | None = f("Name printed instead of the item's.")
    description: str | None = f("Description of the line.")
    subscription_id: strawberry.ID | None = f("Subscription that it bills.")
    charge_id: strawberry.ID | None = f("Charge that it bills.")
    charge_filter_id: strawberry.ID | None = f("Filter of the charge that it bills; null for the charge's default.")
    true_up_parent_fee_id: strawberry.ID | None = f("Fee that this one fills up to the minimum.")
    event_transaction_id: str | None = f("Your id of the event that was billed at once.")
    pay_in_advance: bool = f("Whether an event was billed at once, or a period at its beginning.")
    invoiceable: bool = f("Whether it belongs on an invoice.")
    payment_status: str = f("State of the payment of one without invoice: pending, succeeded, failed, refunded.")
    succeeded_at: ISO8601DateTime | None = f("When it was paid, without invoice.")
    failed_at: ISO8601DateTime | None = f("When its payment failed, without invoice.")
    refunded_at: ISO8601DateTime | None = f("When it was paid back, without invoice.")
    from_datetime: ISO8601DateTime | None = f("Start of the subscription period that it bills.")
    to_datetime: ISO8601DateTime | None = f("End of the subscription period that it bills.")
    charges_from_datetime: ISO8601DateTime | None = f("Start of the charge period that it bills.")
    charges_to_datetime: ISO8601DateTime | None = f("End of the charge period that it bills.")
    charges_duration: int | None = f("Days of the whole charge period, of which a part may be billed.")
    created_at: ISO8601DateTime = f("When it was made.")

    @strawberry.field(description="Amount with taxes, in minor units.")
    def total_amount_cents(self, root: FeeRow) -> BigInt:
        return BigInt(root.amount_cents + root.taxes_amount_cents)

    @strawberry.field(description="Name of what was billed, as it was then.")
    def item_name(self, root: FeeRow) -> str:
        return root.invoice_display_name or root.item.get("invoice_display_name") or root.item.get("name") or ""

    @strawberry.field(description="Code of what was billed, as it was then.")
    def item_code(self, root: FeeRow) -> str:
        return root.item.get("code") or ""

    @strawberry.field(description="The subscription that it bills; null for what none is billed for.")
    async def subscription(self, root: FeeRow, info: Inf) -> Subscription | None:
        return await info.context.load(batches.subscriptions, root.subscription_id) if root.subscription_id else None

    @strawberry.field(description="What was billed and its price, as they were then.")
    def item(self, root: FeeRow) -> JsonObject:
        return JsonObject(root.item)

    @strawberry.field(description="Whether it was set by hand on the draft.")
    async def adjusted_fee(self, root: FeeRow, info: Inf) -> bool:
        return await info.context.load(batches.adjustment_of_fee, root.id) is not None

    @strawberry.field(description="What was set by hand; null for nothing, and for the name alone.")
    async def adjusted_fee_type(self, root: FeeRow, info: Inf) -> AdjustedFeeTypeEnum | None:
        adjusted = await info.context.load(batches.adjustment_of_fee, root.id)
        return AdjustedFeeTypeEnum(adjusted.kind) if adjusted is not None and adjusted.kind else None

    @strawberry.field(description="Last local day that it bills; the day of an upgrade belongs to the new plan.")
    async def last_day(self, root: FeeRow, info: Inf) -> ISO8601Date | None:
        return await info.context.load(batches.last_day_of_fee, root.id)

    @strawberry.field(description="The most that a credit note can still give back of it, without taxes, minor units.")
    async def creditable_amount_cents(self, root: FeeRow, info: Inf) -> BigInt:
        found = await _available(info, root.invoice_id)
        return BigInt(found.fees.get(root.id, 0) if found is not None else 0)

    @strawberry.field(description="Taxes applied.")
    async def applied_taxes(self, root: FeeRow, info: Inf) -> list[FeeAppliedTax]:
        return await info.context.load(batches.taxes_of_fee, root.id, [])


@strawberry.type(description="A subscription on an invoice, with the periods that it is billed for.")
class InvoiceSubscription:
    invoicing_reason: str = f("Why: subscription_starting, subscription_periodic, subscription_terminating and others.")
    from_datetime: ISO8601DateTime = f("Start of the subscription period.")
    to_datetime: ISO8601DateTime = f("End of the subscription period.")
    charges_from_datetime: ISO8601DateTime = f("Start of the charge period.")
    charges_to_datetime: ISO8601DateTime = f("End of the charge period.")

    @strawberry.field(description="The subscription.")
    async def subscription(self, root: PeriodRow, info: Inf) -> Subscription:
        return await info.context.load(batches.subscriptions, root.subscription_id)

    @strawberry.field(description="The invoice.")
    async def invoice(self, root: PeriodRow, info: Inf) -> LazyInvoice:
        return await info.context.load(batches.invoices, root.invoice_id)


@strawberry.type(description="Why an invoice could not be issued.")
class InvoiceErrorDetail:
    id: strawberry.ID = f("Internal id.")
    error_code: str = f("Code of the failure.")
    details: JsonObject = f("What is known about it.")


@strawberry.type(description="A key and value of an invoice; never printed.")
class InvoiceMetadata:
    id: strawberry.ID = f("Internal id.")
    key: str = f("Key, unique on the invoice.")
    value: str = f("Value.")


@strawberry.type(description="A bill of one customer in one currency.")
class Invoice:
    id: strawberry.ID = f("Internal id.")
    number: str = f("Number; a placeholder until it is finalized.")
    sequential_id: int | None = f("Number among the customer's invoices, once finalized.")
    invoice_type: InvoiceTypeEnum = f("What it bills.")
    status: InvoiceStatusEnum = f("State of the invoice.")
    payment_status: InvoicePaymentStatusEnum = f("State of its payment.")
    payment_overdue: bool = f("Whether it is due and unpaid.")
    payment_dispute_lost_at: ISO8601DateTime | None = f("When a dispute about its payment was lost.")
    currency: str = f("Currency (ISO 4217).")
    timezone: str = f("Time zone in which it was made.")
    issuing_date: ISO8601Date = f("Day of issue, in the customer's zone.")
    payment_due_date: ISO8601Date = f("Day on which it is due, in the customer's zone.")
    expected_finalization_date: ISO8601Date | None = f("Day on which a draft is finalized.")
    finalization_due_at: ISO8601DateTime | None = f("When a draft is finalized.")
    net_payment_term: int = f("Days from issue until it is due.")
    fees_amount_cents: BigInt = f("Sum of the fees, in minor units.")
    coupons_amount_cents: BigInt = f("Deducted by coupons, in minor units.")
    progressive_billing_credit_amount_cents: BigInt = f("Billed before the period's end, in minor units.")
    sub_total_excluding_taxes_amount_cents: BigInt = f("Subtotal without taxes, in minor units.")
    taxes_amount_cents: BigInt = f("Taxes, in minor units.")
    sub_total_including_taxes_amount_cents: BigInt = f("Subtotal with taxes, in minor units.")
    credit_notes_amount_cents: BigInt = f("Deducted by credit notes, in minor units.")
    prepaid_credit_amount_cents: BigInt = f("Paid from wallets, in minor units.")
    total_amount_cents: BigInt = f("Total, in minor units.")
    total_paid_amount_cents: BigInt = f("Paid so far, in minor units.")
    ready_to_be_refreshed: bool = f("Whether a draft waits for a refresh.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")
    finalized_at: ISO8601DateTime | None = f("When it was finalized.")
    voided_at: ISO8601DateTime | None = f("When it was voided.")

    @strawberry.field(description="What is still due, in minor units.")
    def total_due_amount_cents(self, root: Row) -> BigInt:
        return BigInt(root.total_due_amount_cents)

    @strawberry.field(description="State of its taxes where they are asked of somebody else: pending or failed.")
    def tax_status(self, root: Row) -> str | None:
        return root.tax_status

    @strawberry.field(description="Whether it can be mailed to the customer again: issued, and such e-mails are on.")
    async def can_be_mailed(self, root: Row, info: Inf) -> bool:
        return root.status == "finalized" and is_on((await info.context.principal()).organization, INVOICE)

    @strawberry.field(description="The most that a credit note can give as credit, taxes included, in minor units.")
    async def creditable_amount_cents(self, root: Row, info: Inf) -> BigInt:
        found = await _available(info, root.id)
        return BigInt(found.creditable_cents if found is not None else 0)

    @strawberry.field(description="The most that a credit note can refund, taxes included, in minor units.")
    async def refundable_amount_cents(self, root: Row, info: Inf) -> BigInt:
        found = await _available(info, root.id)
        return BigInt(found.refundable_cents if found is not None else 0)

    @strawberry.field(description="The most that a credit note can take off what is due, in minor units.")
    async def offsettable_amount_cents(self, root: Row, info: Inf) -> BigInt:
        found = await _available(info, root.id)
        return BigInt(found.offsettable_cents if found is not None else 0)

    @strawberry.field(description="Your own keys and values, oldest first.")
    async def metadata(self, root: Row, info: Inf) -> list[InvoiceMetadata]:
        return await info.context.load(credit_note_batches.metadata_of_invoice, root.id, [])

    @strawberry.field(description="Seller and buyer as printed, fixed at finalization; null before.")
    def issued_parties(self, root: Row) -> JsonObject | None:
        return JsonObject(root.issued_parties) if root.issued_parties else None

    @strawberry.field(description="Who is billed.")
    async def customer(self, root: Row, info: Inf) -> LazyCustomer:
        return await info.context.load(batches.customers, root.customer_id)

    @strawberry.field(description="Lines of the invoice, in order.")
    async def fees(self, root: Row, info: Inf) -> list[Fee]:
        return await info.context.load(batches.fees_of_invoice, root.id, [])

    @strawberry.field(description="Taxes of the invoice.")
    async def applied_taxes(self, root: Row, info: Inf) -> list[InvoiceAppliedTax]:
        return await info.context.load(batches.taxes_of_invoice, root.id, [])

    @strawberry.field(description="Subscriptions billed, with their periods.")
    async def invoice_subscriptions(self, root: Row, info: Inf) -> list[InvoiceSubscription]:
        return await info.context.load(batches.periods_of_invoice, root.id, [])

    @strawberry.field(description="Usage thresholds that a progressive invoice was made for; empty on others.")
    async def applied_usage_thresholds(self, root: Row, info: Inf) -> list[AppliedUsageThreshold]:
        return await info.context.load(batches.thresholds_of_invoice, root.id, [])

    @strawberry.field(description="Why it could not be issued; empty when it could.")
    async def error_details(self, root: Row, info: Inf) -> list[InvoiceErrorDetail]:
        return await info.context.load(batches.errors_of_invoice, root.id, [])

    @strawberry.field(description="Payments of it, newest first; null without the permission payments:view.")
    async def payments(self, root: Row, info: Inf) -> list[LazyPayment] | None:
        principal = await info.context.principal()
        if "payments:view" not in principal.permissions:
            return None
        return await info.context.load(batches.payments_of_invoice, root.id, [])

    @strawberry.field(description="What reduced it: coupons, credit notes, usage billed before; in the order of use.")
    async def credits(self, root: Row, info: Inf) -> list[InvoiceCredit]:
        return await info.context.load(batches.credits_of_invoice, root.id, [])

    @strawberry.field(description="Credit notes issued for it, newest first; null without credit_notes:view.")
    async def credit_notes(self, root: Row, info: Inf) -> list[CreditNote] | None:
        principal = await info.context.principal()
        if "credit_notes:view" not in principal.permissions:
            return None
        return await info.context.load(batches.credit_notes_of_invoice, root.id, [])

    @strawberry.field(description="Signed address of its PDF; null until downloadInvoice made one.")
    async def file_url(self, root: Row, info: Inf) -> str | None:
        return await info.context.load(batches.file_url_of_invoice, root.id)
