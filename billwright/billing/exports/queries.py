"""Reads of exports: everyone sees their own (spec 07 §7.5)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.exports.models import DataExport
from billwright.billing.kernel.finding import find
from billwright.billing.kernel.pagination import Page, PageRequest, paginate


async def list_exports(ctx: Context, user_id: UUID, page: PageRequest) -> Page[DataExport]:
    """The requester's exports, newest first."""
    return await paginate(ctx.session, _own(ctx, user_id).order_by(col(DataExport.created_at).desc()), page)


async def find_export(ctx: Context, user_id: UUID, export_id: UUID) -> DataExport:
    """One of them. Raises ``NotFound("data_export")``."""
    return await find(ctx.session, _own(ctx, user_id).where(col(DataExport.id) == export_id), "data_export")


def _own(ctx: Context, user_id: UUID):
    return select(DataExport).where(
        col(DataExport.organization_id) == ctx.organization_id, col(DataExport.user_id) == user_id
    )
