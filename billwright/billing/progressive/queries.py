"""Reads of progressive invoices and of lifetime usage, scoped by organization (spec 02 §13.2, §13.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Charge
from billwright.billing.invoicing.models import Fee, Invoice, InvoiceSubscription
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.statements import fetch
from billwright.billing.progressive.models import (
    AppliedUsageThreshold,
    LifetimeUsage,
    ProgressiveInvoice,
    UsageThreshold,
)
from billwright.billing.progressive.schemas import AppliedUsageThresholdOut, usage_threshold_object
from billwright.billing.subscriptions.models import Subscription

BILLED_STATUSES = ("finalized", "pending", "failed")
"""A progressive invoice that waits for its taxes, or whose taxes failed, has billed its usage all the same."""

CLOSING_REASONS = ("subscription_periodic", "subscription_terminating")
"""Rows that bill the charges in arrears of their window."""

INVOICED_STATUSES = ("draft", "pending", "failed", "finalized")


async def progressive_invoices(
    ctx: Context, subscription_id: UUID, opened: datetime, closed: datetime
) -> list[Invoice]:
    """The subscription's progressive invoices made from ``opened`` to ``closed`` (both included), newest first.

    A subscription that was made earlier on the day of its start may be invoiced before its usage opens: such an invoice
    is known by the window that it bills.
    """
    rows = await ctx.session.scalars(
        select(Invoice)
        .join(InvoiceSubscription, col(InvoiceSubscription.invoice_id) == col(Invoice.id))
        .where(
            col(Invoice.organization_id) == ctx.organization_id,
            col(Invoice.invoice_type) == "progressive_billing",
            col(Invoice.status).in_(BILLED_STATUSES),
            col(InvoiceSubscription.subscription_id) == subscription_id,
            func.greatest(col(InvoiceSubscription.timestamp), col(InvoiceSubscription.charges_from_datetime)) >= opened,
            col(InvoiceSubscription.timestamp) <= closed,
        )
        .order_by(col(InvoiceSubscription.timestamp).desc(), col(Invoice.created_at).desc(), col(Invoice.id).desc())
    )
    return list(rows.all())


@dataclass(frozen=True, slots=True)
class Concern:
    """Whether one of the subscriptions ever had a progressive invoice, and whether somebody watches usage: thresholds
    or alerts of the organization."""

    was_billed: bool
    is_watched: bool


_CONCERN = """
select exists (select from invoice_subscriptions
    where subscription_id = any($2::uuid[]) and invoicing_reason = 'progressive_billing'),
  exists (select from usage_thresholds where organization_id = $1 and deleted_at is null)
    or exists (select from alerts
      where organization_id = $1 and external_subscription_id is not null and deleted_at is null)
