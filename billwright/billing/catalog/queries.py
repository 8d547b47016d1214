"""Reads of the catalogue, scoped by organization, in a constant number of queries per page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.commitments import CommitmentView, commitment_views
from billwright.billing.catalog.models import (
    BillableMetric,
    BillableMetricFilter,
    Charge,
    ChargeFilter,
    ChargeTax,
    Plan,
    PlanTax,
)
from billwright.billing.entitlements.queries import grants_of_plans
from billwright.billing.entitlements.views import PlanGrant
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.ids import parse_id
from billwright.billing.kernel.pagination import Page, PageRequest, paginate
from billwright.billing.progressive.models import UsageThreshold
from billwright.billing.progressive.thresholds import thresholds_of_plans
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.taxes.models import Tax


@dataclass(frozen=True, slots=True)
class MetricView:
    """A metric with its live filters, by key."""

    metric: BillableMetric
    filters: tuple[BillableMetricFilter, ...]

    @property
    def filter_values(self) -> dict[str, list[str]]:
        """Filter key -> the values listed now."""
        return {item.key: item.values for item in self.filters}


@dataclass(frozen=True, slots=True)
class ChargeView:
    """A charge with its metric, filters in the order last sent, and own taxes."""

    charge: Charge
    metric: BillableMetric
    filters: tuple[ChargeFilter, ...]
    taxes: tuple[Tax, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan with its live charges, oldest first, own taxes, and minimum commitment.

    ``entitlements``: what it grants; on a subscription's own version of a plan, what the original grants.
    """

    plan: Plan
    charges: tuple[ChargeView, ...]
    taxes: tuple[Tax, ...]
    commitment: CommitmentView | None
    thresholds: tuple[UsageThreshold, ...] = ()
    parent_thresholds: tuple[UsageThreshold, ...] = ()
    entitlements: tuple[PlanGrant, ...] = ()

    @property
    def applicable_thresholds(self) -> tuple[UsageThreshold, ...]:
        """The plan's usage thresholds, else those of the plan that it overrides (spec 02 §13.1)."""
        return self.thresholds or self.parent_thresholds


@dataclass(frozen=True, slots=True)
class MetricFilters:
    """Filters of the metrics list; ``search`` matches name and code (spec 07 §7.4)."""

    search: str | None = None
    recurring: bool | None = None
    aggregation_types: Sequence[str] | None = None
    plan_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PlanFilters:
    """Filters of the plans list; ``search`` matches name and code (spec 07 §7.4)."""

    search: str | None = None
    pending_deletion: bool | None = None
    with_deleted: bool = False


def contains_pattern(search: str) -> str:
    """``ILIKE`` pattern of a "contains" search with ``%`` and ``_`` taken literally."""
    return "%" + search.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def metrics_statement(ctx: Context, filters: MetricFilters) -> Select[BillableMetric]:
    """The filtered list, newest first."""
    statement = select(BillableMetric).where(
        col(BillableMetric.organization_id) == ctx.organization_id, col(BillableMetric.deleted_at).is_(None)
    )
    if filters.search:
        pattern = contains_pattern(filters.search)
        statement = statement.where(
            or_(col(BillableMetric.name).ilike(pattern), col(BillableMetric.code).ilike(pattern))
        )
    if filters.recurring is not None:
        statement = statement.where(col(BillableMetric.recurring).is_(filters.recurring))
    if filters.aggregation_types is not None:
        statement = statement.where(col(BillableMetric.aggregation_type).in_(filters.aggregation_types))
    if filters.plan_id is not None:
        statement = statement.where(
            exists().where(
                col(Charge.billable_metric_id) == col(BillableMetric.id),
                col(Charge.plan_id) == filters.plan_id,
                col(Charge.deleted_at).is_(None),
            )
        )
    return statement.order_by(col(BillableMetric.created_at).desc(), col(BillableMetric.id))


async def list_metrics(ctx: Context, filters: MetricFilters, page: PageRequest) -> Page[MetricView]:
    """A page of live metrics with their filters: three queries."""
    found = await paginate(ctx.session, metrics_statement(ctx, filters), page)
    return Page(await metric_views(ctx, found.items), found.total_count, found.request)


async def metric_views(ctx: Context, metrics: Sequence[BillableMetric]) -> list[MetricView]:
    """``metrics`` with their filters, in one query."""
    filters: dict[UUID, list[BillableMetricFilter]] = {}
    if metrics:
        rows = await ctx.session.scalars(
            select(BillableMetricFilter).where(
                col(BillableMetricFilter.billable_metric_id).in_([metric.id for metric in metrics]),
                col(BillableMetricFilter.deleted_at).is_(None),
            )
        )
        for row in rows:
            filters.setdefault(row.billable_metric_id, []).append(row)
    return [
        MetricView(metric, tuple(sorted(filters.get(metric.id, ()), key=lambda item: item.key))) for metric in metrics
    ]


