"""Previews of invoices: what would be billed, by the code that bills, without storing anything (spec 04 §15)."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import exists, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.coupons.applying import apply_coupon
from billwright.billing.coupons.models import AppliedCoupon, Coupon
from billwright.billing.coupons.schemas import ApplyCoupon, CouponInput
from billwright.billing.coupons.service import create_coupon
from billwright.billing.customers import settings
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import get_customer
from billwright.billing.invoicing.dates import dates_at_generation, finalization_instant
from billwright.billing.invoicing.models import Invoice, InvoiceSubscription
from billwright.billing.invoicing.numbering import draft_number
from billwright.billing.invoicing.presenting import invoice_detail
from billwright.billing.invoicing.schemas import InvoiceOut
from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.errors import NotFound, Unprocessable, ValidationFailed
from billwright.billing.kernel.ids import new_id
from billwright.billing.previewing.dry_run import dry_run
from billwright.billing.previewing.invoices import projection, proposal
from billwright.billing.previewing.schemas import OVERRIDES, PreviewCustomer, PreviewInput
from billwright.billing.subscriptions.calendar.timezones import local_date

_ANONYMOUS_FEE = ("lago_id", "lago_invoice_id", "lago_true_up_fee_id", "lago_true_up_parent_fee_id")
_ANONYMOUS_TAX = ("lago_id", "lago_invoice_id", "lago_fee_id")


async def preview_invoice(ctx: Context, inp: PreviewInput) -> InvoiceOut:
    """The invoice on the wire, a draft without a number; its id and those of what does not exist are made up or null.

    Raises ``MalformedPreview``, ``NotFound`` (``customer``, ``plan``, ``subscription``, ``coupon``,
    ``billing_entity``), ``ValidationFailed`` with the codes of spec 04 §15, and ``Unprocessable`` when it cannot be
    computed.
    """
    coupons, chosen = inp.described_coupons(), inp.chosen()
    if inp.billing_entity_code not in (None, billing_entity_code(ctx.organization)):
        raise NotFound("billing_entity")
    sent = inp.customer or PreviewCustomer()
    async with dry_run(ctx) as dry:
        stored = bool(sent.external_id and sent.external_id.strip())
        if chosen is not None and not stored:
            raise ValidationFailed(customer="must_be_persisted")
        customer = await _stored(dry, sent) if stored else await _transient(dry, sent)
        grace = settings.invoice_grace_period(customer, dry.organization)
        customer.invoice_grace_period = 0
        await dry.session.flush()
        await _give_coupons(dry, customer, coupons)
        if chosen is None:
            invoice = await proposal(dry, customer, inp, grace)
        else:
            invoice = await projection(dry, customer, chosen, grace)
        if invoice is None:
            raise NotFound("subscription")
        if invoice.status == "generating":
            raise Unprocessable("invoice_generation_error")
        customer.invoice_grace_period = grace
        await _date(dry, customer, invoice)
        await dry.session.flush()
        answer = await invoice_detail(dry, invoice)
        return _anonymous(ctx, answer, stored_customer=stored, stored_subscriptions=chosen is not None)


async def _stored(ctx: Context, sent: PreviewCustomer) -> Customer:
    """The stored customer, locked, with what is overridden."""
    found = await get_customer(ctx, sent.external_id or "")
    customer = await lock_customer(ctx, found.id)
    if customer is None or customer.deleted_at is not None:
        raise NotFound("customer")
    _override(customer, sent)
    return customer


async def _transient(ctx: Context, sent: PreviewCustomer) -> Customer:
    """A customer that exists in the dry run only, on the organization's defaults."""
    now, identity = ctx.now(), new_id()
    customer = Customer(
        id=identity,
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        external_id=str(identity),
        sequential_id=-random.randint(1, 2**31 - 1),  # noqa: S311 - not to meet another preview's
        slug=draft_number(ctx.organization.document_number_prefix),
    )
    _override(customer, sent)
    ctx.session.add(customer)
    await ctx.session.flush()
    return customer


def _override(customer: Customer, sent: PreviewCustomer) -> None:
    for name, value in sent.given_values(*OVERRIDES).items():
        setattr(customer, name, value)
    if sent.shipping_address is not None:
        shipping = {name: getattr(sent.shipping_address, name) for name in sent.shipping_address.model_fields_set}
        customer.shipping_address = {**customer.shipping_address, **shipping}


