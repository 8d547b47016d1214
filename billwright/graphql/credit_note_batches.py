"""Batches of credit notes: one query for all rows of a list."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.availability import Availability, availability_of
from billwright.billing.credit_notes.models import CreditNote, CreditNoteItem, CreditNoteTax
from billwright.billing.credit_notes.presenting import file_urls
from billwright.billing.credit_notes.queries import UsableCredit, note_counts, usable_credit
from billwright.billing.invoicing.models import Fee, InvoiceMetadata
from billwright.graphql.batches import grouped, invoices


async def credit_notes(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, CreditNote]:
    """Final ones by id."""
    rows = await ctx.session.scalars(
        select(CreditNote).where(
            col(CreditNote.organization_id) == ctx.organization_id,
            col(CreditNote.id).in_(ids),
            col(CreditNote.status) == "finalized",
        )
    )
    return {row.id: row for row in rows}


async def items_of_credit_note(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[CreditNoteItem]]:
    """In the order in which they were given."""
    rows = await ctx.session.scalars(
        select(CreditNoteItem)
        .where(col(CreditNoteItem.organization_id) == ctx.organization_id, col(CreditNoteItem.credit_note_id).in_(ids))
        .order_by(col(CreditNoteItem.position), col(CreditNoteItem.id))
    )
    return grouped(rows, "credit_note_id")


async def taxes_of_credit_note(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[CreditNoteTax]]:
    rows = await ctx.session.scalars(
        select(CreditNoteTax)
        .where(col(CreditNoteTax.organization_id) == ctx.organization_id, col(CreditNoteTax.credit_note_id).in_(ids))
        .order_by(col(CreditNoteTax.id))
    )
    return grouped(rows, "credit_note_id")


async def file_url_of_credit_note(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, str]:
    return await file_urls(ctx, list((await credit_notes(ctx, ids)).values()))


async def fees(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Fee]:
    """By id, also those that a later computation of their draft has replaced."""
    rows = await ctx.session.scalars(
        select(Fee).where(col(Fee.organization_id) == ctx.organization_id, col(Fee.id).in_(ids))
    )
    return {row.id: row for row in rows}


async def availability_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, Availability]:
    """What can still be given back of issued invoices."""
    return await availability_of(ctx, list((await invoices(ctx, ids)).values()))


async def usable_credit_of_customer(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[UsableCredit]]:
    return await usable_credit(ctx, ids)


async def credit_notes_by_customer(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, int]:
    return await note_counts(ctx, ids)


async def metadata_of_invoice(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, list[InvoiceMetadata]]:
    """Oldest first."""
    rows = await ctx.session.scalars(
        select(InvoiceMetadata)
        .where(col(InvoiceMetadata.invoice_id).in_(ids))
        .order_by(col(InvoiceMetadata.created_at), col(InvoiceMetadata.id))
    )
    return grouped(rows, "invoice_id")
