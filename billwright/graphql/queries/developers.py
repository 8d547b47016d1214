"""The sandbox clock and background jobs."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from billwright.billing.auditing.queries import count_open, list_findings
from billwright.billing.background.administration import SHOWN_STATUSES, JobFilters, count_jobs, list_jobs
from billwright.graphql.enums import JobStatusEnum
from billwright.graphql.permissions import HasPermission
from billwright.graphql.scalars import ISO8601DateTime
from billwright.graphql.types.access import clock_of
from billwright.graphql.types.common import (
    Collection,
    Inf,
    Limit,
    PageNumber,
    SearchTerm,
    collection,
    page_request,
)
from billwright.graphql.types.developers import AuditFinding, Job, JobCount, TestClock


@strawberry.type
class DeveloperQueries:
    @strawberry.field(description="The clock of the sandbox.", permission_classes=[HasPermission("developers:manage")])
    async def test_clock(self, info: Inf) -> TestClock | None:
        return await clock_of(info)

    @strawberry.field(
        description="Background jobs of the organization, newest first.",
        permission_classes=[HasPermission("developers:manage")],
    )
    async def jobs(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        search_term: SearchTerm = None,
        status: Annotated[
            list[JobStatusEnum] | None, strawberry.argument(description="In any of these states.")
        ] = None,
    ) -> Collection[Job]:
        filters = JobFilters(statuses=[item.value for item in status] if status else None, search=search_term)
        async with info.context.reading() as ctx:
            return collection(await list_jobs(ctx, filters, page_request(page, limit)))

    @strawberry.field(
        description="How many background jobs are in each state.",
        permission_classes=[HasPermission("developers:manage")],
    )
    async def job_counts(self, info: Inf) -> list[JobCount]:
        async with info.context.reading() as ctx:
            counts = await count_jobs(ctx, SHOWN_STATUSES)
        found: list[Any] = [JobCount(status=JobStatusEnum(name), count=count) for name, count in counts.items()]
        return found

    @strawberry.field(
        description="What the nightly audit found, newest first.",
        permission_classes=[HasPermission("developers:manage")],
    )
    async def audit_findings(
        self,
        info: Inf,
        page: PageNumber = None,
        limit: Limit = None,
        resolved: Annotated[
            bool | None, strawberry.argument(description="Only resolved ones, or only open ones; all without it.")
        ] = None,
        code: Annotated[str | None, strawberry.argument(description="Of this check.")] = None,
        since: Annotated[
            ISO8601DateTime | None, strawberry.argument(description="Seen then or later (system time).")
        ] = None,
    ) -> Collection[AuditFinding]:
        async with info.context.reading() as ctx:
            found = await list_findings(ctx, page_request(page, limit), resolved=resolved, code=code, since=since)
            return collection(found)

    @strawberry.field(
        description="How many findings of the nightly audit are open.",
        permission_classes=[HasPermission("developers:manage")],
    )
    async def open_audit_findings_count(self, info: Inf) -> int:
        async with info.context.reading() as ctx:
            return await count_open(ctx)
