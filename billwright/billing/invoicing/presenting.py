"""Invoices with what belongs to them, for REST and documents, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import customer_objects, customers_by_id
from billwright.billing.invoicing.credit_lines import credits_of_invoice
from billwright.billing.invoicing.models import (
    VISIBLE_STATUSES,
    Fee,
    FeeTax,
    Invoice,
    InvoiceError,
    InvoiceMetadata,
    InvoiceSubscription,
    InvoiceTax,
)
from billwright.billing.invoicing.schemas import (
    FeeOut,
    InvoiceOut,
    applied_invoice_tax,
    billing_period_object,
    error_detail_object,
    fee_object,
    invoice_metadata_object,
    invoice_object,
)
from billwright.billing.kernel.models import StoredFile
from billwright.billing.progressive.queries import applied_threshold_objects
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.presenting import subscription_objects

Row = TypeVar("Row")


def grouped(rows: Iterable[Row], key: str) -> dict[UUID, list[Row]]:
    """Rows by the value of one attribute, order kept."""
    found: dict[UUID, list[Row]] = {}
    for row in rows:
        found.setdefault(getattr(row, key), []).append(row)
    return found


async def _of_invoices(ctx: Context, model: Any, ids: Sequence[UUID], *order: Any) -> list[Any]:
    if not ids:
        return []
    rows = await ctx.session.scalars(select(model).where(model.invoice_id.in_(ids)).order_by(*order))
    return list(rows.all())


async def file_urls(ctx: Context, invoices: Sequence[Invoice]) -> dict[UUID, str]:
    """Signed download address by invoice id, for those whose PDF exists."""
    files = {invoice.file_id: invoice.id for invoice in invoices if invoice.file_id}
    if not files:
        return {}
    rows = await ctx.session.execute(
        select(col(StoredFile.id), col(StoredFile.token), col(StoredFile.filename)).where(
            col(StoredFile.id).in_(files), col(StoredFile.organization_id) == ctx.organization_id
        )
    )
    return {files[row[0]]: f"{ctx.api_url}/files/{row[1]}/{quote(row[2], safe='')}" for row in rows}


def _web_url(ctx: Context, invoice: Invoice) -> str | None:
    if invoice.status not in VISIBLE_STATUSES:
        return None
    return f"{ctx.app_url}/{ctx.organization.slug}/invoices/{invoice.id}"


async def invoice_list_objects(ctx: Context, invoices: Sequence[Invoice]) -> list[InvoiceOut]:
    """Invoices for a list: customer, metadata and applied taxes, neither fees nor credits (spec 04 §1.3)."""
    ids = [invoice.id for invoice in invoices]
    urls = await file_urls(ctx, invoices)
    customers = await customers_by_id(ctx, list({invoice.customer_id for invoice in invoices}))
    shown = {item["lago_id"]: item for item in await customer_objects(ctx, list(customers.values()))}
    taxes = grouped(await _of_invoices(ctx, InvoiceTax, ids, col(InvoiceTax.id)), "invoice_id")
    metadata = grouped(
        await _of_invoices(ctx, InvoiceMetadata, ids, col(InvoiceMetadata.created_at), col(InvoiceMetadata.id)),
        "invoice_id",
    )
    answers: list[InvoiceOut] = []
    for invoice in invoices:
        answer = invoice_object(
            invoice,
            billing_entity_code=billing_entity_code(ctx.organization),
            file_url=urls.get(invoice.id),
            web_url=_web_url(ctx, invoice),
        )
        answer["customer"] = shown[invoice.customer_id]
        answer["metadata"] = [invoice_metadata_object(row) for row in metadata.get(invoice.id, [])]
        answer["applied_taxes"] = [applied_invoice_tax(row) for row in taxes.get(invoice.id, [])]
        answers.append(answer)
    return answers


async def invoice_detail(ctx: Context, invoice: Invoice) -> InvoiceOut:
    """One invoice with everything (spec 04 §1.3)."""
    answer = (await invoice_list_objects(ctx, [invoice]))[0]
    rows = await _of_invoices(ctx, InvoiceSubscription, [invoice.id], col(InvoiceSubscription.id))
    subscriptions = {
        item.id: item
        for item in await ctx.session.scalars(
            select(Subscription).where(
                col(Subscription.organization_id) == ctx.organization_id,
                col(Subscription.id).in_([row.subscription_id for row in rows]),
            )
        )
    }
    errors = await _of_invoices(ctx, InvoiceError, [invoice.id], col(InvoiceError.id))
    ordered = [subscriptions[row.subscription_id] for row in rows]
    answer["billing_periods"] = [
        billing_period_object(
            row, subscriptions[row.subscription_id].external_id, subscriptions[row.subscription_id].plan_id
        )
        for row in rows
    ]
    answer["subscriptions"] = list(await subscription_objects(ctx, ordered))
    answer["fees"] = await fee_objects_of(ctx, invoice)
    answer["credits"] = await credits_of_invoice(ctx, invoice.id)
    answer["error_details"] = [error_detail_object(row) for row in errors]
    answer["applied_invoice_custom_sections"] = []
    if invoice.invoice_type == "progressive_billing":
        answer["applied_usage_thresholds"] = await applied_threshold_objects(ctx, invoice.id)
    return answer


async def fees_of(ctx: Context, invoice: Invoice) -> list[Fee]:
    """The invoice's fees in stored order."""
    return (await fees_of_invoices(ctx, [invoice])).get(invoice.id, [])


async def fees_of_invoices(ctx: Context, invoices: Sequence[Invoice]) -> dict[UUID, list[Fee]]:
    """The fees of invoices by invoice, each in stored order."""
    rows = await ctx.session.scalars(
        select(Fee)
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.invoice_id).in_([invoice.id for invoice in invoices]),
            col(Fee.deleted_at).is_(None),
        )
        .order_by(col(Fee.position), col(Fee.id))
    )
    return grouped(rows, "invoice_id")


async def taxes_of_fees(ctx: Context, fee_ids: Sequence[UUID]) -> dict[UUID, list[FeeTax]]:
    """Applied taxes by fee."""
    if not fee_ids:
        return {}
    rows = await ctx.session.scalars(select(FeeTax).where(col(FeeTax.fee_id).in_(fee_ids)).order_by(col(FeeTax.id)))
    return grouped(rows, "fee_id")


async def fee_objects_of(ctx: Context, invoice: Invoice) -> list[FeeOut]:
    """The invoice's fees on the wire, with their taxes."""
    fees = await fees_of(ctx, invoice)
    taxes = await taxes_of_fees(ctx, [fee.id for fee in fees])
    customer = await ctx.session.get_one(Customer, invoice.customer_id)
    true_ups = {fee.true_up_parent_fee_id: fee.id for fee in fees if fee.true_up_parent_fee_id}
    return [
        fee_object(
            fee,
            tz=invoice.timezone,
            external_customer_id=customer.external_id,
            true_up_fee_id=true_ups.get(fee.id),
            taxes=taxes.get(fee.id, []),
        )
        for fee in fees
    ]
