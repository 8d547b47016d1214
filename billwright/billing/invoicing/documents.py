"""The PDF of an issued invoice: built once, in the background, from what was stored with it (spec 04 §18, §19)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.catalog.models import Plan
from billwright.billing.coupons.models import AppliedCoupon, Coupon
from billwright.billing.customers.metadata import metadata_of
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import document_locale
from billwright.billing.documents.invoice_document import (
    AddOnLine,
    AppliedTax,
    CouponCredit,
    CreditPurchase,
    FeeKind,
    FeeLine,
    FeeTax,
    FilterLabel,
    InvoiceDocument,
    InvoiceTotals,
    InvoiceType,
    SubscriptionSection,
    TrueUp,
)
from billwright.billing.documents.parties import party
from billwright.billing.documents.render import render_invoice
from billwright.billing.documents.storing import store_pdf
from billwright.billing.invoicing import models
from billwright.billing.invoicing.billed_days import cut_by_upgrades, last_day
from billwright.billing.invoicing.document_changes import recurring_breakdown
from billwright.billing.invoicing.issuing import buyer_of, queue_document, seller_of
from billwright.billing.invoicing.models import Credit, Fee, Invoice, InvoiceSubscription, InvoiceTax
from billwright.billing.invoicing.presenting import fees_of, grouped, taxes_of_fees
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.kernel.errors import NotAllowed, NotFound
from billwright.billing.notifications.service import emit
from billwright.billing.pricing.filters import filter_display_name
from billwright.billing.progressive.printing import credits_by_subscription, passed_threshold
from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.subscriptions.models import Subscription

_PRINTED = ("finalized", "voided")
_KINDS = {"subscription": FeeKind.SUBSCRIPTION, "charge": FeeKind.CHARGE, "commitment": FeeKind.COMMITMENT}


async def request_document(ctx: Context, invoice_id: UUID) -> Invoice | None:
    """The finalized invoice if its PDF exists; otherwise queues the PDF and returns ``None`` (spec 04 §18).

    Raises ``NotFound("invoice")`` unless the invoice is finalized.
    """
    invoice = await find_invoice(ctx, invoice_id)
    if invoice.status != "finalized":
        raise NotFound("invoice")
    if invoice.file_id is not None:
        return invoice
    await queue_document(ctx, invoice)
    return None


async def document_to_show(ctx: Context, invoice_id: UUID) -> Invoice:
    """The invoice for those who make its PDF at once where there is none: back office and portal (spec 04 §18).

    Raises ``NotFound("invoice")``; ``NotAllowed("is_draft")`` for drafts and those that could not be issued yet.
    """
    invoice = await find_invoice(ctx, invoice_id)
    if invoice.status not in _PRINTED:
        raise NotAllowed("is_draft")
    return invoice


@job("invoice.document")
async def make_document(call: JobCall) -> None:
    """Render the PDF of ``invoice_id`` unless it exists, store it and announce ``invoice.generated``."""
    invoice_id = UUID(call.arguments["invoice_id"])
    async with call.runtime.database.reading() as session:
        organization = await session.get(Organization, call.organization_id)
        if organization is None:
            return
        ctx = Context(session, organization, event_store=call.runtime.event_store)
        invoice = await find_invoice(ctx, invoice_id, visible_only=False)
        if invoice.status not in _PRINTED or invoice.file_id is not None:
            return
        document = await invoice_document(ctx, invoice)
    content = await asyncio.to_thread(render_invoice, document)
    async with call.runtime.database.transaction() as session:
        organization = await session.get_one(Organization, call.organization_id)
        ctx = Context(session, organization, event_store=call.runtime.event_store)
        invoice = await find_invoice(ctx, invoice_id, lock=True, visible_only=False)
        if invoice.file_id is None:
            invoice.file_id = await store_pdf(ctx, invoice.number, content)
            await emit(ctx, "invoice.generated", "invoice", invoice.id)


async def invoice_document(ctx: Context, invoice: Invoice) -> InvoiceDocument:
    """The document's values: parties as fixed at issue, names and prices as stored with the fees."""
    customer = await ctx.session.get_one(Customer, invoice.customer_id)
    organization = ctx.organization
    parties = invoice.issued_parties or {"seller": seller_of(organization), "buyer": buyer_of(customer)}
    metadata = await metadata_of(ctx, customer)
    return InvoiceDocument(
        number=invoice.number,
        issuing_date=invoice.issuing_date,
        currency=invoice.currency,
        seller=party(parties["seller"], fallback=organization.name),
        customer=party({**parties["buyer"], "name": parties["buyer"].get("display_name")}, customer.external_id),
        locale=document_locale(customer, organization),
        metadata=tuple((entry.key, entry.value) for entry in metadata if entry.display_in_invoice),
        applied_taxes=await _applied_taxes(ctx, invoice),
        eu_tax_management=organization.eu_tax_management,
        footer=organization.invoice_footer,
        logo=organization.logo,
        invoice_type=InvoiceType(invoice.invoice_type),
        payment_due_date=invoice.payment_due_date,
        totals=_totals(invoice),
        net_payment_term=invoice.net_payment_term,
        subscriptions=await _sections(ctx, invoice),
        add_ons=await _add_on_lines(ctx, invoice),
        credit_purchase=await _credit_purchase(ctx, invoice),
        coupons=await _coupons(ctx, invoice),
        threshold=await passed_threshold(ctx, invoice),
    )


