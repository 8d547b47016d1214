"""Customers whose VAT number is being checked: while they are, their invoices wait for their taxes (spec 05 A7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.kernel.statements import fetch
from billwright.billing.taxes.models import ViesCheck

CHECK_JOB = "customer.vies_check"
RELEASE_JOB = "customer.taxes_known"
RELEASE_ATTEMPTS = 5
WAITS = (5, 5, 10, 20, 40)
"""Minutes after the first failures; then always ``LONGEST_WAIT``."""
LONGEST_WAIT = 60


async def check_in_progress(ctx: Context, customer_id: UUID) -> bool:
    """Whether the customer's taxes are not known yet: EU taxes are managed and a check has no answer so far."""
    if not ctx.organization.eu_tax_management:
        return False
    return bool(await fetch(ctx.session, "select 1 from vies_checks where customer_id = $1", customer_id))


async def begin_check(ctx: Context, customer_id: UUID) -> None:
    """Ask VIES after commit; a check under way begins anew. The customer must be locked."""
    now, revision, instant = ctx.now(), new_id(), system_now()
    anew = {
        "revision": revision,
        "attempts_count": 0,
        "last_attempt_at": None,
        "last_error_type": None,
        "last_error_message": None,
        "next_attempt_at": instant,
        "updated_at": now,
    }
    await ctx.session.execute(
        insert(ViesCheck)
        .values(id=new_id(), organization_id=ctx.organization_id, customer_id=customer_id, created_at=now, **anew)
        .on_conflict_do_update(index_elements=["customer_id"], set_=anew)
    )
    await queue_check(ctx.session, ctx.organization_id, customer_id, revision)


async def queue_check(session: Session, organization_id: UUID, customer_id: UUID, revision: UUID) -> None:
    """One job per state of the customer, while it is queued or running."""
    await enqueue(
        session,
        organization_id,
        CHECK_JOB,
        {"customer_id": str(customer_id), "revision": str(revision)},
        unique_key=f"{CHECK_JOB}:{revision}",
    )


async def end_check(ctx: Context, customer_id: UUID) -> None:
    """Forget the check; what waited for it goes on after commit. The customer must be locked."""
    ended = await ctx.session.execute(
        delete(ViesCheck).where(col(ViesCheck.customer_id) == customer_id).returning(col(ViesCheck.id))
    )
    if ended.first() is not None:
        await release_customer(ctx, customer_id)


async def release_customer(ctx: Context, customer_id: UUID) -> None:
    """Queue what waited for the customer's taxes. Not unique: a job that runs already may have looked too early."""
    arguments = {"customer_id": str(customer_id)}
    await enqueue(ctx.session, ctx.organization_id, RELEASE_JOB, arguments, max_attempts=RELEASE_ATTEMPTS)


def next_attempt(failures: int, now: datetime) -> datetime:
    """When to ask again after so many failures in a row: 5, 5, 10, 20, 40 minutes, then every hour, without end."""
    return now + timedelta(minutes=WAITS[failures - 1] if failures <= len(WAITS) else LONGEST_WAIT)
