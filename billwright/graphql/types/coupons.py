"""Coupons, their applications, and add-ons."""

from __future__ import annotations

import strawberry

from billwright.billing.add_ons import models as add_ons
from billwright.billing.coupons import models
from billwright.graphql import batches, discounts
from billwright.graphql.enums import (
    AppliedCouponStatusEnum,
    CouponExpirationEnum,
    CouponFrequencyEnum,
    CouponStatusEnum,
    CouponTypeEnum,
)
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601DateTime
from billwright.graphql.types.catalog import BillableMetric, Plan
from billwright.graphql.types.common import Inf, f
from billwright.graphql.types.customers import Customer
from billwright.graphql.types.taxes import Tax

CouponRow = strawberry.Parent[models.Coupon]
AppliedRow = strawberry.Parent[models.AppliedCoupon]
AddOnRow = strawberry.Parent[add_ons.AddOn]


@strawberry.type(description="A discount that customers can be given.")
class Coupon:
    id: strawberry.ID = f("Internal id.")
    name: str = f("Name printed on documents.")
    code: str = f("Code, unique in the organization.")
    description: str | None = f("What it is for.")
    amount_cents: BigInt | None = f("Amount in minor units of its currency, for fixed amounts.")
    amount_currency: str | None = f("Currency of the amount (ISO 4217).")
    percentage_rate: DecimalText | None = f("Share in percent, for percentages.")
    frequency_duration: int | None = f("How many invoices a recurring one reduces.")
    expiration_at: ISO8601DateTime | None = f("When it ends.")
    reusable: bool = f("Whether a customer may be given it more than once.")
    limited_plans: bool = f("Whether it is limited to plans.")
    limited_billable_metrics: bool = f("Whether it is limited to billable metrics.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")
    terminated_at: ISO8601DateTime | None = f("When it ended.")

    @strawberry.field(description="State of the coupon.")
    def status(self, root: CouponRow) -> CouponStatusEnum:
        return CouponStatusEnum(root.status)

    @strawberry.field(description="Fixed amount or percentage.")
    def coupon_type(self, root: CouponRow) -> CouponTypeEnum:
        return CouponTypeEnum(root.coupon_type)

    @strawberry.field(description="How often it reduces invoices.")
    def frequency(self, root: CouponRow) -> CouponFrequencyEnum:
        return CouponFrequencyEnum(root.frequency)

    @strawberry.field(description="Whether it ends at a date.")
    def expiration(self, root: CouponRow) -> CouponExpirationEnum:
        return CouponExpirationEnum(root.expiration)

    @strawberry.field(description="Plans that it is limited to.")
    async def plans(self, root: CouponRow, info: Inf) -> list[Plan]:
        return await info.context.load(discounts.plans_of_coupon, root.id, [])

    @strawberry.field(description="Billable metrics that it is limited to.")
    async def billable_metrics(self, root: CouponRow, info: Inf) -> list[BillableMetric]:
        return await info.context.load(discounts.metrics_of_coupon, root.id, [])

    @strawberry.field(description="Customers that were given it.")
    async def customers_count(self, root: CouponRow, info: Inf) -> int:
        return await info.context.load(discounts.customers_by_coupon, root.id, 0)

    @strawberry.field(description="Applications of it, ended ones too.")
    async def applied_coupons_count(self, root: CouponRow, info: Inf) -> int:
        return await info.context.load(discounts.applications_by_coupon, root.id, 0)


@strawberry.type(description="A coupon given to a customer, with the values that it had then.")
class AppliedCoupon:
    id: strawberry.ID = f("Internal id.")
    amount_cents: BigInt | None = f("Amount in minor units of its currency.")
    amount_currency: str | None = f("Currency of the amount (ISO 4217).")
    percentage_rate: DecimalText | None = f("Share in percent.")
    frequency_duration: int | None = f("How many invoices it reduces, if recurring.")
    frequency_duration_remaining: int | None = f("How many of them are left.")
    created_at: ISO8601DateTime = f("When it was given.")
    terminated_at: ISO8601DateTime | None = f("When it ended.")

    @strawberry.field(description="Whether it still reduces invoices.")
    def status(self, root: AppliedRow) -> AppliedCouponStatusEnum:
        return AppliedCouponStatusEnum(root.status)

    @strawberry.field(description="How often it reduces invoices.")
    def frequency(self, root: AppliedRow) -> CouponFrequencyEnum:
        return CouponFrequencyEnum(root.frequency)

    @strawberry.field(description="What is left of a fixed amount given once, in minor units; null for the others.")
    async def amount_cents_remaining(self, root: AppliedRow, info: Inf) -> BigInt | None:
        if root.frequency != "once" or root.amount_cents is None or root.percentage_rate is not None:
            return None
        used: int = await info.context.load(discounts.used_of_application, root.id, 0)
        return BigInt(max(root.amount_cents - used, 0))

    @strawberry.field(description="The coupon.")
    async def coupon(self, root: AppliedRow, info: Inf) -> Coupon:
        return await info.context.load(discounts.coupons, root.coupon_id)

    @strawberry.field(description="The customer.")
    async def customer(self, root: AppliedRow, info: Inf) -> Customer:
        return await info.context.load(batches.customers, root.customer_id)


@strawberry.type(description="A thing that one-off invoices sell.")
class AddOn:
    id: strawberry.ID = f("Internal id.")
    name: str = f("Name.")
    code: str = f("Code, unique in the organization.")
    description: str | None = f("What it is.")
    invoice_display_name: str | None = f("Name printed on invoices.")
    amount_cents: BigInt = f("Price of one, in minor units of its currency.")
    amount_currency: str = f("Currency (ISO 4217).")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")

    @strawberry.field(description="Taxes of the add-on itself.")
    async def taxes(self, root: AddOnRow, info: Inf) -> list[Tax]:
        return await info.context.load(discounts.taxes_of_add_on, root.id, [])

    @strawberry.field(description="Customers that were billed it.")
    async def customers_count(self, root: AddOnRow, info: Inf) -> int:
        return await info.context.load(discounts.customers_by_add_on, root.id, 0)