def _totals(invoice: Invoice) -> InvoiceTotals:
    prepaid = invoice.prepaid_credit_amount_cents
    return InvoiceTotals(
        sub_total_excluding_taxes_amount_cents=invoice.sub_total_excluding_taxes_amount_cents,
        sub_total_including_taxes_amount_cents=invoice.sub_total_including_taxes_amount_cents,
        total_amount_cents=invoice.total_amount_cents,
        progressive_billing_credit_amount_cents=invoice.progressive_billing_credit_amount_cents,
        credit_notes_amount_cents=invoice.credit_notes_amount_cents,
        prepaid_credit_amount_cents=prepaid or None,
        prepaid_granted_credit_amount_cents=invoice.prepaid_granted_credit_amount_cents,
        prepaid_purchased_credit_amount_cents=invoice.prepaid_purchased_credit_amount_cents,
    )


async def _applied_taxes(ctx: Context, invoice: Invoice) -> tuple[AppliedTax, ...]:
    rows = await ctx.session.scalars(
        select(InvoiceTax).where(col(InvoiceTax.invoice_id) == invoice.id).order_by(col(InvoiceTax.id))
    )
    return tuple(
        AppliedTax(
            code=row.tax_code,
            name=row.tax_name,
            rate=row.tax_rate,
            base_amount_cents=row.fees_amount_cents,
            amount_cents=row.amount_cents,
        )
        for row in rows
    )


async def _credit_purchase(ctx: Context, invoice: Invoice) -> CreditPurchase | None:
    """The one row of an invoice for wallet credits, as stored with its fee."""
    if invoice.invoice_type != "credit":
        return None
    [fee] = await fees_of(ctx, invoice)
    return CreditPurchase(
        credits=fee.units,
        unit_price=fee.precise_unit_amount,
        amount_cents=fee.amount_cents,
        transaction_name=fee.item.get("transaction_name"),
        wallet_name=fee.item.get("wallet_name"),
    )


async def _coupons(ctx: Context, invoice: Invoice) -> tuple[CouponCredit, ...]:
    """The coupons that reduced the invoice, in the order of their use, with the values they were applied with."""
    rows = await ctx.session.execute(
        select(Credit, AppliedCoupon, Coupon)
        .join(AppliedCoupon, col(AppliedCoupon.id) == col(Credit.applied_coupon_id))
        .join(Coupon, col(Coupon.id) == col(AppliedCoupon.coupon_id))
        .where(col(Credit.organization_id) == ctx.organization_id, col(Credit.invoice_id) == invoice.id)
        .order_by(col(Credit.position))
    )
    return tuple(
        CouponCredit(
            name=coupon.name,
            amount_cents=credit.amount_cents,
            percentage_rate=applied.percentage_rate,
            fixed_amount_cents=applied.amount_cents,
        )
        for credit, applied, coupon in rows
    )


async def _sections(ctx: Context, invoice: Invoice) -> tuple[SubscriptionSection, ...]:
    """One section per subscription on the invoice, with its plan's names and its fees."""
    rows = await ctx.session.execute(
        select(Subscription, Plan)
        .join(InvoiceSubscription, col(InvoiceSubscription.subscription_id) == col(Subscription.id))
        .join(Plan, col(Plan.id) == col(Subscription.plan_id))
        .where(
            col(InvoiceSubscription.organization_id) == ctx.organization_id,
            col(InvoiceSubscription.invoice_id) == invoice.id,
        )
        .order_by(col(InvoiceSubscription.id))
    )
    fees = await fees_of(ctx, invoice)
    taxes = await taxes_of_fees(ctx, [fee.id for fee in fees])
    by_subscription = grouped(fees, "subscription_id")
    billed_already = await credits_by_subscription(ctx, invoice)
    sections: list[SubscriptionSection] = []
    for subscription, plan in rows:
        own = by_subscription.get(subscription.id, [])
        sections.append(
            SubscriptionSection(
                name=subscription.name,
                plan_name=plan.name,
                plan_display_name=plan.invoice_display_name,
                plan_interval=plan.interval,
                charges_interval="monthly" if plan.bill_charges_monthly else None,
                fees=await _lines(ctx, invoice, own, taxes),
                charges_from=_first_charges_day(own, invoice.timezone),
                progressive_credit_cents=billed_already.get(subscription.id, 0),
            )
        )
    return tuple(sections)


async def _add_on_lines(ctx: Context, invoice: Invoice) -> tuple[AddOnLine, ...]:
    """The rows of a one-off invoice; their boundaries are UTC dates (spec 04 §14)."""
    if invoice.invoice_type != "one_off":
        return ()
    fees = await fees_of(ctx, invoice)
    taxes = await taxes_of_fees(ctx, [fee.id for fee in fees])
    return tuple(
        AddOnLine(
            name=fee.invoice_display_name or str(fee.item.get("invoice_display_name") or fee.item.get("name") or ""),
            units=fee.units,
            precise_unit_amount=fee.precise_unit_amount,
            amount_cents=fee.amount_cents,
            from_date=(fee.from_datetime or fee.timestamp).astimezone(UTC).date(),
            to_date=(fee.to_datetime or fee.timestamp).astimezone(UTC).date(),
            description=fee.description,
            taxes=_fee_taxes(taxes.get(fee.id, [])),
        )
        for fee in fees
    )


