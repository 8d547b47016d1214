"""Reading what the nightly audit found."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.auditing.models import AuditFinding
from billwright.billing.kernel.pagination import Page, PageRequest, paginate


async def list_findings(
    ctx: Context,
    page: PageRequest,
    *,
    resolved: bool | None = False,
    code: str | None = None,
    since: datetime | None = None,
) -> Page[AuditFinding]:
    """A page of the organization's findings, newest seen first. ``resolved``: only such, only open ones, or all;
    ``code``: of one check; ``since``: seen at that instant (system time) or later."""
    statement = select(AuditFinding).where(col(AuditFinding.organization_id) == ctx.organization_id)
    if resolved is not None:
        ended = col(AuditFinding.resolved_at)
        statement = statement.where(ended.is_not(None) if resolved else ended.is_(None))
    if code is not None:
        statement = statement.where(col(AuditFinding.code) == code)
    if since is not None:
        statement = statement.where(col(AuditFinding.last_seen_at) >= since)
    return await paginate(
        ctx.session, statement.order_by(col(AuditFinding.last_seen_at).desc(), col(AuditFinding.id)), page
    )


async def count_open(ctx: Context) -> int:
    """How many contradictions are open."""
    statement = (
        select(func.count())
        .select_from(AuditFinding)
        .where(col(AuditFinding.organization_id) == ctx.organization_id, col(AuditFinding.resolved_at).is_(None))
    )
    return int((await ctx.session.execute(statement)).scalar_one())
