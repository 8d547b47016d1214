"""The revision of an organization's catalogue, which caches of plans and taxes are keyed on."""

from __future__ import annotations

from sqlalchemy import update
from sqlmodel import col

from billwright.billing.access.changes import announce_access_change
from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization

UNCOMMITTED = "catalog_written"
"""Key of ``session.info``: the catalogue was changed here, so what this transaction reads must not reach a cache."""


async def bump_catalog(ctx: Context) -> None:
    """Call in every transaction that changes metrics, plans, charges, filters or taxes. Locks the organization's row.

    The context's organization carries the new revision afterwards.
    """
    revision = await ctx.session.scalar(
        update(Organization)
        .where(col(Organization.id) == ctx.organization_id)
        .values(catalog_revision=col(Organization.catalog_revision) + 1)
        .returning(col(Organization.catalog_revision))
        .execution_options(synchronize_session=False)
    )
    await announce_access_change(ctx)
    ctx.session.info[UNCOMMITTED] = True
    if ctx.organization in ctx.session:
        await ctx.session.refresh(ctx.organization, ["catalog_revision"])
    elif revision is not None:
        ctx.organization.catalog_revision = revision
