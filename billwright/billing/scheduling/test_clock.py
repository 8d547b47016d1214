"""The clock of a sandbox organization: reading, setting and advancing it (spec 09 §1)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.analytics.daily_usage import note_days
from billwright.billing.background.jobs import due_jobs, is_running_any, run_job
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import iso, system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import Forbidden, NotAllowed, NotFound, Stopping, ValidationFailed
from billwright.billing.metering.event_checks import check_events, next_check, wants_checks
from billwright.billing.notifications.delivery import deliver_first_attempts
from billwright.billing.scheduling.engine import next_due, run_due_in
from billwright.billing.scheduling.marks import run_marked
from billwright.billing.scheduling.waiting import waiting_in
from billwright.billing.wallets.refreshing import look_through

log = structlog.get_logger(__name__)
LONGEST_STEP = timedelta(days=3653)
"""A mistyped year must not keep a sandbox busy with centuries of billing: further steps may follow."""
LEASE = timedelta(seconds=30)
_RENEW_SECONDS = 8.0
_POSTPONEMENTS = 20
"""How often a job may ask for more time before the clock goes on without it."""
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ClockState:
    """``status`` is ``ready`` or ``advancing``; ``target`` only while advancing."""

    organization_id: UUID
    now: datetime
    status: str
    target: datetime | None
    next_due_at: datetime | None
    failed_jobs: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def wire(self) -> dict[str, object]:
        """The ``test_clock`` object."""
        answer: dict[str, object] = {
            "lago_organization_id": str(self.organization_id),
            "now": iso(self.now),
            "status": self.status,
            "target": iso(self.target),
            "next_due_at": iso(self.next_due_at),
        }
        if self.failed_jobs:
            answer["failed_jobs"] = self.failed_jobs
        return answer


async def clock_state(ctx: Context) -> ClockState:
    """The clock now. Raises ``Forbidden("not_a_sandbox")`` for live organizations."""
    organization = sandbox(ctx.organization)
    advancing = organization.clock_target is not None
    return ClockState(
        organization_id=organization.id,
        now=ctx.now(),
        status="advancing" if advancing else "ready",
        target=organization.clock_target,
        next_due_at=await next_due(ctx, announced=True),
    )


def sandbox(organization: Organization) -> Organization:
    """The organization itself. Raises ``Forbidden("not_a_sandbox")`` for a live one."""
    if organization.kind != "sandbox":
        raise Forbidden("not_a_sandbox")
    return organization


async def begin_advance(ctx: Context, target: datetime) -> None:
    """Accept ``target`` and mark the clock as advancing.

    Raises ``ValidationFailed(now=value_is_out_of_range)`` for an instant before the present, or more than ten years
    after it (both are allowed only while the organization has no subscription, invoice or event), and
    ``NotAllowed("clock_is_advancing")``.
    """
    organization = (
        await ctx.session.scalars(
            select(Organization)
            .where(col(Organization.id) == ctx.organization_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one()
    sandbox(organization)
    if organization.clock_target is not None and is_held(organization):
        raise NotAllowed("clock_is_advancing")
    step = target - ctx.now()
    if (step < timedelta(0) or step > LONGEST_STEP) and await _is_used(ctx):
        raise ValidationFailed(now="value_is_out_of_range")
    if step < timedelta(0):
        organization.clock_now = target
    organization.clock_target = target
    organization.clock_lease_until = system_now() + LEASE


def is_held(organization: Organization) -> bool:
    """Whether some process is at work on the advancing clock."""
    return organization.clock_lease_until is not None and organization.clock_lease_until > system_now()


async def _is_used(ctx: Context) -> bool:
    found = await ctx.session.execute(
        text(
            "select exists (select 1 from subscriptions where organization_id = :org)"
            " or exists (select 1 from invoices where organization_id = :org)"
            " or exists (select 1 from events where organization_id = :org)"
        ),
        {"org": ctx.organization_id},
    )
    return bool(found.scalar_one())


async def advance(runtime: Runtime, organization_id: UUID) -> ClockState:
    """Walk an advancing clock to its target, running everything due on the way, then the jobs it queued.

    Visits only instants at which something is due. A customer whose work fails stays due and is left out from then
    on; the clock still reaches the target. Returns when all of it, background jobs and first attempts of webhooks
    included, has ended. Safe to run again after a crash: it resumes from the stored clock.

    Raises ``Stopping`` when the process is asked to end; a worker then takes the walk up again.
    """
    failed: list[dict[str, str]] = []
    async with kept_lease(runtime, organization_id):
        await _unless_stopped(runtime, _walk(runtime, organization_id, failed))
    async with runtime.database.reading() as session:
        organization = await session.get(Organization, organization_id)
        if organization is None:
            raise NotFound("organization")
        state = await clock_state(Context(session, organization, event_store=runtime.event_store))
    return ClockState(state.organization_id, state.now, state.status, state.target, state.next_due_at, failed)


async def resume_advances(runtime: Runtime) -> int:
    """Take up the advances whose process is gone (their lease has expired); returns how many were finished."""
    done = 0
    while True:
        now = system_now()
        async with runtime.database.transaction() as session:
            organization_id = (
                await session.execute(
                    text(
                        "update organizations set clock_lease_until = :lease where id = ("
                        " select id from organizations where kind = 'sandbox' and clock_target is not null"
                        " and coalesce(clock_lease_until, :now) <= :now limit 1 for update skip locked)"
                        " returning id"
                    ),
                    {"now": now, "lease": now + LEASE},
                )
            ).scalar_one_or_none()
        if organization_id is None:
            return done
        log.warning("sandbox advance resumed", organization_id=str(organization_id))
        try:
            await advance(runtime, organization_id)
        except Stopping:
            return done
        done += 1


async def _unless_stopped(runtime: Runtime, walk: Coroutine[Any, Any, None]) -> None:
    """Await ``walk``; when the process is asked to end, roll back its step and raise ``Stopping``."""
    walking = asyncio.create_task(walk)
    stopped = asyncio.create_task(runtime.stopping.wait())
    try:
        await asyncio.wait({walking, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not walking.done():
            raise Stopping
    finally:
        unfinished = not walking.done()
        for task in (walking, stopped):
            task.cancel()
        await asyncio.gather(walking, stopped, return_exceptions=True)
        if unfinished:
            log.info("sandbox advance interrupted")
    walking.result()


@asynccontextmanager
async def kept_lease(runtime: Runtime, organization_id: UUID) -> AsyncGenerator[None]:
    """Renew the lease of a walk or reset while it lasts; work due at one instant may take longer than a lease."""
    keeper = asyncio.create_task(_keep_lease(runtime, organization_id))
    try:
        yield
    except (Stopping, asyncio.CancelledError):
        with contextlib.suppress(Exception):  # an unreachable database leaves it to the lease
            await asyncio.shield(_give_up_lease(runtime, organization_id))
        raise
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper


async def _give_up_lease(runtime: Runtime, organization_id: UUID) -> None:
    """Let another process take the walk up at once."""
    async with runtime.database.transaction() as session:
        await session.execute(
            text("update organizations set clock_lease_until = :now where id = :id and clock_target is not null"),
            {"now": system_now(), "id": organization_id},
        )


async def _keep_lease(runtime: Runtime, organization_id: UUID) -> None:
    while True:
        await asyncio.sleep(_RENEW_SECONDS)
        try:
            async with runtime.database.transaction() as session:
                await session.execute(
                    text(
                        "update organizations set clock_lease_until = :lease"
                        " where id = :id and clock_target is not null"
                    ),
                    {"lease": system_now() + LEASE, "id": organization_id},
                )
        except Exception as failure:
            log.warning("clock lease not renewed", organization_id=str(organization_id), error=str(failure))


async def _walk(runtime: Runtime, organization_id: UUID, failed: list[dict[str, str]]) -> None:
    stuck: set[UUID] = set()
    checks = runtime.checks_events
    # What was asked for before the clock moves happens before it moves: events are billed at the instant they came.
    await look_through(runtime, organization_id)
    await settle_jobs(runtime, organization_id, failed)
    while True:
        async with runtime.database.transaction() as session:
            organization = await _locked(session, organization_id)
            target = organization.clock_target
            if target is None:
                return
            ctx = Context(session, organization, event_store=runtime.event_store)
            present = ctx.now()
            due = await _next_instant(ctx, stuck, checks)
            instant = target if due is None or due > target else max(due, present)
            organization.clock_now = instant
            organization.clock_lease_until = system_now() + LEASE
            checked = checks and wants_checks(organization)
        if due is not None and due <= instant:
            errors = await run_due_in(runtime, organization_id, instant, skip=stuck)
            stuck |= errors.keys()
            failed.extend({"name": f"billing of customer {who}", "error": error} for who, error in errors.items())
            if checked:
                checks = await _events_checked(runtime, organization_id, instant, failed)
            await settle_jobs(runtime, organization_id, failed)
        if instant >= target:
            await _days_noted(runtime, organization_id, instant, failed)
            await deliver_first_attempts(runtime, organization_id)
            async with runtime.database.transaction() as session:
                organization = await _locked(session, organization_id)
                ctx = Context(session, organization, event_store=runtime.event_store)
                due = await _next_instant(ctx, stuck, checks)
                if due is not None and due <= target:
                    continue  # the jobs of the last instant have made more work due
                organization.clock_target = None
                organization.clock_lease_until = None
            return


async def _next_instant(ctx: Context, stuck: set[UUID], checks: bool) -> datetime | None:
    """The earliest instant at which something is due."""
    due = [await next_due(ctx, stuck), await next_check(ctx) if checks else None]
    return min((instant for instant in due if instant is not None), default=None)


async def _events_checked(
    runtime: Runtime, organization_id: UUID, instant: datetime, failed: list[dict[str, str]]
) -> bool:
    """Judge the events that are due; a check that fails is not tried again in this walk."""
    try:
        await check_events(runtime, organization_id, instant)
    except Exception as failure:
        log.exception("events not checked", organization_id=str(organization_id))
        failed.append({"name": "events.errors", "error": str(failure)})
        return False
    return True


async def _days_noted(runtime: Runtime, organization_id: UUID, instant: datetime, failed: list[dict[str, str]]) -> None:
    """Note what each day that the clock has passed added to usage (spec 07 §8.8)."""
    try:
        await note_days(runtime, organization_id, instant)
    except Exception as failure:
        log.exception("daily usage not noted", organization_id=str(organization_id))
        failed.append({"name": "daily usage", "error": str(failure)})


async def settle_jobs(runtime: Runtime, organization_id: UUID, failed: list[dict[str, str]]) -> None:
    """Run an organization's marked work and queued jobs until nothing is left; failures are retried without waiting.

    Jobs that a worker has taken meanwhile are waited for. What failed for good is added to ``failed``.
    """
    begin = system_now()
    postponed: dict[UUID, int] = {}
    while (waiting := await waiting_in(runtime.database, organization_id, since=begin)).work:
        moved = await run_marked(runtime, organization_id) if waiting.marks else 0
        jobs = [
            job_id
            for job_id in await due_jobs(runtime.database, organization_id=organization_id, limit=100 + len(postponed))
            if postponed.get(job_id, 0) < _POSTPONEMENTS
        ]
        for job_id in jobs:
            if await run_job(runtime, job_id, immediate=True) == "postponed":
                postponed[job_id] = postponed.get(job_id, 0) + 1
        if jobs and all(job_id in postponed for job_id in jobs):
            await asyncio.sleep(_POLL_SECONDS)
        elif not jobs and not moved:
            if not await is_running_any(runtime.database, organization_id):
                break
            await asyncio.sleep(_POLL_SECONDS)
    if waiting.failed or waiting.work:
        failed.extend(await _failed_jobs(runtime, organization_id, begin))


async def _failed_jobs(runtime: Runtime, organization_id: UUID, since: datetime) -> list[dict[str, str]]:
    async with runtime.database.reading() as session:
        rows = await session.execute(
            text(
                "select name, error from jobs where organization_id = :org and status = 'failed'"
                " and finished_at >= :since order by finished_at"
            ),
            {"org": organization_id, "since": since},
        )
        return [{"name": name, "error": ((error or "").strip().splitlines() or [""])[-1]} for name, error in rows]


async def _locked(session: Session, organization_id: UUID) -> Organization:
    found = await session.scalars(
        select(Organization)
        .where(col(Organization.id) == organization_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    organization = found.first()
    if organization is None:
        raise NotFound("organization")
    return organization
