"""Copying a catalogue into a new sandbox: metrics, plans with their charges, taxes, coupons, add-ons (spec 09 §1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert, select

from billwright.billing.access.context import Context
from billwright.billing.catalog.changes import publish
from billwright.billing.kernel.ids import new_id
from billwright.billing.sandboxes.belongings import CATALOGUE, ORGANIZATIONS, owned_by
from billwright.billing.tables import metadata

Ids = dict[tuple[str, UUID], UUID]
"""Table and id of an original -> id of its copy."""


async def copy_catalogue(ctx: Context, source_id: UUID) -> None:
    """Copy what ``source_id`` sells to the context's organization, which sells nothing yet.

    Deleted things stay behind, and what hangs on them, and subscriptions' own versions of plans. Codes, prices and the
    order of lists are those of the original; times of creation are the organization's now.
    """
    copies: Ids = {}
    codes: list[str] = []
    for table in metadata().sorted_tables:
        if table.name not in CATALOGUE:
            continue
        rows = [dict(row) for row in (await ctx.session.execute(_originals(table, source_id))).mappings()]
        made = [copy for row in rows if (copy := _copy(ctx, table, row, copies)) is not None]
        if made:
            await ctx.session.execute(insert(table), made)
        if table.name == "billable_metrics":
            codes = [row["code"] for row in made]
    await publish(ctx, metric_codes=codes)


def _originals(table: Table, source_id: UUID) -> Any:
    owned = owned_by(table, source_id)
    assert owned is not None, table.name
    found = select(table).where(owned)
    if "deleted_at" in table.c:
        found = found.where(table.c.deleted_at.is_(None))
    if table.name == "plans":
        found = found.where(table.c.parent_id.is_(None), table.c.pending_deletion.is_(False))
    return found.order_by(*(table.c[name] for name in ("created_at", "id") if name in table.c))


def _copy(ctx: Context, table: Table, row: Mapping[str, Any], copies: Ids) -> dict[str, Any] | None:
    """The copy of a row; ``None`` where what it belongs to is not copied."""
    copy = dict(row)
    for link in table.foreign_keys:
        name, parent = link.parent.name, link.column.table.name
        if copy[name] is None:
            continue
        if parent == ORGANIZATIONS:
            copy[name] = ctx.organization_id
        elif parent == table.name:
            copy[name] = copies.get((parent, row[name]))
        else:
            copy[name] = copies.get((parent, row[name]))
            if copy[name] is None:
                return None
    if "id" in copy:
        copy["id"] = copies[table.name, row["id"]] = new_id()
    for name in ("created_at", "updated_at"):
        if name in copy:
            copy[name] = ctx.now()
    if "live" in copy:
        copy["live"] = ctx.organization.kind == "live"
    return copy
