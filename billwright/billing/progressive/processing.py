"""The check of marked subscriptions (spec 02 §13.3, 03 §8.1): live every minute, in a sandbox at once.

Alerts are evaluated first, then thresholds are billed. For these a check first looks without any lock; only usage that
seems to have passed one is measured again under the customer's row, where nobody else bills it. What was read is
unmarked; marks that came meanwhile are for the next check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.alerts.usage_watch import is_watched, watch_usage
from billwright.billing.background.runtime import Runtime
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.models import InvoiceSubscription
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.transient import retrying
from billwright.billing.progressive.checking import passed
from billwright.billing.progressive.invoicing import bill_usage
from billwright.billing.progressive.measuring import measure
from billwright.billing.progressive.models import UsageThreshold
from billwright.billing.progressive.queries import CLOSING_REASONS, lifetime_usage_of
from billwright.billing.progressive.thresholds import applicable_thresholds, grid_of
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.terms import plan_of

log = structlog.get_logger(__name__)
AT_ONCE = 200
CONCURRENCY = 4
ONCE = "uq_progressive_invoices"

_MARKED = text(
    "select external_subscription_id from lifetime_usage_marks"
    " where organization_id = :org and due_at <= :now and external_subscription_id <> all(cast(:seen as text[]))"
    " group by 1 order by min(position) limit :limit"
)
_POSITIONS = text(
    "select position from lifetime_usage_marks"
    " where organization_id = :org and external_subscription_id = :sub and due_at <= :now"
)
_UNMARK = text("delete from lifetime_usage_marks where position = any(cast(:positions as bigint[]))")
_ORGANIZATIONS = text(
    "select o.id from organizations o where o.kind = :kind and exists"
    " (select from lifetime_usage_marks m where m.organization_id = o.id and m.due_at <= :now) order by o.id"
)


async def check_marked(runtime: Runtime, organization_id: UUID, *, concurrency: int = 1) -> int:
    """Check an organization's marked subscriptions, each once, in the order of their marks unless several at a time;
    returns how many were done. One that fails keeps its mark for the next pass."""
    seen: list[str] = []
    done = 0
    gate = asyncio.Semaphore(concurrency)

    async def one(external_id: str) -> bool:
        async with gate:
            try:
                return await check(runtime, organization_id, external_id)
            except Exception:
                log.exception("lifetime usage not checked", external_subscription_id=external_id)
                return False

    while True:
        async with runtime.database.reading() as session:
            wanted = {"org": organization_id, "now": system_now(), "seen": seen, "limit": AT_ONCE}
            found = [row[0] for row in await session.execute(_MARKED, wanted)]
        if not found:
            return done
        seen += found
        done += sum(await asyncio.gather(*(one(external_id) for external_id in found)))


async def check_all_marked(runtime: Runtime, *, kind: str) -> int:
    """The same for all organizations of a ``kind``: ``live`` or ``sandbox``."""
    async with runtime.database.reading() as session:
        rows = await session.execute(_ORGANIZATIONS, {"kind": kind, "now": system_now()})
        organizations = [row[0] for row in rows]
    at_once = CONCURRENCY if kind == "live" else 1
    return sum([await check_marked(runtime, item, concurrency=at_once) for item in organizations])


async def check(runtime: Runtime, organization_id: UUID, external_id: str) -> bool:
    """Check one subscription and bill what it has passed; false if it must wait for other work that is due."""
    async with runtime.database.transaction() as session:
        marks = await _marks(session, organization_id, external_id)
        ctx = await _context(runtime, session, organization_id)
        subscription = await _active(ctx, external_id)
        watched = subscription is not None and await is_watched(ctx, external_id)
        passes = subscription is not None and await _seems_passed(ctx, subscription)
        if subscription is None or not (watched or passes):
            await _unmark(session, marks)
            return True
        customer_id = subscription.customer_id
    if watched:
        await watch_usage(runtime, organization_id, external_id)
    if not passes:
        async with runtime.database.transaction() as session:
            await _unmark(session, marks)
        return True
    try:
        return await retrying(lambda: _bill(runtime, organization_id, customer_id, external_id, marks))
    except IntegrityError as failure:
        if ONCE not in str(failure.orig):
            raise
        log.info("progressive invoice exists already", external_subscription_id=external_id)
    async with runtime.database.transaction() as session:
        await _unmark(session, marks)
    return True


async def _bill(
    runtime: Runtime, organization_id: UUID, customer_id: UUID, external_id: str, marks: Sequence[int]
) -> bool:
    """Measure again under the customer's lock, and bill."""
    async with runtime.database.transaction() as session:
        ctx = await _context(runtime, session, organization_id)
        customer = await lock_customer(ctx, customer_id)
        subscription = await _active(ctx, external_id)
        if customer is not None and subscription is not None and subscription.customer_id == customer.id:
            if _is_due(subscription, ctx.now()):
                return False
            await _bill_passed(ctx, customer, subscription)
        await _unmark(session, marks)
    return True


