"""Changes of who may do what: one at a time for an organization, and told to every process."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.kernel.db import ACCESS_CHANGED

ACCESS_CHANNEL = "billwright_access"
"""PostgreSQL notification channel: its payload is the id of an organization whose keys or settings changed."""


async def lock_organization(ctx: Context) -> None:
    """Serialize rules that hold over all keys or members of the organization."""
    await ctx.session.execute(
        select(col(Organization.id)).where(col(Organization.id) == ctx.organization_id).with_for_update()
    )


async def announce_access_change(ctx: Context) -> None:
    """Tell every process, at commit, to forget what it remembers of the organization's keys and settings."""
    await ctx.session.execute(select(func.pg_notify(ACCESS_CHANNEL, str(ctx.organization_id))))
    ctx.session.info.setdefault(ACCESS_CHANGED, set()).add(ctx.organization_id)
