"""Prices of one subscription: putting it on a child plan, and changing that child (spec 03 §2.5, §6.10).

Every function expects the customer row to be locked and runs inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, insert, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.revision import UNCOMMITTED
from billwright.billing.catalog.changes import publish
from billwright.billing.catalog.definitions import DEFINE_JOB
from billwright.billing.catalog.models import Plan
from billwright.billing.catalog.overrides import (
    AS_IT_IS,
    Child,
    Overrides,
    create_child,
    edit_child,
    lock_child,
    lock_parent,
)
from billwright.billing.customers.models import Customer
from billwright.billing.in_advance.models import UnitMark
from billwright.billing.invoicing.models import CustomAggregationState
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.plan_changes import reconsider, yearly_price
from billwright.billing.subscriptions.terms import plan_of


async def overridden(ctx: Context, plan: Plan, overrides: Overrides | None) -> Plan:
    """``plan`` for a subscription that is about to be put on it, or its new child. ``plan`` must be kept from changing
    (``overrides.lock_parent``). Raises ``NotFound("tax")`` and ``ValidationFailed``.
    """
    if overrides is None:
        return plan
    child = await create_child(ctx, plan, overrides)
    if child.metric_codes:
        await enqueue(ctx.session, ctx.organization_id, DEFINE_JOB, {"codes": sorted(child.metric_codes)})
    return child.plan


async def lock_overridable(ctx: Context, subscription: Subscription) -> None:
    """Before the customer is locked: keep the plan that may be copied from changing. Raises ``NotFound("plan")``."""
    if subscription.status in ("active", "pending") and not await _is_child(ctx, subscription):
        await lock_parent(ctx, subscription.plan_id)


async def _is_child(ctx: Context, subscription: Subscription) -> bool:
    return (await plan_of(ctx, subscription)).parent_id is not None


@dataclass(frozen=True, slots=True)
class Overriding:
    """``subscription``: the one that runs afterwards; ``child``: its plan, to be published."""

    subscription: Subscription
    child: Plan
    metric_codes: frozenset[str]

    async def publish(self, ctx: Context) -> None:
        """The end of the use case, as of every catalogue write: it takes the organization's row."""
        await publish(ctx, metric_codes=self.metric_codes, plan_ids=[self.child.id])


async def override(
    ctx: Context, customer: Customer, subscription: Subscription, overrides: Overrides
) -> Overriding | None:
    """Give an active or pending subscription prices of its own, or change them; ``None`` for any other.

    They apply from the next invoice, and drafts are recomputed; a changed price decides again about a pending downgrade
    (spec 03 §2.2). Raises ``NotFound`` (``plan``, ``tax``) and ``ValidationFailed``.
    """
    if subscription.status not in ("active", "pending"):
        return None
    currency = overrides.amount_currency
    if currency is not None and currency != customer.currency:
        raise ValidationFailed(currency="currencies_does_not_match")
    ctx.session.info[UNCOMMITTED] = True
    plan = await ctx.session.get_one(Plan, subscription.plan_id, populate_existing=True)
    before = yearly_price(plan)
    if plan.parent_id is not None:
        plan = await lock_child(ctx, plan.id)
        before = yearly_price(plan)
        codes = await edit_child(ctx, plan, overrides)
    else:
        child = await create_child(ctx, await lock_parent(ctx, plan.id), overrides)
        await _move(ctx, subscription, child)
        plan, codes = child.plan, child.metric_codes
    await ctx.session.flush()
    chosen = subscription
    if yearly_price(plan) != before:
        chosen = await _judge_again(ctx, customer, subscription)
    return Overriding(chosen, plan, codes)


async def own_plan(ctx: Context, subscription: Subscription) -> Overriding:
    """The child of an active or pending subscription, locked for a change of its charges, and made if it has none.

    Raises ``NotFound("plan")``. The caller publishes.
    """
    ctx.session.info[UNCOMMITTED] = True
    plan = await ctx.session.get_one(Plan, subscription.plan_id, populate_existing=True)
    if plan.parent_id is not None:
        return Overriding(subscription, await lock_child(ctx, plan.id), frozenset())
    child = await create_child(ctx, await lock_parent(ctx, plan.id), AS_IT_IS)
    await _move(ctx, subscription, child)
    await ctx.session.flush()
    return Overriding(subscription, child.plan, child.metric_codes)


async def _judge_again(ctx: Context, customer: Customer, subscription: Subscription) -> Subscription:
    if subscription.status == "active":
        return await reconsider(ctx, customer, subscription, arriving=False)
    if subscription.previous_subscription_id is None:
        return subscription
    running = await ctx.session.get_one(Subscription, subscription.previous_subscription_id, populate_existing=True)
    upgraded = await reconsider(ctx, customer, running, leaving=False)
    return subscription if upgraded is running else upgraded


async def _move(ctx: Context, subscription: Subscription, child: Child) -> None:
    """Put the subscription on its new child and take along what was counted on the parent's charges."""
    subscription.plan_id = child.plan.id
    if subscription.started_at is not None:
        await _carry(ctx, subscription, child, CustomAggregationState, CustomAggregationState.period_end)
        await _carry(ctx, subscription, child, UnitMark, UnitMark.position)


async def _carry(ctx: Context, subscription: Subscription, child: Child, table: Any, order: Any) -> None:
    """Copy the latest state of each charge, filter and group to the child's charges."""
    latest = (
        select(
            table,
            func.row_number()
            .over(partition_by=(table.charge_id, table.charge_filter_id, table.group_key), order_by=col(order).desc())
            .label("age"),
        )
        .where(
            table.organization_id == ctx.organization_id,
            table.external_subscription_id == subscription.external_id,
            table.charge_id.in_(list(child.charges)),
        )
        .subquery()
    )
    rows = (await ctx.session.execute(select(latest).where(latest.c.age == 1))).mappings().all()
    copies = [copy for row in rows if (copy := _copied(row, child)) is not None]
    if copies:
        await ctx.session.execute(insert(table), copies)


def _copied(row: RowMapping, child: Child) -> dict[str, Any] | None:
    """The state for the child's charge; ``None`` for one of a filter that the child does not have."""
    values: dict[str, Any] = {str(name): value for name, value in row.items() if name not in ("age", "position")}
    values["charge_id"] = child.charges[row["charge_id"]]
    filter_id: UUID | None = row["charge_filter_id"]
    if filter_id is not None:
        values["charge_filter_id"] = child.filters.get(filter_id)
        if values["charge_filter_id"] is None:
            return None
    if "id" in values:
        values["id"] = new_id()
    return values
