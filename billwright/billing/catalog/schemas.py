"""Inputs and wire outputs of the catalogue (spec 01 §1, 02 §2, 03 §2).

Charges and filters inside a plan stay raw lists here: the use cases parse each entry, so that the code of a mistake
names the entry's field (``{"properties": ["invalid_amount"]}``) as the wire wants it.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from billwright.billing.catalog.commitments import CommitmentInput, CommitmentView
from billwright.billing.catalog.models import Charge, ChargeFilter, Plan
from billwright.billing.catalog.queries import ChargeView, MetricView, PlanView
from billwright.billing.entitlements.schemas import WrappedEntitlementOut
from billwright.billing.entitlements.views import plan_entitlement_object
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import Input, Integer, Number, Text
from billwright.billing.kernel.outputs import Id, Instant, JsonNumber, number
from billwright.billing.pricing.properties import wire_properties
from billwright.billing.progressive.schemas import (
    ApplicableUsageThresholdOut,
    RawThresholds,
    UsageThresholdOut,
    applicable_threshold_object,
    usage_threshold_object,
)
from billwright.billing.taxes.schemas import TaxOut, tax_object


class MetricFilterInput(Input):
    """A filter key with its values (spec 01 §1.4)."""

    key: Text | None = None
    values: list[Any] | None = None


class MetricInput(Input):
    """Attributes of a billable metric (spec 01 §1.1); the body of POST and PUT."""

    name: Text | None = None
    code: Text | None = None
    description: Text | None = None
    aggregation_type: Text | None = None
    field_name: Text | None = None
    recurring: bool | None = None
    weighted_interval: Text | None = None
    expression: Text | None = None
    rounding_function: Text | None = None
    rounding_precision: Integer | None = None
    filters: list[MetricFilterInput] | None = None


class AdministeredMetricInput(MetricInput):
    """What an administrator may set beyond the API: the source of a custom aggregation (spec 01 §9.2)."""

    custom_aggregator: Text | None = None


class SampleEvent(Input):
    """An event to try an expression on; ``timestamp`` in Unix seconds, default now."""

    code: Text | None = None
    timestamp: Any = None
    properties: dict[str, Any] | None = None


class ExpressionTrial(Input):
    """Body of ``POST /billable_metrics/evaluate_expression`` (spec 01 §3.6)."""

    expression: Text | None = None
    event: Any = None


class ChargeFilterInput(Input):
    """A charge filter (spec 02 §4.1). ``values``: metric filter key -> values."""

    values: Any = None
    properties: Any = None
    invoice_display_name: Text | None = None
    cascade_updates: bool | None = None


class ChargeInput(Input):
    """A charge, alone or inside a plan (spec 02 §2.1). ``id`` tells an update inside ``PUT /plans``."""

    id: Text | None = None
    billable_metric_id: Text | None = None
    code: Text | None = None
    charge_model: Text | None = None
    invoice_display_name: Text | None = None
    pay_in_advance: bool | None = None
    invoiceable: bool | None = None
    regroup_paid_fees: Text | None = None
    prorated: bool | None = None
    min_amount_cents: Integer | None = None
    properties: Any = None
    filters: list[Any] | None = None
    tax_codes: list[Text] | None = None
    cascade_updates: bool | None = None


class CascadeInput(Input):
    """Body of a deletion: whether it reaches overridden plans too (spec 03 §2.6)."""

    cascade_updates: bool | None = None


RawCharges = Annotated[
    list[Any], WithJsonSchema({"type": "array", "items": ChargeInput.model_json_schema(), "title": "Charges"})
]
"""Entries that ``charges.parse_charges`` validates one by one."""


RawCommitment = Annotated[Any, WithJsonSchema({**CommitmentInput.model_json_schema(), "title": "Commitment"})]
"""An object that ``commitments.commitment_change`` validates, so that mistakes are named by the key inside."""


class PlanInput(Input):
    """Attributes of a plan (spec 03 §2.1); the body of POST and PUT. ``amount_cents`` in minor units.

    ``minimum_commitment`` is parsed by ``commitments.commitment_change``, ``usage_thresholds`` by
    ``progressive.thresholds.parse_thresholds``.
    """

    name: Text | None = None
    invoice_display_name: Text | None = None
    code: Text | None = None
    description: Text | None = None
    interval: Text | None = None
    amount_cents: Integer | None = None
    amount_currency: Text | None = None
    pay_in_advance: bool | None = None
    trial_period: Number | None = None
    bill_charges_monthly: bool | None = None
    bill_fixed_charges_monthly: bool | None = None
    tax_codes: list[Text] | None = None
    charges: RawCharges | None = None
    metadata: Any = None
    minimum_commitment: RawCommitment | None = None
    usage_thresholds: RawThresholds | None = None
    cascade_updates: bool | None = None


class PlanMetadataInput(Input):
    """Body of the metadata endpoints of plans: text -> text or null; null clears."""

    metadata: Any = None


class MetricFilterOut(TypedDict):
    """A filter key with its values in alphabetical order."""

    key: str
    values: list[str]


class MetricOut(TypedDict):
    """A billable metric on the wire."""

    lago_id: Id
    name: str
    code: str
    description: str | None
    aggregation_type: str
    field_name: str | None
    recurring: bool
    weighted_interval: str | None
    expression: str | None
    rounding_function: str | None
    rounding_precision: int | None
    created_at: Instant | None
    filters: list[MetricFilterOut]


class ExpressionValue(TypedDict):
    """Result of ``evaluate_expression``: decimals as wire strings, strings as they are."""

    value: str


class ChargeFilterOut(TypedDict):
    """A charge filter on the wire; ``values`` as stored, all-values included."""

    lago_id: Id
    charge_code: str
    invoice_display_name: str | None
    properties: dict[str, Any]
    values: dict[str, list[str]]
    created_at: Instant | None


class ChargeOut(TypedDict):
    """A charge on the wire. ``min_amount_cents`` in minor units of the plan's currency."""

    lago_id: Id
    lago_billable_metric_id: Id
    lago_parent_id: Id | None
    billable_metric_code: str
    code: str
    invoice_display_name: str | None
    created_at: Instant | None
    charge_model: str
    pay_in_advance: bool
    invoiceable: bool
    regroup_paid_fees: str | None
    prorated: bool
    min_amount_cents: int
    properties: dict[str, Any]
    filters: list[ChargeFilterOut]
    taxes: list[TaxOut]
    applied_pricing_unit: None
    accepts_target_wallet: bool


