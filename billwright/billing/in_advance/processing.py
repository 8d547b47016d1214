"""Billing the events that charges bill in advance, each exactly once and in order (spec 02 §10.1, 01 §2.10).

The transaction that accepts an event notes it in ``instant_events`` together with a job. The job takes the notes of its
subscription in event order, one transaction each: fees, invoices, unit state and the end of the note are one commit, so
a crash at any instant leaves the note or the fees, never both or neither. What fails is tried again while later events
of the subscription wait, for their prices depend on it; when the job gives up, the note is parked and they go on.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, select, text, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, RetryLater, job
from billwright.billing.background.runtime import Runtime
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.in_advance.event_fees import event_fee, mark_of
from billwright.billing.in_advance.invoicing import invoice_event
from billwright.billing.in_advance.measuring import EventFacts, triggers
from billwright.billing.in_advance.models import InstantEvent
from billwright.billing.in_advance.standalone import store_standalone
from billwright.billing.invoicing.computing import taxes_of_customer
from billwright.billing.invoicing.models import Fee
from billwright.billing.invoicing.rows import Row, new_row
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.models import Job
from billwright.billing.kernel.transient import is_transient, retrying
from billwright.billing.metering.store.postgres.instant import ATTEMPTS, JOB, lock_key
from billwright.billing.metering.store.postgres.locks import INSTANT
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.queries import subscription_at
from billwright.billing.subscriptions.terms import plan_of

BILLING = 48_240_001
"""First half of the advisory lock under which one subscription's events are billed."""
PATIENCE = timedelta(seconds=5)
"""How long later events wait before they look again whether the one that failed has gone through."""

log = structlog.get_logger(__name__)


@job(JOB)
async def bill_events(call: JobCall) -> None:
    """Bill every noted event of one subscription. Raises what the first of this job's events failed with."""
    assert call.organization_id is not None
    work = _Work(call, call.organization_id, call.arguments["external_subscription_id"])
    await work.begin()
    while await work.next():
        pass
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
        """Bill the earliest waiting event; whether there was one."""
        return await retrying(self._next, job_id=str(self.job_id))

    async def _next(self) -> bool:
        failure: Exception | None = None
        async with self.runtime.database.transaction() as session:
            await self._lock(session, BILLING)
            note = await self._earliest(session)
            if note is None:
                return False
            if note.error is not None and note.job_id != self.job_id:
                raise RetryLater(PATIENCE)
            organization = await session.get_one(Organization, self.organization_id)
            ctx = Context(session, organization, event_store=self.runtime.event_store)
            failure = await _bill(ctx, note)
            if failure is None:
                await session.execute(
                    delete(InstantEvent).where(
                        col(InstantEvent.organization_id) == note.organization_id,
                        col(InstantEvent.external_subscription_id) == note.external_subscription_id,
                        col(InstantEvent.seq) == note.seq,
                    )
                )
            else:
                note.error = f"{type(failure).__name__}: {failure}"
                note.parked_at = system_now() if self.last else None
        if failure is not None and not self.last:
            raise failure
        if failure is not None:
            self.failures.append(failure)
        return True

    async def _earliest(self, session: Session) -> InstantEvent | None:
        statement = (
            select(InstantEvent)
            .where(
                col(InstantEvent.organization_id) == self.organization_id,
                col(InstantEvent.external_subscription_id) == self.external_subscription_id,
                col(InstantEvent.parked_at).is_(None),
            )
            .order_by(col(InstantEvent.timestamp), col(InstantEvent.seq))
            .limit(1)
            .with_for_update()
        )
        return (await session.scalars(statement)).first()


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


async def _bill(ctx: Context, note: InstantEvent) -> Exception | None:
    """Bill one event for every charge that it triggers; the failure that kept it from some charge.

    Each charge is a savepoint: what could be billed stays billed, and is not billed again with the rest.
    """
    event = EventFacts(
        code=note.code,
        transaction_id=note.transaction_id,
        timestamp=note.timestamp,
        properties=note.properties,
        precise_total_amount_cents=note.precise_total_amount_cents,
        seq=note.seq,
    )
    found = await _row(ctx, note.external_subscription_id, event)
    if found is None:
        return None
    customer, row = found
    charges = [charge for charge in row.plan.charges if triggers(charge, event)]
    if not charges:
        return None
    billed = await _billed_charges(ctx, note)
    customer_taxes = await taxes_of_customer(ctx, customer)
    failure: Exception | None = None
    for charge in charges:
        if charge.id in billed:
            continue
        try:
            async with ctx.session.begin_nested():
                taxes = charge.taxes or row.plan.taxes or customer_taxes
                made = await event_fee(ctx, row, charge, event, taxes)
                if charge.invoiceable:
                    await invoice_event(ctx, customer, row, made.draft)
                else:
                    await store_standalone(ctx, customer, [made.draft], row.plan.amount_currency, ctx.now())
                mark = mark_of(ctx, row, made, event)
                if mark is not None:
                    ctx.session.add(mark)
        except Exception as problem:
            if is_transient(problem):
                raise
            log.warning("event not billed", transaction_id=note.transaction_id, charge=charge.code, error=str(problem))
            failure = failure or problem
            for touched in (customer, row.subscription):
                await ctx.session.refresh(touched)
    return failure


async def _row(ctx: Context, external_subscription_id: str, event: EventFacts) -> tuple[Customer, Row] | None:
    """The locked customer, and the subscription that was active at the event with the windows of that moment."""
    subscription = await subscription_at(ctx, external_subscription_id, event.timestamp)
    if subscription is None:
        log.info("event without subscription", transaction_id=event.transaction_id)
        return None
    customer = await lock_customer(ctx, subscription.customer_id)
    # A subscription may have ended or been replaced while the lock was awaited.
    again = await subscription_at(ctx, external_subscription_id, event.timestamp)
    if again is not None and again.customer_id != subscription.customer_id:
        customer = await lock_customer(ctx, again.customer_id)
    if customer is None or again is None:
        return None
    await ctx.session.refresh(again)
    plan = await plan_of(ctx, again)
    tz = applicable_timezone(customer, ctx.organization)
    return customer, await new_row(ctx, again, plan, Case.in_advance_charge, event.timestamp, tz)


async def _billed_charges(ctx: Context, note: InstantEvent) -> set[UUID | None]:
    """Charges that have a fee of this event already, deleted ones included (spec 01 §2.5)."""
    rows = await ctx.session.scalars(
        select(col(Fee.charge_id)).where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.event_transaction_id) == note.transaction_id,
            col(Fee.external_subscription_id) == note.external_subscription_id,
        )
    )
    return set(rows.all())
