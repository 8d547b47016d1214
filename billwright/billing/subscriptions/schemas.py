"""Inputs of subscriptions (spec 03 §6.3, §6.10).

``plan_overrides`` and ``usage_thresholds`` are refused (``unsupported_value``) when they hold anything.
"""

from __future__ import annotations

from typing import Any

from billwright.billing.kernel.inputs import Input, Text


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
    purchase_order_number: Text | None = None
    plan_overrides: Any = None
    usage_thresholds: Any = None


class SubscriptionUpdate(Input):
    """Body of ``PUT /subscriptions/{external_id}``."""

    name: Text | None = None
    ending_at: Text | None = None
    subscription_at: Text | None = None
    consolidate_invoice: bool | None = None
    purchase_order_number: Text | None = None
    on_termination_invoice: Text | None = None
    on_termination_credit_note: Text | None = None
    plan_overrides: Any = None
    usage_thresholds: Any = None


class TerminationOptions(Input):
    """Query parameters of ``DELETE /subscriptions/{external_id}``."""

    on_termination_credit_note: Text | None = None
    on_termination_invoice: Text | None = None