async def find_metric(ctx: Context, code: str, *, lock: bool = False) -> BillableMetric:
    """The live metric with this code, locked for a change if asked. Raises ``NotFound("billable_metric")``."""
    statement = select(BillableMetric).where(
        col(BillableMetric.organization_id) == ctx.organization_id,
        col(BillableMetric.code) == code,
        col(BillableMetric.deleted_at).is_(None),
    )
    return await find(ctx.session, statement, "billable_metric", lock=lock)


async def metric_by_id(ctx: Context, metric_id: UUID) -> BillableMetric:
    """The live metric with this internal id. Raises ``NotFound("billable_metric")``."""
    statement = select(BillableMetric).where(
        col(BillableMetric.id) == metric_id,
        col(BillableMetric.organization_id) == ctx.organization_id,
        col(BillableMetric.deleted_at).is_(None),
    )
    return await find(ctx.session, statement, "billable_metric")


async def is_metric_in_use(ctx: Context, metric_id: UUID) -> bool:
    """A live charge on a live plan, overridden plans included (spec 01 §1.3)."""
    return (await ctx.session.scalars(plans_using(metric_id).limit(1))).first() is not None


def plans_using(metric_id: UUID) -> Select[UUID]:
    """Ids of the live plans with a live charge on the metric."""
    return (
        select(col(Plan.id))
        .join(Charge, col(Charge.plan_id) == col(Plan.id))
        .where(
            col(Charge.billable_metric_id) == metric_id,
            col(Charge.deleted_at).is_(None),
            col(Plan.deleted_at).is_(None),
        )
        .distinct()
    )


def plans_statement(ctx: Context, filters: PlanFilters) -> Select[Plan]:
    """The filtered list of ordinary plans, newest first; overrides are invisible (spec 03 §2.1)."""
    statement = select(Plan).where(
        col(Plan.organization_id) == ctx.organization_id,
        col(Plan.parent_id).is_(None),
    )
    if not filters.with_deleted:
        statement = statement.where(col(Plan.deleted_at).is_(None))
    if filters.search:
        pattern = contains_pattern(filters.search)
        statement = statement.where(or_(col(Plan.name).ilike(pattern), col(Plan.code).ilike(pattern)))
    if filters.pending_deletion is not None:
        statement = statement.where(col(Plan.pending_deletion).is_(filters.pending_deletion))
    return statement.order_by(col(Plan.created_at).desc(), col(Plan.id))


async def list_plans(ctx: Context, filters: PlanFilters, page: PageRequest) -> Page[PlanView]:
    """A page of plans with everything inside, in a constant number of queries."""
    found = await paginate(ctx.session, plans_statement(ctx, filters), page)
    return Page(await plan_views(ctx, found.items), found.total_count, found.request)


async def find_plan(ctx: Context, code: str, *, lock: bool = False) -> Plan:
    """The live ordinary plan with this code, pending deletion included; locked for a change if asked.

    Raises ``NotFound("plan")``.
    """
    statement = select(Plan).where(
        col(Plan.organization_id) == ctx.organization_id,
        col(Plan.code) == code,
        col(Plan.deleted_at).is_(None),
        col(Plan.parent_id).is_(None),
    )
    return await find(ctx.session, statement, "plan", lock=lock)


async def plan_by_id(ctx: Context, plan_id: UUID) -> Plan:
    """Any plan of the organization, overridden and deleted ones included. Raises ``NotFound("plan")``."""
    statement = select(Plan).where(col(Plan.id) == plan_id, col(Plan.organization_id) == ctx.organization_id)
    return await find(ctx.session, statement, "plan")


async def is_plan_attached(ctx: Context, plan_id: UUID) -> bool:
    """Whether a subscription of any status points to this very plan (spec 03 §2.2)."""
    statement = select(col(Subscription.id)).where(col(Subscription.plan_id) == plan_id).limit(1)
    return (await ctx.session.scalars(statement)).first() is not None


async def plan_views(ctx: Context, plans: Sequence[Plan]) -> list[PlanView]:
    """``plans`` with everything inside, in a constant number of queries."""
    if not plans:
        return []
    ids = [plan.id for plan in plans]
    charges = (await ctx.session.scalars(_live_charges().where(col(Charge.plan_id).in_(ids)))).all()
    by_plan: dict[UUID, list[ChargeView]] = {}
    for view in await charge_views(ctx, charges):
        by_plan.setdefault(view.charge.plan_id, []).append(view)
    taxes = await _taxes(ctx, PlanTax.plan_id, PlanTax.tax_id, ids)
    commitments = await commitment_views(ctx.session, ids)
    parents = [plan.parent_id for plan in plans if plan.parent_id is not None]
    thresholds = await thresholds_of_plans(ctx.session, [*ids, *parents])
    grants = await grants_of_plans(ctx.session, {plan.parent_id or plan.id for plan in plans})
    return [
        PlanView(
            plan,
            tuple(by_plan.get(plan.id, ())),
            tuple(taxes.get(plan.id, ())),
            commitments.get(plan.id),
            tuple(thresholds.get(plan.id, ())),
            tuple(thresholds.get(plan.parent_id, ())) if plan.parent_id else (),
            grants.get(plan.parent_id or plan.id, ()),
        )
        for plan in plans
    ]


