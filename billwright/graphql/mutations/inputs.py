"""Inputs of mutations. An attribute that is not sent is left alone, null clears it (spec 07 §6.3)."""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from typing import Any

import strawberry

from billwright.graphql.enums import BillableMetricAggregationTypeEnum
from billwright.graphql.scalars import BigInt, ISO8601DateTime, JsonObject


def i(description: str) -> Any:
    """An attribute that may be left out."""
    return strawberry.field(description=description, default=strawberry.UNSET)


def m(description: str) -> Any:
    """A mandatory attribute."""
    return strawberry.field(description=description)


def sent(value: Any, *left_out: str) -> dict[str, Any]:
    """The attributes sent, by their REST name; nested inputs become dicts, enums their value, instants ISO text."""
    found: dict[str, Any] = {}
    for name in (field.name for field in fields(value)):
        given = getattr(value, name)
        if given is not strawberry.UNSET and name not in ("client_mutation_id", *left_out):
            found[name] = _plain(given)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if hasattr(type(value), "__strawberry_definition__"):
        return sent(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


CLIENT_MUTATION_ID = "Text of your own; not looked at."


@strawberry.input(description="Signing in by password.")
class LoginUserInput:
    email: str = m("E-mail address.")
    password: str = m("Password.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Logging out.")
class LogoutInput:
    everywhere: bool | None = i(
        "Whether all sessions of the person end, in other browsers too; of a session by Okta, those by that Okta."
    )
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class FinalizeInvoiceInput:
    id: strawberry.ID = m("Internal id of the draft.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class RefreshInvoiceInput:
    id: strawberry.ID = m("Internal id of the draft.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class DownloadInvoiceInput:
    id: strawberry.ID = m("Internal id of the invoice.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class RetryJobInput:
    id: strawberry.ID = m("Internal id of the job.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Where to advance a sandbox clock.")
class AdvanceTestClockInput:
    now: ISO8601DateTime = m("The instant to reach; forward only.")
    respond_async: bool | None = i("Answer at once with the clock advancing, instead of when it has arrived.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="A lifetime usage that makes an invoice when it is reached.")
class UsageThresholdInput:
    amount_cents: BigInt = m("Usage before taxes and discounts, in minor units of the plan's currency.")
    threshold_display_name: str | None = i("Name shown to people.")
    recurring: bool | None = i("Whether it is reached again each time usage grows by the amount after the last step.")


@strawberry.input(description="A property of events that charges may price separately.")
class BillableMetricFilterInput:
    key: str = m("Property of the events.")
    values: list[str] = m("Its values that can be priced.")


@strawberry.input(description="Attributes of a new billable metric.")
class CreateBillableMetricInput:
    name: str = m("Name shown to people.")
    code: str = m("Code that events carry, unique in the organization.")
    aggregation_type: BillableMetricAggregationTypeEnum = m("How events become units.")
    field_name: str | None = i("Property of the events that is aggregated.")
    description: str | None = i("What is measured.")
    expression: str | None = i("Expression that computes the property.")
    recurring: bool | None = i("Whether units are carried over into the next period.")
    rounding_function: str | None = i("How units are rounded: round, ceil, floor.")
    rounding_precision: int | None = i("Decimals that remain; may be negative.")
    weighted_interval: str | None = i("Interval of a weighted sum: seconds.")
    custom_aggregator: str | None = i("Source of a custom aggregation.")
    filters: list[BillableMetricFilterInput] | None = i("Properties that charges may price separately; replaces all.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(
    description="Attributes to change; while a charge uses the metric, only name, description and filters."
)
class UpdateBillableMetricInput:
    id: strawberry.ID = m("Internal id of the metric.")
    name: str | None = i("Name shown to people.")
    code: str | None = i("Code that events carry.")
    aggregation_type: BillableMetricAggregationTypeEnum | None = i("How events become units.")
    field_name: str | None = i("Property of the events that is aggregated.")
    description: str | None = i("What is measured.")
    expression: str | None = i("Expression that computes the property.")
    recurring: bool | None = i("Whether units are carried over into the next period.")
    rounding_function: str | None = i("How units are rounded: round, ceil, floor.")
    rounding_precision: int | None = i("Decimals that remain; may be negative.")
    weighted_interval: str | None = i("Interval of a weighted sum: seconds.")
    custom_aggregator: str | None = i("Source of a custom aggregation.")
    filters: list[BillableMetricFilterInput] | None = i("Properties that charges may price separately; replaces all.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="Names one object.")
class DestroyBillableMetricInput:
    id: strawberry.ID = m("Internal id of the metric; its charges go with it.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)


@strawberry.input(description="An event that is not stored.")
class SampleEventInput:
    code: str | None = i("Code of the event.")
    timestamp: str | None = i("Unix seconds, with decimals if needed; now when left out.")
    properties: JsonObject | None = i("Properties of the event.")


@strawberry.input(description="A custom aggregator and what to try it on.")
class TestCustomAggregatorInput:
    custom_aggregator: str = m("The source.")
    events: list[SampleEventInput] = m("At most 100 events; they are folded in order of time.")
    custom_properties: JsonObject | None = i("What the charge would hand to the code.")
    client_mutation_id: str | None = i(CLIENT_MUTATION_ID)
