"""What creating, changing or ending a subscription would do. Amounts are minor units of their currency."""

from __future__ import annotations

from enum import Enum

import strawberry

from billwright.graphql.enums import FeeTypeEnum
from billwright.graphql.scalars import BigInt, ISO8601Date, ISO8601DateTime
from billwright.graphql.types.common import f


@strawberry.enum(description="What would become of a subscription; rescheduled: another plan before it has started.")
class SubscriptionOutcomeEnum(Enum):
    started = "started"
    scheduled = "scheduled"
    unchanged = "unchanged"
    upgraded = "upgraded"
    downgraded = "downgraded"
    rescheduled = "rescheduled"
    updated = "updated"
    terminated = "terminated"
    canceled = "canceled"


@strawberry.type(description="A line of an invoice that would be made.")
class OutlookFee:
    fee_type: FeeTypeEnum = f("What it bills.")
    name: str = f("Name printed.")
    amount_cents: BigInt = f("Amount without taxes, in minor units.")
    first_on: ISO8601Date | None = f("First day that it bills, in the customer's zone.")
    last_on: ISO8601Date | None = f("Last day that it bills.")


@strawberry.type(description="An invoice that would be made, without the days for which it would stay a draft.")
class OutlookInvoice:
    at: ISO8601DateTime = f("When it would be made.")
    currency: str = f("Currency (ISO 4217).")
    fees: list[OutlookFee] = f("Its lines.")
    fees_amount_cents: BigInt = f("Sum of the fees, in minor units.")
    coupons_amount_cents: BigInt = f("Deducted by coupons, in minor units.")
    taxes_amount_cents: BigInt = f("Taxes, in minor units.")
    credit_notes_amount_cents: BigInt = f("Deducted by credit notes, in minor units.")
    prepaid_credit_amount_cents: BigInt = f("Paid from wallets, in minor units.")
    total_amount_cents: BigInt = f("Total, in minor units.")


@strawberry.type(description="A credit note that would be made, taxes included.")
class OutlookCreditNote:
    currency: str = f("Currency (ISO 4217).")
    total_amount_cents: BigInt = f("All of it, in minor units.")
    credit_amount_cents: BigInt = f("Added to the customer's credit, in minor units.")
    refund_amount_cents: BigInt = f("Paid back, in minor units.")
    offset_amount_cents: BigInt = f("Taken off the invoice that it is for, in minor units.")


@strawberry.type(description="What would follow, computed by the code that bills; nothing is stored.")
class SubscriptionOutlook:
    outcome: SubscriptionOutcomeEnum = f("What would become of the subscription.")
    timezone: str = f("The customer's zone, in which days begin.")
    takes_effect_at: ISO8601DateTime = f("When it starts, switches its plan or ends.")
    plan_name: str = f("Plan that it would be on.")
    pay_in_advance: bool = f("Whether that plan's fee is billed at the beginning of its period.")
    period_from: ISO8601DateTime | None = f("Start of the whole plan period that runs then; null when it ends.")
    period_to: ISO8601DateTime | None = f("Start of that period's last day.")
    trial_ends_at: ISO8601DateTime | None = f("End of a trial that has not ended by then.")
    ends_at: ISO8601DateTime | None = f("When it would end by itself.")
    invoices: list[OutlookInvoice] = f("Invoices made at once.")
    credit_notes: list[OutlookCreditNote] = f("Credit notes made at once.")
    next_invoice: OutlookInvoice | None = f("The first invoice that comes by itself, with the usage known today.")
