"""A plan's new price may turn pending downgrades into something else (spec 03 §2.2)."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.kernel.outbox import enqueue

RECONSIDER_JOB = "subscriptions.reconsider_downgrades"
"""Handled by ``subscriptions.plan_changes``: it needs one customer's lock after the other, which a plan's edit must not
wait for."""


async def queue_reconsideration(
    ctx: Context, plan_ids: Iterable[UUID], *, leaving: bool = True, arriving: bool = True
) -> None:
    """Have the pending downgrades from (``leaving``) and to (``arriving``) these plans judged again after commit."""
    for plan_id in plan_ids:
        arguments = {"plan_id": str(plan_id), "leaving": leaving, "arriving": arriving}
        await enqueue(ctx.session, ctx.organization_id, RECONSIDER_JOB, arguments)
