"""Writing plans (spec 07 §6.2): every attribute of the REST object."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.catalog.plan_deletion import delete_plan
from billwright.billing.catalog.plan_templates import create_from_template
from billwright.billing.catalog.plans import create_plan, update_plan
from billwright.billing.catalog.queries import codes_by_id
from billwright.billing.catalog.schemas import PlanInput
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.graphql.enums import PlanIntervalEnum
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, UsageThresholdInput, i, m, sent
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt, DecimalText, JsonObject
from billwright.graphql.types.catalog import Plan
from billwright.graphql.types.common import Inf

_TAXES = "Codes of taxes of its own."
_ADVANCE = "Whether the fee is billed at the beginning of its period."
_MONTHLY = "Whether usage is billed monthly on a yearly or half-yearly interval."


@strawberry.input(description="Units of a charge with a price of their own.")
class ChargeFilterInput:
    values: JsonObject = m("Filter of the metric to its values.")
    properties: JsonObject | None = i("Price, as the charge model wants it.")
    invoice_display_name: str | None = i("Name printed on invoices.")


@strawberry.input(description="A price of usage.")
class ChargeInput:
    billable_metric_id: strawberry.ID | None = i("Metric that it bills; an existing charge keeps its own.")
    billable_metric_code: str | None = i("In a plan from a template: code of one of the template's metrics.")
    charge_model: str = m("Charge model: standard, graduated, package, percentage, volume and others.")
    id: strawberry.ID | None = i("The plan's charge that this one changes; a new one without it.")
    code: str | None = i("Code, unique on the plan.")
    invoice_display_name: str | None = i("Name printed on invoices.")
    pay_in_advance: bool | None = i("Whether each event is billed at once.")
    invoiceable: bool | None = i("Whether its fees get an invoice.")
    regroup_paid_fees: str | None = i("invoice: paid fees without an invoice are put on one at the period's end.")
    prorated: bool | None = i("Whether units count for the share of the period that they existed.")
    min_amount_cents: BigInt | None = i("Minimum spend of a period, in minor units of the plan's currency.")
    properties: JsonObject | None = i("Default price, as the charge model wants it; amounts in currency units.")
    filters: list[ChargeFilterInput] | None = i("Units with prices of their own; replaces all.")
    tax_codes: list[str] | None = i(_TAXES)


@strawberry.input(description="What a period costs at least.")
class CommitmentInput:
    amount_cents: BigInt | None = i("Amount of a period, in minor units of the plan's currency; null removes it.")
    invoice_display_name: str | None = i("Name printed on invoices.")
    tax_codes: list[str] | None = i(_TAXES)


@strawberry.input(description="Attributes of a new plan.")
class CreatePlanInput:
    name: str = m("Name shown to people.")
    code: str = m("Code, unique in the organization.")
    interval: PlanIntervalEnum = m("Length of its billing period.")
    amount_cents: BigInt = m("Fee of a period, in minor units of its currency.")
    amount_currency: str = m("Currency (ISO 4217).")
    pay_in_advance: bool = m(_ADVANCE)
    description: str | None = i("What the plan offers.")
    invoice_display_name: str | None = i("Name printed on invoices.")
    trial_period: DecimalText | None = i("Free days at the start.")
    bill_charges_monthly: bool | None = i(_MONTHLY)
    tax_codes: list[str] | None = i(_TAXES)
    charges: list[ChargeInput] | None = i("Prices of usage.")
    minimum_commitment: CommitmentInput | None = i("What a period costs at least.")
    usage_thresholds: list[UsageThresholdInput] | None = i("Usage at which an invoice is made during the period.")
    metadata: JsonObject | None = i("Keys and values of your own.")
    template: str | None = i("Code of the template that it begins with; metrics that it needs are made.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of a plan; given charges replace all of them, those that keep their id change.")
class UpdatePlanInput:
    id: strawberry.ID = m("Internal id.")
    name: str | None = i("Name shown to people.")
    code: str | None = i("Code, unique in the organization.")
    interval: PlanIntervalEnum | None = i("Length of its billing period.")
    amount_cents: BigInt | None = i("Fee of a period, in minor units of its currency.")
    amount_currency: str | None = i("Currency (ISO 4217).")
    pay_in_advance: bool | None = i(_ADVANCE)
    description: str | None = i("What the plan offers.")
    invoice_display_name: str | None = i("Name printed on invoices.")
    trial_period: DecimalText | None = i("Free days at the start.")
    bill_charges_monthly: bool | None = i(_MONTHLY)
    tax_codes: list[str] | None = i(_TAXES)
    charges: list[ChargeInput] | None = i("Prices of usage.")
    minimum_commitment: CommitmentInput | None = i("What a period costs at least.")
    usage_thresholds: list[UsageThresholdInput] | None = i("Usage at which an invoice is made during the period.")
    metadata: JsonObject | None = i("Keys and values of your own.")
    cascade_updates: bool | None = i("Whether prices of single subscriptions follow where they did not differ.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one plan.")
class DestroyPlanInput:
    id: strawberry.ID = m("Internal id.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


New = Annotated[CreatePlanInput, strawberry.argument(description="Attributes of the plan.")]
Changed = Annotated[UpdatePlanInput, strawberry.argument(description="Attributes to change.")]
Gone = Annotated[DestroyPlanInput, strawberry.argument(description="Which plan.")]


async def plan_code(ctx: Context, id: str) -> str:
    """The code of a live plan. Raises ``NotFound("plan")``."""
    try:
        return (await codes_by_id(ctx, "plans", [parse_id(id)]))[0]
    except NotFound:
        raise NotFound("plan") from None


@strawberry.type
class PlanMutations:
    @strawberry.mutation(description="Make a plan.", permission_classes=[HasPermission("plans:create")])
    async def create_plan(self, info: Inf, input: New) -> Plan | None:
        given = sent(input)
        template = given.pop("template", None)
        async with info.context.writing() as ctx:
            inp = PlanInput.parse(given)
            view = await (create_from_template(ctx, template, inp) if template else create_plan(ctx, inp))
            found: Any = view.plan
        return found

    @strawberry.mutation(
        description="Change a plan. Running subscriptions pay the new prices.",
        permission_classes=[HasPermission("plans:update")],
    )
    async def update_plan(self, info: Inf, input: Changed) -> Plan | None:
        async with info.context.writing() as ctx:
            inp = PlanInput.parse(sent(input, "id"))
            found: Any = (await update_plan(ctx, await plan_code(ctx, input.id), inp)).plan
        return found

    @strawberry.mutation(
        description="Delete a plan. Its subscriptions end and its drafts are finalized, in the background.",
        permission_classes=[HasPermission("plans:delete")],
    )
    async def destroy_plan(self, info: Inf, input: Gone) -> Plan | None:
        async with info.context.writing() as ctx:
            found: Any = (await delete_plan(ctx, await plan_code(ctx, input.id))).plan
        return found
