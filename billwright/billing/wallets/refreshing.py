"""Computing the ongoing balances of customers whose usage or balance has changed (spec 05 D8 "Refresh")."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.alerts.wallet_watch import watch_wallet
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.background.runtime import Runtime
from billwright.billing.customers.locking import lock_customer, lock_scope
from billwright.billing.customers.models import Customer
from billwright.billing.kernel.statements import fetch
from billwright.billing.kernel.transient import retrying
from billwright.billing.notifications.service import emit
from billwright.billing.wallets.allocation import Payer
from billwright.billing.wallets.distribution import Answerer, distribute
from billwright.billing.wallets.marks import REFRESH, look_through_events
from billwright.billing.wallets.models import Wallet, WalletRule
from billwright.billing.wallets.queries import metrics_of
from billwright.billing.wallets.rules import rules_of
from billwright.billing.wallets.top_ups import is_due, queue_top_up
from billwright.billing.wallets.usage_lines import usage_lines

log = structlog.get_logger(__name__)

_TAKE = "delete from wallet_marks where organization_id = $1 and customer_id = $2 returning 1"


async def refresh_ongoing(ctx: Context, customer_id: UUID) -> bool:
    """Compute all ongoing balances of a marked customer; false when nothing was marked.

    Marks that come meanwhile stay for the next time. The customer's lock keeps invoices away, so that usage and drafts
    are of one state.
    """
    customer = await lock_customer(ctx, customer_id)
    if customer is None or not await fetch(ctx.session, _TAKE, ctx.organization_id, customer_id):
        return False
    lines = await usage_lines(ctx, customer)
    await lock_scope(ctx, "prepaid_credit", customer_id)
    wallets = await _active(ctx, customer)
    rules = await rules_of(ctx, [wallet.id for wallet in wallets])
    metrics = await metrics_of(ctx, [wallet.id for wallet in wallets])
    for currency in dict.fromkeys(wallet.currency for wallet in wallets):
        own = [wallet for wallet in wallets if wallet.currency == currency]
        answerers = [
            Answerer(
                Payer(
                    wallet.balance_cents,
                    frozenset(wallet.allowed_fee_types),
                    frozenset(str(metric.id) for metric in metrics.get(wallet.id, ())),
                ),
                refills=(rule := rules.get(wallet.id)) is not None and rule.trigger == "threshold",
            )
            for wallet in own
        ]
        for wallet, usage_cents in zip(own, distribute(lines.get(currency, ()), answerers), strict=True):
            await _store(ctx, wallet, rules.get(wallet.id), usage_cents)
    await ctx.session.flush()
    return True


async def _active(ctx: Context, customer: Customer) -> Sequence[Wallet]:
    rows = await ctx.session.scalars(
        select(Wallet)
        .where(
            col(Wallet.organization_id) == ctx.organization_id,
            col(Wallet.customer_id) == customer.id,
            col(Wallet.status) == "active",
        )
        .order_by(col(Wallet.priority), col(Wallet.created_at), col(Wallet.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return rows.all()


async def _store(ctx: Context, wallet: Wallet, rule: WalletRule | None, usage_cents: int) -> None:
    """Note a wallet's new figures, tell what has become of them, and let its threshold rule act on a change."""
    now = ctx.now()
    ongoing = wallet.balance_cents - usage_cents
    differs = usage_cents != wallet.ongoing_usage_balance_cents or ongoing != wallet.ongoing_balance_cents
    changed = differs or wallet.moved
    wallet.ongoing_usage_balance_cents = usage_cents
    wallet.ongoing_balance_cents = ongoing
    wallet.last_balance_sync_at = now
    wallet.moved = False
    if differs:
        wallet.updated_at = now
        await emit(ctx, "wallet.updated", "wallet", wallet.id, logged=False)  # usage, which nobody did to it
    if (ongoing <= 0) != wallet.depleted_ongoing_balance:
        wallet.depleted_ongoing_balance = ongoing <= 0
        if ongoing <= 0:
            await emit(ctx, "wallet.depleted_ongoing_balance", "wallet", wallet.id)
    await watch_wallet(ctx, wallet)
    if changed and await is_due(ctx, wallet, rule):
        await queue_top_up(ctx, wallet)


@job(REFRESH)
async def refresh_job(call: JobCall) -> None:
    """Refresh one customer at once."""
    assert call.organization_id is not None
    await _refresh(call.runtime, call.organization_id, UUID(call.arguments["customer_id"]))


async def _refresh(runtime: Runtime, organization_id: UUID, customer_id: UUID) -> bool:
    async def once() -> bool:
        async with runtime.database.transaction() as session:
            organization = await session.get_one(Organization, organization_id)
            ctx = Context(session, organization, event_store=runtime.event_store)
            return await refresh_ongoing(ctx, customer_id)

    return await retrying(once, customer_id=str(customer_id))


_MARKED = text("select distinct organization_id, customer_id from wallet_marks where organization_id = :org")
_ALL_MARKED = text("select distinct organization_id, customer_id from wallet_marks where live")
_ORGANIZATIONS = text("select distinct organization_id from wallets where status = 'active' and live")


async def refresh_balances(runtime: Runtime, organization_id: UUID) -> int:
    """Refresh an organization's marked customers until none is left; returns how many. One that fails stays marked."""
    failed: set[UUID] = set()
    done = 0
    while True:
        async with runtime.database.reading() as session:
            rows = (await session.execute(_MARKED, {"org": organization_id})).all()
        work = [(row[0], row[1]) for row in rows if row[1] not in failed]
        if not work:
            return done
        done += await _refresh_each(runtime, work, failed, concurrency=1)


async def refresh_all_marked(runtime: Runtime, *, concurrency: int = 4) -> int:
    """The live pass: look through the events that came in, then refresh whoever is marked; returns how many."""
    async with runtime.database.reading() as session:
        organizations = [row[0] for row in await session.execute(_ORGANIZATIONS)]
    for organization_id in organizations:
        await look_through(runtime, organization_id)
    async with runtime.database.reading() as session:
        work = [(row[0], row[1]) for row in await session.execute(_ALL_MARKED)]
    return await _refresh_each(runtime, work, set(), concurrency=concurrency)


async def look_through(runtime: Runtime, organization_id: UUID) -> None:
    """Mark the customers of one organization for whom events have come in."""
    async with runtime.database.transaction() as session:
        organization = await session.get_one(Organization, organization_id)
        await look_through_events(Context(session, organization, event_store=runtime.event_store))


async def _refresh_each(
    runtime: Runtime, work: Sequence[tuple[UUID, UUID]], failed: set[UUID], *, concurrency: int
) -> int:
    waiting = list(reversed(work))
    done = 0

    async def take_part() -> None:
        nonlocal done
        while waiting:
            organization_id, customer_id = waiting.pop()
            try:
                refreshed = await _refresh(runtime, organization_id, customer_id)
            except Exception:
                log.exception("ongoing balances not refreshed", customer_id=str(customer_id))
                failed.add(customer_id)
                continue
            done += refreshed

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(take_part())
    return done
