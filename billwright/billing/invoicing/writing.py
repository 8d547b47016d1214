"""Storing a computed invoice: bulk inserts of rows, fees and taxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.invoicing.fee_drafts import CustomerTaxes, FeeDraft, group_key, wire_groups
from billwright.billing.invoicing.models import (
    Credit,
    Fee,
    FeeTax,
    Invoice,
    InvoiceError,
    InvoiceSubscription,
    InvoiceTax,
)
from billwright.billing.invoicing.rows import Row, row_values
from billwright.billing.invoicing.totals import Totals
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.records import Table
from billwright.billing.kernel.statements import Part, Rows, insert_all, insert_many
from billwright.billing.kernel.writing import insert_of, write_all
from billwright.billing.taxes.computation import FeeTaxes


async def insert_rows(ctx: Context, invoice: Invoice, rows: Sequence[Row], created_at: datetime) -> None:
    """Store which subscriptions the invoice bills. A violated unique index means: already billed."""
    values = [row_values(row, invoice.id, ctx.organization_id, created_at) for row in rows]
    await insert_many(ctx.session, InvoiceSubscription, values)


async def insert_fees(
    ctx: Context,
    invoice: Invoice,
    fees: Sequence[FeeDraft],
    totals: Totals,
    *,
    rows: Sequence[Row] = (),
    jobs: tuple[Part, Rows] | None = None,
) -> None:
    """Store fees with their taxes and the invoice's taxes, ``rows`` (see ``insert_rows``), ``jobs``, and what the
    session holds, the invoice perhaps, in one statement. Fees keep the invoice's ``created_at`` (spec 04 §8.1).
    """
    owner = FeeOwner(
        organization_id=invoice.organization_id,
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        created_at=invoice.created_at,
        updated_at=invoice.updated_at,
        untaxed=totals.untaxed,
    )
    taxes = invoice_tax_values(invoice, totals)
    billed = [row_values(row, invoice.id, ctx.organization_id, invoice.created_at) for row in rows]
    tables = _fee_tables(owner, fees, totals.fee_taxes, totals.payment_status)
    inserts = [
        insert_of(model, values) for model, values in (*tables, (InvoiceTax, taxes), (InvoiceSubscription, billed))
    ]
    await write_all(ctx.session, *inserts, *([jobs] if jobs is not None else []))


def invoice_tax_values(invoice: Invoice, totals: Totals) -> list[dict[str, Any]]:
    """Column values of the invoice's taxes."""
    return [
        {
            "id": new_id(),
            "organization_id": invoice.organization_id,
            "invoice_id": invoice.id,
            "tax_id": applied.tax.id,
            "tax_code": applied.tax.code,
            "tax_name": applied.tax.name,
            "tax_description": applied.tax.description,
            "tax_rate": applied.tax.rate,
            "fees_amount_cents": applied.fees_amount_cents,
            "amount_cents": applied.amount_cents,
            "currency": invoice.currency,
            "created_at": invoice.created_at,
        }
        for applied in totals.taxes.applied
    ]


@dataclass(frozen=True, slots=True)
class FeeOwner:
    """What the stored fees of one invoice, or standalone ones (``invoice_id`` null), have in common."""

    organization_id: UUID
    customer_id: UUID
    invoice_id: UUID | None
    currency: str
    created_at: datetime
    updated_at: datetime
    untaxed: bool = False


async def store_fees(
    ctx: Context, owner: FeeOwner, fees: Sequence[FeeDraft], taxes: Sequence[FeeTaxes], payment_status: str
) -> None:
    """Store fees in their order, each with the taxes at its place in ``taxes``."""
    await insert_all(ctx.session, *_fee_tables(owner, fees, taxes, payment_status))


def _fee_tables(
    owner: FeeOwner, fees: Sequence[FeeDraft], taxes: Sequence[FeeTaxes], payment_status: str
) -> list[tuple[type[Table], list[dict[str, Any]]]]:
    rows = [row for fee, taxed in zip(fees, taxes, strict=True) for row in fee_tax_values(owner, fee.id, taxed)]
    values = [
        fee_values(owner, fee, position, taxed, payment_status)
        for position, (fee, taxed) in enumerate(zip(fees, taxes, strict=True))
    ]
    return [(Fee, values), (FeeTax, rows)]


_PROGRESSIVE = col(Credit.progressive_billing_invoice_id).is_not(None)


async def delete_fees(ctx: Context, invoice_id: UUID) -> None:
    """Remove a draft's fees, taxes, errors and progressive credits before it is rebuilt."""
    session = ctx.session
    fee_ids = select(col(Fee.id)).where(col(Fee.invoice_id) == invoice_id)
    await session.execute(delete(FeeTax).where(col(FeeTax.fee_id).in_(fee_ids)))
    await session.execute(delete(InvoiceTax).where(col(InvoiceTax.invoice_id) == invoice_id))
    await session.execute(delete(InvoiceError).where(col(InvoiceError.invoice_id) == invoice_id))
    await session.execute(delete(Credit).where(col(Credit.invoice_id) == invoice_id, _PROGRESSIVE))
    await session.execute(delete(Fee).where(col(Fee.invoice_id) == invoice_id))


