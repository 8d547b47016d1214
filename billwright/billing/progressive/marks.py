"""Marking lifetime usage for a check (spec 02 §13.2, 03 §8.1): one insert, in the transaction of what changed it.

Organizations without thresholds and alerts get no marks. Events are marked where they are stored
(``metering.store.postgres.watching``).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.statements import fetch

LATE_EVENTS = timedelta(seconds=30)
"""Longer than any transaction that stores events: those that do not see a change of thresholds yet have ended then."""

_USED = """
(exists (select from usage_thresholds t where t.organization_id = $1 and t.deleted_at is null)
 or exists (select from alerts a
   where a.organization_id = $1 and a.external_subscription_id is not null and a.deleted_at is null))
"""

_MARK = f"""
insert into lifetime_usage_marks (organization_id, external_subscription_id, due_at)
select $1, sub, $3::timestamptz from unnest($2::text[]) as marked(sub) where {_USED}
"""  # noqa: S608 - made of constants of this module; every value is a parameter

_MARK_TWICE = f"""
insert into lifetime_usage_marks (organization_id, external_subscription_id, due_at)
select $1, sub, due from unnest($2::text[]) as marked(sub), unnest($3::timestamptz[]) as at(due) where {_USED}
"""  # noqa: S608 - made of constants of this module; every value is a parameter

_MARK_PLAN = """
insert into lifetime_usage_marks (organization_id, external_subscription_id, due_at)
select s.organization_id, s.external_id, due
from subscriptions s join plans p on p.id = s.plan_id, unnest($3::timestamptz[]) as at(due)
where s.organization_id = $1 and s.status = 'active' and (p.id = $2 or p.parent_id = $2)
"""

_MARK_INVOICE = f"""
insert into lifetime_usage_marks (organization_id, external_subscription_id, due_at)
select distinct s.organization_id, s.external_id, $3::timestamptz
from invoice_subscriptions r join subscriptions s on s.id = r.subscription_id
where r.invoice_id = $2 and {_USED}
"""  # noqa: S608 - made of constants of this module; every value is a parameter


_MARK_AGAIN = """
insert into lifetime_usage_marks (organization_id, external_subscription_id, due_at) values ($1, $2, $3)
"""


async def mark_usage(ctx: Context, external_subscription_ids: Iterable[str]) -> None:
    """Invoices of these subscriptions have changed."""
    names = sorted(set(external_subscription_ids))
    if names:
        await fetch(ctx.session, _MARK, ctx.organization_id, names, system_now())


async def mark_usage_of_invoice(ctx: Context, invoice_id: UUID) -> None:
    """The same for the subscriptions on a stored invoice."""
    await fetch(ctx.session, _MARK_INVOICE, ctx.organization_id, invoice_id, system_now())


async def mark_subscription(ctx: Context, external_subscription_id: str) -> None:
    """The subscription, its alerts, or the thresholds that apply to it, are others now."""
    await ctx.session.flush()
    await fetch(ctx.session, _MARK_TWICE, ctx.organization_id, [external_subscription_id], _twice(ctx))


async def mark_plan(ctx: Context, plan_id: UUID) -> None:
    """The thresholds of the plan are others now: all active subscriptions on it and on its overrides."""
    await ctx.session.flush()
    await fetch(ctx.session, _MARK_PLAN, ctx.organization_id, plan_id, _twice(ctx))


async def mark_again(session: Session, organization_id: UUID, external_subscription_id: str, after: timedelta) -> None:
    """The subscription's usage could not be looked at: once more ``after`` a while of system time."""
    await fetch(session, _MARK_AGAIN, organization_id, external_subscription_id, system_now() + after)


def _twice(ctx: Context) -> list[object]:
    """Now, and in a live organization once more for events that were being stored meanwhile."""
    now = system_now()
    return [now, now + LATE_EVENTS] if ctx.organization.kind == "live" else [now]
