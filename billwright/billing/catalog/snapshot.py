"""Plan catalogues as immutable values, for billing and usage.

Loading a plan with its charges, metrics, filters and taxes costs a handful of queries; the result is cached by
``Organization.catalog_revision``, which every catalogue or tax write bumps in its own transaction. A transaction that
has bumped it reads past the cache: what it sees may never be committed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.revision import UNCOMMITTED
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
from billwright.billing.kernel.db import Session
from billwright.billing.taxes.models import Tax

CACHE_SIZE = 20_000


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A tax as it applies now. ``rate`` in percent."""

    id: UUID
    code: str
    name: str
    description: str | None
    rate: Decimal


@dataclass(frozen=True, slots=True)
class MetricSnapshot:
    """A billable metric; ``filters`` maps each filter key to the values listed now."""

    id: UUID
    code: str
    name: str
    description: str | None
    aggregation_type: str
    field_name: str | None
    recurring: bool
    rounding_function: str | None
    rounding_precision: int | None
    custom_aggregator: str | None
    filters: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class FilterSnapshot:
    """A charge filter; ``values`` as sent (may hold ``__ALL_FILTER_VALUES__``)."""

    id: UUID
    values: dict[str, list[str]]
    properties: dict[str, Any]
    invoice_display_name: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ChargeSnapshot:
    """A charge with its metric, filters in stored order and own taxes."""

    id: UUID
    code: str
    charge_model: str
    invoice_display_name: str | None
    pay_in_advance: bool
    invoiceable: bool
    regroup_paid_fees: str | None
    prorated: bool
    min_amount_cents: int
    properties: dict[str, Any]
    metric: MetricSnapshot
    filters: tuple[FilterSnapshot, ...]
    taxes: tuple[TaxRate, ...]


@dataclass(frozen=True, slots=True)
class CommitmentSnapshot:
    """A minimum commitment. ``amount_cents``: minor units per plan interval (spec 02 §12)."""

    amount_cents: int
    invoice_display_name: str | None
    taxes: tuple[TaxRate, ...]


@dataclass(frozen=True, slots=True)
class PlanSnapshot:
    """A plan with its live charges. ``amount_cents`` in minor units of ``amount_currency``."""

    id: UUID
    parent_id: UUID | None
    code: str
    name: str
    invoice_display_name: str | None
    description: str | None
    interval: str
    amount_cents: int
    amount_currency: str
    pay_in_advance: bool
    bill_charges_monthly: bool
    trial_period: Decimal | None
    charges: tuple[ChargeSnapshot, ...]
    taxes: tuple[TaxRate, ...]
    commitment: CommitmentSnapshot | None


_cache: OrderedDict[tuple[UUID, int], PlanSnapshot] = OrderedDict()


async def plan_snapshots(session: Session, catalog_revision: int, plan_ids: Iterable[UUID]) -> dict[UUID, PlanSnapshot]:
    """Snapshots of ``plan_ids`` (already known to belong to the organization), deleted plans included.

    ``catalog_revision`` must have been read in the same transaction.
    """
    wanted = set(plan_ids)
    if session.info.get(UNCOMMITTED):
        return {snapshot.id: snapshot for snapshot in await _load(session, wanted)} if wanted else {}
    found: dict[UUID, PlanSnapshot] = {}
    for plan_id in wanted:
        cached = _cache.get((plan_id, catalog_revision))
        if cached is not None:
            _cache.move_to_end((plan_id, catalog_revision))
            found[plan_id] = cached
    missing = wanted - found.keys()
    if missing:
        for snapshot in await _load(session, missing):
            found[snapshot.id] = snapshot
            _cache[(snapshot.id, catalog_revision)] = snapshot
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    return found


def tax_rate(tax: Tax) -> TaxRate:
    """The tax as a value."""
    return TaxRate(tax.id, tax.code, tax.name, tax.description, tax.rate)


