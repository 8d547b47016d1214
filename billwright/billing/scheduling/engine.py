"""Running due work: the live tick, and the walk of a sandbox clock, with the same functions (spec 03 §8.1, 09 §1)."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import text

from billwright.billing.access.context import Context
from billwright.billing.background.runtime import Runtime
from billwright.billing.customers.locking import lock_customer_with_organization
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.statements import fetch
from billwright.billing.kernel.transient import retrying
from billwright.billing.scheduling.expirations import expire_in, expire_live
from billwright.billing.scheduling.passes import next_pass
from billwright.billing.taxes.eu_management import refresh_due_rates

log = structlog.get_logger(__name__)
CHUNK = 500

_DUE_LIVE = text(
    """
    select organization_id, customer_id, min(due) from (
      select organization_id, customer_id, due_at as due from subscriptions
       where due_at is not null and live and due_at <= :now
      union all
      select organization_id, customer_id, finalization_due_at from invoices
       where status = 'draft' and live and finalization_due_at <= :now
      union all
      select organization_id, customer_id, overdue_due_at from invoices
       where overdue_due_at is not null and live and overdue_due_at <= :now
      union all
      select organization_id, customer_id, due_at from wallet_rules
       where due_at is not null and live and due_at <= :now
    ) as work group by 1, 2 order by 3, 2 limit :limit
    """
)
_DUE_IN_ORGANIZATION = text(
    """
    select organization_id, customer_id, min(due) from (
      select organization_id, customer_id, due_at as due from subscriptions
       where due_at is not null and organization_id = :org and due_at <= :now
      union all
      select organization_id, customer_id, finalization_due_at from invoices
       where status = 'draft' and organization_id = :org and finalization_due_at <= :now
      union all
      select organization_id, customer_id, overdue_due_at from invoices
       where overdue_due_at is not null and organization_id = :org and overdue_due_at <= :now
      union all
      select organization_id, customer_id, due_at from wallet_rules
       where due_at is not null and organization_id = :org and due_at <= :now
    ) as work group by 1, 2 order by 3, 2 limit :limit
    """
)
_DUE_BESIDE_CUSTOMERS = """
select exists (select from organizations where id = $1 and eu_rates_due_at <= $2),
  exists (select from coupons where organization_id = $1 and expiration_due_at <= $2)
  or exists (select from wallets where organization_id = $1 and expiration_due_at <= $2)
