"""Charges of one subscription: its own prices, charge by charge and filter by filter (spec 03 §2.5, spec 00 rule 30).

The first write puts the subscription on a child plan; later ones change that child. Other subscriptions never notice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from billwright.billing.access.context import Context
from billwright.billing.catalog.charge_filters import add_filter, change_filter, remove_filter
from billwright.billing.catalog.models import Charge, ChargeFilter
from billwright.billing.catalog.override_schemas import ChargeOverrideInput
from billwright.billing.catalog.overrides import AS_IT_IS
from billwright.billing.catalog.queries import (
    ChargeView,
    MetricView,
    charge_views,
    find_charge,
    find_charge_filter,
    live_filters,
    metric_views,
)
from billwright.billing.catalog.references import lock_metrics
from billwright.billing.catalog.schemas import ChargeFilterInput
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.errors import NotFound
from billwright.billing.notifications.service import emit
from billwright.billing.pricing.filters import same_values
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.overriding import Overriding, lock_overridable, override, own_plan
from billwright.billing.subscriptions.queries import find_subscription


async def find_own_charge(ctx: Context, external_id: str, status: str, charge_code: str) -> Charge:
    """The charge as it is priced for the subscription. Raises ``NotFound`` (``subscription``, ``charge``)."""
    subscription = await find_subscription(ctx, external_id, status)
    return await find_charge(ctx, subscription.plan_id, charge_code)


async def find_own_filter(
    ctx: Context, external_id: str, status: str, charge_code: str, filter_id: str
) -> tuple[Charge, ChargeFilter]:
    """One filter of such a charge. Raises ``NotFound`` (``subscription``, ``charge``, ``charge_filter``)."""
    charge = await find_own_charge(ctx, external_id, status, charge_code)
    return charge, await _filter_of(ctx, charge, filter_id)


async def _filter_of(ctx: Context, charge: Charge, filter_id: str) -> ChargeFilter:
    """By its id, or by the id that the filter of the same values has on the plan that was copied."""
    try:
        return await find_charge_filter(ctx, charge.id, filter_id)
    except NotFound:
        if charge.parent_id is None:
            raise
        known = await find_charge_filter(ctx, charge.parent_id, filter_id)
    own = (await live_filters(ctx, [charge.id])).get(charge.id, [])
    found = next((item for item in own if same_values(item.values, known.values)), None)
    if found is None:
        raise NotFound("charge_filter")
    return found


async def override_charge(
    ctx: Context, external_id: str, status: str, charge_code: str, inp: ChargeOverrideInput
) -> ChargeView:
    """Price a charge for this subscription alone; keys that are not sent stay (spec 03 §2.5).

    Raises ``NotFound`` (``subscription``, ``charge``, ``plan``, ``tax``) and ``ValidationFailed``.
    """
    subscription, customer = await _locked(ctx, external_id, status)
    charge = await find_charge(ctx, subscription.plan_id, charge_code)
    done = await override(ctx, customer, subscription, replace(AS_IT_IS, charges={charge.id: inp}))
    assert done is not None
    view = (await charge_views(ctx, [await find_charge(ctx, done.child.id, charge_code)]))[0]
    await _finish(ctx, done, view)
    return view


async def create_own_filter(
    ctx: Context, external_id: str, status: str, charge_code: str, inp: ChargeFilterInput
) -> tuple[Charge, ChargeFilter]:
    """Append a filter. Raises ``NotFound`` (``subscription``, ``charge``, ``plan``) and ``ValidationFailed``."""
    target = await _target(ctx, external_id, status, charge_code)
    made = add_filter(ctx, target.view, target.metric, inp)
    await _finish(ctx, target.done, target.view)
    return target.view.charge, made


async def update_own_filter(
    ctx: Context, external_id: str, status: str, charge_code: str, filter_id: str, inp: ChargeFilterInput
) -> tuple[Charge, ChargeFilter]:
    """Change the sent attributes of a filter. Raises as the creation does, and ``NotFound("charge_filter")``."""
    target = await _target(ctx, external_id, status, charge_code)
    found = await _filter_of(ctx, target.view.charge, filter_id)
    change_filter(ctx, target.view, target.metric, found, inp)
    await _finish(ctx, target.done, target.view)
    return target.view.charge, found


async def delete_own_filter(
    ctx: Context, external_id: str, status: str, charge_code: str, filter_id: str
) -> tuple[Charge, ChargeFilter]:
    """Delete a filter. Raises ``NotFound`` (``subscription``, ``charge``, ``charge_filter``, ``plan``)."""
    target = await _target(ctx, external_id, status, charge_code)
    found = await _filter_of(ctx, target.view.charge, filter_id)
    remove_filter(ctx, found)
    await _finish(ctx, target.done, target.view)
    return target.view.charge, found


@dataclass(frozen=True, slots=True)
class _Target:
    done: Overriding
    view: ChargeView
    metric: MetricView


async def _target(ctx: Context, external_id: str, status: str, charge_code: str) -> _Target:
    subscription, _ = await _locked(ctx, external_id, status)
    await find_charge(ctx, subscription.plan_id, charge_code)
    done = await own_plan(ctx, subscription)
    charge = await find_charge(ctx, done.child.id, charge_code)
    metrics = await lock_metrics(ctx, [charge.billable_metric_id])
    return _Target(done, (await charge_views(ctx, [charge]))[0], (await metric_views(ctx, metrics))[0])


async def _locked(ctx: Context, external_id: str, status: str) -> tuple[Subscription, Customer]:
    """An active or pending subscription with its customer locked; any other has no prices to change any more."""
    found = await find_subscription(ctx, external_id, status)
    if found.status not in ("active", "pending"):
        raise NotFound("subscription")
    await lock_overridable(ctx, found)
    customer = await lock_customer(ctx, found.customer_id)
    subscription = await ctx.session.get_one(Subscription, found.id, populate_existing=True)
    if customer is None or subscription.status != status:
        raise NotFound("subscription")
    return subscription, customer


async def _finish(ctx: Context, done: Overriding, view: ChargeView) -> None:
    done.child.updated_at = done.subscription.updated_at = ctx.now()
    await ctx.session.flush()
    await replace(done, metric_codes=done.metric_codes | {view.metric.code}).publish(ctx)
    await emit(ctx, "subscription.updated", "subscription", done.subscription.id)
