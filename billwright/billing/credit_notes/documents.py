"""The PDF of a credit note: built once, in the background (spec 04 §18, §21)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.catalog.models import Plan
from billwright.billing.credit_notes.issuing import queue_document
from billwright.billing.credit_notes.models import CreditNote, CreditNoteItem, CreditNoteTax
from billwright.billing.credit_notes.prepaid import wallet_name_of
from billwright.billing.credit_notes.queries import find_credit_note
from billwright.billing.customers.metadata import metadata_of
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import document_locale
from billwright.billing.documents.credit_note_document import (
    CreditedAddOn,
    CreditedFee,
    CreditedPrepaid,
    CreditedSubscription,
    CreditNoteDocument,
)
from billwright.billing.documents.invoice_document import AppliedTax, FeeKind, FeeTax
from billwright.billing.documents.parties import party
from billwright.billing.documents.render import render_credit_note
from billwright.billing.documents.storing import store_pdf
from billwright.billing.invoicing.documents import filter_label, group_values
from billwright.billing.invoicing.issuing import buyer_of, seller_of
from billwright.billing.invoicing.models import Fee, Invoice
from billwright.billing.invoicing.presenting import grouped, taxes_of_fees
from billwright.billing.kernel.errors import NotFound
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.models import Subscription

_KINDS = {"subscription": FeeKind.SUBSCRIPTION, "charge": FeeKind.CHARGE, "commitment": FeeKind.COMMITMENT}


async def request_document(ctx: Context, note_id: UUID) -> CreditNote | None:
    """The note if its PDF exists; otherwise queues the PDF and returns ``None``. Raises ``NotFound("credit_note")``."""
    note = await find_credit_note(ctx, note_id)
    if note.file_id is not None:
        return note
    await queue_document(ctx, note)
    return None


@job("credit_note.document")
async def make_document(call: JobCall) -> None:
    """Render the PDF of ``credit_note_id`` unless it exists, store it and announce ``credit_note.generated``."""
    note_id = UUID(call.arguments["credit_note_id"])
    async with call.runtime.database.reading() as session:
        organization = await session.get(Organization, call.organization_id)
        if organization is None:
            return
        ctx = Context(session, organization)
        try:
            note = await find_credit_note(ctx, note_id)
        except NotFound:
            return
        if note.file_id is not None:
            return
        document = await credit_note_document(ctx, note)
    content = await asyncio.to_thread(render_credit_note, document)
    async with call.runtime.database.transaction() as session:
        organization = await session.get_one(Organization, call.organization_id)
        ctx = Context(session, organization)
        note = await find_credit_note(ctx, note_id, lock=True)
        if note.file_id is None:
            note.file_id = await store_pdf(ctx, note.number, content)
            await emit(ctx, "credit_note.generated", "credit_note", note.id)


async def credit_note_document(ctx: Context, note: CreditNote) -> CreditNoteDocument:
    """The document's values: parties as fixed when the note became final, names as stored with the fees."""
    customer = await ctx.session.get_one(Customer, note.customer_id)
    invoice = await ctx.session.get_one(Invoice, note.invoice_id)
    organization = ctx.organization
    parties = note.issued_parties or {"seller": seller_of(organization), "buyer": buyer_of(customer)}
    metadata = await metadata_of(ctx, customer)
    rows = [(item, fee) for item, fee in await _rows(ctx, note)]
    taxes = {
        fee_id: tuple(FeeTax(name=row.tax_name, rate=row.tax_rate) for row in applied)
        for fee_id, applied in (await taxes_of_fees(ctx, [fee.id for _, fee in rows])).items()
    }
    prepaid = None
    if invoice.invoice_type == "credit":
        prepaid = CreditedPrepaid(amount_cents=note.total_amount_cents, wallet_name=await wallet_name_of(ctx, invoice))
    return CreditNoteDocument(
        number=note.number,
        invoice_number=invoice.number,
        issuing_date=note.issuing_date,
        currency=note.currency,
        seller=party(parties["seller"], fallback=organization.name),
        customer=party({**parties["buyer"], "name": parties["buyer"].get("display_name")}, customer.external_id),
        locale=document_locale(customer, organization),
        metadata=tuple((entry.key, entry.value) for entry in metadata if entry.display_in_invoice),
        applied_taxes=await _applied_taxes(ctx, note),
        eu_tax_management=organization.eu_tax_management,
        footer=organization.invoice_footer,
        logo=organization.logo,
        total_amount_cents=note.total_amount_cents,
        sub_total_excluding_taxes_amount_cents=note.sub_total_excluding_taxes_amount_cents,
        coupons_adjustment_amount_cents=note.coupons_adjustment_amount_cents,
        credit_amount_cents=note.credit_amount_cents,
        refund_amount_cents=note.refund_amount_cents,
        offset_amount_cents=note.offset_amount_cents,
        subscriptions=await _subscriptions(ctx, rows, taxes),
        add_ons=tuple(
            CreditedAddOn(
                name=fee.invoice_display_name or fee.item.get("invoice_display_name") or fee.item.get("name") or "",
                amount_cents=item.amount_cents,
                taxes=taxes.get(fee.id, ()),
            )
            for item, fee in rows
            if fee.fee_type == "add_on"
        ),
        prepaid=prepaid,
    )