"""
"""Whether tax rates come into force, and whether coupons or wallets expire."""
_NEXT_DUE = text(
    """
    select least(
      (select min(case when cast(:announced as boolean)
          then least(activation_due_at, ending_due_at, next_billing_at, trial_due_at) else due_at end)
        from subscriptions
        where organization_id = :org and due_at is not null and customer_id <> all(cast(:skip as uuid[]))),
      (select min(finalization_due_at) from invoices
        where organization_id = :org and status = 'draft' and customer_id <> all(cast(:skip as uuid[]))),
      (select min(overdue_due_at) from invoices where not cast(:announced as boolean)
          and organization_id = :org and overdue_due_at is not null and customer_id <> all(cast(:skip as uuid[]))),
      (select min(due_at) from wallet_rules
        where organization_id = :org and due_at is not null and customer_id <> all(cast(:skip as uuid[]))),
      (select eu_rates_due_at from organizations where id = :org and not cast(:announced as boolean)),
      (select min(expiration_due_at) from coupons where organization_id = :org and expiration_due_at is not null),
      (select min(expiration_due_at) from wallets where organization_id = :org and expiration_due_at is not null))
    """
)


async def next_due(ctx: Context, skip: Iterable[UUID] = (), *, announced: bool = False) -> datetime | None:
    """The organization's earliest due instant, customers in ``skip`` left out.

    ``announced``: of those passes only that change subscriptions, invoices, coupons and wallets by themselves (spec 03
    §8.1).
    """
    parameters = {"org": ctx.organization_id, "skip": list(skip), "announced": announced}
    found = await ctx.session.execute(_NEXT_DUE, parameters)
    return found.scalar_one()


async def tick(runtime: Runtime, *, concurrency: int = 4) -> int:
    """One live tick: everything due by system time in live organizations. Returns the passes run.

    Several workers may tick at once: each customer is taken by one of them, the others skip it and go on elsewhere.
    """
    now = system_now()
    await refresh_due_rates(runtime, now)
    done = await expire_live(runtime, now)
    tried: set[UUID] = set()
    contended = False
    while True:
        async with runtime.database.reading() as session:
            rows = (await session.execute(_DUE_LIVE, {"now": now, "limit": CHUNK + len(tried)})).all()
        work = [(row[0], row[1]) for row in rows if row[1] not in tried]
        if not work:
            return done
        share = _Share(work, concurrency, contended=contended)
        done += await _run_customers(runtime, share, now, concurrency, wait=False)
        tried |= share.taken
        contended = share.contended


async def run_due_in(
    runtime: Runtime, organization_id: UUID, until: datetime, *, skip: Iterable[UUID] = (), concurrency: int = 4
) -> dict[UUID, str]:
    """Run everything due in one organization up to ``until``; returns the errors by customer, ``skip`` left out."""
    tried: set[UUID] = set(skip)
    errors: dict[UUID, str] = {}
    while True:
        limit = CHUNK + len(tried)
        async with runtime.database.reading() as session:
            [(rates, expirations)] = await fetch(session, _DUE_BESIDE_CUSTOMERS, organization_id, until)
            found = await session.execute(_DUE_IN_ORGANIZATION, {"org": organization_id, "now": until, "limit": limit})
            rows = found.all()
        if rates:
            await refresh_due_rates(runtime, until, organization_id)
        work = [(row[0], row[1]) for row in rows if row[1] not in tried]
        tried.update(customer for _, customer in work)
        if work:
            await _run_customers(runtime, _Share(work), until, concurrency, wait=True, errors=errors)
        if len(rows) < limit:
            if expirations:
                await expire_in(runtime, organization_id, until)
            return errors


class _Share:
    """Customers to run, oldest due instant first.

    One with nothing left to do was taken by another worker that goes through the same list. After ``patience`` such
    misses in a row the rest is left: it is looked up anew, and gone through from elsewhere (``contended``).
    """

    def __init__(self, work: Sequence[tuple[UUID, UUID]], patience: int = 0, *, contended: bool = False) -> None:
        self._left = deque(work)
        self._patience = patience
        self._misses = 0
        self.taken: set[UUID] = set()
        if contended:
            self._left.rotate(random.randrange(len(work)))  # noqa: S311 - no secret

    @property
    def contended(self) -> bool:
        return self._patience > 0 and self._misses >= self._patience

    def take(self) -> tuple[UUID, UUID] | None:
        if not self._left or self.contended:
            return None
        found = self._left.popleft()
        self.taken.add(found[1])
        return found

    def note(self, *, hit: bool) -> None:
        self._misses = 0 if hit else self._misses + 1


async def _run_customers(
    runtime: Runtime,
    share: _Share,
    until: datetime,
    concurrency: int,
    *,
    wait: bool,
    errors: dict[UUID, str] | None = None,
) -> int:
    done = 0

    async def take_part() -> None:
        nonlocal done
        while (taken := share.take()) is not None:
            organization_id, customer_id = taken
            try:
                ran = await run_customer(runtime, organization_id, customer_id, until, wait=wait)
            except Exception as failure:
                log.exception("due work failed", customer_id=str(customer_id))
                if errors is not None:
                    errors[customer_id] = str(failure)
                continue
            done += ran
            share.note(hit=ran > 0)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(take_part())
    return done


async def run_customer(
    runtime: Runtime, organization_id: UUID, customer_id: UUID, until: datetime, *, wait: bool = True
) -> int:
    """Run a customer's due passes in order up to ``until``, one transaction each; returns how many.

    Without ``wait`` a customer locked by somebody else is left to them. A transaction that collides with another
    (deadlock, serialization failure) is run again.
    """
    done = 0
    more = True
    while more:
        ran, more = await retrying(
            lambda: _run_next(runtime, organization_id, customer_id, until, wait), customer_id=str(customer_id)
        )
        done += ran
    return done


async def _run_next(
    runtime: Runtime, organization_id: UUID, customer_id: UUID, until: datetime, wait: bool
) -> tuple[bool, bool]:
    """Run the customer's earliest due pass; whether there was one, and whether another is due."""
    async with runtime.database.transaction() as session:
        locked = await lock_customer_with_organization(session, organization_id, customer_id, skip_locked=not wait)
        if locked is None:
            return False, False
        customer, organization = locked
        ctx = Context(session, organization, event_store=runtime.event_store)
        found = await next_pass(ctx, customer, until)
        if found is None:
            return False, False
        instant, chosen = found
        await chosen.run(ctx, customer, instant)
        return True, await next_pass(ctx, customer, until) is not None
