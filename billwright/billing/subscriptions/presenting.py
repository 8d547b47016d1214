"""Subscriptions on the wire (spec 03 §6.1), loaded in a constant number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col
from typing_extensions import TypedDict

from billwright.billing.access.context import Context
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.catalog.models import Plan
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.kernel.clock import iso, iso_ms
from billwright.billing.kernel.outputs import Id, Instant
from billwright.billing.subscriptions.calendar.due import switch_day
from billwright.billing.subscriptions.calendar.windows import Case, windows
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import terms_of


class SubscriptionOut(TypedDict):
    """The ``subscription`` object of the contract; ``plan`` is added where it is asked for."""

    lago_id: Id
    external_id: str
    lago_customer_id: Id
    external_customer_id: str
    billing_entity_code: str
    name: str | None
    plan_code: str
    plan_amount_cents: int
    plan_amount_currency: str
    status: str
    billing_time: str
    subscription_at: Instant
    started_at: Instant | None
    ending_at: Instant | None
    trial_ended_at: Instant | None
    terminated_at: Instant | None
    canceled_at: Instant | None
    activated_at: Instant | None
    created_at: Instant
    previous_plan_code: str | None
    next_plan_code: str | None
    downgrade_plan_date: str | None
    current_billing_period_started_at: Instant | None
    current_billing_period_ending_at: Instant | None
    on_termination_credit_note: str | None
    on_termination_invoice: str
    consolidate_invoice: bool
    progressive_billing_disabled: bool
    purchase_order_number: str | None
    cancellation_reason: str | None
    activation_rules: list[Any]
    payment_method: dict[str, Any]
    applied_invoice_custom_sections: list[Any]


async def subscription_objects(ctx: Context, subscriptions: Sequence[Subscription]) -> list[SubscriptionOut]:
    """Wire objects in the given order."""
    if not subscriptions:
        return []
    customers = await _by_id(ctx, Customer, {item.customer_id for item in subscriptions})
    related = await _related(ctx, subscriptions)
    plan_ids = {item.plan_id for item in [*subscriptions, *related]}
    plans = await _by_id(ctx, Plan, plan_ids)
    by_id = {item.id: item for item in related}
    successors = {
        item.previous_subscription_id: item
        for item in sorted(related, key=lambda item: item.created_at)
        if item.previous_subscription_id is not None and item.status != "canceled"
    }
    return [
        _object(
            ctx,
            item,
            customers[item.customer_id],
            plans,
            previous=by_id.get(item.previous_subscription_id) if item.previous_subscription_id else None,
            successor=successors.get(item.id),
        )
        for item in subscriptions
    ]


async def _related(ctx: Context, subscriptions: Sequence[Subscription]) -> list[Subscription]:
    """Predecessors and successors of ``subscriptions``."""
    previous = [item.previous_subscription_id for item in subscriptions if item.previous_subscription_id]
    rows = await ctx.session.scalars(
        select(Subscription).where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.id).in_(previous)
            | col(Subscription.previous_subscription_id).in_([item.id for item in subscriptions]),
        )
    )
    return list(rows.all())


async def _by_id(ctx: Context, model: Any, ids: set[UUID]) -> dict[UUID, Any]:
    rows = await ctx.session.scalars(
        select(model).where(model.organization_id == ctx.organization_id, model.id.in_(ids))
    )
    return {row.id: row for row in rows}


def _object(
    ctx: Context,
    item: Subscription,
    customer: Customer,
    plans: dict[UUID, Any],
    *,
    previous: Subscription | None,
    successor: Subscription | None,
) -> SubscriptionOut:
    plan: Plan = plans[item.plan_id]
    started, ending = _current_period(ctx, item, plan, customer)
    return {
        "lago_id": item.id,
        "external_id": item.external_id,
        "lago_customer_id": customer.id,
        "external_customer_id": customer.external_id,
        "billing_entity_code": billing_entity_code(ctx.organization),
        "name": item.name,
        "plan_code": plan.code,
        "plan_amount_cents": plan.amount_cents,
        "plan_amount_currency": plan.amount_currency,
        "status": item.status,
        "billing_time": item.billing_time,
        "subscription_at": iso(item.subscription_at) or "",
        "started_at": iso_ms(item.started_at),
        "ending_at": iso(item.ending_at),
        "trial_ended_at": iso(item.trial_ended_at),
        "terminated_at": iso(item.terminated_at),
        "canceled_at": iso(item.canceled_at),
        "activated_at": iso(item.activated_at),
        "created_at": iso(item.created_at) or "",
        "previous_plan_code": plans[previous.plan_id].code if previous else None,
        "next_plan_code": plans[successor.plan_id].code if successor else None,
        "downgrade_plan_date": _downgrade_date(ctx, item, plan, customer, successor),
        "current_billing_period_started_at": started,
        "current_billing_period_ending_at": ending,
        "on_termination_credit_note": item.on_termination_credit_note,
        "on_termination_invoice": item.on_termination_invoice,
        "consolidate_invoice": item.consolidate_invoice,
        "progressive_billing_disabled": item.progressive_billing_disabled,
        "purchase_order_number": item.purchase_order_number,
        "cancellation_reason": None,
        "activation_rules": [],
        "payment_method": {"payment_method_id": None, "payment_method_type": "provider"},
        "applied_invoice_custom_sections": [],
    }


def _current_period(
    ctx: Context, item: Subscription, plan: Plan, customer: Customer
) -> tuple[Instant | None, Instant | None]:
    """The charges window of current usage; null before the start and after the end."""
    if item.status != "active" or item.started_at is None:
        return None, None
    tz = applicable_timezone(customer, ctx.organization)
    chosen = windows(Case.current_usage, terms_of(item, plan, tz), max(ctx.now(), item.started_at))
    return iso(chosen.charges_from_datetime), iso(chosen.charges_to_datetime)


def _downgrade_date(
    ctx: Context, item: Subscription, plan: Plan, customer: Customer, successor: Subscription | None
) -> str | None:
    """First day of the next plan period while a downgrade is pending; afterwards the day it took effect (03 §6.1).

    A successor that was asked for before it started is a downgrade, one that started as it was asked for an upgrade.
    """
    if successor is None:
        return None
    terms = terms_of(item, plan, applicable_timezone(customer, ctx.organization))
    if item.status == "active" and successor.status == "pending":
        return switch_day(terms, terms.local(ctx.now())).isoformat()
    if item.status == "terminated" and successor.status == "active" and successor.started_at is not None:
        return terms.local(successor.started_at).isoformat() if successor.created_at < successor.started_at else None
    return None
