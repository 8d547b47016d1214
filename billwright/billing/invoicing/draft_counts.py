"""How many drafts a change of the catalogue touches: each draft counts once for every plan and metric that it bills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Charge, Plan
from billwright.billing.invoicing.models import Invoice, InvoiceSubscription
from billwright.billing.kernel.keeping import Kept
from billwright.billing.subscriptions.models import Subscription

MANY = 1_000
"""From so many drafts on their counts are kept for five minutes, per process."""
_kept: Kept[Mapping[UUID, int]] = Kept(seconds=300)


async def drafts_by_plan(ctx: Context) -> Mapping[UUID, int]:
    """Draft invoices of subscriptions to each plan, those with prices of their own among them, by id of the plan that
    stands in the catalogue."""
    family: Any = func.coalesce(col(Plan.parent_id), col(Plan.id))
    return await _counted(ctx, "plans", Plan, col(Plan.id) == col(Subscription.plan_id), family)


async def drafts_by_metric(ctx: Context) -> Mapping[UUID, int]:
    """Draft invoices of subscriptions whose plan has a live charge on each metric, by its id."""
    charged = (col(Charge.plan_id) == col(Subscription.plan_id)) & col(Charge.deleted_at).is_(None)
    return await _counted(ctx, "metrics", Charge, charged, col(Charge.billable_metric_id))


async def _counted(
    ctx: Context, name: str, billed: type[Any], on: ColumnElement[bool], group: Any
) -> Mapping[UUID, int]:
    """The organization's drafts come first, by their index: there are far fewer of them than of other invoices."""
    kept = _kept.get((ctx.organization_id, name))
    if kept is not None:
        return kept
    identifier: ColumnElement[UUID] = col(Invoice.id).label("id")
    drafts = (
        select(identifier)
        .where(col(Invoice.organization_id) == ctx.organization_id, col(Invoice.status) == "draft")
        .cte("drafts")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    rows = await ctx.session.execute(
        select(group, func.count(func.distinct(drafts.c.id)))
        .select_from(drafts)
        .join(InvoiceSubscription, col(InvoiceSubscription.invoice_id) == drafts.c.id)
        .join(Subscription, col(Subscription.id) == col(InvoiceSubscription.subscription_id))
        .join(billed, on)
        .group_by(group)
    )
    found = {row[0]: int(row[1]) for row in rows}
    if sum(found.values()) >= MANY:
        _kept.keep((ctx.organization_id, name), found)
    return found
