"""Billable metrics, plans and charges."""

from __future__ import annotations

import json
from typing import Annotated, Any

import strawberry

from billwright.billing.catalog import models, plan_templates
from billwright.billing.catalog.commitments import CommitmentView
from billwright.billing.catalog.queries import ChargeView, PlanView
from billwright.billing.metering.custom_aggregation import State
from billwright.graphql import batches
from billwright.graphql.enums import BillableMetricAggregationTypeEnum, PlanIntervalEnum
from billwright.graphql.scalars import BigInt, DecimalText, ISO8601DateTime, JsonObject
from billwright.graphql.types.common import Inf, f, shown
from billwright.graphql.types.entitlements import PlanEntitlement, plan_entitlements
from billwright.graphql.types.taxes import Tax
from billwright.graphql.types.thresholds import UsageThreshold

LazyPlan = Annotated["Plan", strawberry.lazy("billwright.graphql.types.catalog")]


@strawberry.type(description="A property of events that charges may price separately.")
class BillableMetricFilter:
    key: str = f("Property of the events.")
    values: list[str] = f("Its values that can be priced.")


@strawberry.type(description="How events of one code become units.")
class BillableMetric:
    id: strawberry.ID = f("Internal id.")
    name: str = f("Name shown to people.")
    code: str = f("Code that events carry.")
    description: str | None = f("What is measured.")
    aggregation_type: BillableMetricAggregationTypeEnum = f("How events become units.")
    field_name: str | None = f("Property of the events that is aggregated.")
    expression: str | None = f("Expression that computes the property.")
    recurring: bool = f("Whether units are carried over into the next period.")
    rounding_function: str | None = f("How units are rounded: round, ceil, floor.")
    rounding_precision: int | None = f("Decimals that remain; may be negative.")
    weighted_interval: str | None = f("Interval of a weighted sum.")
    custom_aggregator: str | None = f("Source of a custom aggregation.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")

    @strawberry.field(description="Properties that charges may price separately, with their values.")
    async def filters(self, root: strawberry.Parent[models.BillableMetric], info: Inf) -> list[BillableMetricFilter]:
        return await info.context.load(batches.filters_of_metric, root.id, [])

    @strawberry.field(description="Live plans with a charge on this metric.")
    async def plans_count(self, root: strawberry.Parent[models.BillableMetric], info: Inf) -> int:
        return await info.context.load(batches.plans_by_metric, root.id, 0)

    @strawberry.field(description="Active subscriptions that are billed for the metric.")
    async def active_subscriptions_count(self, root: strawberry.Parent[models.BillableMetric], info: Inf) -> int:
        return await info.context.load(batches.active_subscriptions_by_metric, root.id, 0)

    @strawberry.field(description="Draft invoices of subscriptions that are billed for the metric.")
    async def draft_invoices_count(self, root: strawberry.Parent[models.BillableMetric], info: Inf) -> int:
        return await info.context.load(batches.draft_invoices_by_metric, root.id, 0)


@strawberry.type(description="A bucket of a charge with a price of its own.")
class ChargeFilter:
    id: strawberry.ID = f("Internal id.")
    invoice_display_name: str | None = f("Name printed on invoices.")
    values: JsonObject = f("Key of a metric's filter -> its values.")
    properties: JsonObject = f("Price, as the charge model wants it; amounts in currency units.")


