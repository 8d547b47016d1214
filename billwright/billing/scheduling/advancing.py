"""Advancing a sandbox clock in the background, for callers that do not wait (spec 09 §1, ``respond-async``)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.background.jobs import JobCall, RetryLater, job
from billwright.billing.kernel.errors import Stopping
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.scheduling.test_clock import advance


async def queue_advance(ctx: Context) -> None:
    """Let a worker walk the accepted clock to its target.

    The job belongs to no organization, or the walk would wait for itself among the organization's jobs.
    """
    await enqueue(
        ctx.session,
        None,
        "test_clock.advance",
        {"organization_id": str(ctx.organization_id)},
        unique_key=f"test_clock.advance:{ctx.organization_id}",
    )


@job("test_clock.advance")
async def walk(call: JobCall) -> None:
    """Walk the clock of ``organization_id`` to its target."""
    try:
        await advance(call.runtime, UUID(call.arguments["organization_id"]))
    except Stopping:
        raise RetryLater(timedelta(0)) from None