class CommitmentOut(TypedDict):
    """A minimum commitment on the wire. ``amount_cents`` in minor units of the plan's currency, per ``interval``."""

    lago_id: Id
    plan_code: str
    commitment_type: str
    amount_cents: int
    invoice_display_name: str | None
    interval: str
    taxes: list[TaxOut]
    created_at: Instant | None
    updated_at: Instant | None


class PlanOut(TypedDict):
    """A plan on the wire. ``amount_cents`` in minor units, ``trial_period`` in days."""

    lago_id: Id
    name: str
    invoice_display_name: str | None
    created_at: Instant | None
    code: str
    interval: str
    description: str | None
    amount_cents: int
    amount_currency: str
    trial_period: JsonNumber | None
    pay_in_advance: bool
    bill_charges_monthly: bool | None
    bill_fixed_charges_monthly: bool | None
    parent_id: Id | None
    pending_deletion: bool
    minimum_commitment: NotRequired[CommitmentOut]
    charges: list[ChargeOut]
    fixed_charges: list[Any]
    taxes: list[TaxOut]
    usage_thresholds: list[UsageThresholdOut]
    applicable_usage_thresholds: list[ApplicableUsageThresholdOut]
    entitlements: list[WrappedEntitlementOut]
    metadata: dict[str, str | None] | None


