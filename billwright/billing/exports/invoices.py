"""Files of invoices: a row per invoice, or a row per fee (spec 04 §23)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import load_only
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Plan
from billwright.billing.exports.cells import Cell
from billwright.billing.exports.files import BUYER_HEADS, ExportFile, buyer_and_url, rows_of, with_buyer_and_file
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.invoicing.queries import InvoiceFilters, invoices_statement
from billwright.billing.invoicing.schemas import fee_period
from billwright.billing.subscriptions.models import Subscription

INVOICE_COLUMNS = (
    *("lago_id", "sequential_id", "partner_billing", "issuing_date"),
    *BUYER_HEADS,
    *("invoice_number", "purchase_order_number", "invoice_type", "payment_status", "status", "file_url", "currency"),
    *("fees_amount_cents", "coupons_amount_cents", "taxes_amount_cents", "credit_notes_amount_cents"),
    *("prepaid_credit_amount_cents", "total_amount_cents", "payment_due_date", "payment_dispute_lost_at"),
    *("payment_overdue", "total_due_amount_cents", "total_paid_amount_cents"),
    *("total_offsetted_credit_note_amount_cents", "progressive_billing_credit_amount_cents"),
)
FEE_COLUMNS = (
    *("invoice_lago_id", "invoice_number", "invoice_issuing_date", "fee_lago_id", "fee_item_type", "fee_item_code"),
    *("fee_item_name", "fee_item_description", "fee_item_invoice_display_name"),
    *("fee_item_filter_invoice_display_name", "fee_item_grouped_by", "subscription_external_id"),
    *("subscription_plan_code", "fee_from_date", "fee_to_date", "fee_amount_currency", "fee_units"),
    *("fee_precise_unit_amount", "fee_taxes_amount_cents", "fee_total_amount_cents"),
)
_INVOICE_FIELDS = (
    *("id", "sequential_id", "issuing_date", "number", "invoice_type", "payment_status", "status", "currency"),
    *("fees_amount_cents", "coupons_amount_cents", "taxes_amount_cents", "credit_notes_amount_cents"),
    *("prepaid_credit_amount_cents", "total_amount_cents", "payment_due_date", "payment_dispute_lost_at"),
    *("payment_overdue", "total_paid_amount_cents", "offset_amount_cents", "progressive_billing_credit_amount_cents"),
)
_FEE_FIELDS = (
    *("fee_type", "item", "description", "invoice_display_name", "grouped_by", "external_subscription_id", "currency"),
    *("units", "precise_unit_amount", "amount_cents", "taxes_amount_cents"),
    *("from_datetime", "to_datetime", "charges_from_datetime", "charges_to_datetime"),
)


def invoices_file(ctx: Context, filters: InvoiceFilters) -> ExportFile:
    """``invoices``: one row per invoice of the filtered list."""
    fields = [getattr(Invoice, name) for name in _INVOICE_FIELDS]
    statement = with_buyer_and_file(
        invoices_statement(ctx, filters), col(Invoice.customer_id), col(Invoice.file_id), *fields
    )

    def cells(row: Any) -> Sequence[Cell]:
        buyer, url = buyer_and_url(ctx, row)
        due = row.total_amount_cents - row.total_paid_amount_cents - row.offset_amount_cents
        return (
            row.id,
            row.sequential_id,
            False,
            row.issuing_date,
            *buyer,
            row.number,
            None,
            row.invoice_type,
            row.payment_status,
            row.status,
            url,
            row.currency,
            row.fees_amount_cents,
            row.coupons_amount_cents,
            row.taxes_amount_cents,
            row.credit_notes_amount_cents,
            row.prepaid_credit_amount_cents,
            row.total_amount_cents,
            row.payment_due_date,
            row.payment_dispute_lost_at,
            row.payment_overdue,
            0 if row.status == "voided" else due,
            row.total_paid_amount_cents,
            row.offset_amount_cents,
            row.progressive_billing_credit_amount_cents,
        )

    return ExportFile(INVOICE_COLUMNS, statement, cells)


def fees_file(ctx: Context, filters: InvoiceFilters) -> ExportFile:
    """``invoice_fees``: one row per fee of those invoices, in the order of the document."""
    joined = (
        invoices_statement(ctx, filters)
        .join(Fee, col(Fee.invoice_id) == col(Invoice.id))
        .outerjoin(Subscription, col(Subscription.id) == col(Fee.subscription_id))
        .outerjoin(Plan, col(Plan.id) == col(Subscription.plan_id))
        .where(col(Fee.deleted_at).is_(None))
        .order_by(col(Fee.position), col(Fee.id))
    )
    statement = rows_of(
        joined,
        col(Invoice.id),
        col(Invoice.number),
        col(Invoice.issuing_date),
        col(Invoice.timezone),
        Fee,
        col(Plan.code).label("plan_code"),
    ).options(load_only(*(getattr(Fee, name) for name in _FEE_FIELDS)))

    def cells(row: Any) -> Sequence[Cell]:
        fee: Fee = row.Fee
        since, until = fee_period(fee, row.timezone)
        item = fee.item
        return (
            row.id,
            row.number,
            row.issuing_date,
            fee.id,
            item.get("type", fee.fee_type),
            item.get("code"),
            item.get("name"),
            fee.description or item.get("description"),
            fee.invoice_display_name or item.get("invoice_display_name"),
            item.get("filter_invoice_display_name"),
            fee.grouped_by,
            fee.external_subscription_id,
            row.plan_code,
            since[:10] if since else None,
            until[:10] if until else None,
            fee.currency,
            fee.units,
            fee.precise_unit_amount,
            fee.taxes_amount_cents,
            fee.amount_cents + fee.taxes_amount_cents,
        )

    return ExportFile(FEE_COLUMNS, statement, cells)
