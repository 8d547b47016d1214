"""Writing coupons and add-ons, giving coupons to customers (spec 07 §6.2)."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.add_ons.queries import add_on_by_id
from billwright.billing.add_ons.schemas import AddOnCreate, AddOnUpdate
from billwright.billing.add_ons.service import create_add_on, delete_add_on, update_add_on
from billwright.billing.catalog.queries import codes_by_id
from billwright.billing.coupons.applying import apply_coupon, remove_applied_coupon
from billwright.billing.coupons.queries import applied_coupon_by_id, coupon_by_id
from billwright.billing.coupons.schemas import ApplyCoupon, CouponInput
from billwright.billing.coupons.service import create_coupon, delete_coupon, terminate_coupon, update_coupon
from billwright.billing.customers.queries import customers_by_id
from billwright.billing.kernel.ids import parse_id
from billwright.graphql.enums import CouponExpirationEnum, CouponFrequencyEnum, CouponTypeEnum
from billwright.graphql.mutations.customers import customer_of
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601DateTime
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.coupons import AddOn, AppliedCoupon, Coupon

_AMOUNT = "Amount in minor units of the currency, for fixed amounts."
_RATE = "Share in percent, for percentages."
_DURATION = "How many invoices a recurring one reduces."


@strawberry.input(description="What a coupon is limited to: plans or billable metrics.")
class CouponLimitationsInput:
    plan_ids: list[strawberry.ID] | None = i("Plans.")
    billable_metric_ids: list[strawberry.ID] | None = i("Billable metrics.")


@strawberry.input(description="Attributes of a new coupon.")
class CreateCouponInput:
    name: str = m("Name printed on documents.")
    code: str = m("Code, unique in the organization.")
    coupon_type: CouponTypeEnum = m("Fixed amount or percentage.")
    frequency: CouponFrequencyEnum = m("How often it reduces invoices.")
    expiration: CouponExpirationEnum = m("Whether it ends at a date.")
    description: str | None = i("What it is for.")
    amount_cents: BigInt | None = i(_AMOUNT)
    amount_currency: str | None = i("Currency of the amount.")
    percentage_rate: DecimalText | None = i(_RATE)
    frequency_duration: int | None = i(_DURATION)
    expiration_at: ISO8601DateTime | None = i("When it ends.")
    reusable: bool | None = i("Whether a customer may be given it more than once.")
    applies_to: CouponLimitationsInput | None = i("What it is limited to.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of a coupon. Once it was given, only name, description and end may change.")
class UpdateCouponInput:
    id: strawberry.ID = m("Internal id.")
    name: str | None = i("Name printed on documents.")
    code: str | None = i("Code, unique in the organization.")
    coupon_type: CouponTypeEnum | None = i("Fixed amount or percentage.")
    frequency: CouponFrequencyEnum | None = i("How often it reduces invoices.")
    expiration: CouponExpirationEnum | None = i("Whether it ends at a date.")
    description: str | None = i("What it is for.")
    amount_cents: BigInt | None = i(_AMOUNT)
    amount_currency: str | None = i("Currency of the amount.")
    percentage_rate: DecimalText | None = i(_RATE)
    frequency_duration: int | None = i(_DURATION)
    expiration_at: ISO8601DateTime | None = i("When it ends.")
    reusable: bool | None = i("Whether a customer may be given it more than once.")
    applies_to: CouponLimitationsInput | None = i("What it is limited to.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one coupon.")
class TerminateCouponInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one coupon.")
class DestroyCouponInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Giving a coupon to a customer; values that are not sent are the coupon's.")
class CreateAppliedCouponInput:
    coupon_id: strawberry.ID = m("Which coupon.")
    customer_id: strawberry.ID = m("To whom.")
    amount_cents: BigInt | None = i(_AMOUNT)
    amount_currency: str | None = i("Currency of the amount.")
    percentage_rate: DecimalText | None = i(_RATE)
    frequency: CouponFrequencyEnum | None = i("How often it reduces invoices.")
    frequency_duration: int | None = i(_DURATION)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one applied coupon.")
class TerminateAppliedCouponInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Attributes of a new add-on.")
class CreateAddOnInput:
    name: str = m("Name.")
    code: str = m("Code, unique in the organization.")
    amount_cents: BigInt = m("Price of one, in minor units of its currency.")
    amount_currency: str = m("Currency (ISO 4217).")
    description: str | None = i("What it is.")
    invoice_display_name: str | None = i("Name printed on invoices.")
    tax_codes: list[str] | None = i("Codes of its own taxes.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of an add-on.")
class UpdateAddOnInput:
    id: strawberry.ID = m("Internal id.")
    name: str | None = i("Name.")
    code: str | None = i("Code, unique in the organization.")
    amount_cents: BigInt | None = i("Price of one, in minor units of its currency.")
    amount_currency: str | None = i("Currency (ISO 4217).")
    description: str | None = i("What it is.")
    invoice_display_name: str | None = i("Name printed on invoices.")
    tax_codes: list[str] | None = i("Codes of its own taxes.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one add-on.")
class DestroyAddOnInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


NewCoupon = Annotated[CreateCouponInput, strawberry.argument(description="Attributes of the coupon.")]
ChangedCoupon = Annotated[UpdateCouponInput, strawberry.argument(description="Attributes to change.")]
EndedCoupon = Annotated[TerminateCouponInput, strawberry.argument(description="Which coupon.")]
GoneCoupon = Annotated[DestroyCouponInput, strawberry.argument(description="Which coupon.")]
Given = Annotated[CreateAppliedCouponInput, strawberry.argument(description="Which coupon to whom.")]
Taken = Annotated[TerminateAppliedCouponInput, strawberry.argument(description="Which application.")]
NewAddOn = Annotated[CreateAddOnInput, strawberry.argument(description="Attributes of the add-on.")]
ChangedAddOn = Annotated[UpdateAddOnInput, strawberry.argument(description="Attributes to change.")]
GoneAddOn = Annotated[DestroyAddOnInput, strawberry.argument(description="Which add-on.")]


async def _coupon(ctx: Context, input: Any, *left_out: str) -> CouponInput:
    """The REST input: targets by code."""
    given = sent(input, *left_out)
    limits = given.pop("applies_to", None)
    if limits is not None:
        applies: dict[str, Any] = {}
        for ids, codes, kind in (
            ("plan_ids", "plan_codes", "plans"),
            ("billable_metric_ids", "billable_metric_codes", "billable_metrics"),
        ):
            if limits.get(ids) is not None:
                applies[codes] = await codes_by_id(ctx, kind, [parse_id(each) for each in limits[ids]])
        given["applies_to"] = applies
    return CouponInput.parse(given)


@strawberry.type
class CouponMutations:
    @strawberry.mutation(description="Make a coupon.", permission_classes=[HasPermission("coupons:create")])
    async def create_coupon(self, info: Inf, input: NewCoupon) -> Coupon | None:
        async with info.context.writing() as ctx:
            return shown(await create_coupon(ctx, await _coupon(ctx, input)))

    @strawberry.mutation(description="Change a coupon.", permission_classes=[HasPermission("coupons:update")])
    async def update_coupon(self, info: Inf, input: ChangedCoupon) -> Coupon | None:
        async with info.context.writing() as ctx:
            found = await coupon_by_id(ctx, parse_id(input.id))
            return shown(await update_coupon(ctx, found.code, await _coupon(ctx, input, "id")))

    @strawberry.mutation(
        description="End a coupon: nobody gets it any more, who has it keeps it.",
        permission_classes=[HasPermission("coupons:update")],
    )
    async def terminate_coupon(self, info: Inf, input: EndedCoupon) -> Coupon | None:
        async with info.context.writing() as ctx:
            found = await coupon_by_id(ctx, parse_id(input.id))
            return shown(await terminate_coupon(ctx, found.code))

    @strawberry.mutation(
        description="Delete a coupon; its applications end.", permission_classes=[HasPermission("coupons:delete")]
    )
    async def destroy_coupon(self, info: Inf, input: GoneCoupon) -> Coupon | None:
        async with info.context.writing() as ctx:
            found = await coupon_by_id(ctx, parse_id(input.id))
            return shown(await delete_coupon(ctx, found.code))

    @strawberry.mutation(
        description="Give a coupon to a customer.", permission_classes=[HasPermission("coupons:attach")]
    )
    async def create_applied_coupon(self, info: Inf, input: Given) -> AppliedCoupon | None:
        async with info.context.writing() as ctx:
            customer = await customer_of(ctx, input.customer_id)
            coupon = await coupon_by_id(ctx, parse_id(input.coupon_id))
            given = sent(input, "customer_id", "coupon_id")
            inp = ApplyCoupon.parse({**given, "external_customer_id": customer.external_id, "coupon_code": coupon.code})
            return shown(await apply_coupon(ctx, inp))

    @strawberry.mutation(
        description="Take a coupon from a customer.", permission_classes=[HasPermission("coupons:detach")]
    )
    async def terminate_applied_coupon(self, info: Inf, input: Taken) -> AppliedCoupon | None:
        async with info.context.writing() as ctx:
            applied = await applied_coupon_by_id(ctx, parse_id(input.id))
            customer = (await customers_by_id(ctx, [applied.customer_id]))[applied.customer_id]
            return shown(await remove_applied_coupon(ctx, customer.external_id, applied.id))

    @strawberry.mutation(description="Make an add-on.", permission_classes=[HasPermission("addons:create")])
    async def create_add_on(self, info: Inf, input: NewAddOn) -> AddOn | None:
        async with info.context.writing() as ctx:
            return shown(await create_add_on(ctx, AddOnCreate.parse(sent(input))))

    @strawberry.mutation(description="Change an add-on.", permission_classes=[HasPermission("addons:update")])
    async def update_add_on(self, info: Inf, input: ChangedAddOn) -> AddOn | None:
        async with info.context.writing() as ctx:
            found = await add_on_by_id(ctx, parse_id(input.id))
            return shown(await update_add_on(ctx, found.code, AddOnUpdate.parse(sent(input, "id"))))

    @strawberry.mutation(
        description="Delete an add-on; what was sold stays.", permission_classes=[HasPermission("addons:delete")]
    )
    async def destroy_add_on(self, info: Inf, input: GoneAddOn) -> AddOn | None:
        async with info.context.writing() as ctx:
            found = await add_on_by_id(ctx, parse_id(input.id))
            return shown(await delete_add_on(ctx, found.code))
