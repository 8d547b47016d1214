"""Usage on the wire (spec 01 §10.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NotRequired

from typing_extensions import TypedDict

from billwright.billing.catalog.snapshot import ChargeSnapshot
from billwright.billing.explaining.steps import ExplanationOut
from billwright.billing.invoicing.charge_usage import PricedBucket
from billwright.billing.kernel.money import decimal_string
from billwright.billing.kernel.outputs import Day, DecimalText, Id, Instant
from billwright.billing.pricing.filters import filter_display_name


class FilterUsageOut(TypedDict):
    """Usage of one charge filter; ``values`` is null for the default bucket."""

    units: DecimalText
    total_aggregated_units: DecimalText
    events_count: int
    amount_cents: int
    invoice_display_name: str | None
    values: dict[str, list[str]] | None
    presentation_breakdowns: list[Any]
    pricing_unit_details: None


class GroupedUsageOut(TypedDict):
    """Usage of one combination of group values."""

    units: DecimalText
    total_aggregated_units: DecimalText
    events_count: int
    amount_cents: int
    grouped_by: dict[str, str | None]
    filters: list[FilterUsageOut]
    presentation_breakdowns: list[Any]
    pricing_unit_details: None


class UsageChargeOut(TypedDict):
    lago_id: str
    code: str
    charge_model: str
    invoice_display_name: str | None


class UsageMetricOut(TypedDict):
    lago_id: str
    name: str
    code: str
    aggregation_type: str


class ChargeUsageOut(TypedDict):
    """Usage of one charge: sums over its buckets and groups, then both broken down. ``explanation`` only on request."""

    units: DecimalText
    total_aggregated_units: DecimalText
    events_count: int
    amount_cents: int
    amount_currency: str
    charge: UsageChargeOut
    billable_metric: UsageMetricOut
    filters: list[FilterUsageOut]
    grouped_usage: list[GroupedUsageOut]
    presentation_breakdowns: list[Any]
    pricing_unit_details: None
    explanation: NotRequired[ExplanationOut]


class CustomerUsageOut(TypedDict):
    """The ``customer_usage`` object, and one entry of ``usage_periods``."""

    from_datetime: Instant
    to_datetime: Instant
    issuing_date: Day
    lago_invoice_id: Id | None
    currency: str
    amount_cents: int
    taxes_amount_cents: int
    total_amount_cents: int
    charges_usage: list[ChargeUsageOut]


class Amounts:
    """Sums of units, events and amounts over buckets."""

    __slots__ = ("amount_cents", "events_count", "total_aggregated_units", "units")

    def __init__(self) -> None:
        self.units = Decimal(0)
        self.total_aggregated_units = Decimal(0)
        self.events_count = 0
        self.amount_cents = 0

    def add(self, units: Decimal, aggregated: Decimal, events_count: int, amount_cents: int) -> None:
        self.units += units
        self.total_aggregated_units += aggregated
        self.events_count += events_count
        self.amount_cents += amount_cents


def sum_of(buckets: Iterable[PricedBucket]) -> Amounts:
    """What several buckets amount to together."""
    amounts = Amounts()
    for bucket in buckets:
        amounts.add(bucket.units, bucket.total_aggregated_units, bucket.events_count, bucket.amount_cents)
    return amounts


def filter_usage(
    amounts: Amounts, values: dict[str, list[str]] | None, invoice_display_name: str | None
) -> FilterUsageOut:
    """One entry of ``filters``."""
    return {
        "units": decimal_string(amounts.units),
        "total_aggregated_units": decimal_string(amounts.total_aggregated_units),
        "events_count": amounts.events_count,
        "amount_cents": amounts.amount_cents,
        "invoice_display_name": invoice_display_name,
        "values": values,
        "presentation_breakdowns": [],
        "pricing_unit_details": None,
    }


def filters_usage(charge: ChargeSnapshot, buckets: Sequence[PricedBucket]) -> list[FilterUsageOut]:
    """One entry per charge filter in stored order, zero ones included, then the default bucket (spec 01 §10.3)."""
    if not charge.filters:
        return []
    entries: list[FilterUsageOut] = []
    for chosen in (*charge.filters, None):
        chosen_id = chosen.id if chosen else None
        mine = [item for item in buckets if (item.filter.id if item.filter else None) == chosen_id]
        name = filter_display_name(chosen.values, chosen.invoice_display_name) if chosen else None
        entries.append(filter_usage(sum_of(mine), chosen.values if chosen else None, name))
    return entries


def group_order(grouped_by: dict[str, str | None]) -> list[tuple[str, bool, str]]:
    """Groups are sorted by their values, null last."""
    return [(name, value is None, value or "") for name, value in grouped_by.items()]


def charge_usage(charge: ChargeSnapshot, buckets: Sequence[PricedBucket], currency: str) -> ChargeUsageOut:
    """The entry of one charge."""
    total = sum_of(buckets)
    groups: dict[tuple[tuple[str, str | None], ...], list[PricedBucket]] = {}
    for item in buckets:
        if item.grouped_by:
            groups.setdefault(tuple(sorted(item.grouped_by.items())), []).append(item)
    if groups:
        for item in buckets:
            if not item.grouped_by:
                groups.setdefault((), []).append(item)
    grouped: list[GroupedUsageOut] = []
    for key in sorted(groups, key=lambda item: group_order(dict(item))):
        amounts = sum_of(groups[key])
        grouped.append(
            {
                "units": decimal_string(amounts.units),
                "total_aggregated_units": decimal_string(amounts.total_aggregated_units),
                "events_count": amounts.events_count,
                "amount_cents": amounts.amount_cents,
                "grouped_by": dict(key),
                "filters": filters_usage(charge, groups[key]),
                "presentation_breakdowns": [],
                "pricing_unit_details": None,
            }
        )
    return {
        "units": decimal_string(total.units),
        "total_aggregated_units": decimal_string(total.total_aggregated_units),
        "events_count": total.events_count,
        "amount_cents": total.amount_cents,
        "amount_currency": currency,
        "charge": {
            "lago_id": str(charge.id),
            "code": charge.code,
            "charge_model": charge.charge_model,
            "invoice_display_name": charge.invoice_display_name,
        },
        "billable_metric": {
            "lago_id": str(charge.metric.id),
            "name": charge.metric.name,
            "code": charge.metric.code,
            "aggregation_type": charge.metric.aggregation_type,
        },
        "filters": filters_usage(charge, buckets),
        "grouped_usage": grouped,
        "presentation_breakdowns": [],
        "pricing_unit_details": None,
    }