async def _give_coupons(ctx: Context, customer: Customer, described: list[Any]) -> None:
    """Coupons of the request count only where the customer has no active ones of its own."""
    if not described:
        return
    active = exists().where(
        col(AppliedCoupon.organization_id) == ctx.organization_id,
        col(AppliedCoupon.customer_id) == customer.id,
        col(AppliedCoupon.status) == "active",
    )
    if await ctx.session.scalar(select(active)):
        return
    currency = customer.currency
    for entry in described:
        if not isinstance(entry, dict):
            raise ValidationFailed(coupons="value_is_invalid")
        coupon = CouponInput.parse(entry)
        if coupon.coupon_type is not None and not await _is_usable(ctx, coupon.code):
            await _describe(ctx, coupon)
        await apply_coupon(ctx, ApplyCoupon(external_customer_id=customer.external_id, coupon_code=coupon.code))
    customer.currency = currency


async def _is_usable(ctx: Context, code: str | None) -> bool:
    """Whether the organization has an active coupon of this code; one that has ended frees the code."""
    rows = await ctx.session.scalars(
        select(Coupon).where(
            col(Coupon.organization_id) == ctx.organization_id,
            col(Coupon.code) == (code or ""),
            col(Coupon.deleted_at).is_(None),
        )
    )
    coupon = rows.first()
    if coupon is None:
        return False
    if coupon.status != "active":
        coupon.deleted_at = ctx.now()
        await ctx.session.flush()
        return False
    return True


async def _describe(ctx: Context, coupon: CouponInput) -> None:
    """Make a coupon that exists in the dry run only."""
    code = coupon.code or str(new_id())
    coupon.code = code
    described = coupon.model_dump(exclude_unset=True) | {
        "code": code,
        "name": coupon.name or code,
        "frequency": coupon.frequency or ("recurring" if coupon.frequency_duration else "once"),
        "expiration": "no_expiration",
        "expiration_at": None,
    }
    await create_coupon(ctx, CouponInput.parse(described))


async def _date(ctx: Context, customer: Customer, invoice: Invoice) -> None:
    """Dates as they will be when the grace period is over (spec 04 §5, §6)."""
    organization, tz = ctx.organization, invoice.timezone
    recurring = exists().where(
        col(InvoiceSubscription.invoice_id) == invoice.id, col(InvoiceSubscription.recurring).is_(True)
    )
    dates = dates_at_generation(
        customer,
        organization,
        invoice.timestamp,
        has_grace_period=True,
        periodic=bool(await ctx.session.scalar(select(recurring))),
        tz=tz,
    )
    issuing, expected = dates.issuing_date, dates.expected_finalization_date
    if expected is not None and settings.issuing_date_adjustment(customer, organization) != "keep_anchor":
        issuing = local_date(finalization_instant(expected), tz)
    invoice.issuing_date = issuing
    invoice.payment_due_date = issuing + timedelta(days=dates.net_payment_term)


def _anonymous(ctx: Context, answer: InvoiceOut, *, stored_customer: bool, stored_subscriptions: bool) -> InvoiceOut:
    """``answer`` as a draft of today, without the ids of rows that are not there (spec 00 rule 32)."""
    now = iso(ctx.now()) or ""
    shown: dict[str, Any] = {
        **answer,
        "status": "draft",
        "number": draft_number(ctx.organization.document_number_prefix),
        "sequential_id": None,
        "file_url": None,
        "web_url": None,
        "voided_at": None,
        "created_at": now,
        "updated_at": now,
    }
    fees: list[dict[str, Any]] = [{**fee, **dict.fromkeys(_ANONYMOUS_FEE), "created_at": now} for fee in shown["fees"]]
    for fee in fees:
        if not stored_subscriptions:
            fee["lago_subscription_id"] = None
        if not stored_customer:
            fee["lago_customer_id"] = None
        fee["applied_taxes"] = [_anonymous_tax(tax, now) for tax in fee["applied_taxes"]]
    shown["fees"] = fees
    shown["applied_taxes"] = [_anonymous_tax(tax, now) for tax in shown["applied_taxes"]]
    shown["credits"] = [{**credit, "lago_id": None} for credit in shown["credits"]]
    if not stored_customer:
        shown["customer"] = {**shown["customer"], "sequential_id": 0}
    return cast("InvoiceOut", shown)


def _anonymous_tax(tax: dict[str, Any], now: str) -> dict[str, Any]:
    return {**tax, **{name: None for name in _ANONYMOUS_TAX if name in tax}, "created_at": now}
