"""Making invoices for subscriptions: one transaction with rows, fees, number and outbox (spec 03 §8.4, 04 §2).

The customer row must be locked by the caller; that lock is what makes each use case run once at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from billwright.billing.access.context import Context
from billwright.billing.activity_logs.service import record
from billwright.billing.customers.models import Customer
from billwright.billing.customers.settings import finalizes_empty_invoices
from billwright.billing.in_advance.renewals import renew_standalone
from billwright.billing.invoicing.computing import Computation, compute
from billwright.billing.invoicing.credits import apply_credits, run_waterfall
from billwright.billing.invoicing.dates import InvoiceDates, dates_at_generation
from billwright.billing.invoicing.issuing import issue
from billwright.billing.invoicing.models import Invoice, InvoiceError
from billwright.billing.invoicing.numbering import draft_number
from billwright.billing.invoicing.rows import Row, remember_billed
from billwright.billing.invoicing.writing import apply_totals, insert_fees, insert_rows
from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.outbox import enqueue, gathering, jobs_of
from billwright.billing.kernel.statements import FlushedInside, savepoint
from billwright.billing.kernel.transient import is_transient
from billwright.billing.notifications.service import emit
from billwright.billing.progressive.consequences import follow_up
from billwright.billing.subscriptions.terms import refresh_due

log = structlog.get_logger(__name__)

FIRST_RETRY = timedelta(seconds=3)
PERIODIC_RETRY = timedelta(minutes=5)
GENERATION_ATTEMPTS = 1
"""How often a failed computation is tried again; failing twice in all leaves it to the operator."""


async def bill(
    ctx: Context, customer: Customer, rows: Sequence[Row], t: datetime, tz: str, *, has_grace_period: bool = True
) -> Invoice:
    """Make one subscription invoice for ``rows`` at billing instant ``t`` and return it.

    Becomes a draft when a grace period applies, ``closed`` when it is empty and such invoices are skipped, ``pending``
    while the customer's taxes are not known (spec 05 A7), else finalized. If computing fails, the invoice is stored
    ``generating`` with its rows and retried by a job that reuses them; the life-cycle change of the caller is kept
    (spec 03 §8.4 point 6). A database that fails (``is_transient``) fails the whole transaction instead: what is due
    stays due.
    """
    dates = dates_at_generation(
        customer,
        ctx.organization,
        t,
        has_grace_period=has_grace_period,
        periodic=any(row.windows.recurring for row in rows),
        tz=tz,
    )
    invoice = new_invoice(ctx, customer, dates, currency=rows[0].plan.amount_currency, t=t, tz=tz)
    try:
        async with savepoint(ctx.session):
            computed = await compute(ctx, customer, rows)
            await renew_standalone(ctx, customer, rows)
    except Exception as failure:
        if is_transient(failure) or isinstance(failure, FlushedInside):
            raise
        log.exception("invoice computation failed", customer_id=str(customer.id))
        for row in rows:
            remember_billed(row)
        await _keep_generating(ctx, invoice, rows)
        return invoice
    await settle(ctx, customer, invoice, computed, rows=rows)
    return invoice


def new_invoice(
    ctx: Context,
    customer: Customer,
    dates: InvoiceDates,
    *,
    currency: str,
    t: datetime,
    tz: str,
    invoice_type: str = "subscription",
) -> Invoice:
    """An invoice of billing instant ``t`` that has neither amounts nor a number yet and is not stored."""
    now = ctx.now()
    return Invoice(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        customer_id=customer.id,
        live=ctx.organization.kind == "live",
        invoice_type=invoice_type,
        number=draft_number(ctx.organization.document_number_prefix),
        currency=currency,
        timezone=tz,
        timestamp=t,
        issuing_date=dates.issuing_date,
        payment_due_date=dates.payment_due_date,
        net_payment_term=dates.net_payment_term,
        expected_finalization_date=dates.expected_finalization_date,
        finalization_due_at=dates.finalization_due_at,
        applied_grace_period=dates.grace_period,
    )


async def settle(
    ctx: Context,
    customer: Customer,
    invoice: Invoice,
    computed: Computation,
    *,
    rows: Sequence[Row] = (),
    issued_at: datetime | None = None,
) -> None:
    """Give a computed invoice its credits and its status and store it; ``rows`` are those not stored yet.

    ``issued_at``: the instant of issue where it is not the billing instant (an event that came late).
    """
    drafted = invoice.expected_finalization_date is not None
    with gathering(ctx.session) as jobs:
        flow = await run_waterfall(
            ctx, customer, invoice, computed.fees, computed.totals, final=not drafted, rows=computed.rows
        )
        apply_totals(invoice, flow.totals)
        apply_credits(invoice, flow)
        if drafted:
            invoice.status = "draft"
            await emit(ctx, "invoice.drafted", "invoice", invoice.id, item=invoice)
            if not flow.totals.untaxed:
                await emit(ctx, "invoice.ready_to_finalize", "invoice", invoice.id)
        elif flow.totals.fees_amount_cents == 0 and not finalizes_empty_invoices(customer, ctx.organization):
            invoice.status = "closed"
            if flow.totals.untaxed:
                invoice.tax_status, invoice.payment_status = None, "succeeded"
        elif flow.totals.untaxed:
            invoice.status = "pending"
        else:
            await issue(ctx, customer, invoice, issued_at or invoice.timestamp)
    for row in rows:
        remember_billed(row)
        if row.windows.recurring:  # here, so that each subscription is written once
            await refresh_due(ctx, row.subscription, row.plan, invoice.timezone)
    ctx.session.add_all([invoice, *flow.rows])
    await insert_fees(ctx, invoice, flow.fees, flow.totals, rows=rows, jobs=jobs_of(jobs))
    await follow_up(ctx, customer, flow)


async def _keep_generating(ctx: Context, invoice: Invoice, rows: Sequence[Row]) -> None:
    periodic = any(row.windows.recurring for row in rows)
    invoice.status = "generating"
    ctx.session.add(invoice)
    await ctx.session.flush()
    await insert_rows(ctx, invoice, rows, invoice.created_at)
    await enqueue(
        ctx.session,
        ctx.organization_id,
        "invoice.generate",
        {"invoice_id": str(invoice.id)},
        unique_key=f"invoice.generate:{invoice.id}",
        run_at=system_now() + (PERIODIC_RETRY if periodic else FIRST_RETRY),
        max_attempts=GENERATION_ATTEMPTS,
    )


async def record_generation_error(ctx: Context, invoice: Invoice, failure: str) -> None:
    """Note on the invoice why it could not be computed; the back office shows it with a retry."""
    now = ctx.now()
    ctx.session.add(
        InvoiceError(
            id=new_id(),
            created_at=now,
            updated_at=now,
            invoice_id=invoice.id,
            error_code="invoice_generation_error",
            details={"error": failure},
        )
    )
    record(ctx, "invoice.failed", "invoice", invoice.id)
