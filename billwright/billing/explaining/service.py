"""Explaining stored fees and lines of current usage (spec 09 §2). Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.explaining import fee_steps
from billwright.billing.explaining.drift import first_and_last, recount, stored_query
from billwright.billing.explaining.event_steps import event_price_steps
from billwright.billing.explaining.lines import ChargeLine, part_name, window_inputs
from billwright.billing.explaining.pricing_steps import price_steps
from billwright.billing.explaining.shares import share_steps
from billwright.billing.explaining.steps import Explanation, ExplanationOut, step
from billwright.billing.explaining.usage_steps import usage_steps
from billwright.billing.invoicing.charge_usage import PricedBucket
from billwright.billing.invoicing.fee_queries import find_fee
from billwright.billing.invoicing.models import Fee, FeeTax, Invoice
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.metering.usage import CurrentUsage, UsageRequest, usage_of
from billwright.billing.subscriptions.models import Subscription

_BY_TYPE = {
    "subscription": fee_steps.subscription_steps,
    "commitment": fee_steps.commitment_steps,
    "add_on": fee_steps.add_on_steps,
    "credit": fee_steps.credit_steps,
}


async def explain_fee(ctx: Context, fee_id: str) -> ExplanationOut:
    """How a fee's amount came about, from what was stored with it. Raises ``NotFound("fee")``."""
    fee = await find_fee(ctx, parse_id(fee_id) or UUID(int=0))
    x = Explanation(currency=fee.currency, amount_cents=fee.amount_cents, fee_id=str(fee.id))
    adjusted = fee.explanation.get("adjusted")
    if adjusted == "adjusted_amount":
        fee_steps.adjusted_amount_steps(x, fee)
    elif adjusted == "adjusted_units":
        fee_steps.adjusted_units_steps(x, fee)
    elif fee.fee_type != "charge":
        _BY_TYPE.get(fee.fee_type, fee_steps.stored_steps)(x, fee)
    elif fee.true_up_parent_fee_id is not None:
        fee_steps.true_up_steps(x, fee)
    else:
        await _charge(ctx, x, fee)
    share_steps(x, fee.explanation.get("shares", ()), fee.precise_coupons_amount_cents)
    fee_steps.tax_steps(x, fee, await _taxes(ctx, fee))
    return x.wire()


async def _taxes(ctx: Context, fee: Fee) -> Sequence[FeeTax]:
    statement = (
        select(FeeTax)
        .where(col(FeeTax.organization_id) == ctx.organization_id, col(FeeTax.fee_id) == fee.id)
        .order_by(col(FeeTax.created_at), col(FeeTax.id))
    )
    return (await ctx.session.scalars(statement)).all()


async def _charge(ctx: Context, x: Explanation, fee: Fee) -> None:
    line = ChargeLine.of_fee(fee)
    fee_steps.window_step(x, fee, charges=True)
    if fee.event_transaction_id is not None:
        await _event(ctx, x, fee, line)
        return
    asked = stored_query(ctx.organization_id, fee.external_subscription_id or "", fee.item["code"], line)
    inputs = _selection(fee, line)
    if asked is None or ctx.event_store is None:
        x.add("events", "Events of the fee", "count", "events", **inputs, count=line.events_count)
        usage_steps(x, line)
        price_steps(x, line)
        return
    query, key = asked
    if await _is_progressive(ctx, fee):
        # Its window is the whole period, but it billed what had been used by then.
        query = replace(query, upper=min(query.upper, fee.timestamp + timedelta(milliseconds=1)))
    edges = await first_and_last(ctx, query, key)
    inputs.update(first_event=edges[0].timestamp if edges else None, last_event=edges[1].timestamp if edges else None)
    x.add("events", "Events of the fee", "count", "events", **inputs, count=line.events_count)
    usage_steps(x, line)
    price_steps(x, line)
    now = await recount(ctx, query, key, line)
    units_differ = now.units is not None and now.units != line.priced_units
    if now.events_count == line.events_count and not units_differ:
        return
    x.drifted = True
    billed = x.recomputed_cents if x.recomputed_cents is not None else fee.amount_cents
    amount = billed if now.amount_cents is None or (line.renewed and not now.units) else now.amount_cents
    x.recomputed_cents = amount
    x.add(
        "drift",
        "The events changed after the fee was made",
        "amount_now_cents - billed_amount_cents",
        "cents",
        billed_amount_cents=billed,
        amount_now_cents=amount,
        billed_units=line.priced_units,
        units_now=line.priced_units if now.units is None else now.units,
        billed_events=line.events_count,
        events_now=now.events_count,
    )
    if now.units is None:
        x.notes.append("Custom aggregations are not run again: the drift tells the number of events only.")


