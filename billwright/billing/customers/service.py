"""Use cases of customers: upsert and currency lock (spec 03 §1.1-§1.4). Deletion is in ``deletion.py``."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import exists, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.coupons.models import AppliedCoupon
from billwright.billing.customers import settings
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.metadata import replace_metadata
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import find_customer, get_customer
from billwright.billing.customers.schemas import PLAIN_ATTRIBUTES, BillingConfigurationInput, CustomerInput
from billwright.billing.invoicing.drafts import redate_drafts
from billwright.billing.invoicing.models import Invoice
from billwright.billing.kernel.errors import NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.outbox import enqueue
from billwright.billing.notifications.service import emit
from billwright.billing.subscriptions.models import Subscription
from billwright.billing.subscriptions.rescheduling import reschedule_customer
from billwright.billing.taxes.eu_customers import automatic_tax, buyer_of, replace_customer_taxes
from billwright.billing.taxes.models import Tax
from billwright.billing.wallets.models import Wallet

__all__ = ["change_external_id", "ensure_customer", "find_customer", "get_customer", "take_currency", "upsert_customer"]

MAX_EXTERNAL_ID = 255


async def upsert_customer(ctx: Context, inp: CustomerInput) -> Customer:
    """Create the customer with ``external_id`` or update it; one transaction, one webhook.

    Raises ``ValidationFailed`` with the codes of spec 03 §1.1, ``NotFound("tax")`` and ``NotFound("billing_entity")``.
    """
    external_id = (inp.external_id or "").strip()
    problems = Problems()
    if not external_id:
        problems.add("external_id", "value_is_mandatory")
    elif len(external_id) > MAX_EXTERNAL_ID:
        problems.add("external_id", "value_is_too_long")
    if inp.skip_invoice_custom_sections and inp.invoice_custom_section_codes:
        problems.add("invoice_custom_sections", "skip_sections_and_selected_ids_sent_together")
    linked = [entry.integration_type for entry in inp.integration_customers or [] if entry.integration_type]
    if len(linked) != len(set(linked)):
        problems.add("integration_customers", "invalid_count_per_integration_type")
    problems.raise_if_any()
    if inp.billing_entity_code is not None and inp.billing_entity_code != billing_entity_code(ctx.organization):
        raise NotFound("billing_entity")
    if inp.invoice_custom_section_codes:
        raise NotFound("invoice_custom_section")
    found = await find_customer(ctx, external_id)
    created = found is None
    customer = found or await ensure_customer(ctx, external_id, taxed=False)
    locked = await lock_customer(ctx, customer.id)
    if locked is None:
        raise NotFound("customer")
    await _apply(ctx, locked, inp, created=created)
    await emit(ctx, "customer.created" if created else "customer.updated", "customer", locked.id)
    return locked


async def ensure_customer(ctx: Context, external_id: str, *, taxed: bool = True) -> Customer:
    """The live customer with this external id, created bare if there is none; safe against concurrent creation.

    ``taxed``: a new one gets its automatic EU tax here; without, the caller sees to it (spec 05 A6). The
    organization's row is locked before the look-up, so that a lost race costs no sequential id.
    """
    now = ctx.now()
    organization_row = text("select 1 from organizations where id = :id for no key update")
    await ctx.session.execute(organization_row, {"id": ctx.organization_id})
    found = await find_customer(ctx, external_id)
    if found is not None:
        return found
    sequence = (
        await ctx.session.execute(
            text(
                "update organizations set customer_sequence = customer_sequence + 1"
                " where id = :id returning customer_sequence"
            ),
            {"id": ctx.organization_id},
        )
    ).scalar_one()
    statement = (
        insert(Customer)
        .values(
            id=new_id(),
            created_at=now,
            updated_at=now,
            organization_id=ctx.organization_id,
            external_id=external_id,
            sequential_id=sequence,
            slug=f"{ctx.organization.document_number_prefix}-{sequence:03d}",
            shipping_address={},
            finalize_zero_amount_invoice="inherit",
            skip_invoice_custom_sections=False,
            invoice_sequence=0,
        )
        .on_conflict_do_nothing(
            index_elements=["organization_id", "external_id"], index_where=text("deleted_at is null")
        )
    )
    await ctx.session.execute(statement)
    customer = await get_customer(ctx, external_id)
    automatic = await automatic_tax(ctx, customer, None) if taxed else None
    if automatic is not None:
        await replace_customer_taxes(ctx, customer, [automatic])
    return customer


async def change_external_id(ctx: Context, customer: Customer, external_id: str) -> None:
    """Rename a customer whose attributes are not locked; the id that it has is no change (spec 03 §1.1, 07 §7.7).

    Raises ``ValidationFailed`` for ``external_id``: ``value_is_mandatory``, ``value_is_too_long``,
    ``value_already_exist``, and ``value_is_locked`` once something is attached to the customer.
    """
    wanted = external_id.strip()
    if wanted == customer.external_id:
        return
    if not wanted or len(wanted) > MAX_EXTERNAL_ID:
        raise ValidationFailed(external_id="value_is_too_long" if wanted else "value_is_mandatory")
    locked = await lock_customer(ctx, customer.id)
    if locked is None or not await is_editable(ctx, locked):
        raise ValidationFailed(external_id="value_is_locked")
    try:
        async with ctx.session.begin_nested():
            locked.external_id = wanted
    except IntegrityError:
        raise ValidationFailed(external_id="value_already_exist") from None


async def _apply(ctx: Context, customer: Customer, inp: CustomerInput, *, created: bool) -> None:
    organization = ctx.organization
    old_buyer = None if created else buyer_of(customer)
    old_zone = settings.applicable_timezone(customer, organization)
    old_dates = _date_settings(ctx, customer)
    if inp.given("currency") and inp.currency != customer.currency:
        if not await is_editable(ctx, customer):
            raise ValidationFailed(currency="currencies_does_not_match")
        customer.currency = inp.currency
    for name, value in inp.given_values(*PLAIN_ATTRIBUTES).items():
        setattr(customer, name, value)
    if inp.given("finalize_zero_amount_invoice"):
        customer.finalize_zero_amount_invoice = inp.finalize_zero_amount_invoice or "inherit"
    if inp.skip_invoice_custom_sections is not None:
        customer.skip_invoice_custom_sections = inp.skip_invoice_custom_sections
    if inp.given("shipping_address"):
        sent = inp.shipping_address
        shipping = dict(customer.shipping_address) if sent is not None else {}
        if sent is not None:
            shipping.update({name: getattr(sent, name) for name in sent.model_fields_set})
        customer.shipping_address = shipping
    if inp.billing_configuration is not None:
        _configure(customer, inp.billing_configuration)
    customer.updated_at = ctx.now()
    await ctx.session.flush()
    if inp.given("metadata"):
        await replace_metadata(ctx, customer, inp.metadata or [])
    automatic = await automatic_tax(ctx, customer, old_buyer)
    if automatic is not None or inp.given("tax_codes"):
        own = await _taxes(ctx, inp.tax_codes or [])
        await replace_customer_taxes(ctx, customer, own if automatic is None else [*own, automatic])
    if _date_settings(ctx, customer) != old_dates:
        await redate_drafts(ctx, customer)
        await enqueue(
            ctx.session,
            ctx.organization_id,
            "customer.finalize_due_drafts",
            {"customer_id": str(customer.id)},
            unique_key=f"customer.finalize_due_drafts:{customer.id}",
        )
    if settings.applicable_timezone(customer, organization) != old_zone:
        await reschedule_customer(ctx, customer)


def _date_settings(ctx: Context, customer: Customer) -> tuple[object, ...]:
    """The settings in force that date drafts (spec 04 §5, §6)."""
    organization = ctx.organization
    return (
        settings.invoice_grace_period(customer, organization),
        settings.net_payment_term(customer, organization),
        settings.issuing_date_anchor(customer, organization),
        settings.issuing_date_adjustment(customer, organization),
    )


def _configure(customer: Customer, sent: BillingConfigurationInput) -> None:
    for name in (
        "invoice_grace_period",
        "document_locale",
        "subscription_invoice_issuing_date_anchor",
        "subscription_invoice_issuing_date_adjustment",
    ):
        if sent.given(name):
            setattr(customer, name, getattr(sent, name))
    provider_keys = (
        "payment_provider",
        "payment_provider_code",
        "provider_customer_id",
        "sync",
        "sync_with_provider",
        "provider_payment_methods",
    )
    given = sent.given_values(*provider_keys)
    if not given:
        return
    if sent.given("payment_provider") and sent.payment_provider is None:
        customer.payment_provider = None
        return
    merged = {**(customer.payment_provider or {}), **given}
    customer.payment_provider = merged if merged.get("payment_provider") else None


async def is_editable(ctx: Context, customer: Customer) -> bool:
    """No subscription of any status, no invoice, no applied coupon with a currency, no wallet (spec 03 §1.2); decides
    the currency lock."""
    return (await are_editable(ctx, [customer.id])).get(customer.id, True)


async def are_editable(ctx: Context, customer_ids: Sequence[UUID]) -> dict[UUID, bool]:
    """``is_editable`` of many customers of the organization, in one statement."""
    subscribed = exists().where(col(Subscription.customer_id) == col(Customer.id))
    invoiced = exists().where(col(Invoice.customer_id) == col(Customer.id))
    discounted = exists().where(
        col(AppliedCoupon.customer_id) == col(Customer.id), col(AppliedCoupon.amount_currency).is_not(None)
    )
    prepaid = exists().where(col(Wallet.customer_id) == col(Customer.id))
    rows = await ctx.session.execute(
        select(col(Customer.id), or_(subscribed, invoiced, discounted, prepaid)).where(
            col(Customer.organization_id) == ctx.organization_id, col(Customer.id).in_(customer_ids)
        )
    )
    return {customer_id: not bound for customer_id, bound in rows}


async def take_currency(ctx: Context, customer: Customer, currency: str) -> None:
    """A subscription's currency must be the customer's, which takes it if it has none (spec 03 §1.2)."""
    if customer.currency is None:
        customer.currency = currency
        customer.updated_at = ctx.now()
    elif customer.currency != currency:
        raise ValidationFailed(currency="currencies_does_not_match")


async def _taxes(ctx: Context, codes: list[str]) -> list[Tax]:
    wanted = set(codes)
    taxes = (
        await ctx.session.scalars(
            select(Tax).where(
                col(Tax.organization_id) == ctx.organization_id,
                col(Tax.code).in_(wanted),
                col(Tax.deleted_at).is_(None),
            )
        )
    ).all()
    if {tax.code for tax in taxes} != wanted:
        raise NotFound("tax")
    return list(taxes)
