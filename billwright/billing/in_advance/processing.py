"""Billing the events that charges bill in advance, each exactly once and in order (spec 02 §10.1, 01 §2.10).

The transaction that accepts an event notes it in ``instant_events`` together with a job. The job takes the notes of its
subscription in event order, some at a time: fees, invoices, unit state and the ends of the notes are one commit, so a
crash at any instant leaves the note or the fees, never both or neither. What fails is tried again while later events
of the subscription wait, for their prices depend on it; when the job gives up, the note is parked and they go on.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, RetryLater, job
from billwright.billing.background.runtime import Runtime
from billwright.billing.in_advance.bench import Bench
from billwright.billing.in_advance.models import InstantEvent
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.models import Job
from billwright.billing.kernel.transient import retrying
from billwright.billing.metering.store.postgres.instant import AT_ONCE, ATTEMPTS, JOB, lock_key
from billwright.billing.metering.store.postgres.locks import INSTANT

BILLING = 48_240_001
"""First half of the advisory lock under which one subscription's events are billed."""
BATCH = 20
"""Most events of one transaction; the customer is locked so long."""
LONGEST_RUN = timedelta(seconds=5)
"""How long one run goes on in a live organization before other subscriptions get their turn."""
PATIENCE = timedelta(seconds=5)
"""How long later events wait before they look again whether the one that failed has gone through."""


@job(JOB)
async def bill_events(call: JobCall) -> None:
    """Bill every noted event of one subscription. Raises what the first of this job's events failed with."""
    assert call.organization_id is not None
    work = _Work(call, call.organization_id, call.arguments["external_subscription_id"])
    await work.begin()
    end = system_now() + LONGEST_RUN
    while await work.next():
        if work.live and not work.failures and system_now() >= end:
            raise RetryLater(-AT_ONCE)
    if work.failures:
        raise work.failures[0]


class _Work:
    """One run of the job for one subscription."""

    def __init__(self, call: JobCall, organization_id: UUID, external_subscription_id: str) -> None:
        self.runtime: Runtime = call.runtime
        self.job_id = call.job_id
        self.organization_id = organization_id
        self.external_subscription_id = external_subscription_id
        self.first = call.attempt == 1
        self.last = call.attempt >= ATTEMPTS
        self.live = False
        self.failures: list[Exception] = []

    async def begin(self) -> None:
        """Wait for appends that still count on this job, and take up again what it had parked."""
        async with self.runtime.database.transaction() as session:
            await self._lock(session, INSTANT)
            if self.first:
                await session.execute(
                    update(InstantEvent)
                    .where(col(InstantEvent.job_id) == self.job_id, col(InstantEvent.parked_at).is_not(None))
                    .values(parked_at=None)
                )

    async def _lock(self, session: Session, kind: int) -> None:
        key = lock_key(self.organization_id, self.external_subscription_id)
        await session.execute(text("select pg_advisory_xact_lock(:kind, :key)"), {"kind": kind, "key": key})

    async def next(self) -> bool:
        """Bill the earliest waiting events; whether there were any."""
        return await retrying(self._next, job_id=str(self.job_id))

    async def _next(self) -> bool:
        failure: Exception | None = None
        async with self.runtime.database.transaction() as session:
            await self._lock(session, BILLING)
            notes = await self._earliest(session)
            if not notes:
                return False
            organization = await session.get_one(Organization, self.organization_id)
            self.live = organization.kind == "live"
            ctx = Context(session, organization, event_store=self.runtime.event_store)
            bench = Bench(ctx, self.external_subscription_id)
            await bench.prepare(notes)
            done: list[int] = []
            for note in notes:
                if note.error is not None and note.job_id != self.job_id:
                    break
                failure = await bench.bill(note)
                if failure is not None:
                    note.error = f"{type(failure).__name__}: {failure}"
                    note.parked_at = system_now() if self.last else None
                    break
                done.append(note.seq)
            if failure is None and not done:
                raise RetryLater(PATIENCE)
            await session.execute(
                delete(InstantEvent)
                .where(
                    col(InstantEvent.organization_id) == self.organization_id,
                    col(InstantEvent.external_subscription_id) == self.external_subscription_id,
                    col(InstantEvent.seq).in_(done),
                )
                .execution_options(synchronize_session=False)
            )
        if failure is not None and not self.last:
            raise failure
        if failure is not None:
            self.failures.append(failure)
        return True

    async def _earliest(self, session: Session) -> list[InstantEvent]:
        statement = (
            select(InstantEvent)
            .where(
                col(InstantEvent.organization_id) == self.organization_id,
                col(InstantEvent.external_subscription_id) == self.external_subscription_id,
                col(InstantEvent.parked_at).is_(None),
            )
            .order_by(col(InstantEvent.timestamp), col(InstantEvent.seq))
            .limit(BATCH)
            .with_for_update()
        )
        return list((await session.scalars(statement)).all())


async def take_up_forgotten(runtime: Runtime) -> int:
    """Give notes whose job has ended without them (an outage outlasted its attempts) a new one; returns how many
    subscriptions there were."""
    open_job = (
        select(col(Job.id))
        .where(col(Job.id) == col(InstantEvent.job_id), col(Job.status).in_(("queued", "running")))
        .exists()
    )
    forgotten = (col(InstantEvent.parked_at).is_(None), ~open_job)
    async with runtime.database.reading() as session:
        owners = (
            await session.execute(
                select(col(InstantEvent.organization_id), col(InstantEvent.external_subscription_id))
                .where(*forgotten)
                .distinct()
                .limit(1000)
            )
        ).all()
    for organization_id, external_subscription_id in owners:
        async with runtime.database.transaction() as session:
            now = system_now()
            made = Job(
                id=new_id(),
                organization_id=organization_id,
                name=JOB,
                arguments={"external_subscription_id": external_subscription_id},
                max_attempts=ATTEMPTS,
                run_at=now,
                created_at=now,
            )
            session.add(made)
            await session.flush()
            await session.execute(
                update(InstantEvent)
                .where(
                    col(InstantEvent.organization_id) == organization_id,
                    col(InstantEvent.external_subscription_id) == external_subscription_id,
                    *forgotten,
                )
                .values(job_id=made.id)
                .execution_options(synchronize_session=False)
            )
            session.info.setdefault("queued_jobs", []).append(made.id)
    return len(owners)