def billable_metric_object(view: MetricView) -> MetricOut:
    """The wire form of a metric (spec 01 §1.2)."""
    metric = view.metric
    return {
        "lago_id": metric.id,
        "name": metric.name,
        "code": metric.code,
        "description": metric.description,
        "aggregation_type": metric.aggregation_type,
        "field_name": metric.field_name,
        "recurring": metric.recurring,
        "weighted_interval": metric.weighted_interval,
        "expression": metric.expression,
        "rounding_function": metric.rounding_function,
        "rounding_precision": metric.rounding_precision,
        "created_at": iso(metric.created_at),
        "filters": [{"key": item.key, "values": sorted(item.values)} for item in view.filters],
    }


def charge_filter_object(charge: Charge, item: ChargeFilter) -> ChargeFilterOut:
    """The wire form of a charge filter, alone or inside its charge."""
    return {
        "lago_id": item.id,
        "charge_code": charge.code,
        "invoice_display_name": item.invoice_display_name,
        "properties": wire_properties(charge.charge_model, item.properties),
        "values": item.values,
        "created_at": iso(item.created_at),
    }


def charge_object(view: ChargeView) -> ChargeOut:
    """The wire form of a charge (spec 02 §2.1)."""
    charge = view.charge
    return {
        "lago_id": charge.id,
        "lago_billable_metric_id": charge.billable_metric_id,
        "lago_parent_id": charge.parent_id,
        "billable_metric_code": view.metric.code,
        "code": charge.code,
        "invoice_display_name": charge.invoice_display_name,
        "created_at": iso(charge.created_at),
        "charge_model": charge.charge_model,
        "pay_in_advance": charge.pay_in_advance,
        "invoiceable": charge.invoiceable,
        "regroup_paid_fees": charge.regroup_paid_fees,
        "prorated": charge.prorated,
        "min_amount_cents": charge.min_amount_cents,
        "properties": wire_properties(charge.charge_model, charge.properties),
        "filters": [charge_filter_object(charge, item) for item in view.filters],
        "taxes": [tax_object(tax) for tax in view.taxes],
        "applied_pricing_unit": None,
        "accepts_target_wallet": False,
    }


def plan_object(view: PlanView) -> PlanOut:
    """The wire form of a plan with everything inside (spec 03 §2.1).

    ``minimum_commitment`` stands only on plans that have one; the lists without a feature behind them are empty.
    """
    plan = view.plan
    answer: PlanOut = {
        "lago_id": plan.id,
        "name": plan.name,
        "invoice_display_name": plan.invoice_display_name,
        "created_at": iso(plan.created_at),
        "code": plan.code,
        "interval": plan.interval,
        "description": plan.description,
        "amount_cents": plan.amount_cents,
        "amount_currency": plan.amount_currency,
        "trial_period": None if plan.trial_period is None else number(plan.trial_period),
        "pay_in_advance": plan.pay_in_advance,
        "bill_charges_monthly": plan.bill_charges_monthly,
        "bill_fixed_charges_monthly": plan.bill_fixed_charges_monthly,
        "parent_id": plan.parent_id,
        "pending_deletion": plan.pending_deletion,
        "charges": [charge_object(item) for item in view.charges],
        "fixed_charges": [],
        "taxes": [tax_object(tax) for tax in view.taxes],
        "usage_thresholds": [usage_threshold_object(item) for item in view.thresholds],
        "applicable_usage_thresholds": [applicable_threshold_object(item) for item in view.applicable_thresholds],
        "entitlements": [{"entitlement": plan_entitlement_object(item)} for item in view.entitlements],
        "metadata": plan.custom_metadata,
    }
    if view.commitment is not None:
        answer["minimum_commitment"] = commitment_object(plan, view.commitment)
    return answer


def commitment_object(plan: Plan, view: CommitmentView) -> CommitmentOut:
    """The wire form of a plan's minimum commitment (spec 02 §12)."""
    kept = view.commitment
    return {
        "lago_id": kept.id,
        "plan_code": plan.code,
        "commitment_type": "minimum_commitment",
        "amount_cents": kept.amount_cents,
        "invoice_display_name": kept.invoice_display_name,
        "interval": plan.interval,
        "taxes": [tax_object(tax) for tax in view.taxes],
        "created_at": iso(kept.created_at),
        "updated_at": iso(kept.updated_at),
    }
