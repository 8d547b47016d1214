"""Changing an issued invoice: payment status and metadata, nothing else (spec 04 §12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.customers.locking import lock_customer
from billwright.billing.invoicing.models import Fee, Invoice, InvoiceMetadata
from billwright.billing.invoicing.overdue import await_payment
from billwright.billing.invoicing.queries import PAYMENT_STATUSES, find_invoice
from billwright.billing.invoicing.schemas import InvoiceMetadataEntry, InvoiceUpdate
from billwright.billing.kernel.errors import NotAllowed, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.replacement import replacement
from billwright.billing.notifications.service import emit
from billwright.billing.wallets.settling import follow_payment

MAX_VALUE = 140


async def update_invoice(ctx: Context, invoice_id: UUID, inp: InvoiceUpdate) -> Invoice:
    """Apply what was sent.

    Raises ``NotFound("invoice")``; ``NotAllowed``: ``update_on_voided_invoice``, ``metadata_on_draft_invoice``,
    ``payment_status_update_on_draft_invoice``; ``ValidationFailed`` for the values.
    """
    invoice = await _locked(ctx, invoice_id)
    if invoice.status == "voided":
        raise NotAllowed("update_on_voided_invoice")
    if invoice.status == "draft" and inp.given("metadata"):
        raise NotAllowed("metadata_on_draft_invoice")
    if inp.given("payment_status"):
        if inp.payment_status not in PAYMENT_STATUSES:
            raise ValidationFailed(payment_status="value_is_invalid")
        if invoice.status in ("draft", "pending", "failed") and inp.payment_status != invoice.payment_status:
            raise NotAllowed("payment_status_update_on_draft_invoice")
    if inp.given("metadata"):
        await _replace_metadata(ctx, invoice, inp.metadata or [])
        invoice.updated_at = ctx.now()
    if inp.payment_status is not None:
        await set_payment_status(ctx, invoice, inp.payment_status)
    await ctx.session.flush()
    return invoice


async def _locked(ctx: Context, invoice_id: UUID) -> Invoice:
    """The invoice, locked. Purchases of credits come with their customer, locked first, also while they are ``open``:
    their payment is what makes them visible. Raises ``NotFound("invoice")``.
    """
    found = await find_invoice(ctx, invoice_id, visible_only=False)
    is_purchase = found.invoice_type == "credit"
    if is_purchase:
        await lock_customer(ctx, found.customer_id)
    return await find_invoice(ctx, invoice_id, lock=True, visible_only=not (is_purchase and found.status == "open"))


async def set_payment_status(ctx: Context, invoice: Invoice, status: str) -> bool:
    """Give a locked invoice and its fees a payment status; returns whether it changed (then it is announced).

    An invoice of type ``credit`` takes its purchase along; the customer must be locked as well.
    """
    if invoice.payment_status == status:
        return False
    now = ctx.now()
    invoice.payment_status = status
    invoice.updated_at = now
    if status == "succeeded":
        invoice.payment_overdue = False
    if invoice.invoice_type == "credit":
        await follow_payment(ctx, invoice, status)
    await_payment(invoice, now)
    await ctx.session.execute(
        update(Fee)
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.invoice_id) == invoice.id,
            col(Fee.deleted_at).is_(None),
        )
        .values(**fee_payment_values(status, now))
        .execution_options(synchronize_session=False)
    )
    if invoice.status != "open":
        await emit(ctx, "invoice.payment_status_updated", "invoice", invoice.id)
    return True


def fee_payment_values(status: str, now: datetime) -> dict[str, Any]:
    """Columns of a fee with this payment status: only the timestamp of the present status is set (spec 02 §11.1)."""
    return {
        "payment_status": status,
        "succeeded_at": now if status == "succeeded" else None,
        "failed_at": now if status == "failed" else None,
        "refunded_at": now if status == "refunded" else None,
        "updated_at": now,
    }


async def _replace_metadata(ctx: Context, invoice: Invoice, entries: Sequence[InvoiceMetadataEntry]) -> None:
    stored = (
        await ctx.session.scalars(
            select(InvoiceMetadata)
            .where(col(InvoiceMetadata.invoice_id) == invoice.id)
            .order_by(col(InvoiceMetadata.created_at), col(InvoiceMetadata.id))
        )
    ).all()
    changes = replacement(stored, entries, max_value=MAX_VALUE)
    now = ctx.now()
    for entry, key, value, _ in changes.updated:
        entry.key, entry.value, entry.updated_at = key, value, now
        await ctx.session.flush()
    if changes.dropped:
        dropped = [entry.id for entry in changes.dropped]
        await ctx.session.execute(delete(InvoiceMetadata).where(col(InvoiceMetadata.id).in_(dropped)))
    ctx.session.add_all(
        InvoiceMetadata(id=new_id(), created_at=now, updated_at=now, invoice_id=invoice.id, key=key, value=value)
        for key, value, _ in changes.created
    )
