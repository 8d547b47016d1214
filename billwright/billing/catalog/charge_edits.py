"""Use cases of single charges of a plan and of their filters (spec 02 §2, §4.1; cascades: spec 03 §2.6, §2.7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from billwright.billing.access.context import Context
from billwright.billing.catalog.cascades import Described, described, queue_cascade
from billwright.billing.catalog.changes import publish
from billwright.billing.catalog.charge_filters import add_filter, change_filter, remove_filter
from billwright.billing.catalog.charges import ChargeChanges, apply_changes, prepare_changes, remove_charges
from billwright.billing.catalog.models import Charge, ChargeFilter, Plan
from billwright.billing.catalog.queries import (
    ChargeView,
    MetricView,
    charge_views,
    find_charge,
    find_charge_filter,
    find_plan,
    is_plan_attached,
    live_charges,
    metric_views,
)
from billwright.billing.catalog.references import load_references, lock_metrics
from billwright.billing.catalog.schemas import ChargeFilterInput, ChargeInput
from billwright.billing.kernel.errors import Problems
from billwright.billing.notifications.service import emit


async def create_charge(ctx: Context, plan_code: str, inp: ChargeInput) -> ChargeView:
    """Add a charge to a plan, attached or not.

    Raises ``NotFound`` (``plan``, ``billable_metric``, ``tax``) and ``ValidationFailed`` (spec 02 §2.1-§2.3).
    """
    plan = await find_plan(ctx, plan_code, lock=True)
    others = await live_charges(ctx, plan.id)
    references = await load_references(ctx, [inp], [], missing="billable_metric")
    problems = Problems()
    changes = prepare_changes([(None, inp)], references, {}, problems, attached=False, kept=others)
    problems.raise_if_any()
    [charge] = await apply_changes(ctx, plan, ChargeChanges(changes, [], {}, set()))
    return await _written(ctx, plan, charge, before={}, cascade=inp.cascade_updates)


async def update_charge(ctx: Context, plan_code: str, charge_code: str, inp: ChargeInput) -> ChargeView:
    """Replace a charge's price and, while no subscription is on the plan, its other attributes (spec 02 §2.4).

    Absent or empty ``properties`` mean the model's default, absent ``min_amount_cents`` means 0: a client sends the
    whole charge. Raises ``NotFound`` (``plan``, ``charge``, ``tax``) and ``ValidationFailed``.
    """
    plan = await find_plan(ctx, plan_code, lock=True)
    view = (await charge_views(ctx, [await find_charge(ctx, plan.id, charge_code)]))[0]
    before, charge = described([view]), view.charge
    others = [item for item in await live_charges(ctx, plan.id) if item.id != charge.id]
    references = await load_references(ctx, [], [(charge, inp)])
    attached = await is_plan_attached(ctx, plan.id)
    filters = {charge.id: list(view.filters)}
    problems = Problems()
    changes = prepare_changes([(charge, inp)], references, filters, problems, attached=attached, kept=others)
    problems.raise_if_any()
    await apply_changes(ctx, plan, ChargeChanges(changes, [], filters, set()))
    return await _written(ctx, plan, charge, before=before, cascade=inp.cascade_updates)


async def _written(ctx: Context, plan: Plan, charge: Charge, *, before: Described, cascade: bool | None) -> ChargeView:
    """The end of every write that leaves the charge in place."""
    view = (await charge_views(ctx, [charge]))[0]
    if cascade:
        await queue_cascade(ctx, plan, charges_before=before, charges_after=described([view]))
    await _published(ctx, plan, [view.metric.code])
    return view


async def delete_charge(
    ctx: Context, plan_code: str, charge_code: str, *, cascade_updates: bool | None = None
) -> ChargeView:
    """Soft-delete a charge with its filters, also on an attached plan. Raises ``NotFound`` (``plan``, ``charge``)."""
    plan = await find_plan(ctx, plan_code, lock=True)
    view = (await charge_views(ctx, [await find_charge(ctx, plan.id, charge_code)]))[0]
    await remove_charges(ctx, [view.charge.id])
    if cascade_updates:
        await queue_cascade(ctx, plan, charges_before=described([view]))
    await _published(ctx, plan, [view.metric.code])
    return view


async def _published(ctx: Context, plan: Plan, metric_codes: Iterable[str]) -> None:
    plan.updated_at = ctx.now()
    await publish(ctx, metric_codes=metric_codes, plan_ids=[plan.id])
    await emit(ctx, "plan.updated", "plan", plan.id)


@dataclass(frozen=True, slots=True)
class _Target:
    """A charge whose filters are about to change, its plan locked, its metric kept from changing."""

    plan: Plan
    view: ChargeView
    metric: MetricView
    before: Described

    @property
    def charge(self) -> Charge:
        return self.view.charge


async def _target(ctx: Context, plan_code: str, charge_code: str) -> _Target:
    plan = await find_plan(ctx, plan_code, lock=True)
    charge = await find_charge(ctx, plan.id, charge_code)
    metrics = await lock_metrics(ctx, [charge.billable_metric_id])
    view = (await charge_views(ctx, [charge]))[0]
    return _Target(plan, view, (await metric_views(ctx, metrics))[0], described([view]))


async def create_charge_filter(
    ctx: Context, plan_code: str, charge_code: str, inp: ChargeFilterInput
) -> tuple[Charge, ChargeFilter]:
    """Append a filter to a charge, also of an attached plan.

    Raises ``NotFound`` (``plan``, ``charge``) and ``ValidationFailed`` (``values``, ``billable_metric_filter``,
    ``properties``).
    """
    target = await _target(ctx, plan_code, charge_code)
    made = add_filter(ctx, target.view, target.metric, inp)
    await ctx.session.flush()
    await _written(ctx, target.plan, target.charge, before=target.before, cascade=inp.cascade_updates)
    return target.charge, made


async def update_charge_filter(
    ctx: Context, plan_code: str, charge_code: str, filter_id: str, inp: ChargeFilterInput
) -> tuple[Charge, ChargeFilter]:
    """Change the sent attributes of one filter. Raises as the creation does, and ``NotFound("charge_filter")``."""
    target = await _target(ctx, plan_code, charge_code)
    found = await find_charge_filter(ctx, target.charge.id, filter_id)
    change_filter(ctx, target.view, target.metric, found, inp)
    await ctx.session.flush()
    await _written(ctx, target.plan, target.charge, before=target.before, cascade=inp.cascade_updates)
    return target.charge, found


async def delete_charge_filter(
    ctx: Context, plan_code: str, charge_code: str, filter_id: str, *, cascade_updates: bool | None = None
) -> tuple[Charge, ChargeFilter]:
    """Soft-delete one filter; its events fall into the buckets that are left. Raises ``NotFound``."""
    target = await _target(ctx, plan_code, charge_code)
    found = await find_charge_filter(ctx, target.charge.id, filter_id)
    remove_filter(ctx, found)
    await ctx.session.flush()
    await _written(ctx, target.plan, target.charge, before=target.before, cascade=cascade_updates)
    return target.charge, found
