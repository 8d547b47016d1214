"""Changed charges of a plan on its children: the rules of spec 03 §2.6, one child charge at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.charge_filters import FilterEntry, filter_row
from billwright.billing.catalog.charges import remove_charges
from billwright.billing.catalog.models import Charge, ChargeFilter, ChargeTax, Plan
from billwright.billing.catalog.queries import MetricView, live_charges, live_filters, metric_views
from billwright.billing.catalog.references import lock_metrics
from billwright.billing.kernel.ids import new_id
from billwright.billing.pricing.filters import after_metric_change, same_values
from billwright.billing.pricing.properties import same_properties
from billwright.billing.taxes.models import Tax

GROUP_KEYS = "pricing_group_keys"
COPIED = (
    "code",
    "charge_model",
    "properties",
    "invoice_display_name",
    "pay_in_advance",
    "invoiceable",
    "regroup_paid_fees",
    "prorated",
    "min_amount_cents",
)
"""Attributes that a child gets with a charge that its parent gains."""


@dataclass(slots=True)
class Touched:
    """Children that changed, and the metrics whose events may now be grouped by other keys."""

    plan_ids: set[UUID] = field(default_factory=set[UUID])
    metric_codes: set[str] = field(default_factory=set[str])


def followed(
    child: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], *, same_model: bool = True
) -> dict[str, Any]:
    """The child's properties after its parent's went from ``before`` to ``after``: the parent's new ones if they were
    its old ones, else the child's own with the parent's group keys."""
    if same_model and same_properties(child, before):
        return dict(after)
    kept = {name: value for name, value in child.items() if name != GROUP_KEYS}
    if after.get(GROUP_KEYS):
        kept[GROUP_KEYS] = after[GROUP_KEYS]
    return kept


async def cascade_charges(ctx: Context, plans: Sequence[Plan], changes: Sequence[Mapping[str, Any]]) -> Touched:
    """Apply the changes of the parent's charges to its locked children."""
    touched = Touched()
    parents = await _parents(ctx, changes)
    for plan in plans:
        linked = {charge.parent_id: charge for charge in await live_charges(ctx, plan.id) if charge.parent_id}
        taken = {charge.code for charge in linked.values()}
        moved: list[tuple[Charge, str]] = []
        for change in changes:
            parent_id = UUID(change["charge_id"])
            charge, metric = linked.get(parent_id), parents.get(parent_id)
            if change["kind"] == "removed" and charge is not None:
                await remove_charges(ctx, [charge.id])
            elif change["kind"] == "added" and charge is None and metric is not None:
                await _copy(ctx, plan, parent_id, metric, change["after"], taken)
            elif change["kind"] == "updated" and charge is not None and metric is not None:
                await _update(ctx, charge, metric, change)
                if charge.code != change["after"]["code"]:
                    moved.append((charge, change["after"]["code"]))
            else:
                continue
            touched.plan_ids.add(plan.id)
            if metric is not None:
                touched.metric_codes.add(metric.metric.code)
        await _rename(ctx, moved, taken)
        if plan.id in touched.plan_ids:
            plan.updated_at = ctx.now()
    await ctx.session.flush()
    return touched


async def _parents(ctx: Context, changes: Sequence[Mapping[str, Any]]) -> dict[UUID, MetricView]:
    """The live metric of each of the parent's charges."""
    ids = [UUID(change["charge_id"]) for change in changes]
    rows = await ctx.session.scalars(
        select(Charge).where(col(Charge.id).in_(ids), col(Charge.organization_id) == ctx.organization_id)
    )
    metric_of = {charge.id: charge.billable_metric_id for charge in rows}
    views = await metric_views(ctx, await lock_metrics(ctx, set(metric_of.values())))
    metrics = {view.metric.id: view for view in views}
    return {charge_id: metrics[found] for charge_id, found in metric_of.items() if found in metrics}


async def _copy(
    ctx: Context, plan: Plan, parent_id: UUID, metric: MetricView, after: Mapping[str, Any], taken: set[str]
) -> None:
    """A charge added to the parent: the child gets the whole of it."""
    now = ctx.now()
    values = {name: after[name] for name in COPIED}
    if values["code"] in taken:
        values["code"] = f"{values['code']}~{parent_id}"
    taken.add(values["code"])
    charge = Charge(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        plan_id=plan.id,
        billable_metric_id=metric.metric.id,
        parent_id=parent_id,
        **values,
    )
    ctx.session.add(charge)
    await ctx.session.flush()
    for position, item in enumerate(after["filters"]):
        _add_filter(ctx, charge.id, metric, item, position)
    live = select(col(Tax.id)).where(
        col(Tax.id).in_([UUID(tax_id) for tax_id in after["tax_ids"]]), col(Tax.deleted_at).is_(None)
    )
    rows = [{"charge_id": charge.id, "tax_id": tax_id} for tax_id in await ctx.session.scalars(live)]
    if rows:
        await ctx.session.execute(insert(ChargeTax), rows)


def _add_filter(ctx: Context, charge_id: UUID, metric: MetricView, item: Mapping[str, Any], position: int) -> None:
    """Values that the metric does not know (any more) are dropped; a filter without any left is not made."""
    values = after_metric_change(item["values"], metric.filter_values)
    if values:
        entry = FilterEntry(values, item["properties"], item["invoice_display_name"])
        ctx.session.add(filter_row(ctx, charge_id, entry, position))


async def _update(ctx: Context, charge: Charge, metric: MetricView, change: Mapping[str, Any]) -> None:
    """A changed charge: nothing follows where the child has another model than the parent has now."""
    before, after = change["before"], change["after"]
    if charge.charge_model != after["charge_model"]:
        return
    charge.properties = followed(
        charge.properties,
        before["properties"],
        after["properties"],
        same_model=charge.charge_model == before["charge_model"],
    )
    charge.updated_at = ctx.now()
    filters = (await live_filters(ctx, [charge.id])).get(charge.id, [])
    position = max((item.position for item in filters), default=-1) + 1
    for entry in change["filters"]:
        source = entry["before"] if "before" in entry else entry["after"]
        known = next((item for item in filters if same_values(item.values, source["values"])), None)
        if entry["kind"] == "added" and known is None:
            _add_filter(ctx, charge.id, metric, entry["after"], position)
            position += 1
        elif entry["kind"] == "removed" and known is not None:
            known.deleted_at = known.updated_at = ctx.now()
        elif entry["kind"] == "updated" and known is not None:
            _update_filter(ctx, known, entry["before"], entry["after"])


def _update_filter(ctx: Context, known: ChargeFilter, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    if same_properties(known.properties, before["properties"]):
        known.invoice_display_name = after["invoice_display_name"]
    known.properties = followed(known.properties, before["properties"], after["properties"])
    known.updated_at = ctx.now()


async def _rename(ctx: Context, moved: Sequence[tuple[Charge, str]], taken: set[str]) -> None:
    """Codes follow the parent's; charges that exchange theirs let go of them first."""
    if not moved:
        return
    for charge, _ in moved:
        taken.discard(charge.code)
        charge.code = f"{charge.code}~{charge.id}"
    await ctx.session.flush()
    for charge, code in moved:
        charge.code = code if code not in taken else charge.code
        taken.add(charge.code)
