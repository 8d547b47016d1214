"""What goes on once a customer's taxes are known: drafts, subscriptions that could not end, invoices (spec 05 A7)."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import Text, cast, exists, or_, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.background.runtime import Runtime
from billwright.billing.customers.locking import lock_customer
from billwright.billing.invoicing.dates import finalization_instant
from billwright.billing.invoicing.models import Invoice, InvoiceError
from billwright.billing.invoicing.pending import TAX_ERROR, fail_taxes, finalize_pending, retry_invoice
from billwright.billing.invoicing.queries import find_invoice
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.kernel.transient import is_transient, retrying
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.rescheduling import reschedule_customer
from billwright.billing.taxes.eu_waiting import RELEASE_ATTEMPTS, RELEASE_JOB, check_in_progress
from billwright.billing.taxes.models import ViesCheck

log = structlog.get_logger(__name__)
LIMITED = "%API limit%"
"""What providers that are asked too often say (spec 04 §11)."""


@job(RELEASE_JOB)
async def release(call: JobCall) -> None:
    """Let a customer's drafts and endings be due again, then issue its waiting invoices, oldest first.

    One transaction each. Does nothing while a check is in progress; what fails at the last attempt becomes ``failed``.
    """
    assert call.organization_id is not None
    customer_id = UUID(call.arguments["customer_id"])
    failures: dict[UUID, Exception] = {}
    if not await _resume(call.runtime, call.organization_id, customer_id):
        return
    while (invoice_id := await _oldest(call.runtime, call.organization_id, customer_id, failures)) is not None:
        try:
            work = partial(_finalize, call.runtime, call.organization_id, invoice_id)
            if not await retrying(work, invoice_id=str(invoice_id)):
                return
        except Exception as failure:
            if is_transient(failure):
                raise
            log.exception("waiting invoice not issued", invoice_id=str(invoice_id))
            failures[invoice_id] = failure
            if call.attempt >= RELEASE_ATTEMPTS:
                await _fail(call.runtime, call.organization_id, invoice_id, failure)
    if failures:
        raise next(iter(failures.values()))


async def _resume(runtime: Runtime, organization_id: UUID, customer_id: UUID) -> bool:
    async with runtime.database.transaction() as session:
        ctx = Context(session, await session.get_one(Organization, organization_id), event_store=runtime.event_store)
        customer = await lock_customer(ctx, customer_id)
        if customer is None or await check_in_progress(ctx, customer_id):
            return False
        drafts = await session.scalars(
            select(Invoice)
            .where(
                col(Invoice.organization_id) == organization_id,
                col(Invoice.customer_id) == customer_id,
                col(Invoice.status) == "draft",
                or_(col(Invoice.tax_status) == "pending", col(Invoice.finalization_due_at).is_(None)),
            )
            .with_for_update()
        )
        due = False
        for draft in drafts.all():
            draft.ready_to_be_refreshed = True
            if draft.finalization_due_at is None and draft.expected_finalization_date is not None:
                expected = finalization_instant(draft.expected_finalization_date)
                draft.finalization_due_at = ctx.now() if customer.deleted_at else expected
                due = due or draft.finalization_due_at <= ctx.now()
        parked = await session.scalars(
            select(col(Subscription.id))
            .where(
                col(Subscription.organization_id) == organization_id,
                col(Subscription.customer_id) == customer_id,
                col(Subscription.status) == "active",
                col(Subscription.ending_at).is_not(None),
                col(Subscription.ending_due_at).is_(None),
            )
            .limit(1)
        )
        if parked.first() is not None:
            await reschedule_customer(ctx, customer)
        if due:
            await enqueue(session, organization_id, "customer.finalize_due_drafts", {"customer_id": str(customer_id)})
        return True


async def _oldest(
    runtime: Runtime, organization_id: UUID, customer_id: UUID, but: dict[UUID, Exception]
) -> UUID | None:
    async with runtime.database.reading() as session:
        found = await session.scalars(
            select(col(Invoice.id))
            .where(
                col(Invoice.organization_id) == organization_id,
                col(Invoice.customer_id) == customer_id,
                col(Invoice.status) == "pending",
                col(Invoice.tax_status) == "pending",
                col(Invoice.id).not_in(list(but)),
            )
            .order_by(col(Invoice.created_at), col(Invoice.id))
            .limit(1)
        )
        return found.first()


async def _finalize(runtime: Runtime, organization_id: UUID, invoice_id: UUID) -> bool:
    """``False`` when another check has begun meanwhile, or another job was faster and goes on with the rest."""
    async with runtime.database.transaction() as session:
        ctx = Context(session, await session.get_one(Organization, organization_id), event_store=runtime.event_store)
        found = await find_invoice(ctx, invoice_id)
        customer = await lock_customer(ctx, found.customer_id)
        invoice = await find_invoice(ctx, invoice_id, lock=True)
        return customer is not None and await finalize_pending(ctx, customer, invoice)


async def _fail(runtime: Runtime, organization_id: UUID, invoice_id: UUID, failure: Exception) -> None:
    async with runtime.database.transaction() as session:
        ctx = Context(session, await session.get_one(Organization, organization_id))
        invoice = await find_invoice(ctx, invoice_id, lock=True)
        if invoice.status == "pending":
            await fail_taxes(ctx, invoice, "unexpected_error", str(failure) or type(failure).__name__)


async def release_forgotten(runtime: Runtime) -> int:
    """Release the customers whose invoices wait although nothing is being checked; retry the invoices whose provider
    was asked too often (spec 04 §11: every 15 minutes, system time). Returns how many of both."""
    checked = exists().where(col(ViesCheck.customer_id) == col(Invoice.customer_id))
    async with runtime.database.transaction() as session:
        rows = await session.execute(
            select(col(Invoice.organization_id), col(Invoice.customer_id))
            .join(Organization, col(Organization.id) == col(Invoice.organization_id))
            .where(
                col(Invoice.status) == "pending",
                col(Invoice.tax_status) == "pending",
                or_(col(Organization.eu_tax_management).is_(False), ~checked),
            )
            .distinct()
        )
        waiting = rows.all()
        for organization_id, customer_id in waiting:
            await enqueue(session, organization_id, RELEASE_JOB, {"customer_id": str(customer_id)})
    async with runtime.database.reading() as session:
        rows = await session.execute(
            select(col(Invoice.organization_id), col(Invoice.id))
            .join(InvoiceError, col(InvoiceError.invoice_id) == col(Invoice.id))
            .where(
                col(Invoice.status) == "failed",
                col(InvoiceError.error_code) == TAX_ERROR,
                cast(InvoiceError.details, Text).ilike(LIMITED),
            )
        )
        limited = rows.all()
    for organization_id, invoice_id in limited:
        async with runtime.database.transaction() as session:
            ctx = Context(session, await session.get_one(Organization, organization_id))
            await retry_invoice(ctx, invoice_id)
    return len(waiting) + len(limited)
