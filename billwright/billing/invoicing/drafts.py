"""Drafts: refresh, finalization, and what a changed setting does to them (spec 04 §6, §8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.catalog.snapshot import plan_snapshots
from billwright.billing.credit_notes.drafts import DetachedNote, attach_notes, detach_notes, finalize_notes
from billwright.billing.customers import settings
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.in_advance.renewals import renew_standalone
from billwright.billing.invoicing.billing import settle
from billwright.billing.invoicing.computing import compute
from billwright.billing.invoicing.credits import Waterfall, apply_credits, run_waterfall
from billwright.billing.invoicing.dates import dates_at_generation, finalization_instant
from billwright.billing.invoicing.issuing import issue
from billwright.billing.invoicing.models import Invoice, InvoiceSubscription
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.invoicing.rows import Row, stored_row
from billwright.billing.invoicing.writing import apply_totals, delete_fees, insert_fees
from billwright.billing.kernel.errors import Forbidden, NotFound
from billwright.billing.notifications.service import emit
from billwright.billing.progressive.consequences import follow_up
from billwright.billing.subscriptions.calendar.timezones import local_date
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.taxes.eu_waiting import check_in_progress


async def locked_invoice(ctx: Context, invoice_id: UUID) -> tuple[Invoice, Customer]:
    """The invoice and its customer, both locked, the customer first (spec 00 rule 18)."""
    found = await find_invoice(ctx, invoice_id)
    customer = await lock_customer(ctx, found.customer_id)
    invoice = await find_invoice(ctx, invoice_id, lock=True)
    if customer is None:
        raise NotFound("customer")
    return invoice, customer


async def rows_of(ctx: Context, invoice: Invoice) -> list[Row]:
    """The invoice's rows again, with windows as they were chosen and plans as they are now (spec 03 §8.4 point 7)."""
    stored = (
        await ctx.session.scalars(
            select(InvoiceSubscription)
            .where(col(InvoiceSubscription.invoice_id) == invoice.id)
            .order_by(col(InvoiceSubscription.id))
        )
    ).all()
    subscriptions = {
        item.id: item
        for item in await ctx.session.scalars(
            select(Subscription).where(col(Subscription.id).in_([row.subscription_id for row in stored]))
        )
    }
    plans = await plan_snapshots(
        ctx.session, ctx.organization.catalog_revision, {item.plan_id for item in subscriptions.values()}
    )
    return [
        await stored_row(
            ctx,
            row,
            subscriptions[row.subscription_id],
            plans[subscriptions[row.subscription_id].plan_id],
            invoice.timezone,
        )
        for row in stored
    ]


async def _recompute(
    ctx: Context, customer: Customer, invoice: Invoice, *, final: bool
) -> tuple[Waterfall, list[DetachedNote]]:
    computed = await compute(ctx, customer, await rows_of(ctx, invoice), invoice_id=invoice.id)
    detached = await detach_notes(ctx, invoice)
    await delete_fees(ctx, invoice.id)
    flow = await run_waterfall(ctx, customer, invoice, computed.fees, computed.totals, final=final, rows=computed.rows)
    waited = invoice.tax_status == "pending"
    apply_totals(invoice, flow.totals)
    apply_credits(invoice, flow)
    invoice.ready_to_be_refreshed = False
    invoice.updated_at = ctx.now()
    if waited and not final and not flow.totals.untaxed:
        await emit(ctx, "invoice.ready_to_finalize", "invoice", invoice.id)
    return flow, detached


async def _store(ctx: Context, customer: Customer, flow: Waterfall, detached: Sequence[DetachedNote]) -> None:
    ctx.session.add_all(flow.rows)
    await insert_fees(ctx, flow.invoice, flow.fees, flow.totals)
    await attach_notes(ctx, flow.invoice, detached)
    await follow_up(ctx, customer, flow)


async def refresh_invoice(ctx: Context, invoice_id: UUID) -> Invoice:
    """Recompute a draft from usage and catalogue as they are now; other statuses come back unchanged.

    Raises ``NotFound("invoice")``; ``Forbidden("feature_unavailable")`` if it is not of type subscription.
    """
    invoice, customer = await locked_invoice(ctx, invoice_id)
    if invoice.invoice_type != "subscription":
        raise Forbidden("feature_unavailable")
    if invoice.status != "draft":
        return invoice
    await _store(ctx, customer, *await _recompute(ctx, customer, invoice, final=False))
    return invoice


async def finalize_invoice(ctx: Context, invoice_id: UUID) -> Invoice:
    """Issue a draft now (spec 04 §8.2). Raises ``NotFound("invoice")`` when unknown or not a draft, and
    ``Forbidden("cannot_finalize_with_pending_taxes")`` while the customer's taxes are not known."""
    invoice, customer = await locked_invoice(ctx, invoice_id)
    if invoice.status != "draft":
        raise NotFound("invoice")
    if await check_in_progress(ctx, customer.id):
        raise Forbidden("cannot_finalize_with_pending_taxes")
    await finalize_draft(ctx, customer, invoice)
    return invoice


