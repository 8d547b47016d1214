"""Use cases of lifetime usage, and the life of its record (spec 02 §13.2, 01 §10.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from billwright.billing.access.context import Context
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.statements import FlushedInside, savepoint
from billwright.billing.kernel.transient import is_transient
from billwright.billing.progressive.checking import Grid, Usage, completions
from billwright.billing.progressive.marks import mark_subscription
from billwright.billing.progressive.measuring import measure
from billwright.billing.progressive.models import LifetimeUsage
from billwright.billing.progressive.queries import (
    applications_of_chain,
    chain_of,
    find_lifetime_usage,
    invoiced_usage,
    lifetime_usage_of,
)
from billwright.billing.progressive.schemas import (
    LifetimeUsageInput,
    LifetimeUsageOut,
    ThresholdProgressOut,
    ratio,
)
from billwright.billing.progressive.thresholds import applicable_thresholds, grid_of
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.queries import find_subscription
from billwright.billing.subscriptions.terms import plan_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LifetimeUsageView:
    """Lifetime usage of a subscription; amounts in minor units of its plan's currency. ``applied``: lifetime usage and
    instant of each threshold that was invoiced."""

    record: LifetimeUsage
    subscription: Subscription
    usage: Usage
    grid: Grid
    applied: Sequence[tuple[int, datetime]]
    now: datetime

    def wire(self) -> LifetimeUsageOut:
        """The ``lifetime_usage`` object; without thresholds it has no ``usage_thresholds``."""
        answer: LifetimeUsageOut = {
            "lago_id": self.record.id,
            "lago_subscription_id": self.subscription.id,
            "external_subscription_id": self.subscription.external_id,
            "external_historical_usage_amount_cents": self.usage.historical,
            "invoiced_usage_amount_cents": self.usage.invoiced,
            "current_usage_amount_cents": self.usage.current,
            "from_datetime": iso(self.subscription.subscription_at) or "",
            "to_datetime": iso(self.now) or "",
        }
        if self.grid:
            answer["usage_thresholds"] = self.progress()
        return answer

    def progress(self) -> list[ThresholdProgressOut]:
        """The thresholds on the way, ascending."""
        return [
            {
                "amount_cents": item.amount_cents,
                "completion_ratio": ratio(item.ratio),
                "reached_at": iso(self._reached_at(item.amount_cents)) if item.is_reached else None,
            }
            for item in completions(self.grid, self.usage.total)
        ]

    def _reached_at(self, amount_cents: int) -> datetime:
        return next((at for usage, at in self.applied if usage >= amount_cents), self.now)


async def show_lifetime_usage(ctx: Context, external_id: str, status: str = "active") -> LifetimeUsageView:
    """Raises ``NotFound`` (``subscription``, ``lifetime_usage``)."""
    subscription = await find_subscription(ctx, external_id, status)
    return await view_of(ctx, subscription, await find_lifetime_usage(ctx, subscription.id))


async def set_historical_usage(
    ctx: Context, external_id: str, inp: LifetimeUsageInput, status: str = "active"
) -> LifetimeUsageView:
    """Set the usage from before the subscription. Raises ``NotFound`` as above and ``ValidationFailed``."""
    subscription = await find_subscription(ctx, external_id, status)
    record = await find_lifetime_usage(ctx, subscription.id, lock=True)
    amount = inp.external_historical_usage_amount_cents
    if amount is None:
        raise ValidationFailed(external_historical_usage_amount_cents="value_is_mandatory")
    if amount < 0:
        raise ValidationFailed(external_historical_usage_amount_cents="value_is_out_of_range")
    record.external_historical_usage_amount_cents = amount
    record.updated_at = ctx.now()
    await ctx.session.flush()
    return await view_of(ctx, subscription, record)


async def view_of(ctx: Context, subscription: Subscription, record: LifetimeUsage) -> LifetimeUsageView:
    """Computed for a running subscription, as it was kept for one that has ended."""
    chain = await chain_of(ctx, subscription)
    if subscription.status == "active":
        customer = await ctx.session.get_one(Customer, subscription.customer_id)
        usage = (await measure(ctx, customer, subscription, record, ctx.now())).usage
    else:
        invoiced = record.invoiced_usage_amount_cents
        usage = Usage(
            historical=record.external_historical_usage_amount_cents,
            invoiced=await invoiced_usage(ctx, chain) if invoiced is None else invoiced,
            current=record.current_usage_amount_cents or 0,
        )
    plan = await plan_of(ctx, subscription)
    thresholds = await applicable_thresholds(
        ctx.session, subscription.id, plan.id, plan.parent_id, disabled=subscription.progressive_billing_disabled
    )
    applied = await applications_of_chain(ctx, chain) if thresholds else []
    return LifetimeUsageView(record, subscription, usage, grid_of(thresholds), applied, ctx.now())


async def open_lifetime_usage(ctx: Context, subscription: Subscription) -> None:
    """Begin the record of a subscription that has just become active, and have it checked."""
    now = ctx.now()
    ctx.session.add(
        LifetimeUsage(
            id=new_id(),
            created_at=now,
            updated_at=now,
            organization_id=ctx.organization_id,
            subscription_id=subscription.id,
        )
    )
    await mark_subscription(ctx, subscription.external_id)


async def hand_over_lifetime_usage(ctx: Context, ended: Subscription, successor: Subscription) -> None:
    """The chain goes on with ``successor``, another plan of the same subscription."""
    record = await lifetime_usage_of(ctx, ended.id, lock=True)
    if record is None:
        await open_lifetime_usage(ctx, successor)
        return
    record.subscription_id = successor.id
    record.updated_at = ctx.now()
    await mark_subscription(ctx, successor.external_id)


async def freeze_lifetime_usage(ctx: Context, customer: Customer, subscription: Subscription, at: datetime) -> None:
    """Keep usage as it stands when ``subscription`` is about to end at ``at``; afterwards nothing changes it.

    Never keeps a subscription from ending: if usage cannot be computed, its invoice will say so.
    """
    record = await lifetime_usage_of(ctx, subscription.id, lock=True)
    if record is None:
        return
    try:
        async with savepoint(ctx.session):
            usage = (await measure(ctx, customer, subscription, record, at)).usage
    except Exception as failure:
        if is_transient(failure) or isinstance(failure, FlushedInside):
            raise
        log.warning("lifetime usage not kept", subscription_id=str(subscription.id), error=str(failure))
        return
    record.invoiced_usage_amount_cents = usage.invoiced
    record.current_usage_amount_cents = usage.current
    record.updated_at = ctx.now()
