"""The fee of one event of a charge paid in advance (spec 02 §10.2-10.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import ChargeSnapshot, TaxRate
from billwright.billing.in_advance.measuring import EventFacts, Measured, measure
from billwright.billing.in_advance.models import UnitMark
from billwright.billing.invoicing.charge_fees import charge_fee
from billwright.billing.invoicing.charge_usage import PricedBucket, window_of
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.rows import Row
from billwright.billing.kernel.money import decimal_string, from_minor_units
from billwright.billing.pricing.in_advance import price_event
from billwright.billing.pricing.unit_state import prorated_units
from billwright.billing.pricing.usage import Price, Usage
from billwright.billing.subscriptions.models import Subscription


@dataclass(frozen=True, slots=True)
class EventFee:
    """The fee, and the state of units that must be stored with it."""

    draft: FeeDraft
    measured: Measured


async def event_fee(
    ctx: Context, row: Row, charge: ChargeSnapshot, event: EventFacts, taxes: tuple[TaxRate, ...]
) -> EventFee:
    """Price ``event`` for ``charge``; ``row`` holds the windows of the period it happened in. Stores nothing.

    The caller holds the lock of the subscription's units, so that two events never share a position. Raises
    ``Unprocessable``: a custom aggregation failed, or the amount fits no column.
    """
    window = window_of(row.subscription.external_id, row.windows)
    cut = charge.prorated and await _was_upgraded(ctx, row)
    measured = await measure(ctx, charge, window, event, drops_last_day=cut)
    place, currency = measured.place, row.plan.amount_currency
    amounts = price_event(
        charge.charge_model,
        place.properties,
        measured.event,
        currency,
        aggregation_type=charge.metric.aggregation_type,
    )
    billable = measured.event.step.billable
    if measured.event.proration is not None:
        billable = prorated_units(billable, *measured.event.proration)
    bucket = PricedBucket(
        charge=charge,
        filter=place.filter,
        grouped_by=place.grouped_by,
        properties=place.properties,
        usage=Usage(units=billable, events_count=1),
        price=Price(
            amounts.units,
            from_minor_units(amounts.amount_cents, currency),
            amounts.precise_unit_amount,
            amounts.amount_details,
        ),
        amount_cents=amounts.amount_cents,
        precise_amount_cents=amounts.precise_amount_cents,
        total_aggregated_units=amounts.units,
    )
    draft = replace(charge_fee(row, bucket, taxes), pay_in_advance=True, event_transaction_id=event.transaction_id)
    draft.explanation["in_advance"] = {
        "aggregated_units": decimal_string(measured.event.aggregated_units),
        "billable_units": decimal_string(measured.event.step.billable),
        "days": measured.event.proration or (None, None),
    }
    return EventFee(draft, measured)


async def _was_upgraded(ctx: Context, row: Row) -> bool:
    """Whether the window ends because the subscription's successor started: that day belongs to the new plan."""
    ended = row.subscription.terminated_at
    if ended is None or row.windows.charges_to_datetime != ended:
        return False
    found = await ctx.session.scalars(
        select(col(Subscription.id))
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.previous_subscription_id) == row.subscription.id,
            col(Subscription.started_at) == ended,
        )
        .limit(1)
    )
    return found.first() is not None


def mark_of(ctx: Context, row: Row, made: EventFee, event: EventFacts) -> UnitMark | None:
    """The row that keeps the state of units, if the metric has one."""
    values: dict[str, Any] = made.measured.mark
    if not values:
        return None
    filter_id, group = made.measured.place.mark_key
    assert made.draft.charge_id is not None
    return UnitMark(
        organization_id=ctx.organization_id,
        external_subscription_id=row.subscription.external_id,
        charge_id=made.draft.charge_id,
        charge_filter_id=filter_id,
        group_key=group,
        event_transaction_id=event.transaction_id,
        timestamp=event.timestamp,
        fee_id=made.draft.id,
        **values,
    )
