"""What an event would cost if it happened now: nothing is stored (spec 01 §11, 02 §10.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric
from billwright.billing.catalog.snapshot import ChargeSnapshot, PlanSnapshot
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.in_advance.event_fees import event_fee
from billwright.billing.in_advance.measuring import EventFacts, place_of
from billwright.billing.in_advance.schemas import FeeEstimateOut, estimated_fee, instant_fee
from billwright.billing.invoicing.computing import taxes_of_customer
from billwright.billing.invoicing.models import Fee
from billwright.billing.invoicing.rows import new_row
from billwright.billing.invoicing.schemas import FeeOut
from billwright.billing.invoicing.writing import FeeOwner, fee_values
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.metering.event_schemas import event_properties, parse_precise_amount, parse_timestamp
from billwright.billing.metering.ingestion import BATCH_LIMIT, ExpressionFailed, evaluated
from billwright.billing.metering.metric_expressions import cached_expressions, load_expressions
from billwright.billing.metering.rounding import apply_rounding
from billwright.billing.pricing import vocabulary as v
from billwright.billing.pricing.instant_estimate import INSTANT_MODELS, instant_estimate, instant_units
from billwright.billing.pricing.properties import default_properties
from billwright.billing.pricing.text_form import numeric_value
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.queries import subscription_at
from billwright.billing.subscriptions.terms import plan_of
from billwright.billing.taxes.computation import TaxableFee, fee_taxes

_NUMERIC = (v.SUM, v.MAX, v.LATEST)
_NO_CHARGE = "does_not_match_an_instant_charge"


@dataclass(frozen=True, slots=True)
class _Asked:
    """An event as it was sent, of a subscription that runs."""

    code: str
    properties: dict[str, Any]
    precise_total_amount_cents: Decimal | None
    transaction_id: str
    subscription: Subscription
    customer: Customer
    plan: PlanSnapshot


async def estimate_fees(ctx: Context, raw: Mapping[str, Any]) -> list[FeeOut]:
    """The fees that the event would make, one per matching charge, taxed, with the period's usage before it.

    Raises ``NotFound`` of ``subscription`` and ``billable_metric``; ``ValidationFailed`` with ``timestamp``,
    ``properties``, ``code``, or the text of a failing expression.
    """
    asked = await _asked(ctx, raw)
    given = raw.get("timestamp")
    if given is not None and parse_timestamp(given) is None:
        raise ValidationFailed(timestamp="invalid_format")
    metric = await _metric(ctx, asked.code)
    properties = await _expressed(ctx, asked)
    value = properties.get(metric.field_name or "")
    if metric.aggregation_type in _NUMERIC and value is not None and numeric_value(value) is None:
        raise ValidationFailed(properties="value_is_not_valid_number")
    charges = [charge for charge in asked.plan.charges if charge.pay_in_advance and charge.metric.code == asked.code]
    if not charges:
        raise ValidationFailed(code=_NO_CHARGE)
    now, tz = ctx.now(), applicable_timezone(asked.customer, ctx.organization)
    row = await new_row(ctx, asked.subscription, asked.plan, Case.in_advance_charge, now, tz)
    event = EventFacts(
        code=asked.code,
        transaction_id=str(uuid4()),
        timestamp=now,
        properties=properties,
        precise_total_amount_cents=asked.precise_total_amount_cents,
    )
    customer_taxes = await taxes_of_customer(ctx, asked.customer)
    owner = FeeOwner(
        organization_id=ctx.organization_id,
        customer_id=asked.customer.id,
        invoice_id=None,
        currency=asked.plan.amount_currency,
        created_at=now,
        updated_at=now,
    )
    fees: list[FeeOut] = []
    for charge in charges:
        draft = (await event_fee(ctx, row, charge, event, charge.taxes or asked.plan.taxes or customer_taxes)).draft
        taxed = fee_taxes(
            TaxableFee(
                amount_cents=draft.amount_cents,
                precise_amount_cents=draft.precise_amount_cents,
                discount_cents=Decimal(0),
                taxes=draft.taxes,
            )
        )
        fee = Fee(**fee_values(owner, draft, 0, taxed, "pending"))
        fees.append(estimated_fee(fee, tz, asked.customer.external_id))
    return fees


async def estimate_instant_fees(ctx: Context, raw: Mapping[str, Any]) -> list[FeeEstimateOut]:
    """The same for standard and percentage charges only, of this event alone: no history, free units or taxes.

    Raises ``NotFound("subscription")``; ``ValidationFailed`` with ``code``, ``properties``, or an expression's text.
    """
    asked = await _asked(ctx, raw)
    fees = await _instant(ctx, asked)
    if not fees:
        raise ValidationFailed(code=_NO_CHARGE)
    return fees


async def estimate_instant_fees_of_batch(ctx: Context, raw: Any) -> list[FeeEstimateOut]:
    """Estimates of several events, grouped by subscription, in input order inside each; events whose code matches no
    such charge are left out. Raises as ``estimate_instant_fees``, and ``ValidationFailed(events=...)``.
    """
    if not isinstance(raw, list) or not raw:
        raise ValidationFailed(events="no_events")
    items = cast("list[Any]", raw)
    if len(items) > BATCH_LIMIT:
        raise ValidationFailed(events="too_many_events")
    grouped: dict[str, list[FeeEstimateOut]] = {}
    for item in items:
        asked = await _asked(ctx, _event(item))
        grouped.setdefault(asked.subscription.external_id, []).extend(await _instant(ctx, asked))
    return [fee for fees in grouped.values() for fee in fees]


def _event(item: Any) -> Mapping[str, Any]:
    """An event of a batch, with or without the root key that the contract gives it."""
    given = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
    inner: Any = given.get("event")
    return cast("dict[str, Any]", inner) if isinstance(inner, dict) else given


async def _instant(ctx: Context, asked: _Asked) -> list[FeeEstimateOut]:
    charges = [
        charge
        for charge in asked.plan.charges
        if charge.pay_in_advance and charge.charge_model in INSTANT_MODELS and charge.metric.code == asked.code
    ]
    if not charges:
        return []
    properties = await _expressed(ctx, asked)
    return [_instant_fee(asked, charge, properties) for charge in charges]


def _instant_fee(asked: _Asked, charge: ChargeSnapshot, properties: dict[str, Any]) -> FeeEstimateOut:
    metric = charge.metric
    units = apply_rounding(
        instant_units(properties, metric.field_name), metric.rounding_function, metric.rounding_precision
    )
    place = place_of(charge, properties)
    prices = place.properties or default_properties(charge.charge_model)
    estimate = instant_estimate(charge.charge_model, prices, units, asked.plan.amount_currency)
    return instant_fee(charge, place, estimate, asked.plan.amount_currency, asked.transaction_id, asked.subscription,
                       asked.customer)  # fmt: skip


async def _asked(ctx: Context, raw: Mapping[str, Any]) -> _Asked:
    external_id, transaction_id = raw.get("external_subscription_id"), raw.get("transaction_id")
    subscription = None
    if isinstance(external_id, str) and "\x00" not in external_id:
        subscription = await subscription_at(ctx, external_id, ctx.now())
    if subscription is None or subscription.status != "active":
        raise NotFound("subscription")
    code = raw.get("code")
    return _Asked(
        code=code if isinstance(code, str) else "",
        properties=event_properties(raw.get("properties")),
        precise_total_amount_cents=parse_precise_amount(raw.get("precise_total_amount_cents")),
        transaction_id=transaction_id if isinstance(transaction_id, str) and transaction_id else str(uuid4()),
        subscription=subscription,
        customer=await ctx.session.get_one(Customer, subscription.customer_id),
        plan=await plan_of(ctx, subscription),
    )


async def _metric(ctx: Context, code: str) -> BillableMetric:
    found = None
    if "\x00" not in code:
        found = (
            await ctx.session.scalars(
                select(BillableMetric).where(
                    col(BillableMetric.organization_id) == ctx.organization_id,
                    col(BillableMetric.code) == code,
                    col(BillableMetric.deleted_at).is_(None),
                )
            )
        ).first()
    if found is None:
        raise NotFound("billable_metric")
    return found


async def _expressed(ctx: Context, asked: _Asked) -> dict[str, Any]:
    """The event's properties with the result of its metric's expression, as at ingestion (spec 01 §3.5)."""
    revision = ctx.organization.catalog_revision
    expressions = cached_expressions(ctx.organization_id, revision)
    if expressions is None:
        expressions = await load_expressions(ctx.session, ctx.organization_id, revision)
    metric = expressions.get(asked.code)
    if metric is None:
        return asked.properties
    try:
        return evaluated(metric, asked.code, ctx.now(), asked.properties)
    except ExpressionFailed as failure:
        raise ValidationFailed(str(failure)) from None
