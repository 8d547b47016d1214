"""Enumerations; values in lower snake case exactly as over REST (spec 07 §6.1)."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="State of an invoice.")
class InvoiceStatusEnum(Enum):
    draft = "draft"
    finalized = "finalized"
    voided = "voided"
    failed = "failed"
    pending = "pending"


@strawberry.enum(description="State of an invoice's payment.")
class InvoicePaymentStatusEnum(Enum):
    pending = "pending"
    succeeded = "succeeded"
    failed = "failed"


@strawberry.enum(description="State of a payment; processing while the provider works on it.")
class PaymentPayablePaymentStatusEnum(Enum):
    pending = "pending"
    processing = "processing"
    succeeded = "succeeded"
    failed = "failed"


@strawberry.enum(description="How a payment was made: recorded by hand, or through a provider.")
class PaymentTypeEnum(Enum):
    manual = "manual"
    provider = "provider"


@strawberry.enum(description="What of a fee was set by hand: its units, or its units and its price.")
class AdjustedFeeTypeEnum(Enum):
    adjusted_units = "adjusted_units"
    adjusted_amount = "adjusted_amount"


@strawberry.enum(description="What an invoice bills.")
class InvoiceTypeEnum(Enum):
    subscription = "subscription"
    one_off = "one_off"
    credit = "credit"
    advance_charges = "advance_charges"
    progressive_billing = "progressive_billing"


@strawberry.enum(description="What a fee bills.")
class FeeTypeEnum(Enum):
    charge = "charge"
    subscription = "subscription"
    add_on = "add_on"
    credit = "credit"
    commitment = "commitment"


@strawberry.enum(description="State of a subscription.")
class SubscriptionStatusEnum(Enum):
    pending = "pending"
    active = "active"
    terminated = "terminated"
    canceled = "canceled"


@strawberry.enum(
    description="Where billing periods begin: with calendar units, or with the subscription's anniversary."
)
class SubscriptionBillingTimeEnum(Enum):
    calendar = "calendar"
    anniversary = "anniversary"


@strawberry.enum(description="What happens to the unused part of a fee paid in advance.")
class SubscriptionOnTerminationCreditNoteEnum(Enum):
    credit = "credit"
    refund = "refund"
    offset = "offset"
    skip = "skip"


@strawberry.enum(description="Whether a terminated subscription gets a final invoice.")
class SubscriptionOnTerminationInvoiceEnum(Enum):
    generate = "generate"
    skip = "skip"


@strawberry.enum(description="Length of a plan's billing period.")
class PlanIntervalEnum(Enum):
    weekly = "weekly"
    monthly = "monthly"
    quarterly = "quarterly"
    semiannual = "semiannual"
    yearly = "yearly"


@strawberry.enum(description="How events become units.")
class BillableMetricAggregationTypeEnum(Enum):
    count_agg = "count_agg"
    sum_agg = "sum_agg"
    max_agg = "max_agg"
    unique_count_agg = "unique_count_agg"
    weighted_sum_agg = "weighted_sum_agg"
    latest_agg = "latest_agg"
    custom_agg = "custom_agg"


@strawberry.enum(description="Kind of a customer.")
class CustomerCustomerTypeEnum(Enum):
    company = "company"
    individual = "individual"


@strawberry.enum(description="Kind of an organization: live runs on system time, a sandbox on a clock of its own.")
class OrganizationKindEnum(Enum):
    live = "live"
    sandbox = "sandbox"


@strawberry.enum(description="State of a sandbox clock.")
class TestClockStatusEnum(Enum):
    ready = "ready"
    advancing = "advancing"


@strawberry.enum(description="State of a background job; retrying means that it waits for another attempt.")
class JobStatusEnum(Enum):
    queued = "queued"
    running = "running"
    retrying = "retrying"
    succeeded = "succeeded"
    failed = "failed"


@strawberry.enum(description="Role of a member.")
class MembershipRoleEnum(Enum):
    admin = "admin"
    manager = "manager"
    finance = "finance"


@strawberry.enum(description="Type of a privilege's values.")
class PrivilegeValueTypeEnum(Enum):
    string = "string"
    integer = "integer"
    boolean = "boolean"
    select = "select"


@strawberry.enum(description="State of a coupon.")
class CouponStatusEnum(Enum):
    active = "active"
    terminated = "terminated"


@strawberry.enum(description="State of a coupon that a customer was given.")
class AppliedCouponStatusEnum(Enum):
    active = "active"
    terminated = "terminated"


@strawberry.enum(description="What a coupon takes off.")
class CouponTypeEnum(Enum):
    fixed_amount = "fixed_amount"
    percentage = "percentage"


@strawberry.enum(description="How often a coupon reduces invoices.")
class CouponFrequencyEnum(Enum):
    once = "once"
    recurring = "recurring"
    forever = "forever"


@strawberry.enum(description="Whether a coupon ends at a date.")
class CouponExpirationEnum(Enum):
    no_expiration = "no_expiration"
    time_limit = "time_limit"


@strawberry.enum(description="State of an invitation.")
class InviteStatusEnum(Enum):
    pending = "pending"
    accepted = "accepted"
    revoked = "revoked"


@strawberry.enum(description="State of an e-mail; kept means that no mail server is configured.")
class EmailStatusEnum(Enum):
    queued = "queued"
    sent = "sent"
    failed = "failed"
    kept = "kept"


@strawberry.enum(description="How a webhook is signed.")
class WebhookEndpointSignatureAlgoEnum(Enum):
    jwt = "jwt"
    hmac = "hmac"


@strawberry.enum(description="State of a webhook's delivery; retrying means that it waits for another attempt.")
class WebhookStatusEnum(Enum):
    pending = "pending"
    retrying = "retrying"
    succeeded = "succeeded"
    failed = "failed"


@strawberry.enum(description="Why a credit note was issued.")
class CreditNoteReasonEnum(Enum):
    duplicated_charge = "duplicated_charge"
    product_unsatisfactory = "product_unsatisfactory"
    order_change = "order_change"
    order_cancellation = "order_cancellation"
    fraudulent_charge = "fraudulent_charge"
    other = "other"


@strawberry.enum(description="State of a credit note's credit.")
class CreditNoteCreditStatusEnum(Enum):
    available = "available"
    consumed = "consumed"
    voided = "voided"


@strawberry.enum(description="State of a credit note's refund.")
class CreditNoteRefundStatusEnum(Enum):
    pending = "pending"
    succeeded = "succeeded"
    failed = "failed"


@strawberry.enum(description="Form of an exported file.")
class DataExportFormatTypeEnum(Enum):
    csv = "csv"


@strawberry.enum(description="State of an export.")
class DataExportStatusEnum(Enum):
    pending = "pending"
    processing = "processing"
    completed = "completed"
    failed = "failed"


@strawberry.enum(description="What a row of an exported file is.")
class DataExportResourceTypeEnum(Enum):
    invoices = "invoices"
    invoice_fees = "invoice_fees"
    credit_notes = "credit_notes"
    credit_note_items = "credit_note_items"


@strawberry.enum(description="What a row of an export of invoices is.")
class InvoiceExportTypeEnum(Enum):
    invoices = "invoices"
    invoice_fees = "invoice_fees"


@strawberry.enum(description="What a row of an export of credit notes is.")
class CreditNoteExportTypeEnum(Enum):
    credit_notes = "credit_notes"
    credit_note_items = "credit_note_items"


@strawberry.enum(description="Method of a request that changes something.")
class HttpMethodEnum(Enum):
    post = "post"
    put = "put"
    delete = "delete"


@strawberry.enum(description="Who changed something: an API key, a member, or a job, the portal or a provider.")
class ActivitySourceEnum(Enum):
    api = "api"
    front = "front"
    system = "system"


@strawberry.enum(description="Length of the periods of usage activity; a week is Monday to Sunday.")
class TimeGranularityEnum(Enum):
    daily = "daily"
    weekly = "weekly"
    monthly = "monthly"
