"""Finalizing all drafts of an organization at once (spec 04 §8.2): one job, a transaction per draft."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.invoicing.drafts import finalize_invoice
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import Forbidden, NotFound
from billwright.billing.kernel.outbox import enqueue

FINALIZE_ALL_JOB = "invoice.finalize_all"


async def finalize_all_invoices(ctx: Context) -> list[Invoice]:
    """Queue the finalization of all drafts; answers with them as they are, oldest first."""
    drafts = list(await ctx.session.scalars(_drafts(ctx)))
    if drafts:
        await enqueue(
            ctx.session, ctx.organization_id, FINALIZE_ALL_JOB, unique_key=f"{FINALIZE_ALL_JOB}:{ctx.organization_id}"
        )
    return drafts


@job(FINALIZE_ALL_JOB)
async def finalize_drafts(call: JobCall) -> None:
    """Finalize the drafts one by one. Those whose taxes are not known yet stay; any other failure ends the job, and
    its next attempt goes on with what is left.
    """
    async with call.runtime.database.reading() as session:
        organization = await session.get(Organization, call.organization_id)
        if organization is None:
            return
        drafts = [draft.id for draft in await session.scalars(_drafts(Context(session, organization)))]
    for invoice_id in drafts:
        await _finalize(call, invoice_id)


async def _finalize(call: JobCall, invoice_id: UUID) -> None:
    try:
        async with call.runtime.database.transaction() as session:
            organization = await session.get_one(Organization, call.organization_id)
            await finalize_invoice(Context(session, organization, event_store=call.runtime.event_store), invoice_id)
    except NotFound:  # finalized or deleted meanwhile
        return
    except Forbidden as refused:
        if refused.code != "cannot_finalize_with_pending_taxes":
            raise


def _drafts(ctx: Context) -> Select[Any]:
    return (
        select(Invoice)
        .where(col(Invoice.organization_id) == ctx.organization_id, col(Invoice.status) == "draft")
        .order_by(col(Invoice.issuing_date), col(Invoice.created_at), col(Invoice.id))
    )
