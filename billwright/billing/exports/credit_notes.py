"""Files of credit notes: a row per note, or a row per item (spec 04 §23)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import aliased
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.credit_notes.models import CreditNote, CreditNoteItem
from billwright.billing.credit_notes.queries import CreditNoteFilters, credit_notes_statement
from billwright.billing.exports.cells import Cell
from billwright.billing.exports.files import BUYER_HEADS, ExportFile, buyer_and_url, rows_of, with_buyer_and_file
from billwright.billing.invoicing.models import Invoice

_BILLED = aliased(Invoice)
"""The note's invoice; a list filtered by its number joins it under its own name."""
CREDIT_NOTE_COLUMNS = (
    *("lago_id", "sequential_id", "partner_billing", "issuing_date"),
    *BUYER_HEADS,
    *("number", "invoice_number", "purchase_order_number", "credit_status", "refund_status", "reason", "description"),
    *("currency", "total_amount_cents", "taxes_amount_cents", "sub_total_excluding_taxes_amount_cents"),
    *("coupons_adjustment_amount_cents", "offset_amount_cents", "credit_amount_cents", "balance_amount_cents"),
    *("refund_amount_cents", "file_url"),
)
ITEM_COLUMNS = (
    *("credit_note_lago_id", "credit_note_number", "credit_note_invoice_number", "credit_note_issuing_date"),
    *("credit_note_item_lago_id", "credit_note_item_fee_lago_id", "credit_note_item_currency"),
    *("credit_note_item_amount_cents",),
)
_FIELDS = (
    *("id", "sequential_id", "issuing_date", "number", "credit_status", "refund_status", "reason", "description"),
    *("currency", "total_amount_cents", "taxes_amount_cents", "sub_total_excluding_taxes_amount_cents"),
    *("coupons_adjustment_amount_cents", "offset_amount_cents", "credit_amount_cents", "balance_amount_cents"),
    *("refund_amount_cents",),
)


def credit_notes_file(ctx: Context, filters: CreditNoteFilters) -> ExportFile:
    """``credit_notes``: one row per credit note of the filtered list."""
    fields = [getattr(CreditNote, name) for name in _FIELDS]
    statement = with_buyer_and_file(
        credit_notes_statement(ctx, filters).join(_BILLED, col(_BILLED.id) == col(CreditNote.invoice_id)),
        col(CreditNote.customer_id),
        col(CreditNote.file_id),
        *fields,
        col(_BILLED.number).label("invoice_number"),
    )

    def cells(row: Any) -> Sequence[Cell]:
        buyer, url = buyer_and_url(ctx, row)
        return (
            row.id,
            row.sequential_id,
            False,
            row.issuing_date,
            *buyer,
            row.number,
            row.invoice_number,
            None,
            row.credit_status,
            row.refund_status,
            row.reason,
            row.description,
            row.currency,
            row.total_amount_cents,
            row.taxes_amount_cents,
            row.sub_total_excluding_taxes_amount_cents,
            row.coupons_adjustment_amount_cents,
            row.offset_amount_cents,
            row.credit_amount_cents,
            row.balance_amount_cents,
            row.refund_amount_cents,
            url,
        )

    return ExportFile(CREDIT_NOTE_COLUMNS, statement, cells)


def items_file(ctx: Context, filters: CreditNoteFilters) -> ExportFile:
    """``credit_note_items``: one row per item of those notes, in order."""
    joined = (
        credit_notes_statement(ctx, filters)
        .join(_BILLED, col(_BILLED.id) == col(CreditNote.invoice_id))
        .join(CreditNoteItem, col(CreditNoteItem.credit_note_id) == col(CreditNote.id))
        .order_by(col(CreditNoteItem.position), col(CreditNoteItem.id))
    )
    statement = rows_of(
        joined,
        col(CreditNote.id).label("note_id"),
        col(CreditNote.number),
        col(_BILLED.number).label("invoice_number"),
        col(CreditNote.issuing_date),
        col(CreditNoteItem.id),
        col(CreditNoteItem.fee_id),
        col(CreditNoteItem.currency),
        col(CreditNoteItem.amount_cents),
    )
    return ExportFile(ITEM_COLUMNS, statement, tuple)