async def _bill_passed(ctx: Context, customer: Customer, subscription: Subscription) -> None:
    thresholds = await _thresholds(ctx, subscription)
    record = await lifetime_usage_of(ctx, subscription.id)
    if not thresholds or record is None:
        return
    measured = await measure(ctx, customer, subscription, record, ctx.now())
    found = passed(grid_of(thresholds), measured.usage)
    if found and not await _is_closed(ctx, subscription, measured.row.windows.timestamp):
        await bill_usage(ctx, customer, measured, thresholds, found)


async def _seems_passed(ctx: Context, subscription: Subscription) -> bool:
    """The same question without a lock: nearly always the answer is no."""
    thresholds = await _thresholds(ctx, subscription)
    record = await lifetime_usage_of(ctx, subscription.id)
    if not thresholds or record is None:
        return False
    customer = await ctx.session.get_one(Customer, subscription.customer_id)
    measured = await measure(ctx, customer, subscription, record, ctx.now())
    return bool(passed(grid_of(thresholds), measured.usage))


async def _thresholds(ctx: Context, subscription: Subscription) -> list[UsageThreshold]:
    plan = await plan_of(ctx, subscription)
    return await applicable_thresholds(
        ctx.session, subscription.id, plan.id, plan.parent_id, disabled=subscription.progressive_billing_disabled
    )


def _is_due(subscription: Subscription, now: datetime) -> bool:
    """Whether the period is over and only its invoice is late: that comes first."""
    due = (subscription.next_billing_at, subscription.ending_due_at)
    return any(instant is not None and instant <= now for instant in due)


async def _is_closed(ctx: Context, subscription: Subscription, t: datetime) -> bool:
    """Whether an invoice has billed the usage of the window that holds ``t`` (spec 00 rule 18)."""
    rows = await ctx.session.scalars(
        select(col(InvoiceSubscription.id))
        .where(
            col(InvoiceSubscription.organization_id) == ctx.organization_id,
            col(InvoiceSubscription.subscription_id) == subscription.id,
            col(InvoiceSubscription.invoicing_reason).in_(CLOSING_REASONS),
            col(InvoiceSubscription.charges_from_datetime) <= t,
            col(InvoiceSubscription.charges_to_datetime) >= t,
            col(InvoiceSubscription.replaced_at).is_(None),
        )
        .limit(1)
    )
    return rows.first() is not None


async def _active(ctx: Context, external_id: str) -> Subscription | None:
    rows = await ctx.session.scalars(
        select(Subscription)
        .where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.external_id) == external_id,
            col(Subscription.status) == "active",
        )
        .execution_options(populate_existing=True)
    )
    return rows.first()


async def _context(runtime: Runtime, session: Session, organization_id: UUID) -> Context:
    organization = await session.get_one(Organization, organization_id)
    return Context(session, organization, event_store=runtime.event_store)


async def _marks(session: Session, organization_id: UUID, external_id: str) -> list[int]:
    wanted = {"org": organization_id, "sub": external_id, "now": system_now()}
    return [row[0] for row in await session.execute(_POSITIONS, wanted)]


async def _unmark(session: Session, positions: Sequence[int]) -> None:
    if positions:
        await session.execute(_UNMARK, {"positions": list(positions)})
