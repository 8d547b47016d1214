"""What changed settings do to drafts and due instants (spec 04 §6, 03 §8.2)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.entity_schemas import BillingEntityUpdate
from billwright.billing.access.models import Organization
from billwright.billing.access.schemas import OrganizationUpdate
from billwright.billing.access.service import OrganizationChange, rename, update_organization
from billwright.billing.background.jobs import JobCall, job
from billwright.billing.customers.locking import lock_customer
from billwright.billing.invoicing.drafts import finalize_due_drafts, redate_drafts
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import NotFound
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.notifications.endpoints import set_first_url
from billwright.billing.subscriptions.rescheduling import customers_on_organization_zone, reschedule_by_id
from billwright.billing.taxes.eu_management import follow_eu_tax_management
from billwright.billing.taxes.service import replace_default_taxes


async def change_settings(
    ctx: Context, inp: OrganizationUpdate, *, outside_eu: str = "org_must_be_in_eu"
) -> OrganizationChange:
    """Update the organization; jobs then re-date the drafts of customers that inherit and move their due instants.

    ``webhook_url`` is that of its first webhook endpoint (spec 06 §16.1). ``outside_eu``: the code with which EU tax
    management is refused to a seller outside the EU (spec 05 A5).
    """
    change = await update_organization(ctx, inp)
    if "eu_tax_management" in inp.settings():
        await follow_eu_tax_management(ctx, code=outside_eu)
    if inp.given("webhook_url"):
        await set_first_url(ctx, inp.webhook_url)
    if change.moves_drafts:
        await enqueue(ctx.session, ctx.organization_id, "organization.redate_drafts")
    if change.moves_due_dates:
        await enqueue(ctx.session, ctx.organization_id, "organization.reschedule")
    return change


async def change_billing_entity(ctx: Context, inp: BillingEntityUpdate) -> None:
    """Update the organization as its billing entity (spec 07 §9.6): name, settings, default taxes.

    Raises ``NotFound`` (``invoice_custom_section``: there are none; ``tax``) besides what settings raise.
    """
    if inp.invoice_custom_section_codes:
        raise NotFound("invoice_custom_section")
    if inp.given("name") and inp.name != ctx.organization.name:
        await rename(ctx, inp.name)
    await change_settings(ctx, inp, outside_eu="billing_entity_must_be_in_eu")
    if inp.given("tax_codes"):
        await replace_default_taxes(ctx, inp.tax_codes or [])


@job("organization.redate_drafts")
async def redate_all_drafts(call: JobCall) -> None:
    """Date every draft of the organization anew, one customer at a time. Due ones go with the next pass."""
    async with call.runtime.database.reading() as session:
        found = await session.scalars(
            select(col(Invoice.customer_id))
            .where(col(Invoice.organization_id) == call.organization_id, col(Invoice.status) == "draft")
            .distinct()
        )
        customers = list(found.all())
    for customer_id in customers:
        async with call.runtime.database.transaction() as session:
            organization = await session.get_one(Organization, call.organization_id)
            ctx = Context(session, organization, event_store=call.runtime.event_store)
            customer = await lock_customer(ctx, customer_id)
            if customer is not None:
                await redate_drafts(ctx, customer)


@job("organization.reschedule")
async def reschedule_all(call: JobCall) -> None:
    """After a change of the organization's zone: recompute the due instants of customers without their own."""
    async with call.runtime.database.reading() as session:
        organization = await session.get_one(Organization, call.organization_id)
        customers = await customers_on_organization_zone(Context(session, organization))
    for customer_id in customers:
        async with call.runtime.database.transaction() as session:
            organization = await session.get_one(Organization, call.organization_id)
            await reschedule_by_id(Context(session, organization, event_store=call.runtime.event_store), customer_id)


@job("customer.finalize_due_drafts")
async def finalize_after_change(call: JobCall) -> None:
    """A customer's shorter grace period may have made drafts due at once."""
    async with call.runtime.database.transaction() as session:
        organization = await session.get_one(Organization, call.organization_id)
        ctx = Context(session, organization, event_store=call.runtime.event_store)
        await finalize_due_drafts(ctx, UUID(call.arguments["customer_id"]))
