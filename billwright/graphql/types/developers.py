"""The sandbox clock and background jobs."""

from __future__ import annotations

import strawberry

from billwright.billing.background.administration import shown_status
from billwright.billing.kernel import models
from billwright.graphql.enums import JobStatusEnum, TestClockStatusEnum
from billwright.graphql.scalars import ISO8601DateTime, JsonObject
from billwright.graphql.types.common import f


@strawberry.type(description="Work that failed while the clock was advanced.")
class TestClockFailure:
    name: str = f("Name of the work.")
    error: str = f("Its last error.")


@strawberry.type(description="The clock of a sandbox organization (it stands still until it is advanced).")
class TestClock:
    now: ISO8601DateTime = f("The organization's present.")
    status: TestClockStatusEnum = f("Whether it stands still or is being advanced.")
    target: ISO8601DateTime | None = f("Where it is going, while advancing.")
    started_from: ISO8601DateTime | None = f("Where the last advance began.")
    next_due_at: ISO8601DateTime | None = f("When the next work falls due.")
    period_end_at: ISO8601DateTime | None = f("When the next billing period of an active subscription ends.")
    failed_jobs: list[TestClockFailure] = f("What failed during the last advance.")
    error: str | None = f("Why the last advance stopped before its target.")


@strawberry.type(description="Work that runs in the background.")
class Job:
    id: strawberry.ID = f("Internal id.")
    name: str = f("Kind of work.")
    arguments: JsonObject = f("What it works on.")
    attempts: int = f("Attempts so far.")
    max_attempts: int = f("Attempts before it counts as failed.")
    run_at: ISO8601DateTime = f("When it may run (system time).")
    created_at: ISO8601DateTime = f("When it was queued (system time).")
    started_at: ISO8601DateTime | None = f("When its last attempt began (system time).")
    finished_at: ISO8601DateTime | None = f("When it ended (system time).")

    @strawberry.field(description="State of the job.")
    def status(self, root: strawberry.Parent[models.Job]) -> JobStatusEnum:
        return JobStatusEnum(shown_status(root))

    @strawberry.field(description="Last line of the last error.")
    def error(self, root: strawberry.Parent[models.Job]) -> str | None:
        lines = (root.error or "").strip().splitlines()
        return lines[-1][:500] if lines else None


@strawberry.type(description="How many background jobs are in a state.")
class JobCount:
    status: JobStatusEnum = f("The state.")
    count: int = f("Jobs in that state.")


@strawberry.type(description="A contradiction that the nightly audit found in the books.")
class AuditFinding:
    id: strawberry.ID = f("Internal id.")
    code: str = f("Which check found it.")
    object_type: str = f("Kind of the object.")
    object_id: str = f("Id of the object.")
    customer_id: strawberry.ID | None = f("Whose books it concerns; null for what concerns no single customer.")
    expected: str = f("What should be there.")
    found: str = f("What is there.")
    first_seen_at: ISO8601DateTime = f("When it was first found (system time).")
    last_seen_at: ISO8601DateTime = f("When it was last found (system time).")
    resolved_at: ISO8601DateTime | None = f("When it was first no longer found (system time); null while it is open.")
