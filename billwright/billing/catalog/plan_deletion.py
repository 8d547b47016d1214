"""Deleting a plan: refused to newcomers at once, wound up by a job (spec 03 §2.3)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, RetryLater, job
from billwright.billing.background.runtime import Runtime
from billwright.billing.catalog.changes import publish
from billwright.billing.catalog.models import BillableMetric, Charge, Plan
from billwright.billing.catalog.queries import PlanView, find_plan, plan_views
from billwright.billing.customers.locking import lock_customer
from billwright.billing.invoicing.drafts import finalize_draft
from billwright.billing.invoicing.models import Invoice, InvoiceSubscription
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.life_cycle import wind_up
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.termination_credits import postponed_while_taxes_are_unknown

WIND_UP_JOB = "catalog.plan_wind_up"
ATTEMPTS = 3
"""Rounds over late subscribers before the job steps back for a moment."""


async def delete_plan(ctx: Context, code: str) -> PlanView:
    """Mark the plan for deletion; a job ends its subscriptions, finalizes its drafts and deletes it.

    Asking again is harmless. Raises ``NotFound("plan")``.
    """
    plan = await find_plan(ctx, code, lock=True)
    again = plan.pending_deletion
    plan.pending_deletion = True
    plan.updated_at = ctx.now()
    await publish(ctx)
    await enqueue(
        ctx.session,
        ctx.organization_id,
        WIND_UP_JOB,
        {"plan_id": str(plan.id)},
        unique_key=f"{WIND_UP_JOB}:{plan.id}",
    )
    if not again:
        await emit(ctx, "plan.deleted", "plan", plan.id, {"pending_deletion": True})
    return (await plan_views(ctx, [plan]))[0]


@job(WIND_UP_JOB)
async def wind_up_plan(call: JobCall) -> None:
    """Wind up the overridden children, then the plan itself; what is done already is skipped."""
    assert call.organization_id is not None
    plan_id = UUID(call.arguments["plan_id"])
    async with call.runtime.database.reading() as session:
        rows = await session.execute(
            select(col(Plan.id), col(Plan.parent_id))
            .where(
                col(Plan.organization_id) == call.organization_id,
                or_(col(Plan.id) == plan_id, col(Plan.parent_id) == plan_id),
                col(Plan.deleted_at).is_(None),
            )
            .order_by(col(Plan.id))
        )
        plans = sorted(((parent is None, found) for found, parent in rows))
    with postponed_while_taxes_are_unknown():
        for _, found in plans:
            await _wind_up(call.runtime, call.organization_id, found)


async def _wind_up(runtime: Runtime, organization_id: UUID, plan_id: UUID) -> None:
    """One transaction per customer, until nothing is left and the plan's row, locked, can be closed."""
    for _ in range(ATTEMPTS):
        for customer_id in await _customers(runtime, plan_id):
            await _end_for_customer(runtime, organization_id, plan_id, customer_id)
        if await _close(runtime, organization_id, plan_id):
            return
    raise RetryLater(timedelta(seconds=5))


async def _customers(runtime: Runtime, plan_id: UUID) -> list[UUID]:
    """Customers with work to do, in order of their oldest subscription."""
    async with runtime.database.reading() as session:
        rows = await session.scalars(_open_work(plan_id))
        return list(dict.fromkeys(rows.all()))


def _has_draft(plan_id: UUID) -> ColumnElement[bool]:
    return (
        select(col(InvoiceSubscription.subscription_id))
        .join(Invoice, col(Invoice.id) == col(InvoiceSubscription.invoice_id))
        .where(
            col(InvoiceSubscription.subscription_id) == col(Subscription.id),
            col(Invoice.status) == "draft",
            col(Subscription.plan_id) == plan_id,
        )
        .exists()
    )


def _open_work(plan_id: UUID) -> Select[UUID]:
    return (
        select(col(Subscription.customer_id))
        .where(
            col(Subscription.plan_id) == plan_id,
            or_(col(Subscription.status).in_(("active", "pending")), _has_draft(plan_id)),
        )
        .order_by(col(Subscription.created_at), col(Subscription.id))
    )


async def _end_for_customer(runtime: Runtime, organization_id: UUID, plan_id: UUID, customer_id: UUID) -> None:
    async with runtime.database.transaction() as session:
        organization = await session.get_one(Organization, organization_id)
        ctx = Context(session, organization, event_store=runtime.event_store)
        customer = await lock_customer(ctx, customer_id)
        if customer is None:
            return
        subscriptions = await session.scalars(
            select(Subscription)
            .where(
                col(Subscription.plan_id) == plan_id,
                col(Subscription.customer_id) == customer_id,
                col(Subscription.status).in_(("active", "pending")),
            )
            .order_by(col(Subscription.created_at), col(Subscription.id))
        )
        for subscription in subscriptions.all():
            await wind_up(ctx, customer, subscription, plan_id=plan_id)
        await session.flush()
        concerned = (
            select(col(InvoiceSubscription.invoice_id))
            .join(Subscription, col(Subscription.id) == col(InvoiceSubscription.subscription_id))
            .where(col(Subscription.plan_id) == plan_id, col(Subscription.customer_id) == customer_id)
        )
        drafts = await session.scalars(
            select(Invoice)
            .where(
                col(Invoice.organization_id) == organization_id,
                col(Invoice.customer_id) == customer_id,
                col(Invoice.status) == "draft",
                col(Invoice.id).in_(concerned),
            )
            .order_by(col(Invoice.expected_finalization_date), col(Invoice.created_at), col(Invoice.id))
            .with_for_update()
        )
        for invoice in drafts.all():
            await finalize_draft(ctx, customer, invoice)


async def _close(runtime: Runtime, organization_id: UUID, plan_id: UUID) -> bool:
    """Soft-delete the plan unless somebody subscribed meanwhile; whether it is done."""
    async with runtime.database.transaction() as session:
        plan = await session.get_one(Plan, plan_id, with_for_update=True)
        if plan.deleted_at is not None:
            return True
        if (await session.scalars(_open_work(plan_id).limit(1))).first() is not None:
            return False
        organization = await session.get_one(Organization, organization_id)
        ctx = Context(session, organization, event_store=runtime.event_store)
        plan.deleted_at = plan.updated_at = ctx.now()
        plan.pending_deletion = False
        codes = await session.scalars(
            select(col(BillableMetric.code))
            .join(Charge, col(Charge.billable_metric_id) == col(BillableMetric.id))
            .where(col(Charge.plan_id) == plan_id, col(Charge.deleted_at).is_(None))
            .distinct()
        )
        await publish(ctx, metric_codes=codes.all())
        return True
