"""Credit notes with their items and taxes (spec 05 C1)."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, text

from billwright.billing.kernel.records import Record, Table, cents, contains_index, instant, jsonb, key, numeric


class CreditNote(Record, table=True):
    """What is given back of one invoice. All ``*_cents`` are minor units of ``currency``, taxes included but for
    ``sub_total_excluding_taxes_amount_cents``; precise values have 5 decimals.

    ``status``: ``draft`` (of a draft invoice: invisible and unusable) -> ``finalized`` | ``deleted``.
    ``credit_status``: ``available`` -> ``consumed`` | ``voided``.
    ``refund_status``: null without a refund, else ``pending`` -> ``succeeded`` | ``failed``.
    ``total = credit + refund + offset``; ``balance`` is what is left of the credit.
    """

    __tablename__ = "credit_notes"
    __table_args__ = (
        Index("uq_credit_notes_sequence", "invoice_id", "sequential_id", unique=True),
        Index(
            "ix_credit_notes_list",
            "organization_id",
            text("issuing_date desc"),
            text("created_at desc"),
            postgresql_where=text("status = 'finalized'"),
        ),
        contains_index("ix_credit_notes_search", "number"),
        Index("ix_credit_notes_customer", "customer_id", text("created_at desc")),
        Index(
            "ix_credit_notes_usable",
            "customer_id",
            "currency",
            "created_at",
            postgresql_where=text("status = 'finalized' and credit_status = 'available' and balance_amount_cents > 0"),
        ),
        CheckConstraint(
            "total_amount_cents = credit_amount_cents + refund_amount_cents + offset_amount_cents", name="total"
        ),
        CheckConstraint(
            "credit_amount_cents >= 0 and refund_amount_cents >= 0 and offset_amount_cents >= 0", name="parts"
        ),
        CheckConstraint("balance_amount_cents >= 0 and balance_amount_cents <= credit_amount_cents", name="balance"),
    )

    organization_id: uuid.UUID = key("organizations.id")
    customer_id: uuid.UUID = key("customers.id")
    invoice_id: uuid.UUID = key("invoices.id")
    status: str
    number: str
    sequential_id: int
    currency: str
    timezone: str
    """Time zone applied when the note was made."""
    issuing_date: date
    reason: str = "other"
    description: str | None = None
    automatic: bool = False
    """Made by a termination or a plan change; such a note follows its draft invoice."""
    credit_status: str = "available"
    refund_status: str | None = None
    credit_amount_cents: int = cents()
    refund_amount_cents: int = cents()
    offset_amount_cents: int = cents()
    total_amount_cents: int = cents()
    balance_amount_cents: int = cents()
    taxes_amount_cents: int = cents()
    precise_taxes_amount_cents: Decimal = numeric(30, 5)
    precise_total_amount_cents: Decimal = numeric(30, 5)
    taxes_rate: Decimal = numeric()
    sub_total_excluding_taxes_amount_cents: int = cents()
    coupons_adjustment_amount_cents: int = cents()
    precise_coupons_adjustment_amount_cents: Decimal = numeric(30, 5)
    custom_metadata: dict[str, Any] | None = jsonb(nullable=True)
    finalized_at: datetime | None = instant(nullable=True)
    voided_at: datetime | None = instant(nullable=True)
    refunded_at: datetime | None = instant(nullable=True)
    issued_parties: dict[str, Any] | None = jsonb(nullable=True)
    """Seller and buyer as printed, fixed when the note is finalized."""
    file_id: uuid.UUID | None = key("stored_files.id", nullable=True)


class CreditNoteItem(Table, table=True):
    """What is given back of one fee, excluding taxes and before discounts."""

    __tablename__ = "credit_note_items"
    __table_args__ = (
        Index("ix_credit_note_items_note", "credit_note_id"),
        Index("ix_credit_note_items_fee", "fee_id"),
        CheckConstraint("amount_cents >= 0", name="amount"),
    )

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    credit_note_id: uuid.UUID = key("credit_notes.id")
    fee_id: uuid.UUID = key("fees.id")
    position: int = 0
    amount_cents: int = cents()
    precise_amount_cents: Decimal = numeric(30, 5)
    currency: str
    created_at: datetime = instant()


class CreditNoteTax(Table, table=True):
    """A tax of a credit note, with the tax as it was on the invoice."""

    __tablename__ = "credit_notes_taxes"
    __table_args__ = (Index("ix_credit_notes_taxes_note", "credit_note_id"),)

    id: uuid.UUID = key(primary=True)
    organization_id: uuid.UUID = key("organizations.id")
    credit_note_id: uuid.UUID = key("credit_notes.id")
    tax_id: uuid.UUID | None = key("taxes.id", nullable=True)
    tax_code: str
    tax_name: str
    tax_description: str | None = None
    tax_rate: Decimal = numeric()
    base_amount_cents: int = cents()
    amount_cents: int = cents()
    currency: str
    created_at: datetime = instant()
