"""Use cases of exports: asking for a file, and deleting it when its link has ended (spec 04 §23, 07 §7.5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.queries import CreditNoteFilters, credit_notes_statement
from billwright.billing.exports.credit_notes import credit_notes_file, items_file
from billwright.billing.exports.files import ExportFile
from billwright.billing.exports.invoices import fees_file, invoices_file
from billwright.billing.exports.models import DataExport, DataExportPart
from billwright.billing.invoicing.queries import InvoiceFilters, invoices_statement
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import Database
from billwright.billing.kernel.errors import ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.outbox import enqueue

BUILD_EXPORT = "data_export"
ATTEMPTS = 3
LINK_LIFETIME = timedelta(days=7)
INVOICES, FEES, NOTES, ITEMS = "invoices", "invoice_fees", "credit_notes", "credit_note_items"
INVOICE_TYPES, NOTE_TYPES = (INVOICES, FEES), (NOTES, ITEMS)
Filters = InvoiceFilters | CreditNoteFilters


async def request_invoices_export(
    ctx: Context, user_id: UUID, resource_type: str, filters: InvoiceFilters
) -> DataExport:
    """Ask for ``invoices`` or ``invoice_fees`` of a filtered list; a job makes the file. The caller checks permissions.

    Raises ``ValidationFailed`` for another type (``resource_type: value_is_invalid``) and for unknown statuses.
    """
    if resource_type not in INVOICE_TYPES:
        raise ValidationFailed(resource_type="value_is_invalid")
    invoices_statement(ctx, filters)
    return await _request(ctx, user_id, resource_type, filters)


async def request_credit_notes_export(
    ctx: Context, user_id: UUID, resource_type: str, filters: CreditNoteFilters
) -> DataExport:
    """The same for ``credit_notes`` and ``credit_note_items``."""
    if resource_type not in NOTE_TYPES:
        raise ValidationFailed(resource_type="value_is_invalid")
    credit_notes_statement(ctx, filters)
    return await _request(ctx, user_id, resource_type, filters)


async def _request(ctx: Context, user_id: UUID, resource_type: str, filters: Filters) -> DataExport:
    now = system_now()
    export = DataExport(
        id=new_id(),
        organization_id=ctx.organization_id,
        user_id=user_id,
        resource_type=resource_type,
        filters=_stored(filters),
        filename=f"{now:%Y%m%d%H%M%S}_{resource_type}.csv",
        created_at=now,
        updated_at=now,
    )
    ctx.session.add(export)
    await ctx.session.flush()
    await enqueue(
        ctx.session,
        ctx.organization_id,
        BUILD_EXPORT,
        {"export_id": str(export.id)},
        unique_key=f"{BUILD_EXPORT}:{export.id}",
        max_attempts=ATTEMPTS,
    )
    return export


def file_of(ctx: Context, export: DataExport) -> ExportFile:
    """Columns and rows of the file that was asked for."""
    if export.resource_type in INVOICE_TYPES:
        wanted = _read(InvoiceFilters, export.filters)
        return invoices_file(ctx, wanted) if export.resource_type == INVOICES else fees_file(ctx, wanted)
    notes = _read(CreditNoteFilters, export.filters)
    return credit_notes_file(ctx, notes) if export.resource_type == NOTES else items_file(ctx, notes)


def _stored(filters: Filters) -> dict[str, Any]:
    """The filters that are set, as JSON."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(filters):
        value: Any = getattr(filters, field.name)
        if value is None or value == {}:
            continue
        if isinstance(value, date | UUID):
            value = str(value)
        elif isinstance(value, tuple):
            value = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        found[field.name] = value
    return found


Kind = TypeVar("Kind", InvoiceFilters, CreditNoteFilters)


def _read(kind: type[Kind], stored: Mapping[str, Any]) -> Kind:
    """``_stored`` undone."""
    found = dict(stored)
    for name in ("issuing_date_from", "issuing_date_to"):
        if name in found:
            found[name] = date.fromisoformat(found[name])
    for name in ("customer_id", "invoice_id", "subscription_id"):
        if name in found:
            found[name] = UUID(found[name])
    return kind(**found)


async def discard_expired(database: Database) -> int:
    """Delete the files whose link has ended, and what is left of failed ones; returns how many."""
    now = system_now()
    async with database.transaction() as session:
        ended = list(
            await session.scalars(
                select(col(DataExport.id)).where(col(DataExport.expires_at) <= now).with_for_update(skip_locked=True)
            )
        )
        if ended:
            await session.execute(delete(DataExportPart).where(col(DataExportPart.export_id).in_(ended)))
            await session.execute(
                update(DataExport)
                .where(col(DataExport.id).in_(ended))
                .values(expires_at=None, digest=None, sealed_token=None, updated_at=now)
            )
    return len(ended)
