"""Invoices that wait for their customer's taxes, and those whose taxes were refused (spec 05 A7, 04 §11).

Such an invoice is stored with fees, progressive credits and coupons, without taxes and total, ``pending``. Once the
taxes are known the rest of the way follows: taxes, credit notes, wallets, number. What fails on it becomes ``failed``
with one ``tax_error``, and may be retried.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import TaxRate, tax_rate
from billwright.billing.customers import settings
from billwright.billing.customers.models import Customer
from billwright.billing.invoicing.computing import taxes_of_customer
from billwright.billing.invoicing.credits import Waterfall, apply_credits, resume_waterfall
from billwright.billing.invoicing.drafts import locked_invoice
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.issuing import issue
from billwright.billing.invoicing.models import (
    Credit,
    Fee,
    FeeTax,
    Invoice,
    InvoiceError,
    InvoiceSubscription,
    InvoiceTax,
)
from billwright.billing.invoicing.writing import FeeOwner, apply_totals, fee_tax_values, invoice_tax_values
from billwright.billing.kernel.errors import NotAllowed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.statements import insert_all
from billwright.billing.progressive.excess import give_late_excess_back
from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.taxes.eu_waiting import check_in_progress, release_customer
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.resolution import first_level

TAX_ERROR = "tax_error"


async def finalize_pending(ctx: Context, customer: Customer, invoice: Invoice) -> bool:
    """Tax and issue a locked invoice that waited; ``False``, and nothing done, unless it waits and its taxes are known.

    Dated today, unless it is periodic and keeps its anchor date. The customer must be locked.
    """
    if invoice.status != "pending" or await check_in_progress(ctx, customer.id):
        return False
    now = ctx.now()
    fees = await _fees(ctx, invoice)
    drafts = await _taxed(ctx, customer, fees)
    flow = await resume_waterfall(ctx, customer, invoice, drafts)
    apply_totals(invoice, flow.totals)
    apply_credits(invoice, flow)
    invoice.tax_status = "succeeded"
    if not await _keeps_its_date(ctx, customer, invoice):
        invoice.issuing_date = local_date(now, settings.applicable_timezone(customer, ctx.organization))
    invoice.payment_due_date = invoice.issuing_date + timedelta(days=invoice.net_payment_term)
    await issue(ctx, customer, invoice, now)
    await _store(ctx, invoice, fees, flow)
    await give_late_excess_back(ctx, customer, invoice)
    return True


async def _fees(ctx: Context, invoice: Invoice) -> Sequence[Fee]:
    rows = await ctx.session.scalars(
        select(Fee)
        .where(
            col(Fee.organization_id) == ctx.organization_id,
            col(Fee.invoice_id) == invoice.id,
            col(Fee.deleted_at).is_(None),
        )
        .order_by(col(Fee.position), col(Fee.id))
        .execution_options(populate_existing=True)
    )
    return rows.all()


async def _taxed(ctx: Context, customer: Customer, fees: Sequence[Fee]) -> list[FeeDraft]:
    """The stored fees with the taxes of their own levels that still exist, else the customer's as they are now."""
    wanted = {UUID(tax_id) for fee in fees for tax_id in fee.deferred_tax_ids or ()}
    own: dict[str, TaxRate] = {}
    if wanted:
        rows = await ctx.session.scalars(
            select(Tax).where(
                col(Tax.organization_id) == ctx.organization_id,
                col(Tax.id).in_(wanted),
                col(Tax.deleted_at).is_(None),
            )
        )
        own = {str(tax.id): tax_rate(tax) for tax in rows}
    customer_taxes = await taxes_of_customer(ctx, customer)
    return [
        _draft(fee, first_level([own[item] for item in fee.deferred_tax_ids or () if item in own], customer_taxes))
        for fee in fees
    ]


def _draft(fee: Fee, taxes: tuple[TaxRate, ...]) -> FeeDraft:
    """What the steps after taxes need to know of a fee."""
    return FeeDraft(
        fee_type=fee.fee_type,
        subscription=None,
        amount_cents=fee.amount_cents,
        precise_amount_cents=fee.precise_amount_cents,
        units=fee.units,
        precise_unit_amount=fee.precise_unit_amount,
        from_datetime=fee.from_datetime or fee.timestamp,
        to_datetime=fee.to_datetime or fee.timestamp,
        charges_from_datetime=fee.charges_from_datetime,
        charges_to_datetime=fee.charges_to_datetime,
        charges_duration=fee.charges_duration,
        timestamp=fee.timestamp,
        item=fee.item,
        taxes=taxes,
        charge_id=fee.charge_id,
        discount=fee.precise_coupons_amount_cents,
        id=fee.id,
    )