@strawberry.type(description="A price for the usage of one metric on one plan.")
class Charge:
    @strawberry.field(description="Internal id.")
    def id(self, root: strawberry.Parent[ChargeView]) -> strawberry.ID:
        return strawberry.ID(str(root.charge.id))

    @strawberry.field(description="Code of the charge, unique on its plan.")
    def code(self, root: strawberry.Parent[ChargeView]) -> str:
        return root.charge.code

    @strawberry.field(description="Charge model: standard, graduated, package, percentage, volume and others.")
    def charge_model(self, root: strawberry.Parent[ChargeView]) -> str:
        return root.charge.charge_model

    @strawberry.field(description="Name printed on invoices.")
    def invoice_display_name(self, root: strawberry.Parent[ChargeView]) -> str | None:
        return root.charge.invoice_display_name

    @strawberry.field(description="Whether each event is billed at once.")
    def pay_in_advance(self, root: strawberry.Parent[ChargeView]) -> bool:
        return root.charge.pay_in_advance

    @strawberry.field(description="invoice: its fees without an invoice are put on one at the period's end when paid.")
    def regroup_paid_fees(self, root: strawberry.Parent[ChargeView]) -> str | None:
        return root.charge.regroup_paid_fees

    @strawberry.field(description="Whether its fees get an invoice.")
    def invoiceable(self, root: strawberry.Parent[ChargeView]) -> bool:
        return root.charge.invoiceable

    @strawberry.field(description="Whether units count for the share of the period that they existed.")
    def prorated(self, root: strawberry.Parent[ChargeView]) -> bool:
        return root.charge.prorated

    @strawberry.field(description="Minimum spend of a period, in minor units of the plan's currency.")
    def min_amount_cents(self, root: strawberry.Parent[ChargeView]) -> BigInt:
        return BigInt(root.charge.min_amount_cents)

    @strawberry.field(description="Default price, as the charge model wants it; amounts in currency units.")
    def properties(self, root: strawberry.Parent[ChargeView]) -> JsonObject:
        return JsonObject(root.charge.properties)

    @strawberry.field(description="Metric that the charge bills.")
    def billable_metric(self, root: strawberry.Parent[ChargeView]) -> BillableMetric:
        return shown(root.metric)

    @strawberry.field(description="Buckets with prices of their own, in the order last sent.")
    def filters(self, root: strawberry.Parent[ChargeView]) -> list[ChargeFilter]:
        return shown(list(root.filters))

    @strawberry.field(description="Taxes of the charge itself.")
    def taxes(self, root: strawberry.Parent[ChargeView]) -> list[Tax]:
        return shown(list(root.taxes))


@strawberry.type(description="What a subscription pays at least per interval of its plan.")
class Commitment:
    @strawberry.field(description="Amount of a whole interval, in minor units of the plan's currency.")
    def amount_cents(self, root: strawberry.Parent[CommitmentView]) -> BigInt:
        return BigInt(root.commitment.amount_cents)

    @strawberry.field(description="Name printed on invoices.")
    def invoice_display_name(self, root: strawberry.Parent[CommitmentView]) -> str | None:
        return root.commitment.invoice_display_name

    @strawberry.field(description="Taxes of the commitment itself.")
    def taxes(self, root: strawberry.Parent[CommitmentView]) -> list[Tax]:
        found: Any = list(root.taxes)
        return found


