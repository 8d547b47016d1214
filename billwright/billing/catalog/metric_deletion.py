"""Deleting a billable metric: gone from usage at once, tidied up by a job (spec 01 §1.5)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Text, cast, exists, literal, or_, select, text, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.alerts.removing import remove_alerts_of_metric
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.catalog.changes import publish
from billwright.billing.catalog.models import BillableMetric, BillableMetricFilter, Charge, ChargeFilter
from billwright.billing.catalog.queries import MetricView, find_metric, metric_views, plans_using
from billwright.billing.catalog.schemas import billable_metric_object
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.models import Job
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.metering.store.protocol import EventStore
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.models import Subscription

TIDY_JOB = "catalog.metric_deleted"


async def delete_metric(ctx: Context, code: str) -> MetricView:
    """Soft-delete the metric, its alerts and its charges on all plans, overridden ones included, even when in use.

    The code is free again at once; filters and events follow in a job. Raises ``NotFound("billable_metric")``.
    """
    metric = await find_metric(ctx, code, lock=True)
    view = (await metric_views(ctx, [metric]))[0]
    plans = list((await ctx.session.scalars(plans_using(metric.id))).all())
    now = ctx.now()
    metric.deleted_at = metric.updated_at = now
    await ctx.session.execute(
        update(Charge)
        .where(col(Charge.billable_metric_id) == metric.id, col(Charge.deleted_at).is_(None))
        .values(deleted_at=now, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    await remove_alerts_of_metric(ctx, metric.id)
    await publish(ctx, metric_codes=[metric.code], plan_ids=plans)
    await enqueue(
        ctx.session,
        ctx.organization_id,
        TIDY_JOB,
        {"metric_id": str(metric.id)},
        unique_key=f"{TIDY_JOB}:{metric.id}",
    )
    shown = billable_metric_object(view)["filters"]  # which the job may delete before the announcement is prepared
    await emit(ctx, "billable_metric.deleted", "billable_metric", metric.id, {"filters": shown})
    return view


@job(TIDY_JOB)
async def tidy_deleted_metric(call: JobCall) -> None:
    """Soft-delete the metric's filters and charge filters, and hide its events.

    Hidden are the events of its code received until the deletion, of every subscription whose plan ever had a charge
    on it; their transaction ids stay taken.
    """
    metric_id = UUID(call.arguments["metric_id"])
    async with call.runtime.database.transaction() as session:
        organization = await session.get(Organization, call.organization_id)
        metric = await session.get(BillableMetric, metric_id)
        if organization is None or metric is None or metric.organization_id != organization.id:
            return
        if metric.deleted_at is None:
            return
        charges = select(col(Charge.id)).where(col(Charge.billable_metric_id) == metric.id)
        for table, owned in (
            (BillableMetricFilter, col(BillableMetricFilter.billable_metric_id) == metric.id),
            (ChargeFilter, col(ChargeFilter.charge_id).in_(charges)),
        ):
            await session.execute(
                update(table)
                .where(owned, col(table.deleted_at).is_(None))
                .values(deleted_at=metric.deleted_at, updated_at=metric.deleted_at)
                .execution_options(synchronize_session=False)
            )
        subscriptions = await _subscriptions_of(session, metric)
    await _hide_events(call.runtime.event_store, metric, subscriptions)


async def finish_deletions(ctx: Context, code: str) -> None:
    """Hide the events of deleted metrics with this code that the job has not hidden yet: who takes the code never sees
    them (spec 01 §1.5)."""
    its_job = col(Job.unique_key) == literal(f"{TIDY_JOB}:") + cast(col(BillableMetric.id), Text)
    waiting = or_(
        exists().where(its_job, text("jobs.status in ('queued', 'running')")),
        exists().where(its_job, text("jobs.status = 'failed'"), col(Job.organization_id) == ctx.organization_id),
    )
    deleted = await ctx.session.scalars(
        select(BillableMetric).where(
            col(BillableMetric.organization_id) == ctx.organization_id,
            col(BillableMetric.code) == code,
            col(BillableMetric.deleted_at).is_not(None),
            waiting,
        )
    )
    for metric in deleted.all():
        await _hide_events(ctx.events, metric, await _subscriptions_of(ctx.session, metric))


async def _subscriptions_of(session: Session, metric: BillableMetric) -> Sequence[str]:
    plans = select(col(Charge.plan_id)).where(col(Charge.billable_metric_id) == metric.id)
    found = await session.scalars(
        select(col(Subscription.external_id))
        .where(col(Subscription.organization_id) == metric.organization_id, col(Subscription.plan_id).in_(plans))
        .distinct()
    )
    return found.all()


async def _hide_events(store: EventStore, metric: BillableMetric, subscriptions: Sequence[str]) -> None:
    if subscriptions and metric.deleted_at is not None:
        await store.soft_delete(
            metric.organization_id,
            metric.code,
            subscriptions,
            received_until=metric.deleted_at,
            deleted_at=metric.deleted_at,
        )
