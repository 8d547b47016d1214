"""Running the audit (spec 09 §3): reads only, one statement at a time, findings as they come.

Each check of each organization is a read-only transaction of its own, so the audit holds no snapshot for long.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text
from sqlmodel import col

from billwright.billing.access.models import Organization
from billwright.billing.auditing import credit_checks, invoice_checks, period_checks, system_checks
from billwright.billing.auditing.checks import WHOLE, Check, Finding, Run, Scope
from billwright.billing.auditing.models import AuditFinding
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.metering.store.protocol import EventStore

CHECKS: Sequence[Check] = (
    *invoice_checks.CHECKS,
    *period_checks.CHECKS,
    *credit_checks.CHECKS,
    *system_checks.CHECKS,
)
ROLLUPS = "rollup_differs"
ROLLUP_SAMPLE = 0.05
"""Share of the subscriptions and codes whose rollups are recounted."""
_ORGANIZATIONS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """What is audited. ``kinds``: of organizations; ``share`` and ``seed``: see ``Scope``. ``rollup_sample``: share of
    the keys whose rollups are recounted, 0 for none."""

    organization_id: UUID | None = None
    since: datetime | None = None
    kinds: tuple[str, ...] = ("live", "sandbox")
    share: int = WHOLE
    seed: int = 0
    rollup_sample: float = ROLLUP_SAMPLE


@dataclass(frozen=True, slots=True)
class Step:
    """Where the audit stands: ``done`` of ``total`` checks, about to run ``title`` on ``organization``."""

    done: int
    total: int
    organization: str
    title: str


Progress = Callable[[Step], None]


def _ignore(_step: Step) -> None:
    return


async def audit(
    database: Database,
    request: Request,
    *,
    events: EventStore | None = None,
    progress: Progress = _ignore,
) -> AsyncGenerator[Finding]:
    """Findings of all organizations in turn, then those of the installation and of the rollups (with ``events``)."""
    number = await _count(database, request)
    total = number * len(CHECKS) + 1 + (events is not None)
    done = 0
    async with aclosing(_organizations(database, request)) as organizations:
        async for organization in organizations:
            scope = _scope(organization, request)
            for item in CHECKS:
                progress(Step(done, total, organization.name, item.title))
                async with aclosing(_run(database, item.run, scope)) as findings:
                    async for finding in findings:
                        yield finding
                done += 1
    if request.organization_id is None:
        progress(Step(done, total, "", "Jobs of the installation"))
        nobody = Scope(UUID(int=0), system_now(), system_now())
        async with aclosing(_run(database, system_checks.stuck_jobs_of_nobody, nobody)) as findings:
            async for finding in findings:
                yield finding
    if events is not None and request.rollup_sample > 0:
        progress(Step(total - 1, total, "", "Usage rollups equal a recount of their events, on a sample"))
        for finding in await _rollups(database, events, request):
            yield finding
    progress(Step(total, total, "", "Done"))


async def _run(database: Database, run: Run, scope: Scope) -> AsyncGenerator[Finding]:
    async with database.reading() as session:
        await session.execute(text("set transaction read only"))
        async with aclosing(run(session, scope)) as findings:
            async for finding in findings:
                yield finding


def _wanted(request: Request) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [col(Organization.kind).in_(request.kinds)]
    if request.organization_id is not None:
        conditions.append(col(Organization.id) == request.organization_id)
    return conditions


async def _count(database: Database, request: Request) -> int:
    async with database.reading() as session:
        statement = select(func.count()).select_from(Organization).where(*_wanted(request))
        return int((await session.execute(statement)).scalar_one())


async def _organizations(database: Database, request: Request) -> AsyncGenerator[Organization]:
    """In the order of their ids, some at a time."""
    last = UUID(int=0)
    while True:
        async with database.reading() as session:
            found = (
                await session.scalars(
                    select(Organization)
                    .where(*_wanted(request), col(Organization.id) > last)
                    .order_by(col(Organization.id))
                    .limit(_ORGANIZATIONS_AT_ONCE)
                )
            ).all()
        if not found:
            return
        for organization in found:
            yield organization
        last = found[-1].id


def _scope(organization: Organization, request: Request) -> Scope:
    now = system_now()
    stands = organization.kind == "sandbox" and organization.clock_now is not None
    return Scope(
        organization_id=organization.id,
        now=organization.clock_now if stands and organization.clock_now is not None else now,
        system_now=now,
        since=request.since,
        share=request.share,
        seed=request.seed,
    )


async def _rollups(database: Database, events: EventStore, request: Request) -> list[Finding]:
    """Rollups that differ from their events. One finding per subscription and code, whatever the number of quarters."""
    async with database.reading() as session:
        first, last = (await session.execute(text("select min(ts), max(ts) from events"))).one()
        if first is None:
            return []
        start = max(first, request.since) if request.since is not None else first
        differences = await events.verify(start, last + timedelta(hours=1), sample=request.rollup_sample)
        found: dict[tuple[UUID | None, str], Finding] = {}
        now = system_now()
        for item in differences:
            if request.organization_id not in (None, item.organization_id):
                continue
            key: tuple[UUID | None, str] = (item.organization_id, f"{item.external_subscription_id} {item.code}")
            if key not in found:
                found[key] = Finding(
                    organization_id=item.organization_id,
                    customer_id=None,
                    code=ROLLUPS,
                    object_type="usage",
                    object_id=key[1],
                    expected="a recount of the events",
                    found=f"differs from {item.quarter.isoformat()}",
                    first_seen=now,
                )
        known = await session.execute(
            select(
                col(AuditFinding.organization_id), col(AuditFinding.object_id), col(AuditFinding.first_seen_at)
            ).where(
                col(AuditFinding.code) == ROLLUPS,
                col(AuditFinding.resolved_at).is_(None),
                col(AuditFinding.object_id).in_([key[1] for key in found]),
            )
        )
        for organization_id, object_id, first_seen in known:
            if (organization_id, object_id) in found:
                known_one = found[organization_id, object_id]
                found[organization_id, object_id] = replace(known_one, first_seen=first_seen)
        return list(found.values())