async def finalize_draft(ctx: Context, customer: Customer, invoice: Invoice) -> None:
    """Recompute a locked draft, date it with today, number and issue it, or close it when empty and skipped.

    While the customer's taxes are not known it stays a draft, due again when they are (spec 05 A7).
    """
    if await check_in_progress(ctx, customer.id):
        invoice.finalization_due_at = None
        await ctx.session.flush()
        return
    now = ctx.now()
    flow, detached = await _recompute(ctx, customer, invoice, final=True)
    if settings.issuing_date_adjustment(customer, ctx.organization) != "keep_anchor":
        invoice.issuing_date = local_date(now, settings.applicable_timezone(customer, ctx.organization))
    invoice.payment_due_date = invoice.issuing_date + timedelta(days=invoice.net_payment_term)
    empty = flow.totals.fees_amount_cents == 0
    if empty and not settings.finalizes_empty_invoices(customer, ctx.organization):
        invoice.status = "closed"
        invoice.finalization_due_at = None
    else:
        await issue(ctx, customer, invoice, now)
    await _store(ctx, customer, flow, detached)
    await finalize_notes(ctx, customer, invoice)


async def finish_generation(ctx: Context, invoice_id: UUID) -> None:
    """Compute an invoice that was left ``generating``, with the rows it already has (spec 03 §8.4 point 6)."""
    found = await find_invoice(ctx, invoice_id, visible_only=False)
    customer = await lock_customer(ctx, found.customer_id)
    invoice = await find_invoice(ctx, invoice_id, lock=True, visible_only=False)
    if customer is None or invoice.status != "generating":
        return
    rows = await rows_of(ctx, invoice)
    computed = await compute(ctx, customer, rows, invoice_id=invoice.id)
    await renew_standalone(ctx, customer, rows)
    await settle(ctx, customer, invoice, computed)


async def mark_drafts_stale(
    ctx: Context, *, customer_ids: Sequence[UUID] | None = None, plan_ids: Sequence[UUID] | None = None
) -> None:
    """Flag drafts for refresh after a change of taxes or catalogue (spec 04 §8.1): all, or those concerned."""
    statement = (
        update(Invoice)
        .where(col(Invoice.organization_id) == ctx.organization_id, col(Invoice.status) == "draft")
        .values(ready_to_be_refreshed=True)
        .execution_options(synchronize_session=False)
    )
    if customer_ids is not None:
        statement = statement.where(col(Invoice.customer_id).in_(customer_ids))
    if plan_ids is not None:
        concerned = (
            select(col(InvoiceSubscription.invoice_id))
            .join(Subscription, col(Subscription.id) == col(InvoiceSubscription.subscription_id))
            .where(col(Subscription.organization_id) == ctx.organization_id, col(Subscription.plan_id).in_(plan_ids))
        )
        statement = statement.where(col(Invoice.id).in_(concerned))
    await ctx.session.execute(statement)


async def stale_drafts(ctx: Context, limit: int = 100) -> list[UUID]:
    """Ids of flagged drafts that have an active subscription, oldest first."""
    active = (
        select(col(InvoiceSubscription.invoice_id))
        .join(Subscription, col(Subscription.id) == col(InvoiceSubscription.subscription_id))
        .where(col(InvoiceSubscription.invoice_id) == col(Invoice.id), col(Subscription.status) == "active")
        .exists()
    )
    rows = await ctx.session.scalars(
        select(col(Invoice.id))
        .where(
            col(Invoice.organization_id) == ctx.organization_id,
            col(Invoice.status) == "draft",
            col(Invoice.ready_to_be_refreshed).is_(True),
            active,
        )
        .order_by(col(Invoice.created_at), col(Invoice.id))
        .limit(limit)
    )
    return list(rows.all())


async def redate_drafts(ctx: Context, customer: Customer) -> None:
    """Date a locked customer's drafts by its present grace period and payment term (spec 04 §5, §6).

    Counted from each draft's billing date, so running it again changes nothing.
    """
    drafts = (
        await ctx.session.scalars(
            select(Invoice)
            .where(
                col(Invoice.organization_id) == ctx.organization_id,
                col(Invoice.customer_id) == customer.id,
                col(Invoice.status) == "draft",
            )
            .with_for_update()
        )
    ).all()
    if not drafts:
        return
    periodic = set(
        (
            await ctx.session.scalars(
                select(col(InvoiceSubscription.invoice_id)).where(
                    col(InvoiceSubscription.invoice_id).in_([draft.id for draft in drafts]),
                    col(InvoiceSubscription.recurring).is_(True),
                )
            )
        ).all()
    )
    for draft in drafts:
        dates = dates_at_generation(
            customer,
            ctx.organization,
            draft.timestamp,
            has_grace_period=True,
            periodic=draft.id in periodic,
            tz=draft.timezone,
        )
        expected = dates.expected_finalization_date or local_date(draft.timestamp, draft.timezone)
        if customer.deleted_at is None:
            draft.expected_finalization_date = expected
            draft.finalization_due_at = finalization_instant(expected)
        draft.issuing_date = dates.issuing_date
        draft.payment_due_date = dates.payment_due_date
        draft.net_payment_term = dates.net_payment_term
        draft.applied_grace_period = dates.grace_period
        draft.updated_at = ctx.now()


async def finalize_due_drafts(ctx: Context, customer_id: UUID) -> None:
    """Finalize those of a customer's drafts that are due by now, in their order (spec 04 §6)."""
    customer = await lock_customer(ctx, customer_id)
    if customer is None:
        return
    drafts = await ctx.session.scalars(
        select(Invoice)
        .where(
            col(Invoice.organization_id) == ctx.organization_id,
            col(Invoice.customer_id) == customer_id,
            col(Invoice.status) == "draft",
            col(Invoice.finalization_due_at) <= ctx.now(),
        )
        .order_by(col(Invoice.expected_finalization_date), col(Invoice.created_at), col(Invoice.id))
        .with_for_update()
    )
    for invoice in drafts.all():
        await finalize_draft(ctx, customer, invoice)