async def _is_progressive(ctx: Context, fee: Fee) -> bool:
    statement = select(col(Invoice.invoice_type)).where(
        col(Invoice.organization_id) == ctx.organization_id, col(Invoice.id) == fee.invoice_id
    )
    return (await ctx.session.execute(statement)).scalar() == "progressive_billing"


def _selection(fee: Fee, line: ChargeLine) -> dict[str, Any]:
    """How the events were selected."""
    bucket = line.bucket
    return {
        "code": fee.item.get("code"),
        "external_subscription_id": fee.external_subscription_id,
        "filters": bucket.get("conditions", fee.item.get("filters")) or {},
        "not_in_filters": bucket.get("before", []),
        "group": dict(fee.grouped_by),
    }


async def _event(ctx: Context, x: Explanation, fee: Fee, line: ChargeLine) -> None:
    """A fee of one event, billed when it came in."""
    assert fee.event_transaction_id is not None
    row = None
    if ctx.event_store is not None:
        row = await ctx.events.get(ctx.organization_id, fee.event_transaction_id)
    inputs = {**_selection(fee, line), "transaction_id": fee.event_transaction_id}
    happened = row.timestamp if row is not None else None
    x.add(
        "events",
        "The event of the fee",
        "count",
        "events",
        **inputs,
        first_event=happened,
        last_event=happened,
        count=1,
    )
    event_price_steps(x, line)
    if ctx.event_store is None or (row is not None and row.deleted_at is None):
        return
    x.drifted = True
    x.add("drift", "The event is gone", "events_now - billed_events", "events", billed_events=1, events_now=0)


def explain_usage(usage: CurrentUsage, buckets: Sequence[PricedBucket], code: str) -> ExplanationOut:
    """How the amount of one charge in current usage comes about: the steps of each bucket and group in turn, and their
    sum. ``code`` is the metric's."""
    amount = sum(bucket.amount_cents for bucket in buckets)
    whole = Explanation(currency=usage.currency, amount_cents=amount)
    whole.add(
        "window",
        "Days of the whole period",
        "days",
        "days",
        **window_inputs(
            usage.from_datetime,
            usage.windows.charges_to_datetime,
            usage.windows.tz,
            usage.windows.charges_duration_days,
        ),
    )
    wire = whole.wire()
    cents: list[int] = []
    for bucket in buckets:
        x = Explanation(currency=usage.currency, amount_cents=bucket.amount_cents)
        line = ChargeLine.of_bucket(bucket, usage.currency)
        x.add(
            "events",
            "Events so far",
            "count",
            "events",
            code=code,
            external_subscription_id=usage.subscription.external_id,
            filters=line.bucket.get("conditions", {}),
            not_in_filters=line.bucket.get("before", []),
            group=dict(bucket.grouped_by),
            count=bucket.events_count,
        )
        usage_steps(x, line)
        price_steps(x, line)
        cents.append(bucket.amount_cents if x.recomputed_cents is None else x.recomputed_cents)
        name = part_name(bucket) or ("everything else" if len(buckets) > 1 else None)
        wire["steps"].extend(item.wire(name) for item in x.steps)
        wire["notes"].extend(note for note in x.notes if note not in wire["notes"])
    if len(buckets) > 1:
        parts = {f"part_{number}": each for number, each in enumerate(cents, 1)}
        wire["steps"].append(step("pricing", "Sum of all parts", " + ".join(parts), "cents", **parts).wire())
    wire["recomputed_amount_cents"] = sum(cents)
    wire["matches"] = sum(cents) == amount
    return wire


async def explain_charge_usage(ctx: Context, subscription_id: str, charge_id: str) -> ExplanationOut:
    """How the amount of one charge comes about in the current usage of an active subscription.

    Raises ``NotFound("subscription")``, also for one that is not active, and ``NotFound("charge")``.
    """
    found = (
        await ctx.session.execute(
            select(Subscription, Customer)
            .join(Customer, col(Customer.id) == col(Subscription.customer_id))
            .where(
                col(Subscription.organization_id) == ctx.organization_id,
                col(Subscription.id) == (parse_id(subscription_id) or UUID(int=0)),
                col(Subscription.status) == "active",
            )
        )
    ).first()
    if found is None:
        raise NotFound("subscription")
    usage = await usage_of(ctx, found[1], found[0], UsageRequest(charge_id=charge_id, apply_taxes=False))
    [(charge, buckets)] = usage.charges
    return explain_usage(usage, buckets, charge.metric.code)
