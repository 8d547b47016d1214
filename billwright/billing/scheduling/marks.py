"""Mark-driven passes: work that waits behind a mark set by another write (spec 03 §8.1)."""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy import text

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.runtime import Runtime
from billwright.billing.invoicing.drafts import refresh_invoice, stale_drafts
from billwright.billing.progressive.processing import check_marked
from billwright.billing.wallets.refreshing import refresh_balances

log = structlog.get_logger(__name__)


async def run_marked(runtime: Runtime, organization_id: UUID) -> int:
    """All marked work of an organization in its order: stale drafts, then lifetime usage with its thresholds, then
    ongoing balances of wallets; returns how much was done."""
    done = await refresh_marked(runtime, organization_id) + await check_marked(runtime, organization_id)
    return done + await refresh_balances(runtime, organization_id)


async def refresh_marked(runtime: Runtime, organization_id: UUID) -> int:
    """Refresh the organization's stale drafts until none is left; returns how many were refreshed."""
    refreshed = 0
    failed: set[UUID] = set()
    while True:
        async with runtime.database.reading() as session:
            organization = await session.get(Organization, organization_id)
            if organization is None:
                return refreshed
            found = await stale_drafts(Context(session, organization), limit=100 + len(failed))
        drafts = [item for item in found if item not in failed]
        if not drafts:
            return refreshed
        for invoice_id in drafts:
            try:
                async with runtime.database.transaction() as session:
                    organization = await session.get(Organization, organization_id)
                    if organization is None:
                        return refreshed
                    ctx = Context(session, organization, event_store=runtime.event_store)
                    await refresh_invoice(ctx, invoice_id)
                refreshed += 1
            except Exception:
                log.exception("draft refresh failed", invoice_id=str(invoice_id))
                failed.add(invoice_id)


async def run_all_marked(runtime: Runtime) -> int:
    """The live pass: stale drafts of all live organizations."""
    async with runtime.database.reading() as session:
        rows = await session.execute(
            text(
                "select distinct organization_id from invoices"
                " where status = 'draft' and ready_to_be_refreshed and live"
            )
        )
        organizations = [row[0] for row in rows]
    return sum([await refresh_marked(runtime, organization_id) for organization_id in organizations])
