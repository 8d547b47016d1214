"""Telling the event store how the codes of metrics are aggregated (spec 08 C3 "Dimensions")."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from billwright.billing.background.jobs import JobCall, job
from billwright.billing.catalog.models import BillableMetric, BillableMetricFilter, Charge, ChargeFilter, Plan
from billwright.billing.kernel.db import Session
from billwright.billing.metering.store.protocol import Aggregation, EventStore, MetricDefinition
from billwright.billing.pricing.properties import pricing_group_keys

DEFINE_JOB = "metering.define"
_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:key, 7))")


@job(DEFINE_JOB)
async def define_codes(call: JobCall) -> None:
    """Bring the store's definitions of ``codes`` in line with the live metrics; safe in any order and any number."""
    assert call.organization_id is not None
    for code in call.arguments["codes"]:
        async with call.runtime.database.transaction() as session:
            await synchronize(session, call.runtime.event_store, call.organization_id, code)


async def synchronize(session: Session, store: EventStore, organization_id: UUID, code: str) -> None:
    """Define or forget one code as the committed catalogue says; jobs about one code take turns."""
    await session.execute(_LOCK, {"key": f"{organization_id}:{code}"})
    definition = await definition_of(session, organization_id, code)
    if definition is None:
        await store.undefine(organization_id, code)
    else:
        await store.define(definition)


async def definition_of(session: Session, organization_id: UUID, code: str) -> MetricDefinition | None:
    """The live metric's aggregation with every key that its events must be told apart by; ``None`` without one.

    These are its filter keys and the pricing group keys of all live charges and charge filters on it.
    """
    metric = (
        await session.scalars(
            select(BillableMetric).where(
                col(BillableMetric.organization_id) == organization_id,
                col(BillableMetric.code) == code,
                col(BillableMetric.deleted_at).is_(None),
            )
        )
    ).first()
    if metric is None:
        return None
    keys = set(
        await session.scalars(
            select(col(BillableMetricFilter.key)).where(
                col(BillableMetricFilter.billable_metric_id) == metric.id,
                col(BillableMetricFilter.deleted_at).is_(None),
            )
        )
    )
    live = (
        col(Charge.billable_metric_id) == metric.id,
        col(Charge.deleted_at).is_(None),
        col(Plan.deleted_at).is_(None),
    )
    charges: Any = select(col(Charge.properties)).join(Plan, col(Plan.id) == col(Charge.plan_id)).where(*live)
    filters: Any = (
        select(col(ChargeFilter.properties))
        .join(Charge, col(Charge.id) == col(ChargeFilter.charge_id))
        .join(Plan, col(Plan.id) == col(Charge.plan_id))
        .where(*live, col(ChargeFilter.deleted_at).is_(None))
    )
    for statement in (charges, filters):
        for properties in await session.scalars(statement):
            keys.update(pricing_group_keys(properties))
    return MetricDefinition(
        organization_id=organization_id,
        code=code,
        metric_id=metric.id,
        aggregation=Aggregation(metric.aggregation_type),
        field=metric.field_name,
        dims_keys=frozenset(keys),
    )
