"""Inputs of subscriptions (spec 03 §6.3, §6.10).

``plan_overrides`` is read by ``catalog.overrides.parse_overrides``, ``usage_thresholds`` by
``progressive.thresholds.parse_thresholds``.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema

from billwright.billing.catalog.override_schemas import PlanOverridesInput
from billwright.billing.kernel.inputs import Input, Text
from billwright.billing.progressive.schemas import RawThresholds

OverridesValue = Annotated[Any, WithJsonSchema(PlanOverridesInput.model_json_schema())]
"""``plan_overrides`` as sent."""


class SubscriptionCreate(Input):
    """Body of ``POST /subscriptions``. Dates are ISO 8601 texts; they are checked after the plan and the customer."""

    external_customer_id: Text | None = None
    plan_code: Text | None = None
    external_id: Text | None = None
    name: Text | None = None
    billing_time: Text | None = None
    subscription_at: Text | None = None
    ending_at: Text | None = None
    consolidate_invoice: bool | None = None
    progressive_billing_disabled: bool | None = None
    purchase_order_number: Text | None = None
    billing_entity_code: Text | None = None
    plan_overrides: OverridesValue = None
    usage_thresholds: RawThresholds | None = None


class SubscriptionUpdate(Input):
    """Body of ``PUT /subscriptions/{external_id}``."""

    name: Text | None = None
    ending_at: Text | None = None
    subscription_at: Text | None = None
    consolidate_invoice: bool | None = None
    progressive_billing_disabled: bool | None = None
    purchase_order_number: Text | None = None
    billing_entity_code: Text | None = None
    on_termination_invoice: Text | None = None
    on_termination_credit_note: Text | None = None
    plan_overrides: OverridesValue = None
    usage_thresholds: RawThresholds | None = None


class TerminationOptions(Input):
    """Query parameters of ``DELETE /subscriptions/{external_id}``."""

    on_termination_credit_note: Text | None = None
    on_termination_invoice: Text | None = None