async def _keeps_its_date(ctx: Context, customer: Customer, invoice: Invoice) -> bool:
    if settings.issuing_date_adjustment(customer, ctx.organization) != "keep_anchor":
        return False
    found = await ctx.session.scalars(
        select(col(InvoiceSubscription.id))
        .where(col(InvoiceSubscription.invoice_id) == invoice.id, col(InvoiceSubscription.recurring).is_(True))
        .limit(1)
    )
    return found.first() is not None


async def _store(ctx: Context, invoice: Invoice, fees: Sequence[Fee], flow: Waterfall) -> None:
    status, now = flow.totals.payment_status, ctx.now()
    owner = FeeOwner(
        organization_id=invoice.organization_id,
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        currency=invoice.currency,
        created_at=invoice.created_at,
        updated_at=now,
    )
    rows: list[dict[str, object]] = []
    for fee, draft, taxed in zip(fees, flow.fees, flow.totals.fee_taxes, strict=True):
        fee.taxes_amount_cents = taxed.taxes_amount_cents
        fee.taxes_precise_amount_cents = taxed.taxes_precise_amount_cents
        fee.taxes_rate = taxed.taxes_rate
        fee.precise_credit_notes_amount_cents = draft.credit_notes
        fee.deferred_tax_ids = None
        fee.payment_status = status
        fee.succeeded_at = now if status == "succeeded" else None
        fee.updated_at = now
        rows += fee_tax_values(owner, fee.id, taxed)
    stored = await ctx.session.scalar(
        select(func.count()).select_from(Credit).where(col(Credit.invoice_id) == invoice.id)
    )
    for _, group in groupby(flow.rows, key=type):
        for row in group:
            if isinstance(row, Credit):
                row.position += stored or 0
            ctx.session.add(row)
        await ctx.session.flush()
    await ctx.session.flush()
    await insert_all(ctx.session, (FeeTax, rows), (InvoiceTax, invoice_tax_values(invoice, flow.totals)))


async def fail_taxes(ctx: Context, invoice: Invoice, code: str, message: str | None = None) -> None:
    """Note on a locked invoice that waited why its taxes cannot be had (spec 04 §11)."""
    now = ctx.now()
    invoice.status = invoice.tax_status = "failed"
    invoice.updated_at = now
    await _discard_errors(ctx, invoice)
    ctx.session.add(
        InvoiceError(
            id=new_id(),
            created_at=now,
            updated_at=now,
            invoice_id=invoice.id,
            error_code=TAX_ERROR,
            details={"tax_error": code, **({"tax_error_message": message} if message else {})},
        )
    )
    await ctx.session.flush()


async def retry_invoice(ctx: Context, invoice_id: UUID) -> Invoice:
    """Have the taxes of a failed invoice determined again, in the background; what was noted on it is discarded.

    Raises ``NotFound("invoice")``; ``NotAllowed("invalid_status")`` unless it is ``failed``.
    """
    invoice, _ = await locked_invoice(ctx, invoice_id)
    if invoice.status != "failed":
        raise NotAllowed("invalid_status")
    invoice.status = invoice.tax_status = "pending"
    invoice.updated_at = ctx.now()
    await _discard_errors(ctx, invoice)
    await ctx.session.flush()
    await release_customer(ctx, invoice.customer_id)
    return invoice


async def retry_all_invoices(ctx: Context) -> list[Invoice]:
    """The same for every failed invoice of the organization, oldest first."""
    failed = await ctx.session.scalars(
        select(col(Invoice.id))
        .where(col(Invoice.organization_id) == ctx.organization_id, col(Invoice.status) == "failed")
        .order_by(col(Invoice.customer_id), col(Invoice.created_at), col(Invoice.id))
    )
    return [await retry_invoice(ctx, invoice_id) for invoice_id in failed.all()]


async def _discard_errors(ctx: Context, invoice: Invoice) -> None:
    await ctx.session.execute(
        delete(InvoiceError).where(
            col(InvoiceError.invoice_id) == invoice.id, col(InvoiceError.error_code) == TAX_ERROR
        )
    )
