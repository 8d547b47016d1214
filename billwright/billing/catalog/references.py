"""What charges refer to: metrics and taxes, found at once for a whole list of charges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import BillableMetric, Charge
from billwright.billing.catalog.queries import MetricView, metric_views
from billwright.billing.catalog.schemas import ChargeInput
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.queries import taxes_by_codes


@dataclass(frozen=True, slots=True)
class References:
    """Metrics by id and taxes by code."""

    metrics: Mapping[UUID, MetricView]
    taxes: Mapping[str, Tax]


async def lock_metrics(ctx: Context, metric_ids: Iterable[UUID]) -> list[BillableMetric]:
    """The live metrics among ``metric_ids``, kept from being changed or deleted to the end of the transaction."""
    rows = await ctx.session.scalars(
        select(BillableMetric)
        .where(
            col(BillableMetric.organization_id) == ctx.organization_id,
            col(BillableMetric.id).in_(set(metric_ids)),
            col(BillableMetric.deleted_at).is_(None),
        )
        .order_by(col(BillableMetric.id))
        .with_for_update(read=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(rows.all())


async def load_references(
    ctx: Context,
    new: Sequence[ChargeInput],
    updated: Sequence[tuple[Charge, ChargeInput]],
    *,
    others: Sequence[Charge] = (),
    tax_codes: Iterable[str] = (),
    missing: str = "billable_metrics",
) -> References:
    """Metrics of all charges and the taxes that they and ``tax_codes`` name.

    ``others``: charges whose metric is only needed if it is still there. Raises ``NotFound(missing)`` for an unknown
    metric of a new charge, ``NotFound("tax")``.
    """
    asked = [parse_id(inp.billable_metric_id or "") for inp in new]
    wanted = {metric_id for metric_id in asked if metric_id is not None}
    kept = {charge.billable_metric_id for charge in [*others, *(charge for charge, _ in updated)]}
    views = await metric_views(ctx, await lock_metrics(ctx, wanted | kept))
    metrics = {view.metric.id: view for view in views}
    if None in asked or not wanted <= metrics.keys():
        raise NotFound(missing)
    codes = {code for inp in [*new, *(inp for _, inp in updated)] for code in inp.tax_codes or ()}
    taxes = {tax.code: tax for tax in await taxes_by_codes(ctx, sorted(codes | set(tax_codes)))}
    return References(metrics, taxes)
