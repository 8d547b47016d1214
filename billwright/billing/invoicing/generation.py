"""Retrying invoices whose computation failed: they stay ``generating`` with their rows (spec 03 §8.4 point 6)."""

from __future__ import annotations

from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.invoicing.billing import GENERATION_ATTEMPTS, record_generation_error
from billwright.billing.invoicing.drafts import finish_generation
from billwright.billing.invoicing.queries import find_invoice


@job("invoice.generate")
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