def apply_totals(invoice: Invoice, totals: Totals) -> None:
    """Copy the computed amounts to the invoice."""
    invoice.fees_amount_cents = totals.fees_amount_cents
    invoice.progressive_billing_credit_amount_cents = totals.progressive_billing_credit_amount_cents
    invoice.coupons_amount_cents = totals.coupons_amount_cents
    invoice.sub_total_excluding_taxes_amount_cents = totals.sub_total_excluding_taxes_amount_cents
    invoice.taxes_amount_cents = totals.taxes_amount_cents
    invoice.taxes_rate = totals.taxes.taxes_rate
    invoice.sub_total_including_taxes_amount_cents = totals.sub_total_including_taxes_amount_cents
    invoice.total_amount_cents = totals.total_amount_cents
    invoice.payment_status = totals.payment_status
    if totals.untaxed:
        invoice.tax_status = "pending"
    elif invoice.tax_status is not None:
        invoice.tax_status = "succeeded"


def fee_tax_values(owner: FeeOwner, fee_id: UUID, taxed: FeeTaxes) -> list[dict[str, Any]]:
    """Column values of one fee's taxes."""
    return [
        {
            "id": new_id(),
            "organization_id": owner.organization_id,
            "fee_id": fee_id,
            "tax_id": applied.tax.id,
            "tax_code": applied.tax.code,
            "tax_name": applied.tax.name,
            "tax_description": applied.tax.description,
            "tax_rate": applied.tax.rate,
            "amount_cents": applied.amount_cents,
            "precise_amount_cents": applied.precise_amount_cents,
            "currency": owner.currency,
            "created_at": owner.created_at,
        }
        for applied in taxed.applied
    ]


def _deferred(fee: FeeDraft) -> list[str]:
    """The taxes of the fee's own levels; empty when it has the customer's."""
    return [] if isinstance(fee.taxes, CustomerTaxes) else [str(tax.id) for tax in fee.taxes]


def fee_values(owner: FeeOwner, fee: FeeDraft, position: int, taxed: FeeTaxes, payment_status: str) -> dict[str, Any]:
    """Column values of a fee."""
    return {
        "id": fee.id,
        "created_at": owner.created_at,
        "updated_at": owner.updated_at,
        "organization_id": owner.organization_id,
        "customer_id": owner.customer_id,
        "invoice_id": owner.invoice_id,
        "subscription_id": fee.subscription.id if fee.subscription else None,
        "external_subscription_id": fee.subscription.external_id if fee.subscription else None,
        "charge_id": fee.charge_id,
        "charge_filter_id": fee.charge_filter_id,
        "add_on_id": fee.add_on_id,
        "true_up_parent_fee_id": fee.true_up_parent.id if fee.true_up_parent else None,
        "fee_type": fee.fee_type,
        "position": position,
        "currency": owner.currency,
        "amount_cents": fee.amount_cents,
        "precise_amount_cents": fee.precise_amount_cents,
        "units": fee.units,
        "total_aggregated_units": fee.total_aggregated_units,
        "events_count": fee.events_count,
        "precise_unit_amount": fee.precise_unit_amount,
        "precise_coupons_amount_cents": fee.discount,
        "precise_credit_notes_amount_cents": fee.credit_notes,
        "taxes_amount_cents": taxed.taxes_amount_cents,
        "taxes_precise_amount_cents": taxed.taxes_precise_amount_cents,
        "taxes_rate": taxed.taxes_rate,
        "amount_details": fee.amount_details,
        "grouped_by": wire_groups(fee.grouped_by),
        "group_key": group_key(fee.grouped_by),
        "pay_in_advance": fee.pay_in_advance,
        "invoiceable": fee.invoiceable,
        "from_datetime": fee.from_datetime,
        "to_datetime": fee.to_datetime,
        "charges_from_datetime": fee.charges_from_datetime,
        "charges_to_datetime": fee.charges_to_datetime,
        "charges_duration": fee.charges_duration,
        "timestamp": fee.timestamp,
        "event_transaction_id": fee.event_transaction_id,
        "invoice_display_name": fee.invoice_display_name,
        "description": fee.description,
        "item": fee.item,
        "explanation": fee.explanation,
        "deferred_tax_ids": _deferred(fee) if owner.untaxed else None,
        "payment_status": payment_status,
        "succeeded_at": owner.created_at if payment_status == "succeeded" else None,
    }