@strawberry.type(description="A price list: a fee per period and prices of usage.")
class Plan:
    id: strawberry.ID = f("Internal id.")
    name: str = f("Name shown to people.")
    invoice_display_name: str | None = f("Name printed on invoices.")
    code: str = f("Code of the plan, unique in the organization.")
    description: str | None = f("What the plan offers.")
    interval: PlanIntervalEnum = f("Length of its billing period.")
    amount_cents: BigInt = f("Fee of a period, in minor units of its currency.")
    amount_currency: str = f("Currency of the plan (ISO 4217).")
    pay_in_advance: bool = f("Whether the fee is billed at the beginning of its period.")
    bill_charges_monthly: bool | None = f("Whether usage is billed monthly on a longer interval.")
    trial_period: DecimalText | None = f("Free days at the start.")
    pending_deletion: bool = f("Whether its deletion is under way.")
    created_at: ISO8601DateTime = f("When it was made.")
    updated_at: ISO8601DateTime = f("When it was last changed.")

    @strawberry.field(description="Whether the plan is a subscription's override of another one.")
    def is_overridden(self, root: strawberry.Parent[models.Plan]) -> bool:
        return root.parent_id is not None

    @strawberry.field(description="The plan whose prices a subscription overrides here; null for an ordinary plan.")
    async def parent(self, root: strawberry.Parent[models.Plan], info: Inf) -> LazyPlan | None:
        return await info.context.load(batches.plans, root.parent_id) if root.parent_id else None

    @strawberry.field(description="Prices of usage, oldest first.")
    async def charges(self, root: strawberry.Parent[models.Plan], info: Inf) -> list[Charge]:
        view: PlanView | None = await info.context.load(batches.plan_details, root.id)
        found: Any = list(view.charges) if view else []
        return found

    @strawberry.field(description="Taxes of the plan itself.")
    async def taxes(self, root: strawberry.Parent[models.Plan], info: Inf) -> list[Tax]:
        return await info.context.load(batches.taxes_of_plan, root.id, [])

    @strawberry.field(description="Usage thresholds of the plan itself, ascending, the recurring one last.")
    async def usage_thresholds(self, root: strawberry.Parent[models.Plan], info: Inf) -> list[UsageThreshold]:
        view: PlanView | None = await info.context.load(batches.plan_details, root.id)
        found: Any = list(view.thresholds) if view else []
        return found

    @strawberry.field(description="Usage thresholds that apply: its own, else those of the plan that it overrides.")
    async def applicable_usage_thresholds(
        self, root: strawberry.Parent[models.Plan], info: Inf
    ) -> list[UsageThreshold]:
        view: PlanView | None = await info.context.load(batches.plan_details, root.id)
        found: Any = list(view.applicable_thresholds) if view else []
        return found

    @strawberry.field(description="Features that it grants, in order of granting; an override's are its parent's.")
    async def entitlements(self, root: strawberry.Parent[models.Plan], info: Inf) -> list[PlanEntitlement]:
        view: PlanView | None = await info.context.load(batches.plan_details, root.id)
        return plan_entitlements(view.entitlements) if view else []

    @strawberry.field(description="What a subscription pays at least; null without a commitment.")
    async def minimum_commitment(self, root: strawberry.Parent[models.Plan], info: Inf) -> Commitment | None:
        view: PlanView | None = await info.context.load(batches.plan_details, root.id)
        found: Any = view.commitment if view else None
        return found

    @strawberry.field(description="Keys and values of your own.")
    def metadata(self, root: strawberry.Parent[models.Plan]) -> JsonObject | None:
        return JsonObject(root.custom_metadata) if root.custom_metadata else None

    @strawberry.field(description="Prices of single subscriptions that were made from the plan.")
    async def overrides_count(self, root: strawberry.Parent[models.Plan], info: Inf) -> int:
        return await info.context.load(batches.overrides_by_plan, root.id, 0)

    @strawberry.field(description="Number of charges.")
    async def charges_count(self, root: strawberry.Parent[models.Plan], info: Inf) -> int:
        return await info.context.load(batches.charges_by_plan, root.id, 0)

    @strawberry.field(description="Subscriptions of any state on the plan itself; with one, its settings are locked.")
    async def subscriptions_count(self, root: strawberry.Parent[models.Plan], info: Inf) -> int:
        return await info.context.load(batches.subscriptions_by_plan, root.id, 0)

    @strawberry.field(description="Active subscriptions on the plan and on its overrides.")
    async def active_subscriptions_count(self, root: strawberry.Parent[models.Plan], info: Inf) -> int:
        return (await info.context.load(batches.subscribed_by_plan, root.id, (0, 0)))[0]

    @strawberry.field(description="Customers with an active subscription on the plan or an override of it.")
    async def customers_count(self, root: strawberry.Parent[models.Plan], info: Inf) -> int:
        return (await info.context.load(batches.subscribed_by_plan, root.id, (0, 0)))[1]

    @strawberry.field(description="Draft invoices that bill the plan or an override of it.")
    async def draft_invoices_count(self, root: strawberry.Parent[models.Plan], info: Inf) -> int:
        return await info.context.load(batches.draft_invoices_by_plan, root.id, 0)


@strawberry.type(description="A plan to begin with, and the metrics that it needs.")
class PlanTemplate:
    code: str = f("Code of the template.")
    name: str = f("Name shown to people.")
    description: str = f("What it bills.")

    @strawberry.field(description="Metrics that are made with the plan, by their REST attributes.")
    def metrics(self, root: strawberry.Parent[plan_templates.PlanTemplate]) -> JsonObject:
        return JsonObject(list(root.metrics))

    @strawberry.field(description="The plan by its REST attributes; its charges name metrics by code.")
    def plan(self, root: strawberry.Parent[plan_templates.PlanTemplate]) -> JsonObject:
        return JsonObject(root.plan)


@strawberry.type(description="State of a custom aggregation.")
class CustomAggregatorState:
    total_units: DecimalText = f("Units so far.")
    amount: DecimalText = f("Amount so far, in currency units.")

    @strawberry.field(description="What the code keeps for itself.")
    def memo(self, root: strawberry.Parent[State]) -> JsonObject | None:
        return JsonObject(json.loads(root.memo))


@strawberry.type(description="Something wrong with a source.")
class CustomAggregatorProblem:
    line: int = f("Line, from 1; 0 for the source as a whole.")
    message: str = f("What is wrong there.")


@strawberry.type(description="What a custom aggregator made of sample events.")
class CustomAggregatorTrial:
    states: list[CustomAggregatorState] = f("State after each event, in order of time; empty when something is wrong.")
    problems: list[CustomAggregatorProblem] = f("Why the source cannot be saved.")
    failure: str | None = f("Why the code failed on an event.")


@strawberry.type(description="What an expression made of a sample event.")
class ExpressionResult:
    value: str = f("The value as text.")
