"""Credit notes with what belongs to them, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.credit_notes.models import CreditNote, CreditNoteItem, CreditNoteTax
from billwright.billing.credit_notes.schemas import (
    CreditNoteItemOut,
    CreditNoteOut,
    credit_note_item_object,
    credit_note_object,
)
from billwright.billing.customers.queries import customer_objects, customers_by_id
from billwright.billing.invoicing.fee_queries import fee_objects
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.invoicing.presenting import grouped
from billwright.billing.kernel.models import StoredFile


async def credit_note_objects(ctx: Context, notes: Sequence[CreditNote]) -> list[CreditNoteOut]:
    """Credit notes for a list: items and taxes, without the customer."""
    if not notes:
        return []
    ids = [note.id for note in notes]
    numbers = {
        row.id: row.number
        for row in await ctx.session.execute(
            select(col(Invoice.id), col(Invoice.number)).where(
                col(Invoice.organization_id) == ctx.organization_id,
                col(Invoice.id).in_({note.invoice_id for note in notes}),
            )
        )
    }
    taxes = await ctx.session.scalars(
        select(CreditNoteTax).where(col(CreditNoteTax.credit_note_id).in_(ids)).order_by(col(CreditNoteTax.id))
    )
    by_note = grouped(taxes, "credit_note_id")
    items = await _items(ctx, ids)
    urls = await file_urls(ctx, notes)
    return [
        credit_note_object(
            note,
            billing_entity_code=billing_entity_code(ctx.organization),
            invoice_number=numbers[note.invoice_id],
            file_url=urls.get(note.id),
            items=items.get(note.id, []),
            taxes=by_note.get(note.id, []),
        )
        for note in notes
    ]


async def credit_note_detail(ctx: Context, note: CreditNote) -> CreditNoteOut:
    """One credit note with its customer."""
    answer = (await credit_note_objects(ctx, [note]))[0]
    customers = await customers_by_id(ctx, [note.customer_id])
    answer["customer"] = (await customer_objects(ctx, list(customers.values())))[0]
    return answer


async def _items(ctx: Context, note_ids: Sequence[UUID]) -> dict[UUID, list[CreditNoteItemOut]]:
    rows = (
        await ctx.session.execute(
            select(CreditNoteItem, Fee)
            .join(Fee, col(Fee.id) == col(CreditNoteItem.fee_id))
            .where(col(CreditNoteItem.credit_note_id).in_(note_ids))
            .order_by(col(CreditNoteItem.credit_note_id), col(CreditNoteItem.position))
        )
    ).all()
    fees = {fee.id: fee for _, fee in rows}
    shown = {item["lago_id"]: item for item in await fee_objects(ctx, list(fees.values()))}
    found: dict[UUID, list[CreditNoteItemOut]] = {}
    for item, fee in rows:
        found.setdefault(item.credit_note_id, []).append(credit_note_item_object(item, shown[fee.id]))
    return found


async def file_urls(ctx: Context, notes: Sequence[CreditNote]) -> dict[UUID, str]:
    """Signed download address by note id, for those whose PDF exists."""
    files = {note.file_id: note.id for note in notes if note.file_id}
    if not files:
        return {}
    rows = await ctx.session.execute(
        select(col(StoredFile.id), col(StoredFile.token), col(StoredFile.filename)).where(
            col(StoredFile.id).in_(files), col(StoredFile.organization_id) == ctx.organization_id
        )
    )
    return {files[row[0]]: f"{ctx.api_url}/files/{row[1]}/{quote(row[2], safe='')}" for row in rows}
