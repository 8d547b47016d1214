"""Writing subscriptions (spec 07 §6.2), and asking what that would do."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry

from billwright.billing.access.context import Context
from billwright.billing.catalog.queries import plan_by_id
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import new_id, parse_id
from billwright.billing.previewing.outlook import foresee_creation, foresee_termination, foresee_update
from billwright.billing.subscriptions.models import Subscription as Row
from billwright.billing.subscriptions.queries import subscription_by_id
from billwright.billing.subscriptions.schemas import SubscriptionCreate, SubscriptionUpdate, TerminationOptions
from billwright.billing.subscriptions.service import (
    create_subscription,
    terminate_subscription,
    update_subscription,
)
from billwright.graphql.enums import (
    SubscriptionBillingTimeEnum,
    SubscriptionOnTerminationCreditNoteEnum,
    SubscriptionOnTerminationInvoiceEnum,
)
from billwright.graphql.mutations.customers import customer_of
from billwright.graphql.mutations.inputs import CLIENT_MUTATION_ID, UsageThresholdInput, i, m, sent
from billwright.graphql.mutations.plans import ChargeFilterInput, CommitmentInput
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601DateTime, JsonObject
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.outlook import SubscriptionOutlook
from billwright.graphql.types.subscriptions import Subscription

_CREDIT_NOTE = "What happens to the unused part of a fee paid in advance."
_INVOICE = "Whether it gets a final invoice."
_THRESHOLDS = "Thresholds of its own, in place of the plan's; an empty list removes them."
_OVERRIDES = "Prices of its own: it gets a copy of the plan in which these differ."


@strawberry.input(description="What of a charge differs for one subscription; what is left out stays as it is.")
class ChargeOverridesInput:
    id: strawberry.ID = m("The plan's charge, or the subscription's own copy of it.")
    properties: JsonObject | None = i("Default price, as the charge model wants it; amounts in currency units.")
    filters: list[ChargeFilterInput] | None = i("Units with prices of their own; replaces all.")
    min_amount_cents: BigInt | None = i("Minimum spend of a period, in minor units of the plan's currency.")
    invoice_display_name: str | None = i("Name printed on invoices.")
    tax_codes: list[str] | None = i("Codes of taxes of its own.")


@strawberry.input(description="What of the plan differs for one subscription; what is left out stays as it is.")
class PlanOverridesInput:
    name: str | None = i("Name shown to people.")
    description: str | None = i("What it offers.")
    invoice_display_name: str | None = i("Name printed on invoices.")
    amount_cents: BigInt | None = i("Fee of a period, in minor units of its currency.")
    amount_currency: str | None = i("Currency (ISO 4217), that of the customer.")
    trial_period: DecimalText | None = i("Free days at the start.")
    tax_codes: list[str] | None = i("Codes of taxes of its own.")
    minimum_commitment: CommitmentInput | None = i("What a period costs at least; an empty object removes it.")
    usage_thresholds: list[UsageThresholdInput] | None = i("Usage at which an invoice is made during the period.")
    charges: list[ChargeOverridesInput] | None = i("Prices of usage that differ.")


@strawberry.input(description="A customer put on a plan, or a subscription put on another one.")
class CreateSubscriptionInput:
    customer_id: strawberry.ID = m("Internal id of the customer.")
    plan_id: strawberry.ID = m("Internal id of the plan.")
    billing_time: SubscriptionBillingTimeEnum = m("Where billing periods begin; kept by a change of plan.")
    subscription_id: strawberry.ID | None = i("Subscription whose plan is changed; a new one without it.")
    external_id: str | None = i("Your id of the subscription; one is made when left out, a change of plan keeps it.")
    name: str | None = i("Name shown to people.")
    subscription_at: ISO8601DateTime | None = i("Anchor and start; now when left out.")
    ending_at: ISO8601DateTime | None = i("When it ends by itself.")
    plan_overrides: PlanOverridesInput | None = i(_OVERRIDES)
    usage_thresholds: list[UsageThresholdInput] | None = i(_THRESHOLDS)
    progressive_billing_disabled: bool | None = i("Whether its usage thresholds are turned off.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Changes of an active or pending subscription.")
class UpdateSubscriptionInput:
    id: strawberry.ID = m("Internal id of the subscription.")
    name: str | None = i("Name shown to people.")
    subscription_at: ISO8601DateTime | None = i("Start, while it has not started.")
    ending_at: ISO8601DateTime | None = i("When it ends by itself; null for never.")
    plan_overrides: PlanOverridesInput | None = i(_OVERRIDES)
    usage_thresholds: list[UsageThresholdInput] | None = i(_THRESHOLDS)
    progressive_billing_disabled: bool | None = i("Whether its usage thresholds are turned off.")
    on_termination_credit_note: SubscriptionOnTerminationCreditNoteEnum | None = i(_CREDIT_NOTE)
    on_termination_invoice: SubscriptionOnTerminationInvoiceEnum | None = i(_INVOICE)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="A subscription to end.")
class TerminateSubscriptionInput:
    id: strawberry.ID = m("Internal id of the subscription; a pending one is canceled.")
    on_termination_credit_note: SubscriptionOnTerminationCreditNoteEnum | None = i(_CREDIT_NOTE)
    on_termination_invoice: SubscriptionOnTerminationInvoiceEnum | None = i(_INVOICE)
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


New = Annotated[CreateSubscriptionInput, strawberry.argument(description="Who, on which plan, since when.")]
Changed = Annotated[UpdateSubscriptionInput, strawberry.argument(description="Which, and what changes.")]
Ending = Annotated[TerminateSubscriptionInput, strawberry.argument(description="Which, and what follows.")]


async def _running(ctx: Context, id: str) -> Row:
    """The active or pending subscription. Raises ``NotFound("subscription")``."""
    wanted = parse_id(id)
    found = await subscription_by_id(ctx, wanted) if wanted else None
    if found is None or found.status not in ("active", "pending"):
        raise NotFound("subscription")
    return found


async def _asked(ctx: Context, input: CreateSubscriptionInput) -> tuple[SubscriptionCreate, UUID | None]:
    """What is asked for, by external id and code, and the subscription whose plan changes."""
    customer = await customer_of(ctx, input.customer_id)
    plan_id = parse_id(input.plan_id)
    plan = await plan_by_id(ctx, plan_id) if plan_id else None
    if plan is None or plan.parent_id is not None:
        raise NotFound("plan")
    values: dict[str, Any] = sent(input, "customer_id", "plan_id", "subscription_id")
    changing = None
    if input.subscription_id:
        current = await _running(ctx, input.subscription_id)
        if current.customer_id != customer.id:
            raise NotFound("subscription")
        values["external_id"], changing = current.external_id, current.id
    elif not (values.get("external_id") or "").strip():
        values["external_id"] = str(new_id())
    values |= {"external_customer_id": customer.external_id, "plan_code": plan.code}
    return SubscriptionCreate.parse(values), changing


@strawberry.type
class SubscriptionMutations:
    @strawberry.mutation(
        description="Put a customer on a plan. With subscriptionId the plan of that one changes: at once if the new "
        "plan costs as much or more a year, else when its period ends; then the running subscription is the answer.",
        permission_classes=[HasPermission("subscriptions:create")],
    )
    async def create_subscription(self, info: Inf, input: New) -> Subscription | None:
        async with info.context.writing() as ctx:
            inp, changing = await _asked(ctx, input)
            return shown(await create_subscription(ctx, inp, changing=changing, new=changing is None))

    @strawberry.mutation(
        description="Change an active or pending subscription. Prices apply from the next invoice.",
        permission_classes=[HasPermission("subscriptions:update")],
    )
    async def update_subscription(self, info: Inf, input: Changed) -> Subscription | None:
        async with info.context.writing() as ctx:
            found = await _running(ctx, input.id)
            inp = SubscriptionUpdate.parse(sent(input, "id"))
            return shown(await update_subscription(ctx, found.external_id, found.status, inp))

    @strawberry.mutation(
        description="End a subscription, or cancel a pending one.",
        permission_classes=[HasPermission("subscriptions:update")],
    )
    async def terminate_subscription(self, info: Inf, input: Ending) -> Subscription | None:
        async with info.context.writing() as ctx:
            found = await _running(ctx, input.id)
            options = TerminationOptions.parse(sent(input, "id"))
            return shown(await terminate_subscription(ctx, found.external_id, options, status=found.status))

    @strawberry.mutation(
        description="What createSubscription would do; nothing is stored.",
        permission_classes=[HasPermission("subscriptions:create")],
    )
    async def preview_subscription(self, info: Inf, input: New) -> SubscriptionOutlook | None:
        async with info.context.writing() as ctx:
            inp, changing = await _asked(ctx, input)
            return shown(await foresee_creation(ctx, inp, changing=changing))

    @strawberry.mutation(
        description="What updateSubscription would do; nothing is stored.",
        permission_classes=[HasPermission("subscriptions:update")],
    )
    async def preview_subscription_update(self, info: Inf, input: Changed) -> SubscriptionOutlook | None:
        async with info.context.writing() as ctx:
            found = await _running(ctx, input.id)
            return shown(await foresee_update(ctx, found.id, SubscriptionUpdate.parse(sent(input, "id"))))

    @strawberry.mutation(
        description="What terminateSubscription would do; nothing is stored.",
        permission_classes=[HasPermission("subscriptions:update")],
    )
    async def preview_subscription_termination(self, info: Inf, input: Ending) -> SubscriptionOutlook | None:
        async with info.context.writing() as ctx:
            found = await _running(ctx, input.id)
            return shown(await foresee_termination(ctx, found.id, TerminationOptions.parse(sent(input, "id"))))
