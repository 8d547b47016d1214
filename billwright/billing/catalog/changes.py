"""What every catalogue write leaves behind: stale drafts, a new revision, fresh definitions for the event store.

Called last in a use case: it takes the organization's row, which invoices take after everything else too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.access.revision import bump_catalog
from billwright.billing.catalog.definitions import DEFINE_JOB
from billwright.billing.invoicing.drafts import mark_drafts_stale
from billwright.billing.kernel.outbox import enqueue


async def publish(ctx: Context, *, metric_codes: Iterable[str] = (), plan_ids: Iterable[UUID] = ()) -> None:
    """End of a catalogue write: flag the drafts of ``plan_ids`` (spec 04 §8.1), bump the revision, and have the event
    store told how ``metric_codes`` are aggregated now."""
    await ctx.session.flush()
    plans = sorted(set(plan_ids))
    if plans:
        await mark_drafts_stale(ctx, plan_ids=plans)
    await bump_catalog(ctx)
    codes = sorted(set(metric_codes))
    if codes:
        arguments: dict[str, Any] = {"codes": codes}
        await enqueue(ctx.session, ctx.organization_id, DEFINE_JOB, arguments)
