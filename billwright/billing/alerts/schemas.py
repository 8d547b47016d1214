"""Alerts on the wire, in and out (spec 07 §9.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from billwright.billing.alerts.crossing import Direction
from billwright.billing.catalog.schemas import MetricOut
from billwright.billing.kernel.inputs import Input, Number, Text
from billwright.billing.kernel.outputs import DecimalText, Id, Instant, JsonNumber


class AlertThresholdInput(Input):
    """One threshold: minor units, units or credits, as the alert's type says; ``recurring``: again each such step."""

    value: Number | None = None
    code: Text | None = None
    recurring: bool | None = None


RawThresholds = Annotated[
    list[Any],
    WithJsonSchema({"type": "array", "items": AlertThresholdInput.model_json_schema(), "title": "Thresholds"}),
]
"""Entries that ``thresholds.parse_thresholds`` validates, so that mistakes have the codes of spec 07 §9.4."""


class AlertInput(Input):
    """Body of ``POST`` and ``PUT .../alerts``; which attributes count, the service says."""

    alert_type: Text | None = None
    code: Text | None = None
    name: Text | None = None
    billable_metric_code: Text | None = None
    thresholds: RawThresholds | None = None


class AlertThresholdOut(TypedDict):
    """A threshold of an alert, or one that was crossed."""

    code: str | None
    value: DecimalText
    recurring: bool


class AlertOut(TypedDict):
    """The ``alert`` object of the contract, of a subscription or of a wallet."""

    lago_id: Id
    lago_organization_id: Id
    external_subscription_id: str | None
    lago_wallet_id: Id | None
    wallet_code: str | None
    billable_metric: MetricOut | None
    alert_type: str
    code: str
    name: str | None
    direction: Direction
    previous_value: JsonNumber
    last_processed_at: Instant | None
    thresholds: Sequence[AlertThresholdOut]
    created_at: Instant


class TriggeredAlertOut(TypedDict):
    """The ``triggered_alert`` object of webhooks; the ids of the wallet are null for a subscription, and the other way
    round."""

    lago_id: Id
    lago_organization_id: Id
    lago_alert_id: Id
    lago_subscription_id: Id | None
    external_subscription_id: str | None
    lago_wallet_id: Id | None
    wallet_code: str | None
    external_customer_id: str
    billable_metric_code: str | None
    alert_type: str
    alert_code: str
    alert_name: str | None
    current_value: JsonNumber
    previous_value: JsonNumber
    triggered_at: Instant
    crossed_thresholds: Sequence[AlertThresholdOut]


def threshold_objects(rows: Iterable[Mapping[str, Any]]) -> list[AlertThresholdOut]:
    """Stored thresholds on the wire."""
    return [{"code": row["code"], "value": row["value"], "recurring": row["recurring"]} for row in rows]