async def _rows(ctx: Context, note: CreditNote) -> list[tuple[CreditNoteItem, Fee]]:
    rows = await ctx.session.execute(
        select(CreditNoteItem, Fee)
        .join(Fee, col(Fee.id) == col(CreditNoteItem.fee_id))
        .where(
            col(CreditNoteItem.organization_id) == ctx.organization_id, col(CreditNoteItem.credit_note_id) == note.id
        )
        .order_by(col(CreditNoteItem.position))
    )
    return [(item, fee) for item, fee in rows]


async def _applied_taxes(ctx: Context, note: CreditNote) -> tuple[AppliedTax, ...]:
    rows = await ctx.session.scalars(
        select(CreditNoteTax).where(col(CreditNoteTax.credit_note_id) == note.id).order_by(col(CreditNoteTax.id))
    )
    return tuple(
        AppliedTax(
            code=row.tax_code,
            name=row.tax_name,
            rate=row.tax_rate,
            base_amount_cents=row.base_amount_cents,
            amount_cents=row.amount_cents,
        )
        for row in rows
    )


async def _subscriptions(
    ctx: Context, rows: Sequence[tuple[CreditNoteItem, Fee]], taxes: dict[UUID, tuple[FeeTax, ...]]
) -> tuple[CreditedSubscription, ...]:
    """One section per subscription; the item on a true-up stands with the one on its charge."""
    items = {fee.id: item for item, fee in rows}
    own = [(item, fee) for item, fee in rows if fee.subscription_id is not None]
    names = await _names(ctx, [fee.subscription_id for _, fee in own if fee.subscription_id is not None])
    by_subscription = grouped([fee for _, fee in own], "subscription_id")
    sections: list[CreditedSubscription] = []
    for subscription_id, fees in by_subscription.items():
        true_ups = {fee.true_up_parent_fee_id: fee for fee in fees if fee.true_up_parent_fee_id is not None}
        lines: list[CreditedFee] = []
        for fee in fees:
            if fee.true_up_parent_fee_id in items:
                continue
            alone = fee.true_up_parent_fee_id is not None
            extra = fee if alone else true_ups.get(fee.id)
            lines.append(
                CreditedFee(
                    kind=_KINDS.get(fee.fee_type, FeeKind.CHARGE),
                    amount_cents=0 if alone else items[fee.id].amount_cents,
                    invoice_display_name=fee.invoice_display_name,
                    item_name=fee.item.get("invoice_display_name"),
                    group_values=group_values(fee),
                    filter=filter_label(fee.item),
                    taxes=taxes.get(fee.id, ()),
                    true_up_amount_cents=items[extra.id].amount_cents if extra else 0,
                    true_up_taxes=taxes.get(extra.id, ()) if extra else (),
                )
            )
        sections.append(CreditedSubscription(name=names[subscription_id], items=tuple(lines)))
    return tuple(sections)


async def _names(ctx: Context, subscription_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Subscription name, else plan display name, else plan name."""
    rows = await ctx.session.execute(
        select(col(Subscription.id), col(Subscription.name), col(Plan.invoice_display_name), col(Plan.name))
        .join(Plan, col(Plan.id) == col(Subscription.plan_id))
        .where(
            col(Subscription.organization_id) == ctx.organization_id, col(Subscription.id).in_(set(subscription_ids))
        )
    )
    return {row[0]: row[1] or row[2] or row[3] for row in rows}
