"""Setting the fees of a draft by hand (spec 02 §14)."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.adjusted_fees.schemas import FeeAdjustment, FeeTarget
from billwright.billing.adjusted_fees.service import create_adjusted_fee, destroy_adjusted_fee, preview_adjusted_fee
from billwright.graphql import batches
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import DecimalText
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.invoices import Fee

_UNITS = "Units to bill; without a unit price the amount is computed from them."
_PRICE = "Price of a unit in currency units."
_NAME = "Name printed on the invoice."
_FEE = "Internal id of the fee; without it a fee is added that usage did not produce."
_CHARGE = "Internal id of the charge of the fee to add."
_FILTER = "Internal id of the charge's filter of the fee to add."


@strawberry.input(description="What a fee of a draft is set to.")
class CreateAdjustedFeeInput:
    invoice_id: strawberry.ID = m("Internal id of the draft.")
    fee_id: strawberry.ID | None = i(_FEE)
    subscription_id: strawberry.ID | None = i("Internal id of the subscription of the fee to add.")
    charge_id: strawberry.ID | None = i(_CHARGE)
    charge_filter_id: strawberry.ID | None = i(_FILTER)
    units: DecimalText | None = i(_UNITS)
    unit_precise_amount: DecimalText | None = i(_PRICE)
    invoice_display_name: str | None = i(_NAME)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="What a fee of a draft might be set to.")
class PreviewAdjustedFeeInput:
    invoice_id: strawberry.ID = m("Internal id of the draft.")
    fee_id: strawberry.ID | None = i(_FEE)
    subscription_id: strawberry.ID | None = i("Internal id of the subscription of the fee to add.")
    invoice_subscription_id: strawberry.ID | None = i("Another name of subscriptionId.")
    charge_id: strawberry.ID | None = i(_CHARGE)
    charge_filter_id: strawberry.ID | None = i(_FILTER)
    units: DecimalText | None = i(_UNITS)
    unit_precise_amount: DecimalText | None = i(_PRICE)
    invoice_display_name: str | None = i(_NAME)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Which fee of a draft is computed from usage again.")
class DestroyAdjustedFeeInput:
    invoice_id: strawberry.ID = m("Internal id of the draft.")
    fee_id: strawberry.ID | None = i("Internal id of the fee; without it the subscription and the charge say which.")
    subscription_id: strawberry.ID | None = i("Internal id of the fee's subscription.")
    charge_id: strawberry.ID | None = i("Internal id of the fee's charge.")
    charge_filter_id: strawberry.ID | None = i("Internal id of the filter of the fee's charge.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


Setting = Annotated[CreateAdjustedFeeInput, strawberry.argument(description="Which fee, and what it is set to.")]
Trying = Annotated[PreviewAdjustedFeeInput, strawberry.argument(description="Which fee, and what it would be set to.")]
Resetting = Annotated[DestroyAdjustedFeeInput, strawberry.argument(description="Which fee.")]


@strawberry.type
class AdjustedFeeMutations:
    @strawberry.mutation(
        description="Set units, price or name of a draft's fee; the draft is computed again.",
        permission_classes=[HasPermission("invoices:update")],
    )
    async def create_adjusted_fee(self, info: Inf, input: Setting) -> Fee | None:
        async with info.context.writing() as ctx:
            return shown(await create_adjusted_fee(ctx, FeeAdjustment.parse(sent(input))))

    @strawberry.mutation(
        description="The fee that createAdjustedFee would give, taxes included; nothing is stored.",
        permission_classes=[HasPermission("invoices:update")],
    )
    async def preview_adjusted_fee(self, info: Inf, input: Trying) -> Fee | None:
        asked = sent(input)
        named = asked.pop("invoice_subscription_id", None)
        asked["subscription_id"] = asked.get("subscription_id") or named
        async with info.context.writing() as ctx:
            found = await preview_adjusted_fee(ctx, FeeAdjustment.parse(asked))
        await info.context.prime(batches.taxes_of_fee, found.fee.id, found.taxes)
        await info.context.prime(batches.adjustment_of_fee, found.fee.id, found.adjusted)
        return shown(found.fee)

    @strawberry.mutation(
        description="Compute a fee of a draft from usage again; null when usage gives none.",
        permission_classes=[HasPermission("invoices:update")],
    )
    async def destroy_adjusted_fee(self, info: Inf, input: Resetting) -> Fee | None:
        async with info.context.writing() as ctx:
            return shown(await destroy_adjusted_fee(ctx, FeeTarget.parse(sent(input))))
