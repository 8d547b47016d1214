"""Retrying invoices whose computation failed: they stay ``generating`` with their rows (spec 03 §8.4 point 6).

Each is tried again by one job. What fails then is noted on the invoice and left to the operator (``retry_generation``);
what a crash left without a note is found by ``retry_forgotten`` (spec 04 §2.2).
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.invoicing.billing import GENERATION_ATTEMPTS, record_generation_error
from billwright.billing.invoicing.drafts import finish_generation
from billwright.billing.invoicing.models import Invoice, InvoiceError, InvoiceSubscription
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database, Session
from billwright.billing.kernel.errors import NotAllowed
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.kernel.pagination import Page, PageRequest, paginate

GENERATE_JOB = "invoice.generate"
FORGOTTEN_AFTER = timedelta(hours=24)


@job(GENERATE_JOB)
async def generate(call: JobCall) -> None:
    """Compute the invoice again; the last failure is noted on it and left to the operator."""
    invoice_id = UUID(call.arguments["invoice_id"])
    database = call.runtime.database
    try:
        async with database.transaction() as session:
            organization = await session.get_one(Organization, call.organization_id)
            await finish_generation(Context(session, organization, event_store=call.runtime.event_store), invoice_id)
    except Exception as failure:
        if call.attempt >= GENERATION_ATTEMPTS:
            async with database.transaction() as session:
                organization = await session.get_one(Organization, call.organization_id)
                ctx = Context(session, organization)
                invoice = await find_invoice(ctx, invoice_id, lock=True, visible_only=False)
                if invoice.status == "generating":
                    await record_generation_error(ctx, invoice, str(failure) or type(failure).__name__)
        raise


async def retry_generation(ctx: Context, invoice_id: UUID) -> Invoice:
    """Compute an invoice that failed once more, in the background; what was noted on it is discarded.

    Raises ``NotFound("invoice")``; ``NotAllowed("invalid_status")`` unless it is ``generating``.
    """
    invoice = await find_invoice(ctx, invoice_id, lock=True, visible_only=False)
    if invoice.status != "generating":
        raise NotAllowed("invalid_status")
    await ctx.session.execute(delete(InvoiceError).where(col(InvoiceError.invoice_id) == invoice.id))
    await _queue(ctx.session, ctx.organization_id, invoice.id)
    return invoice


async def failed_generations(ctx: Context, page: PageRequest) -> Page[Invoice]:
    """Invoices that could not be computed and wait for the operator, oldest first; REST does not show them."""
    noted = select(col(InvoiceError.id)).where(col(InvoiceError.invoice_id) == col(Invoice.id))
    statement = select(Invoice).where(
        col(Invoice.organization_id) == ctx.organization_id, col(Invoice.status) == "generating", noted.exists()
    )
    return await paginate(ctx.session, statement.order_by(col(Invoice.created_at), col(Invoice.id)), page)


async def retry_forgotten(database: Database) -> int:
    """Retry the live subscription invoices that have been ``generating`` for a day without a note; returns how many.

    Invoices of single events are left out: their events are billed again by themselves.
    """
    noted = select(col(InvoiceError.id)).where(col(InvoiceError.invoice_id) == col(Invoice.id))
    of_event = select(col(InvoiceSubscription.id)).where(
        col(InvoiceSubscription.invoice_id) == col(Invoice.id),
        col(InvoiceSubscription.invoicing_reason) == "in_advance_charge",
    )
    async with database.transaction() as session:
        rows = await session.execute(
            select(col(Invoice.organization_id), col(Invoice.id)).where(
                col(Invoice.status) == "generating",
                col(Invoice.live).is_(True),
                col(Invoice.invoice_type) == "subscription",
                col(Invoice.created_at) < system_now() - FORGOTTEN_AFTER,
                ~noted.exists(),
                ~of_event.exists(),
            )
        )
        forgotten = rows.all()
        for organization_id, invoice_id in forgotten:
            await _queue(session, organization_id, invoice_id)
    return len(forgotten)


async def _queue(session: Session, organization_id: UUID, invoice_id: UUID) -> None:
    await enqueue(
        session,
        organization_id,
        GENERATE_JOB,
        {"invoice_id": str(invoice_id)},
        unique_key=f"{GENERATE_JOB}:{invoice_id}",
        max_attempts=GENERATION_ATTEMPTS,
    )
