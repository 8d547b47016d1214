"""Projected usage: what the running charge period would cost if it went on like this (spec 01 §10.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from typing_extensions import TypedDict

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import ChargeSnapshot
from billwright.billing.invoicing.charge_usage import PricedBucket
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.money import decimal_string, round_half_up
from billwright.billing.kernel.outputs import Day, DecimalText, Id, Instant
from billwright.billing.metering.usage import PLAIN, CurrentUsage, UsageRequest, current_usage
from billwright.billing.metering.usage_schemas import UsageChargeOut, UsageMetricOut, group_order
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.fee_amounts import rounded_cents
from billwright.billing.pricing.filters import filter_display_name
from billwright.billing.pricing.models import price
from billwright.billing.pricing.usage import Usage
from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.subscriptions.calendar.windows import Windows

PRICED_BY_UNITS = (v.STANDARD, v.GRADUATED, v.VOLUME, v.PACKAGE)
"""Models whose amount follows from units alone; the amounts of the others grow with time."""
UNIT_PLACES = 2


class ProjectedSums(TypedDict):
    """What every level has."""

    units: DecimalText
    projected_units: DecimalText
    events_count: int
    amount_cents: int
    projected_amount_cents: int
    pricing_unit_details: None
    presentation_breakdowns: list[Any]
    projected_presentation_breakdowns: list[Any]


class ProjectedFilterUsageOut(ProjectedSums):
    """One charge filter; ``values`` is ``{}`` for the default bucket, as clients need it."""

    invoice_display_name: str | None
    values: dict[str, list[str]]


class ProjectedGroupedUsageOut(ProjectedSums):
    """One combination of group values."""

    grouped_by: dict[str, str | None]
    filters: list[ProjectedFilterUsageOut]


class ProjectedChargeUsageOut(ProjectedSums):
    """One charge: sums over its buckets and groups, then both broken down."""

    amount_currency: str
    charge: UsageChargeOut
    billable_metric: UsageMetricOut
    filters: list[ProjectedFilterUsageOut]
    grouped_usage: list[ProjectedGroupedUsageOut]


class CustomerProjectedUsageOut(TypedDict):
    """The ``customer_projected_usage`` object."""

    from_datetime: Instant
    to_datetime: Instant
    issuing_date: Day
    lago_invoice_id: Id | None
    currency: str
    amount_cents: int
    projected_amount_cents: int
    taxes_amount_cents: int
    total_amount_cents: int
    charges_usage: list[ProjectedChargeUsageOut]


@dataclass(frozen=True, slots=True)
class ProjectedBucket:
    """A bucket and group as it is and as it will be. ``amount_cents`` in minor units, rounded here, once."""

    current: PricedBucket
    units: Decimal
    amount_cents: int


def elapsed_share(chosen: Windows, since: datetime, now: datetime) -> Fraction:
    """Local days that have begun, today included, of all days from ``since`` to the window's end; 1 after that."""
    first = local_date(since, chosen.tz)
    days = (chosen.charges_end_day - first).days + 1
    elapsed = (local_date(now, chosen.tz) - first).days + 1
    return Fraction(min(max(elapsed, 1), days), days)


def projected(bucket: PricedBucket, share: Fraction, currency: str) -> ProjectedBucket:
    """One bucket and group at the end of the window, if usage goes on evenly; recurring metrics stay as they are."""
    charge = bucket.charge
    if charge.metric.recurring or share == 1:
        return ProjectedBucket(bucket, bucket.units, bucket.amount_cents)
    units = round_half_up(Fraction(bucket.units) / share, UNIT_PLACES)
    if charge.charge_model in PRICED_BY_UNITS and not charge.prorated:
        answer = price(
            charge.charge_model,
            bucket.properties,
            Usage(units=units, events_count=bucket.events_count),
            currency,
            aggregation_type=charge.metric.aggregation_type,
        )
        return ProjectedBucket(bucket, units, rounded_cents(answer.amount, currency))
    grown = round_half_up(Fraction(bucket.precise_amount_cents) / share)
    return ProjectedBucket(bucket, units, int(grown))


async def projected_usage(
    ctx: Context,
    external_customer_id: str,
    external_subscription_id: str | None,
    request: UsageRequest = PLAIN,
) -> CustomerProjectedUsageOut:
    """Current usage with what it comes to by the end of its period; parameters and errors of ``current_usage``."""
    usage = await current_usage(ctx, external_customer_id, external_subscription_id, request)
    return projected_object(ctx, usage)


def projected_object(ctx: Context, usage: CurrentUsage) -> CustomerProjectedUsageOut:
    """The ``customer_projected_usage`` object of a usage at hand."""
    share = elapsed_share(usage.windows, usage.from_datetime, ctx.now())
    entries = [
        (charge, [projected(bucket, share, usage.currency) for bucket in buckets]) for charge, buckets in usage.charges
    ]
    return {
        "from_datetime": iso(usage.from_datetime) or "",
        "to_datetime": iso(usage.windows.charges_to_datetime) or "",
        "issuing_date": local_date(usage.windows.charges_to_datetime, usage.windows.tz),
        "lago_invoice_id": None,
        "currency": usage.currency,
        "amount_cents": usage.amount_cents,
        "projected_amount_cents": sum(item.amount_cents for _, items in entries for item in items),
        "taxes_amount_cents": usage.taxes_amount_cents,
        "total_amount_cents": usage.total_amount_cents,
        "charges_usage": [_charge(charge, items, usage.currency) for charge, items in entries],
    }


def _sums(items: Sequence[ProjectedBucket]) -> ProjectedSums:
    def total(value: Callable[[ProjectedBucket], Decimal]) -> str:
        return decimal_string(sum((value(item) for item in items), Decimal(0)))

    return {
        "units": total(lambda item: item.current.units),
        "projected_units": total(lambda item: item.units),
        "events_count": sum(item.current.events_count for item in items),
        "amount_cents": sum(item.current.amount_cents for item in items),
        "projected_amount_cents": sum(item.amount_cents for item in items),
        "pricing_unit_details": None,
        "presentation_breakdowns": [],
        "projected_presentation_breakdowns": [],
    }


def _filters(charge: ChargeSnapshot, items: Sequence[ProjectedBucket]) -> list[ProjectedFilterUsageOut]:
    if not charge.filters:
        return []
    entries: list[ProjectedFilterUsageOut] = []
    for chosen in (*charge.filters, None):
        mine = [item for item in items if item.current.filter == chosen]
        entries.append(
            {
                **_sums(mine),
                "invoice_display_name": filter_display_name(chosen.values, chosen.invoice_display_name)
                if chosen
                else None,
                "values": chosen.values if chosen else {},
            }
        )
    return entries


def _charge(charge: ChargeSnapshot, items: Sequence[ProjectedBucket], currency: str) -> ProjectedChargeUsageOut:
    groups: dict[tuple[tuple[str, str | None], ...], list[ProjectedBucket]] = {}
    if any(item.current.grouped_by for item in items):
        for item in items:
            groups.setdefault(tuple(sorted(item.current.grouped_by.items())), []).append(item)
    grouped: list[ProjectedGroupedUsageOut] = []
    for key in sorted(groups, key=lambda item: group_order(dict(item))):
        grouped.append({**_sums(groups[key]), "grouped_by": dict(key), "filters": _filters(charge, groups[key])})
    return {
        **_sums(items),
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
        "filters": _filters(charge, items),
        "grouped_usage": grouped,
    }
