"""Advancing the sandbox clock, retrying jobs."""

from __future__ import annotations

from typing import Annotated

import strawberry

from billwright.billing.background.administration import retry_job
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.ids import parse_id
from billwright.billing.scheduling.test_clock import begin_advance
from billwright.graphql.mutations.inputs import AdvanceTestClockInput, RetryJobInput
from billwright.graphql.permissions import HasPermission
from billwright.graphql.types.access import clock_of
from billwright.graphql.types.common import Inf, shown
from billwright.graphql.types.developers import Job, TestClock

Advance = Annotated[AdvanceTestClockInput, strawberry.argument(description="Where to, and whether to wait.")]
Retry = Annotated[RetryJobInput, strawberry.argument(description="Which job.")]


@strawberry.type
class DeveloperMutations:
    @strawberry.mutation(
        description="Advance the clock of the sandbox; everything that falls due on the way runs.",
        permission_classes=[HasPermission("developers:manage")],
    )
    async def advance_test_clock(self, info: Inf, input: Advance) -> TestClock | None:
        async with info.context.writing() as ctx:
            begun = ctx.now()
            await begin_advance(ctx, input.now)
            organization_id = ctx.organization_id
        walk = await info.context.services.clocks.start(organization_id, begun)
        if input.respond_async is not True:
            await walk
        return await clock_of(info)

    @strawberry.mutation(
        description="Queue a failed job again.", permission_classes=[HasPermission("developers:manage")]
    )
    async def retry_job(self, info: Inf, input: Retry) -> Job | None:
        job_id = parse_id(input.id)
        if job_id is None:
            raise NotFound("job")
        async with info.context.writing() as ctx:
            return shown(await retry_job(ctx, job_id))
