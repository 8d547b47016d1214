"""Marks: which customers' ongoing balances are to be computed again (spec 05 D8 "Refresh", 00 rule 16).

Writing a mark takes no lock that anybody waits for. Live marks wait for the next pass; what moves a balance, and every
mark in a sandbox, also queues a job.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.kernel.statements import fetch

REFRESH: Final = "wallet.refresh"
OVERLAP: Final = timedelta(minutes=2)
"""How far back live events are looked through again: some commit later than others received after them."""

_MARK = """
insert into wallet_marks (id, organization_id, customer_id, live)
select $1, $2, $3, $4 where exists (
  select from wallets where organization_id = $2 and customer_id = $3 and status = 'active')
returning 1
"""
_MARK_SUBSCRIPTIONS = """
insert into wallet_marks (id, organization_id, customer_id, live)
select gen_random_uuid(), $1, customer_id, $2 from (
  select distinct s.customer_id from subscriptions s
   where s.organization_id = $1 and s.external_id = any($3::text[]) and s.status = 'active'
     and exists (select from wallets w
       where w.organization_id = $1 and w.customer_id = s.customer_id and w.status = 'active')
) concerned
returning customer_id
"""
_SEEN = "select events_seen_until from wallet_watches where organization_id = $1 for update"
_SEE = """
insert into wallet_watches (organization_id, events_seen_until) values ($1, $2)
on conflict (organization_id) do update set events_seen_until = excluded.events_seen_until
"""


async def mark_wallets(ctx: Context, customer_id: UUID, *, at_once: bool = False) -> None:
    """Have a customer's ongoing balances computed again; nothing for one without a stored active wallet."""
    live = ctx.organization.kind == "live"
    if await fetch(ctx.session, _MARK, new_id(), ctx.organization_id, customer_id, live) and (at_once or not live):
        await queue_refresh(ctx.session, ctx.organization_id, customer_id)


async def queue_refresh(session: Session, organization_id: UUID, customer_id: UUID) -> None:
    """A job for a customer's marks. Several may be queued: whichever comes second finds no mark."""
    await enqueue(session, organization_id, REFRESH, {"customer_id": str(customer_id)})


async def mark_subscriptions(
    session: Session, organization_id: UUID, external_ids: Iterable[str], *, live: bool
) -> list[UUID]:
    """Mark the customers with wallets whose active subscriptions these are, by external id; returns them."""
    rows = await fetch(session, _MARK_SUBSCRIPTIONS, organization_id, live, sorted(set(external_ids)))
    return [row[0] for row in rows]


async def mark_received(session: Session, organization_id: UUID, external_ids: Iterable[str]) -> None:
    """What a sandbox does with events it has just stored: balances follow at once."""
    for customer_id in await mark_subscriptions(session, organization_id, external_ids, live=False):
        await queue_refresh(session, organization_id, customer_id)


async def look_through_events(ctx: Context) -> None:
    """Mark the customers for whom events have come in since the last look.

    Reading costs what has come in, and receiving events costs nothing more. The clock of a sandbox stands still, so
    that events of its present instant are found again each time.
    """
    now, live = ctx.now(), ctx.organization.kind == "live"
    seen = await fetch(ctx.session, _SEEN, ctx.organization_id)
    since: datetime = seen[0][0] if seen else now - OVERLAP
    received = await ctx.events.subscriptions_received(ctx.organization_id, min(since, now))
    await mark_subscriptions(ctx.session, ctx.organization_id, received, live=live)
    await fetch(ctx.session, _SEE, ctx.organization_id, now - OVERLAP if live else now)
