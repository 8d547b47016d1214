"""Subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.entitlements.queries import SubscriptionSets
from billwright.billing.kernel.errors import BillingError
from billwright.billing.metering.usage import usage_of
from billwright.billing.progressive.queries import lifetime_usage_of
from billwright.billing.progressive.service import view_of
from billwright.billing.subscriptions import models
from billwright.graphql import alert_batches, batches, entitlement_batches, subscription_batches
from billwright.graphql.enums import SubscriptionBillingTimeEnum, SubscriptionStatusEnum
from billwright.graphql.scalars import ISO8601Date, ISO8601DateTime
from billwright.graphql.types.alerts import Alert
from billwright.graphql.types.catalog import Plan
from billwright.graphql.types.common import Collection, Inf, Limit, PageNumber, collection, f, page_request, shown
from billwright.graphql.types.entitlements import (
    PlanEntitlement,
    SubscriptionEntitlement,
    plan_entitlements,
    subscription_entitlements,
)
from billwright.graphql.types.thresholds import LifetimeUsage, UsageThreshold
from billwright.graphql.types.usage import CustomerUsage, PastUsage, customer_usage, past_usage_of

if TYPE_CHECKING:
    from billwright.graphql.types.customers import Customer
    from billwright.graphql.types.invoices import InvoiceSubscription

LazyCustomer = Annotated["Customer", strawberry.lazy("billwright.graphql.types.customers")]
LazyPeriod = Annotated["InvoiceSubscription", strawberry.lazy("billwright.graphql.types.invoices")]
LazySubscription = Annotated["Subscription", strawberry.lazy("billwright.graphql.types.subscriptions")]
Row = strawberry.Parent[models.Subscription]


@strawberry.type(description="A customer on a plan.")
class Subscription:
    id: strawberry.ID = f("Internal id.")
    external_id: str = f("Your id of the subscription; events carry it.")
    name: str | None = f("Name shown to people.")
    status: SubscriptionStatusEnum = f("State of the subscription.")
    billing_time: SubscriptionBillingTimeEnum = f("Where billing periods begin.")
    subscription_at: ISO8601DateTime = f("Anchor of the subscription.")
    started_at: ISO8601DateTime | None = f("When it started.")
    ending_at: ISO8601DateTime | None = f("When it will end, if that is set.")
    terminated_at: ISO8601DateTime | None = f("When it ended.")
    canceled_at: ISO8601DateTime | None = f("When it was canceled before it started.")
    trial_ended_at: ISO8601DateTime | None = f("When its trial ended.")
    next_billing_at: ISO8601DateTime | None = f("When its next periodic invoice is made; null when none will be.")
    created_at: ISO8601DateTime = f("When it was made.")
    on_termination_credit_note: str | None = f("What happens to the unused part of a fee paid in advance.")
    on_termination_invoice: str = f("Whether termination makes an invoice: generate or skip.")
    progressive_billing_disabled: bool = f("Whether its usage thresholds are turned off.")

    @strawberry.field(description="Who is billed.")
    async def customer(self, root: Row, info: Inf) -> LazyCustomer:
        return await info.context.load(batches.customers, root.customer_id)

    @strawberry.field(description="What is billed.")
    async def plan(self, root: Row, info: Inf) -> Plan:
        return await info.context.load(batches.plans, root.plan_id)

    @strawberry.field(description="Start of the running charge period; null when not active.")
    async def current_billing_period_started_at(self, root: Row, info: Inf) -> ISO8601DateTime | None:
        return (await _wire(root, info)).get("current_billing_period_started_at")

    @strawberry.field(description="End of the running charge period; null when not active.")
    async def current_billing_period_ending_at(self, root: Row, info: Inf) -> ISO8601DateTime | None:
        return (await _wire(root, info)).get("current_billing_period_ending_at")

    @strawberry.field(description="Code of the plan that a pending change switches to.")
    async def next_plan_code(self, root: Row, info: Inf) -> str | None:
        return (await _wire(root, info)).get("next_plan_code")

    @strawberry.field(description="Day of the pending switch to a cheaper plan.")
    async def downgrade_plan_date(self, root: Row, info: Inf) -> ISO8601Date | None:
        return (await _wire(root, info)).get("downgrade_plan_date")

    @strawberry.field(description="Subscription that follows it on another plan: pending, or running already.")
    async def next_subscription(self, root: Row, info: Inf) -> LazySubscription | None:
        return await info.context.load(subscription_batches.successors, root.id)

    @strawberry.field(description="Subscription that it followed on another plan.")
    async def previous_subscription(self, root: Row, info: Inf) -> LazySubscription | None:
        if root.previous_subscription_id is None:
            return None
        return await info.context.load(batches.subscriptions, root.previous_subscription_id)

    @strawberry.field(description="End of its trial, past or to come; null without one and before the start.")
    async def trial_ends_at(self, root: Row, info: Inf) -> ISO8601DateTime | None:
        return await info.context.load(subscription_batches.trial_ends, root.id)

    @strawberry.field(description="What its invoices billed, newest first, 24 at most; null without invoices:view.")
    async def billed_periods(self, root: Row, info: Inf) -> list[LazyPeriod] | None:
        if not await info.context.may("invoices:view"):
            return None
        return await info.context.load(subscription_batches.periods_of_subscription, root.id, [])

    @strawberry.field(description="Time zone that decides its periods.")
    async def applicable_timezone(self, root: Row, info: Inf) -> str:
        customer = await info.context.load(batches.customers, root.customer_id)
        return applicable_timezone(customer, (await info.context.principal()).organization)

    @strawberry.field(description="Usage of the running period, live; null when not active or not permitted.")
    async def current_usage(self, root: Row, info: Inf) -> CustomerUsage | None:
        if root.status != "active" or not await info.context.may("customers:view"):
            return None
        customer = await info.context.load(batches.customers, root.customer_id)
        async with info.context.reading() as ctx:
            try:
                return customer_usage(ctx, await usage_of(ctx, customer, root))
            except BillingError:
                return None

    @strawberry.field(description="Usage as it was invoiced, plan changes included, newest period first.")
    async def past_usage(
        self, root: Row, info: Inf, page: PageNumber = None, limit: Limit = None
    ) -> Collection[PastUsage] | None:
        if not await info.context.may("customers:view"):
            return None
        customer = await info.context.load(batches.customers, root.customer_id)
        async with info.context.reading() as ctx:
            found = await past_usage_of(ctx, customer, root, page_request(page, limit))
        return collection(found)

    @strawberry.field(description="Usage thresholds that apply: its own, else its plan's; none when turned off.")
    async def applicable_usage_thresholds(self, root: Row, info: Inf) -> list[UsageThreshold]:
        return await info.context.load(batches.thresholds_of_subscription, root.id, [])

    @strawberry.field(description="Alerts on its usage, oldest first; they stay with its external id.")
    async def alerts(self, root: Row, info: Inf) -> list[Alert]:
        return await info.context.load(alert_batches.of_subscription, root.external_id, [])

    @strawberry.field(description="What it is entitled to: its plan's features with its own, less what was removed.")
    async def entitlements(self, root: Row, info: Inf) -> list[SubscriptionEntitlement]:
        sets: SubscriptionSets | None = await info.context.load(entitlement_batches.sets_of_subscription, root.id)
        return subscription_entitlements(sets) if sets else []

    @strawberry.field(description="What its plan grants and it goes without: features, and single values of others.")
    async def removed_entitlements(self, root: Row, info: Inf) -> list[PlanEntitlement]:
        sets: SubscriptionSets | None = await info.context.load(entitlement_batches.sets_of_subscription, root.id)
        return plan_entitlements(sets.removed) if sets else []

    @strawberry.field(description="Usage since its beginning, live; null before the start or if not permitted.")
    async def lifetime_usage(self, root: Row, info: Inf) -> LifetimeUsage | None:
        if not await info.context.may("customers:view"):
            return None
        async with info.context.reading() as ctx:
            record = await lifetime_usage_of(ctx, root.id)
            if record is None:
                return None
            try:
                return shown(await view_of(ctx, root, record))
            except BillingError:
                return None


async def _wire(root: Any, info: Inf) -> Any:
    return await info.context.load(batches.subscription_wires, root.id, {})