def _first_charges_day(fees: Sequence[Fee], tz: str) -> Any:
    starts = [fee.charges_from_datetime for fee in fees if fee.charges_from_datetime is not None]
    return local_date(min(starts), tz) if starts else None


async def _lines(
    ctx: Context, invoice: Invoice, fees: Sequence[Fee], taxes: Mapping[UUID, list[models.FeeTax]]
) -> tuple[FeeLine, ...]:
    true_ups = {fee.true_up_parent_fee_id: fee for fee in fees if fee.true_up_parent_fee_id is not None}
    cut = await cut_by_upgrades(ctx, fees)
    lines: list[FeeLine] = []
    for fee in fees:
        if fee.true_up_parent_fee_id is not None:
            continue
        extra = true_ups.get(fee.id)
        lines.append(
            await _line(
                ctx,
                invoice,
                fee,
                _fee_taxes(taxes.get(fee.id, [])),
                _true_up(extra, _fee_taxes(taxes.get(extra.id, [])), invoice.timezone) if extra else None,
                cut=fee.id in cut,
            )
        )
    return tuple(lines)


def _fee_taxes(rows: Sequence[models.FeeTax]) -> tuple[FeeTax, ...]:
    return tuple(FeeTax(name=row.tax_name, rate=row.tax_rate) for row in rows)


def _true_up(fee: Fee, taxes: tuple[FeeTax, ...], tz: str) -> TrueUp:
    days = _days(fee.charges_from_datetime, fee.charges_to_datetime, tz)
    shorter = days is not None and fee.charges_duration is not None and days < fee.charges_duration
    return TrueUp(
        amount_cents=fee.amount_cents,
        minimum_amount_cents=int(fee.item.get("min_amount_cents") or 0),
        prorated=fee.item.get("min_prorated", shorter),
        taxes=taxes,
    )


def _days(start: datetime | None, end: datetime | None, tz: str) -> int | None:
    return None if start is None or end is None else (local_date(end, tz) - local_date(start, tz)).days + 1


async def _line(
    ctx: Context, invoice: Invoice, fee: Fee, taxes: tuple[FeeTax, ...], true_up: TrueUp | None, *, cut: bool
) -> FeeLine:
    kind, tz, item = _KINDS[fee.fee_type], invoice.timezone, fee.item
    charged = kind is FeeKind.CHARGE
    start = (fee.charges_from_datetime if charged else fee.from_datetime) or fee.timestamp
    end = last_day(fee, tz, cut=cut) or local_date(fee.timestamp, tz)
    paid: dict[str, str] | None = item.get("paid_period")
    used, total = fee.explanation.get("in_advance", {}).get("days", (None, None))
    return FeeLine(
        kind=kind,
        amount_cents=fee.amount_cents,
        from_date=date.fromisoformat(paid["from"]) if paid else local_date(start, tz),
        to_date=date.fromisoformat(paid["to"]) if paid else end,
        units=fee.units,
        precise_unit_amount=fee.precise_unit_amount,
        invoice_display_name=fee.invoice_display_name,
        item_name=item.get("invoice_display_name"),
        group_values=group_values(fee),
        filter=filter_label(item),
        taxes=taxes,
        charge_model=item.get("charge_model"),
        aggregation_type=item.get("aggregation_type"),
        prorated=bool(item.get("prorated")),
        events_count=fee.events_count,
        amount_details=fee.amount_details,
        true_up=true_up,
        recurring=await recurring_breakdown(ctx, fee, tz),
        pay_in_advance=charged and fee.pay_in_advance,
        paid_on=local_date(fee.succeeded_at, tz) if fee.succeeded_at and not fee.invoiceable else None,
        succeeded_at=fee.succeeded_at,
        created_at=fee.created_at,
        days_used=used,
        days_total=total,
    )


def group_values(fee: Fee) -> tuple[str, ...]:
    """Values in the order of the charge's group keys, empty ones left out."""
    properties: Mapping[str, Any] = fee.item.get("properties") or {}
    keys: Sequence[str] = properties.get("pricing_group_keys") or ()
    ordered = [*(key for key in keys if key in fee.grouped_by), *(key for key in fee.grouped_by if key not in keys)]
    return tuple(fee.grouped_by[key] for key in ordered if fee.grouped_by[key])


def filter_label(item: Mapping[str, Any]) -> FilterLabel | None:
    """The filter's own display name, else its values."""
    values: Mapping[str, list[str]] | None = item.get("filters")
    if values is None:
        return None
    shown = item.get("filter_invoice_display_name")
    own = shown if shown != filter_display_name(values, None) else None
    return FilterLabel(display_name=own, values={key: tuple(entries) for key, entries in values.items()})
