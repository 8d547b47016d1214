"""The clock of a sandbox organization: reading, setting and advancing it (spec 09 §1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import due_jobs, run_job
from billwright.billing.background.runtime import Runtime
from billwright.billing.kernel.clock import iso, system_now
from billwright.billing.kernel.db import Session
from billwright.billing.kernel.errors import Forbidden, NotAllowed, NotFound, ValidationFailed
from billwright.billing.scheduling.engine import next_due, run_due_in
from billwright.billing.scheduling.marks import run_marked

LEASE = timedelta(seconds=60)
_ATTEMPTS = 4


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
    organization = _sandbox(ctx.organization)
    advancing = organization.clock_target is not None
    return ClockState(
        organization_id=organization.id,
        now=ctx.now(),
        status="advancing" if advancing else "ready",
        target=organization.clock_target,
        next_due_at=await next_due(ctx),
    )


def _sandbox(organization: Organization) -> Organization:
    if organization.kind != "sandbox":
        raise Forbidden("not_a_sandbox")
    return organization


async def begin_advance(ctx: Context, target: datetime) -> None:
    """Accept ``target`` and mark the clock as advancing.

    Raises ``ValidationFailed(now=value_is_out_of_range)`` for an instant before the present (allowed only while the
    organization has no subscription, invoice or event) and ``NotAllowed("clock_is_advancing")``.
    """
    organization = (
        await ctx.session.scalars(
            select(Organization)
            .where(col(Organization.id) == ctx.organization_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one()
    _sandbox(organization)
    if organization.clock_target is not None and _held(organization):
        raise NotAllowed("clock_is_advancing")
    if target < ctx.now():
        if await _is_used(ctx):
            raise ValidationFailed(now="value_is_out_of_range")
        organization.clock_now = target
    organization.clock_target = target
    organization.clock_lease_until = system_now() + LEASE


def _held(organization: Organization) -> bool:
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
    on; the clock still reaches the target. Returns when all of it, background jobs included, has ended. Safe
    to run again after a crash: it resumes from the stored clock.
    """
    failed: list[dict[str, str]] = []
    stuck: set[UUID] = set()
    while True:
        async with runtime.database.transaction() as session:
            organization = await _locked(session, organization_id)
            target = organization.clock_target
            if target is None:
                break
            ctx = Context(session, organization, event_store=runtime.event_store)
            present = ctx.now()
            due = await next_due(ctx, stuck)
            instant = target if due is None or due > target else max(due, present)
            organization.clock_now = instant
            organization.clock_lease_until = system_now() + LEASE
        errors = await run_due_in(runtime, organization_id, instant, skip=stuck)
        stuck |= errors.keys()
        failed.extend({"name": f"billing of customer {who}", "error": error} for who, error in errors.items())
        await settle_jobs(runtime, organization_id, failed)
        if instant >= target:
            async with runtime.database.transaction() as session:
                organization = await _locked(session, organization_id)
                organization.clock_target = None
                organization.clock_lease_until = None
            break
    async with runtime.database.reading() as session:
        organization = await session.get(Organization, organization_id)
        if organization is None:
            raise NotFound("organization")
        state = await clock_state(Context(session, organization, event_store=runtime.event_store))
    return ClockState(state.organization_id, state.now, state.status, state.target, state.next_due_at, failed)


async def settle_jobs(runtime: Runtime, organization_id: UUID, failed: list[dict[str, str]]) -> None:
    """Run an organization's marked work and queued jobs until nothing is left; failures are retried without waiting."""
    while True:
        moved = await run_marked(runtime, organization_id)
        jobs = await due_jobs(runtime.database, organization_id=organization_id)
        if not jobs and not moved:
            return
        for job_id in jobs:
            status = await run_job(runtime, job_id, immediate=True)
            if status == "failed":
                async with runtime.database.reading() as session:
                    row = (
                        await session.execute(text("select name, error from jobs where id = :id"), {"id": job_id})
                    ).one()
                failed.append({"name": row[0], "error": (row[1] or "").strip().splitlines()[-1:][0] if row[1] else ""})


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
