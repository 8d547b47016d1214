"""Inputs of prices of a single subscription (spec 03 §2.5)."""

from __future__ import annotations

from typing import Any

from billwright.billing.kernel.inputs import Input, Integer, Number, Text
from billwright.billing.progressive.schemas import RawThresholds


class ChargeOverrideInput(Input):
    """What of one charge differs; absent or null keys stay as they are. ``id``: of the parent's charge, or of the
    child's own."""

    id: Text | None = None
    invoice_display_name: Text | None = None
    min_amount_cents: Integer | None = None
    properties: Any = None
    filters: list[Any] | None = None
    tax_codes: list[Text] | None = None


class PlanOverridesInput(Input):
    """``plan_overrides`` of a subscription. ``amount_cents`` in minor units of ``amount_currency``.

    ``minimum_commitment`` is parsed by ``commitments.commitment_change``, ``usage_thresholds`` by
    ``progressive.thresholds.parse_thresholds``.
    """

    name: Text | None = None
    description: Text | None = None
    invoice_display_name: Text | None = None
    amount_cents: Integer | None = None
    amount_currency: Text | None = None
    trial_period: Number | None = None
    tax_codes: list[Text] | None = None
    charges: list[Any] | None = None
    metadata: Any = None
    minimum_commitment: Any = None
    usage_thresholds: RawThresholds | None = None


PLAN_NAMES = ("name", "description", "invoice_display_name", "amount_cents", "amount_currency", "trial_period")
NEVER_NULL = ("name", "amount_cents", "amount_currency")
"""Attributes for which null means absent, because a plan cannot be without them."""