async def _load(session: Session, plan_ids: set[UUID]) -> list[PlanSnapshot]:
    plans = (await session.scalars(select(Plan).where(col(Plan.id).in_(plan_ids)))).all()
    charges = (
        await session.scalars(
            select(Charge)
            .where(col(Charge.plan_id).in_(plan_ids), col(Charge.deleted_at).is_(None))
            .order_by(col(Charge.created_at), col(Charge.id))
        )
    ).all()
    charge_ids = [charge.id for charge in charges]
    metrics = await _metrics(session, {charge.billable_metric_id for charge in charges})
    filters = await _filters(session, charge_ids)
    charge_taxes = await _taxes(session, ChargeTax.charge_id, ChargeTax.tax_id, charge_ids)
    plan_taxes = await _taxes(session, PlanTax.plan_id, PlanTax.tax_id, list(plan_ids))
    commitments = await commitment_views(session, list(plan_ids))
    by_plan: dict[UUID, list[ChargeSnapshot]] = {}
    for charge in charges:
        by_plan.setdefault(charge.plan_id, []).append(
            ChargeSnapshot(
                id=charge.id,
                code=charge.code,
                charge_model=charge.charge_model,
                invoice_display_name=charge.invoice_display_name,
                pay_in_advance=charge.pay_in_advance,
                invoiceable=charge.invoiceable,
                regroup_paid_fees=charge.regroup_paid_fees,
                prorated=charge.prorated,
                min_amount_cents=charge.min_amount_cents,
                properties=charge.properties,
                metric=metrics[charge.billable_metric_id],
                filters=tuple(filters.get(charge.id, ())),
                taxes=tuple(charge_taxes.get(charge.id, ())),
            )
        )
    return [
        PlanSnapshot(
            id=plan.id,
            parent_id=plan.parent_id,
            code=plan.code,
            name=plan.name,
            invoice_display_name=plan.invoice_display_name,
            description=plan.description,
            interval=plan.interval,
            amount_cents=plan.amount_cents,
            amount_currency=plan.amount_currency,
            pay_in_advance=plan.pay_in_advance,
            bill_charges_monthly=bool(plan.bill_charges_monthly),
            trial_period=plan.trial_period,
            charges=tuple(by_plan.get(plan.id, ())),
            taxes=tuple(plan_taxes.get(plan.id, ())),
            commitment=_commitment(commitments.get(plan.id)),
        )
        for plan in plans
    ]


def _commitment(view: CommitmentView | None) -> CommitmentSnapshot | None:
    if view is None:
        return None
    kept = view.commitment
    return CommitmentSnapshot(kept.amount_cents, kept.invoice_display_name, tuple(tax_rate(tax) for tax in view.taxes))


async def metric_snapshots(session: Session, metric_ids: Iterable[UUID]) -> dict[UUID, MetricSnapshot]:
    """Snapshots of metrics by id, deleted ones included (old fees still name them)."""
    return await _metrics(session, set(metric_ids))


async def _metrics(session: Session, metric_ids: set[UUID]) -> dict[UUID, MetricSnapshot]:
    if not metric_ids:
        return {}
    metrics = (await session.scalars(select(BillableMetric).where(col(BillableMetric.id).in_(metric_ids)))).all()
    keys = (
        await session.scalars(
            select(BillableMetricFilter).where(
                col(BillableMetricFilter.billable_metric_id).in_(metric_ids),
                col(BillableMetricFilter.deleted_at).is_(None),
            )
        )
    ).all()
    by_metric: dict[UUID, dict[str, tuple[str, ...]]] = {}
    for entry in sorted(keys, key=lambda item: item.key):
        by_metric.setdefault(entry.billable_metric_id, {})[entry.key] = tuple(entry.values)
    return {
        metric.id: MetricSnapshot(
            id=metric.id,
            code=metric.code,
            name=metric.name,
            description=metric.description,
            aggregation_type=metric.aggregation_type,
            field_name=metric.field_name,
            recurring=metric.recurring,
            rounding_function=metric.rounding_function,
            rounding_precision=metric.rounding_precision,
            custom_aggregator=metric.custom_aggregator,
            filters=by_metric.get(metric.id, {}),
        )
        for metric in metrics
    }


async def _filters(session: Session, charge_ids: Sequence[UUID]) -> dict[UUID, list[FilterSnapshot]]:
    grouped: dict[UUID, list[FilterSnapshot]] = {}
    if not charge_ids:
        return grouped
    rows = await session.scalars(
        select(ChargeFilter)
        .where(col(ChargeFilter.charge_id).in_(charge_ids), col(ChargeFilter.deleted_at).is_(None))
        .order_by(col(ChargeFilter.position), col(ChargeFilter.created_at), col(ChargeFilter.id))
    )
    for row in rows:
        grouped.setdefault(row.charge_id, []).append(
            FilterSnapshot(row.id, row.values, row.properties, row.invoice_display_name, row.created_at)
        )
    return grouped


async def _taxes(session: Session, owner: Any, tax: Any, owner_ids: Sequence[UUID]) -> dict[UUID, list[TaxRate]]:
    grouped: dict[UUID, list[TaxRate]] = {}
    if not owner_ids:
        return grouped
    rows = await session.execute(
        select(col(owner), Tax)
        .join(Tax, col(Tax.id) == col(tax))
        .where(col(owner).in_(owner_ids), col(Tax.deleted_at).is_(None))
        .order_by(col(Tax.created_at), col(Tax.id))
    )
    for owner_id, row in rows:
        grouped.setdefault(owner_id, []).append(tax_rate(row))
    return grouped
