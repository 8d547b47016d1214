"""Credit notes on the wire (spec 05 C1, C3, C5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired

from typing_extensions import TypedDict

from billwright.billing.credit_notes.amounts import NoteAmounts
from billwright.billing.credit_notes.models import CreditNote, CreditNoteItem, CreditNoteTax
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.schemas import FeeOut
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.inputs import Input, NonNegativeInteger, Text
from billwright.billing.kernel.money import decimal_string
from billwright.billing.kernel.outputs import Day, DecimalText, Id, Instant, JsonNumber, number

REASONS = (
    "duplicated_charge",
    "product_unsatisfactory",
    "order_change",
    "order_cancellation",
    "fraudulent_charge",
    "other",
)


class CreditNoteItemInput(Input):
    """What to give back of a fee: minor units, excluding taxes and before coupons."""

    fee_id: Text | None = None
    amount_cents: Any = None


class CreditNoteCreate(Input):
    """Body of ``POST /credit_notes``. The three amounts include taxes; ``items`` is checked by the service."""

    invoice_id: Text | None = None
    reason: Text | None = None
    description: Text | None = None
    credit_amount_cents: NonNegativeInteger | None = None
    refund_amount_cents: NonNegativeInteger | None = None
    offset_amount_cents: NonNegativeInteger | None = None
    items: Any = None
    metadata: Any = None


class CreditNoteEstimateInput(Input):
    """Body of ``POST /credit_notes/estimate``."""

    invoice_id: Text | None = None
    items: Any = None


class CreditNoteUpdate(Input):
    """Body of ``PUT /credit_notes/{lago_id}``; metadata are merged."""

    refund_status: Text | None = None
    metadata: Any = None


class MetadataInput(Input):
    """Body of the metadata endpoints: text -> text or null."""

    metadata: Any = None


class CreditNoteItemOut(TypedDict):
    lago_id: Id
    amount_cents: int
    precise_amount_cents: DecimalText
    amount_currency: str
    fee: FeeOut


class CreditNoteTaxOut(TypedDict):
    lago_id: Id
    lago_credit_note_id: Id
    lago_tax_id: Id | None
    tax_name: str
    tax_code: str
    tax_rate: JsonNumber
    tax_description: str | None
    base_amount_cents: int
    amount_cents: int
    amount_currency: str
    created_at: Instant


class CreditNoteOut(TypedDict):
    """The ``credit_note`` object of the contract; single answers add the customer."""

    lago_id: Id
    billing_entity_code: str
    sequential_id: int
    number: str
    lago_invoice_id: Id
    invoice_number: str
    issuing_date: Day
    credit_status: str
    refund_status: str | None
    reason: str
    description: str | None
    currency: str
    total_amount_cents: int
    precise_total_amount_cents: DecimalText
    taxes_amount_cents: int
    precise_taxes_amount_cents: DecimalText
    taxes_rate: JsonNumber
    sub_total_excluding_taxes_amount_cents: int
    balance_amount_cents: int
    credit_amount_cents: int
    refund_amount_cents: int
    offset_amount_cents: int
    coupons_adjustment_amount_cents: int
    created_at: Instant
    updated_at: Instant
    voided_at: Instant | None
    file_url: str | None
    self_billed: bool
    items: Sequence[CreditNoteItemOut]
    applied_taxes: Sequence[CreditNoteTaxOut]
    metadata: dict[str, Any] | None
    error_details: Sequence[Any]
    customer: NotRequired[Any]


class CreditNoteMetadataOut(TypedDict):
    """Answer of the metadata endpoints."""

    metadata: dict[str, Any] | None


class EstimatedItemOut(TypedDict):
    lago_fee_id: Id
    amount_cents: int


class EstimatedTaxOut(TypedDict):
    lago_tax_id: Id | None
    tax_name: str
    tax_code: str
    tax_rate: JsonNumber
    tax_description: str
    base_amount_cents: int
    amount_cents: int
    amount_currency: str


class CreditNoteEstimateOut(TypedDict):
    """The ``estimated_credit_note`` object of the contract."""

    lago_invoice_id: Id
    invoice_number: str
    currency: str
    taxes_amount_cents: int
    precise_taxes_amount_cents: JsonNumber
    taxes_rate: JsonNumber
    sub_total_excluding_taxes_amount_cents: int
    max_creditable_amount_cents: int
    max_refundable_amount_cents: int
    max_offsettable_amount_cents: int
    coupons_adjustment_amount_cents: int
    precise_coupons_adjustment_amount_cents: JsonNumber
    items: Sequence[EstimatedItemOut]
    applied_taxes: Sequence[EstimatedTaxOut]


def credit_note_object(
    note: CreditNote,
    *,
    billing_entity_code: str,
    invoice_number: str,
    file_url: str | None,
    items: Sequence[CreditNoteItemOut],
    taxes: Sequence[CreditNoteTax],
) -> CreditNoteOut:
    """A credit note on the wire."""
    return {
        "lago_id": note.id,
        "billing_entity_code": billing_entity_code,
        "sequential_id": note.sequential_id,
        "number": note.number,
        "lago_invoice_id": note.invoice_id,
        "invoice_number": invoice_number,
        "issuing_date": note.issuing_date,
        "credit_status": note.credit_status,
        "refund_status": note.refund_status,
        "reason": note.reason,
        "description": note.description,
        "currency": note.currency,
        "total_amount_cents": note.total_amount_cents,
        "precise_total_amount_cents": decimal_string(note.precise_total_amount_cents),
        "taxes_amount_cents": note.taxes_amount_cents,
        "precise_taxes_amount_cents": decimal_string(note.precise_taxes_amount_cents),
        "taxes_rate": number(note.taxes_rate),
        "sub_total_excluding_taxes_amount_cents": note.sub_total_excluding_taxes_amount_cents,
        "balance_amount_cents": note.balance_amount_cents,
        "credit_amount_cents": note.credit_amount_cents,
        "refund_amount_cents": note.refund_amount_cents,
        "offset_amount_cents": note.offset_amount_cents,
        "coupons_adjustment_amount_cents": note.coupons_adjustment_amount_cents,
        "created_at": iso(note.created_at) or "",
        "updated_at": iso(note.updated_at) or "",
        "voided_at": iso(note.voided_at),
        "file_url": file_url,
        "self_billed": False,
        "items": items,
        "applied_taxes": [_tax_object(row) for row in taxes],
        "metadata": note.custom_metadata,
        "error_details": [],
    }


def credit_note_item_object(row: CreditNoteItem, fee: FeeOut) -> CreditNoteItemOut:
    """An item with its fee."""
    return {
        "lago_id": row.id,
        "amount_cents": row.amount_cents,
        "precise_amount_cents": decimal_string(row.precise_amount_cents),
        "amount_currency": row.currency,
        "fee": fee,
    }


def _tax_object(row: CreditNoteTax) -> CreditNoteTaxOut:
    return {
        "lago_id": row.id,
        "lago_credit_note_id": row.credit_note_id,
        "lago_tax_id": row.tax_id,
        "tax_name": row.tax_name,
        "tax_code": row.tax_code,
        "tax_rate": number(row.tax_rate),
        "tax_description": row.tax_description,
        "base_amount_cents": row.base_amount_cents,
        "amount_cents": row.amount_cents,
        "amount_currency": row.currency,
        "created_at": iso(row.created_at) or "",
    }


def estimate_object(
    invoice: Invoice,
    amounts: NoteAmounts,
    items: Sequence[EstimatedItemOut],
    *,
    creditable_cents: int,
    refundable_cents: int,
    offsettable_cents: int,
    taxes_cents: int,
) -> CreditNoteEstimateOut:
    """What a note with these items could give back at most."""
    return {
        "lago_invoice_id": invoice.id,
        "invoice_number": invoice.number,
        "currency": invoice.currency,
        "taxes_amount_cents": taxes_cents,
        "precise_taxes_amount_cents": number(amounts.precise_taxes),
        "taxes_rate": number(amounts.taxes_rate),
        "sub_total_excluding_taxes_amount_cents": amounts.sub_total_cents,
        "max_creditable_amount_cents": creditable_cents,
        "max_refundable_amount_cents": refundable_cents,
        "max_offsettable_amount_cents": offsettable_cents,
        "coupons_adjustment_amount_cents": amounts.coupons_adjustment_cents,
        "precise_coupons_adjustment_amount_cents": number(amounts.precise_coupons_adjustment),
        "items": items,
        "applied_taxes": [
            {
                "lago_tax_id": applied.tax.id,
                "tax_name": applied.tax.name,
                "tax_code": applied.tax.code,
                "tax_rate": number(applied.tax.rate),
                "tax_description": applied.tax.description or "",
                "base_amount_cents": applied.base_amount_cents,
                "amount_cents": applied.amount_cents,
                "amount_currency": invoice.currency,
            }
            for applied in amounts.applied
        ],
    }
