"""Background jobs as an operator of one organization sees them: the list, and trying a failed one again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, cast, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.errors import NotAllowed, NotFound
from billwright.billing.kernel.models import Job
from billwright.billing.kernel.pagination import Page, PageRequest, paginate

SHOWN_STATUSES = ("queued", "running", "retrying", "succeeded", "failed")


@dataclass(frozen=True, slots=True)
class JobFilters:
    """``statuses`` of ``shown_status``; ``search`` matches the name and the ids in the arguments."""

    statuses: Sequence[str] | None = None
    search: str | None = None


def shown_status(job: Job) -> str:
    """The stored status, except that a job waiting for another attempt is ``retrying``."""
    return "retrying" if job.status == "queued" and job.attempts > 0 else job.status


def jobs_statement(ctx: Context, filters: JobFilters) -> Select[Any]:
    """The filtered list, newest first."""
    statement = select(Job).where(col(Job.organization_id) == ctx.organization_id)
    if filters.statuses:
        wanted = [_condition(status) for status in filters.statuses if status in SHOWN_STATUSES]
        statement = statement.where(or_(*wanted)) if wanted else statement.where(col(Job.id).is_(None))
    if filters.search:
        escaped = filters.search.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{escaped}%"
        arguments = cast(Job.arguments, String)
        statement = statement.where(
            or_(
                col(Job.name).ilike(pattern),
                cast(Job.id, String) == filters.search.strip().lower(),
                arguments.ilike(pattern),
            )
        )
    return statement.order_by(col(Job.created_at).desc(), col(Job.id))


def _condition(status: str) -> ColumnElement[bool]:
    if status == "retrying":
        return (col(Job.status) == "queued") & (col(Job.attempts) > 0)
    if status == "queued":
        return (col(Job.status) == "queued") & (col(Job.attempts) == 0)
    return col(Job.status) == status


async def list_jobs(ctx: Context, filters: JobFilters, page: PageRequest) -> Page[Job]:
    """A page of the organization's jobs."""
    return await paginate(ctx.session, jobs_statement(ctx, filters), page)


async def count_jobs(ctx: Context, statuses: Sequence[str]) -> dict[str, int]:
    """How many jobs have each of ``statuses`` (``shown_status``)."""
    counts = [func.count().filter(_condition(status)) for status in statuses]
    row = (
        await ctx.session.execute(
            select(*counts).select_from(Job).where(col(Job.organization_id) == ctx.organization_id)
        )
    ).one()
    return dict(zip(statuses, (int(value) for value in row), strict=True))


async def retry_job(ctx: Context, job_id: UUID) -> Job:
    """Queue a failed job again, with all of its attempts.

    Raises ``NotFound("job")``; ``NotAllowed("is_not_failed")`` in any other state, and ``NotAllowed("is_queued")``
    when the same work is queued already.
    """
    statement = (
        select(Job).where(col(Job.id) == job_id, col(Job.organization_id) == ctx.organization_id).with_for_update()
    )
    found = (await ctx.session.scalars(statement)).first()
    if found is None:
        raise NotFound("job")
    if found.status != "failed":
        raise NotAllowed("is_not_failed")
    found.status = "queued"
    found.attempts = 0
    found.run_at = system_now()
    found.error = found.finished_at = found.started_at = None
    try:
        await ctx.session.flush()
    except IntegrityError:
        raise NotAllowed("is_queued") from None
    ctx.session.info.setdefault("queued_jobs", []).append(found.id)
    return found