"""
"""Asked for every invoice that bills usage, and the answer is nearly always no."""


async def concern_of(ctx: Context, subscription_ids: Sequence[UUID]) -> Concern:
    """What progressive billing has to do with an invoice of these subscriptions: one statement."""
    [row] = await fetch(ctx.session, _CONCERN, ctx.organization_id, list(subscription_ids))
    return Concern(*row)


async def chain_of(ctx: Context, subscription: Subscription) -> list[UUID]:
    """Ids of the subscriptions with the same customer, external id and anchor; canceled ones left out."""
    rows = await ctx.session.scalars(
        select(col(Subscription.id)).where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.customer_id) == subscription.customer_id,
            col(Subscription.external_id) == subscription.external_id,
            col(Subscription.subscription_at) == subscription.subscription_at,
            col(Subscription.status) != "canceled",
        )
    )
    return list(rows.all())


async def invoiced_usage(ctx: Context, chain: Sequence[UUID]) -> int:
    """Fees of charges in arrears of the chain on subscription invoices, in minor units; renewals of charges paid in
    advance are none. Progressive invoices do not count: what they billed is still current, and later on the invoice
    that closes their period.
    """
    total = await ctx.session.scalar(
        select(func.coalesce(func.sum(col(Fee.amount_cents)), 0))
        .join(Invoice, col(Invoice.id) == col(Fee.invoice_id))
        .join(Charge, col(Charge.id) == col(Fee.charge_id))
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.subscription_id).in_(chain),
            col(Fee.fee_type) == "charge",
            col(Charge.pay_in_advance).is_(False),
            col(Fee.deleted_at).is_(None),
            col(Invoice.invoice_type) == "subscription",
            col(Invoice.status).in_(INVOICED_STATUSES),
        )
    )
    return int(total or 0)


async def lifetime_usage_of(ctx: Context, subscription_id: UUID, *, lock: bool = False) -> LifetimeUsage | None:
    """The record of the chain that this subscription stands for now."""
    statement = select(LifetimeUsage).where(
        col(LifetimeUsage.organization_id) == ctx.organization_id, col(LifetimeUsage.subscription_id) == subscription_id
    )
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return (await ctx.session.scalars(statement)).first()


async def find_lifetime_usage(ctx: Context, subscription_id: UUID, *, lock: bool = False) -> LifetimeUsage:
    """The same. Raises ``NotFound("lifetime_usage")``."""
    found = await lifetime_usage_of(ctx, subscription_id, lock=lock)
    if found is None:
        raise NotFound("lifetime_usage")
    return found


async def applications_of_chain(ctx: Context, chain: Sequence[UUID]) -> list[tuple[int, datetime]]:
    """Lifetime usage and instant of every application of a threshold, oldest first."""
    rows = await ctx.session.execute(
        select(col(AppliedUsageThreshold.lifetime_usage_amount_cents), col(AppliedUsageThreshold.created_at))
        .where(
            col(AppliedUsageThreshold.organization_id) == ctx.organization_id,
            col(AppliedUsageThreshold.invoice_id).in_(
                select(col(InvoiceSubscription.invoice_id)).where(
                    col(InvoiceSubscription.subscription_id).in_(chain),
                    col(InvoiceSubscription.invoicing_reason) == "progressive_billing",
                )
            ),
        )
        .order_by(col(AppliedUsageThreshold.created_at), col(AppliedUsageThreshold.id))
    )
    return [(row[0], row[1]) for row in rows]


@dataclass(frozen=True, slots=True)
class AppliedThreshold:
    """A threshold with its application to an invoice."""

    applied: AppliedUsageThreshold
    threshold: UsageThreshold


async def applied_thresholds(ctx: Context, invoice_ids: Sequence[UUID]) -> dict[UUID, list[AppliedThreshold]]:
    """The thresholds that progressive invoices were made for: steps ascending, the recurring one last; one query."""
    rows = await ctx.session.execute(
        select(AppliedUsageThreshold, UsageThreshold)
        .join(UsageThreshold, col(UsageThreshold.id) == col(AppliedUsageThreshold.usage_threshold_id))
        .where(
            col(AppliedUsageThreshold.organization_id) == ctx.organization_id,
            col(AppliedUsageThreshold.invoice_id).in_(invoice_ids),
        )
        .order_by(col(UsageThreshold.recurring), col(UsageThreshold.amount_cents))
    )
    found: dict[UUID, list[AppliedThreshold]] = {}
    for applied, threshold in rows:
        found.setdefault(applied.invoice_id, []).append(AppliedThreshold(applied, threshold))
    return found


async def applied_threshold_objects(ctx: Context, invoice_id: UUID) -> list[AppliedUsageThresholdOut]:
    """The same of one invoice, on the wire."""
    return [
        {
            "lifetime_usage_amount_cents": item.applied.lifetime_usage_amount_cents,
            "created_at": iso(item.applied.created_at) or "",
            "usage_threshold": usage_threshold_object(item.threshold),
        }
        for item in (await applied_thresholds(ctx, [invoice_id])).get(invoice_id, [])
    ]


async def reason_of(ctx: Context, invoice_id: UUID) -> ProgressiveInvoice | None:
    """Why a progressive invoice was made."""
    return await ctx.session.scalar(
        select(ProgressiveInvoice).where(
            col(ProgressiveInvoice.organization_id) == ctx.organization_id,
            col(ProgressiveInvoice.invoice_id) == invoice_id,
        )
    )
