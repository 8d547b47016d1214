"""Doing something without having done it: the real code in a savepoint that is always rolled back."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.kernel.closing import count_notes, forget_notes


@asynccontextmanager
async def dry_run(ctx: Context) -> AsyncGenerator[Context]:
    """A context whose changes, announcements and queued jobs are undone when the block ends, however it ends.

    Row locks are held to the end of the surrounding transaction; the organization's counters are left alone. Objects
    that were changed must not be used afterwards.
    """
    copied = Organization(**ctx.organization.model_dump())
    copied.webhook_event_types = []
    copied.document_numbering = "per_customer"
    copied.eu_tax_management = False  # taxes are those the customer has, also while they are being checked
    queued = list(ctx.session.info.get("queued_jobs", ()))
    notes = count_notes(ctx.session)
    savepoint = await ctx.session.begin_nested()
    try:
        with structlog.contextvars.bound_contextvars(dry_run=True):
            yield replace(ctx, organization=copied)
    finally:
        await savepoint.rollback()
        forget_notes(ctx.session, notes)
        ctx.session.info["queued_jobs"] = queued
