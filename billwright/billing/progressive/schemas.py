"""Usage thresholds and lifetime usage on the wire (spec 02 §13)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import Input, Integer, Text
from billwright.billing.kernel.money import decimal_string, round_half_up
from billwright.billing.kernel.outputs import Id, Instant, JsonNumber
from billwright.billing.progressive.models import UsageThreshold


class UsageThresholdInput(Input):
    """One threshold; ``amount_cents`` in minor units of the plan's currency."""

    amount_cents: Integer | None = None
    threshold_display_name: Text | None = None
    recurring: bool | None = None


RawThresholds = Annotated[
    list[Any],
    WithJsonSchema({"type": "array", "items": UsageThresholdInput.model_json_schema(), "title": "Usage thresholds"}),
]
"""Entries that ``thresholds.parse_thresholds`` validates, so that mistakes have the codes of spec 02 §13.1."""


class LifetimeUsageInput(Input):
    """Body of ``PUT /subscriptions/{external_id}/lifetime_usage``: usage from before, in minor units."""

    external_historical_usage_amount_cents: Integer | None = None


class UsageThresholdOut(TypedDict):
    """A threshold of a plan or subscription."""

    lago_id: Id
    threshold_display_name: str | None
    amount_cents: int
    recurring: bool
    created_at: Instant
    updated_at: Instant


class ApplicableUsageThresholdOut(TypedDict):
    """A threshold that applies, wherever it comes from."""

    threshold_display_name: str | None
    amount_cents: int
    recurring: bool


class AppliedUsageThresholdOut(TypedDict):
    """A threshold that an invoice was made for."""

    lifetime_usage_amount_cents: int
    created_at: Instant
    usage_threshold: UsageThresholdOut


class ThresholdProgressOut(TypedDict):
    """A threshold on the way of lifetime usage; ``completion_ratio`` from 0 to 1."""

    amount_cents: int
    completion_ratio: JsonNumber
    reached_at: Instant | None


class LifetimeUsageOut(TypedDict):
    """Usage since a subscription's beginning, before taxes and discounts, in minor units."""

    lago_id: Id
    lago_subscription_id: Id
    external_subscription_id: str
    external_historical_usage_amount_cents: int
    invoiced_usage_amount_cents: int
    current_usage_amount_cents: int
    from_datetime: Instant
    to_datetime: Instant
    usage_thresholds: NotRequired[list[ThresholdProgressOut]]


def usage_threshold_object(row: UsageThreshold) -> UsageThresholdOut:
    """The wire form of a threshold."""
    return {
        "lago_id": row.id,
        "threshold_display_name": row.threshold_display_name,
        "amount_cents": row.amount_cents,
        "recurring": row.recurring,
        "created_at": iso(row.created_at) or "",
        "updated_at": iso(row.updated_at) or "",
    }


def applicable_threshold_object(row: UsageThreshold) -> ApplicableUsageThresholdOut:
    """The same where only its values matter."""
    return {
        "threshold_display_name": row.threshold_display_name,
        "amount_cents": row.amount_cents,
        "recurring": row.recurring,
    }


def ratio(value: Fraction) -> Decimal:
    """A part of the way as a JSON number, from one decimal to ten."""
    return Decimal(decimal_string(round_half_up(value, 10)))