def _live_charges() -> Select[Charge]:
    return select(Charge).where(col(Charge.deleted_at).is_(None)).order_by(col(Charge.created_at), col(Charge.id))


async def charge_views(ctx: Context, charges: Sequence[Charge]) -> list[ChargeView]:
    """``charges`` with metrics, filters and taxes, in three queries whatever their number."""
    if not charges:
        return []
    ids = [charge.id for charge in charges]
    metric_ids = {charge.billable_metric_id for charge in charges}
    metrics = {
        metric.id: metric
        for metric in await ctx.session.scalars(select(BillableMetric).where(col(BillableMetric.id).in_(metric_ids)))
    }
    filters = await live_filters(ctx, ids)
    taxes = await _taxes(ctx, ChargeTax.charge_id, ChargeTax.tax_id, ids)
    return [
        ChargeView(
            charge,
            metrics[charge.billable_metric_id],
            tuple(filters.get(charge.id, ())),
            tuple(taxes.get(charge.id, ())),
        )
        for charge in charges
    ]


async def live_filters(ctx: Context, charge_ids: Iterable[UUID]) -> dict[UUID, list[ChargeFilter]]:
    """Live charge filters by charge, in the order last sent."""
    grouped: dict[UUID, list[ChargeFilter]] = {}
    rows = await ctx.session.scalars(
        select(ChargeFilter)
        .where(col(ChargeFilter.charge_id).in_(charge_ids), col(ChargeFilter.deleted_at).is_(None))
        .order_by(col(ChargeFilter.position), col(ChargeFilter.created_at), col(ChargeFilter.id))
    )
    for row in rows:
        grouped.setdefault(row.charge_id, []).append(row)
    return grouped


async def live_charges(ctx: Context, plan_id: UUID) -> list[Charge]:
    """The plan's live charges, oldest first."""
    return list((await ctx.session.scalars(_live_charges().where(col(Charge.plan_id) == plan_id))).all())


async def list_charges(ctx: Context, plan_id: UUID, page: PageRequest) -> Page[ChargeView]:
    """A page of the plan's charges, newest first."""
    statement = (
        _live_charges()
        .where(col(Charge.plan_id) == plan_id)
        .order_by(None)
        .order_by(col(Charge.created_at).desc(), col(Charge.id))
    )
    found = await paginate(ctx.session, statement, page)
    return Page(await charge_views(ctx, found.items), found.total_count, found.request)


async def find_charge(ctx: Context, plan_id: UUID, code: str) -> Charge:
    """The plan's live charge with this code. Raises ``NotFound("charge")``."""
    found = (
        await ctx.session.scalars(_live_charges().where(col(Charge.plan_id) == plan_id, col(Charge.code) == code))
    ).first()
    if found is None:
        raise NotFound("charge")
    return found


async def list_charge_filters(ctx: Context, charge_id: UUID, page: PageRequest) -> Page[ChargeFilter]:
    """A page of the charge's filters in the order last sent."""
    statement = (
        select(ChargeFilter)
        .where(col(ChargeFilter.charge_id) == charge_id, col(ChargeFilter.deleted_at).is_(None))
        .order_by(col(ChargeFilter.position), col(ChargeFilter.created_at), col(ChargeFilter.id))
    )
    return await paginate(ctx.session, statement, page)


async def find_charge_filter(ctx: Context, charge_id: UUID, filter_id: str) -> ChargeFilter:
    """The charge's live filter with this id. Raises ``NotFound("charge_filter")``."""
    statement = select(ChargeFilter).where(
        col(ChargeFilter.id) == (parse_id(filter_id) or UUID(int=0)),
        col(ChargeFilter.charge_id) == charge_id,
        col(ChargeFilter.deleted_at).is_(None),
    )
    return await find(ctx.session, statement, "charge_filter")


async def _taxes(ctx: Context, owner: Any, tax: Any, owner_ids: Sequence[UUID]) -> dict[UUID, list[Tax]]:
    grouped: dict[UUID, list[Tax]] = {}
    rows = await ctx.session.execute(
        select(col(owner), Tax)
        .join(Tax, col(Tax.id) == col(tax))
        .where(col(owner).in_(owner_ids), col(Tax.deleted_at).is_(None))
        .order_by(col(Tax.created_at), col(Tax.id))
    )
    for owner_id, row in rows:
        grouped.setdefault(owner_id, []).append(row)
    return grouped


async def codes_by_id(ctx: Context, kind: str, ids: Sequence[UUID | None]) -> list[str]:
    """Codes of ``plans`` or ``billable_metrics`` in the order of ``ids``; ``NotFound(kind)`` for an unknown one."""
    model: Any = Plan if kind == "plans" else BillableMetric
    rows = await ctx.session.execute(
        select(col(model.id), col(model.code)).where(
            col(model.organization_id) == ctx.organization_id, col(model.id).in_(ids), col(model.deleted_at).is_(None)
        )
    )
    found = {row[0]: row[1] for row in rows}
    if any(each not in found for each in ids):
        raise NotFound(kind)
    return [found[each] for each in ids]
