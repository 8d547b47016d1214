"""Deleting a customer: hidden at once, wound up by a job (spec 03 §1.5)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.models import Organization
from billwright.billing.activity_logs.service import record
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.coupons.applying import end_applications_of
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import get_customer
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.subscriptions.life_cycle import wind_up as wind_up_subscription
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.termination_credits import postponed_while_taxes_are_unknown
from billwright.billing.wallets.service import terminate_wallets_of

FINALIZATION_DELAY = timedelta(minutes=5)


async def delete_customer(ctx: Context, external_id: str) -> Customer:
    """Soft-delete now; a job ends the subscriptions and lets the drafts finalize. Raises ``NotFound("customer")``."""
    found = await get_customer(ctx, external_id)
    customer = await lock_customer(ctx, found.id)
    if customer is None or customer.deleted_at is not None:
        raise NotFound("customer")
    now = ctx.now()
    customer.deleted_at = now
    customer.updated_at = now
    await enqueue(
        ctx.session,
        ctx.organization_id,
        "customer.wind_up",
        {"customer_id": str(customer.id)},
        unique_key=f"customer.wind_up:{customer.id}",
    )
    record(ctx, "customer.deleted", "customer", customer.id)
    return customer


@job("customer.wind_up")
async def wind_up(call: JobCall) -> None:
    """Terminate active subscriptions, cancel pending ones, schedule the drafts five minutes later; then end coupons,
    which thus reduce the final invoices but not the drafts. Postponed while the taxes of a period paid in advance are
    not known."""
    with postponed_while_taxes_are_unknown():
        await _wind_up(call)


async def _wind_up(call: JobCall) -> None:
    async with call.runtime.database.transaction() as session:
        organization = await session.get(Organization, call.organization_id)
        if organization is None:
            return
        ctx = Context(session, organization, event_store=call.runtime.event_store)
        customer = await lock_customer(ctx, UUID(call.arguments["customer_id"]))
        if customer is None:
            return
        rows = await session.scalars(
            select(Subscription)
            .where(
                col(Subscription.organization_id) == ctx.organization_id,
                col(Subscription.customer_id) == customer.id,
                col(Subscription.status).in_(("active", "pending")),
            )
            .order_by(col(Subscription.created_at), col(Subscription.id))
        )
        now = ctx.now()
        for subscription in rows.all():
            await wind_up_subscription(ctx, customer, subscription)
        await session.flush()
        await session.execute(
            update(Invoice)
            .where(
                col(Invoice.organization_id) == ctx.organization_id,
                col(Invoice.customer_id) == customer.id,
                col(Invoice.status) == "draft",
            )
            .values(finalization_due_at=now + FINALIZATION_DELAY)
            .execution_options(synchronize_session=False)
        )
        await end_applications_of(ctx, customer)
        await terminate_wallets_of(ctx, customer)
