"""One-off invoices: add-ons sold outside any subscription, issued at once (spec 04 §14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, String, any_, literal, select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.access.naming import billing_entity_code
from billwright.billing.add_ons.models import AddOn
from billwright.billing.add_ons.queries import add_ons_by_codes, taxes_of_add_ons
from billwright.billing.catalog.snapshot import TaxRate, tax_rate
from billwright.billing.customers.locking import lock_customer
from billwright.billing.customers.models import Customer
from billwright.billing.customers.queries import get_customer
from billwright.billing.customers.settings import applicable_timezone
from billwright.billing.invoicing.billing import new_invoice, settle
from billwright.billing.invoicing.computing import Computation, taxes_of_customer
from billwright.billing.invoicing.dates import dates_at_generation
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.models import Invoice
from billwright.billing.invoicing.one_off_schemas import OneOffFeeInput, OneOffInvoiceCreate
from billwright.billing.invoicing.totals import Totals, totals_of
from billwright.billing.kernel.clock import parse_instant
from billwright.billing.kernel.errors import NotFound, ValidationFailed
from billwright.billing.kernel.inputs import MAX_INT
from billwright.billing.kernel.money import PRECISE, from_minor_units, round_half_up
from billwright.billing.taxes.models import Tax
from billwright.billing.taxes.resolution import first_level, one_off_taxes

MAX_UNIT_AMOUNT = Decimal(10) ** 15
"""Currency units; what a stored unit price can hold."""


@dataclass(frozen=True, slots=True)
class _Taxes:
    """The levels from which a fee takes its taxes (spec 05 A2)."""

    named: tuple[TaxRate, ...]
    add_ons: Mapping[UUID, Sequence[Tax]]
    customer: tuple[TaxRate, ...]

    def of(self, add_on: AddOn, requested: Sequence[str] | None) -> tuple[TaxRate, ...]:
        own = [tax_rate(tax) for tax in self.add_ons.get(add_on.id, ())]
        return first_level(one_off_taxes(requested, self.named), own, self.customer)


@dataclass(frozen=True, slots=True)
class OneOffEstimate:
    """What a one-off invoice would bill: its lines in the order asked for, and the totals over them."""

    currency: str
    fees: list[FeeDraft]
    totals: Totals


async def create_one_off_invoice(ctx: Context, inp: OneOffInvoiceCreate) -> Invoice:
    """Bill a customer for add-ons, all or nothing, and issue the invoice (``closed`` when empty and such are skipped).

    No credit reduces it. Raises ``NotFound`` (``customer``, ``fees``, ``add_on``, ``billing_entity``) and
    ``ValidationFailed``: ``currency: value_is_mandatory``, ``boundaries: values_are_invalid``, ``units``,
    ``unit_amount_cents`` and ``fees: value_is_out_of_range``.
    """
    found, add_ons = await _asked(ctx, inp)
    customer = await lock_customer(ctx, found.id)
    if customer is None or customer.deleted_at is not None:
        raise NotFound("customer")
    computed = await _compute(ctx, customer, inp, add_ons)
    now, tz = ctx.now(), applicable_timezone(customer, ctx.organization)
    if customer.currency is None:
        customer.currency = computed.currency
        customer.updated_at = now
    dates = dates_at_generation(customer, ctx.organization, now, has_grace_period=False, periodic=False, tz=tz)
    invoice = new_invoice(ctx, customer, dates, currency=computed.currency, t=now, tz=tz, invoice_type="one_off")
    invoice.skip_automatic_payment = bool(inp.skip_psp)
    await settle(ctx, customer, invoice, Computation(computed.fees, computed.totals))
    return invoice


async def estimate_one_off_invoice(ctx: Context, inp: OneOffInvoiceCreate) -> OneOffEstimate:
    """The lines, taxes and totals that ``create_one_off_invoice`` would issue now; stores nothing. Raises the same."""
    customer, add_ons = await _asked(ctx, inp)
    return await _compute(ctx, customer, inp, add_ons)


async def _asked(ctx: Context, inp: OneOffInvoiceCreate) -> tuple[Customer, Mapping[str, AddOn]]:
    customer = await get_customer(ctx, inp.external_customer_id or "")
    if inp.billing_entity_code not in (None, billing_entity_code(ctx.organization)):
        raise NotFound("billing_entity")
    if not inp.fees:
        raise NotFound("fees")
    return customer, await add_ons_by_codes(ctx, [fee.add_on_code or "" for fee in inp.fees])


async def _compute(
    ctx: Context, customer: Customer, inp: OneOffInvoiceCreate, add_ons: Mapping[str, AddOn]
) -> OneOffEstimate:
    currency, lines = inp.currency or customer.currency, inp.fees or []
    if currency is None:
        raise ValidationFailed(currency="value_is_mandatory")
    taxes = await _tax_levels(ctx, customer, lines, list(add_ons.values()))
    now = ctx.now()
    fees = [_fee(fee, add_ons[fee.add_on_code or ""], currency, now, taxes) for fee in lines]
    totals = totals_of(fees)
    if totals.total_amount_cents > MAX_INT or any(fee.amount_cents > MAX_INT for fee in fees):
        raise ValidationFailed(fees="value_is_out_of_range")
    return OneOffEstimate(currency, fees, totals)


async def _tax_levels(
    ctx: Context, customer: Customer, fees: Sequence[OneOffFeeInput], add_ons: Sequence[AddOn]
) -> _Taxes:
    codes = {code for fee in fees for code in fee.tax_codes or ()}
    named: list[TaxRate] = []
    if codes:
        rows = await ctx.session.scalars(
            select(Tax).where(
                col(Tax.organization_id) == ctx.organization_id,
                col(Tax.deleted_at).is_(None),
                col(Tax.code) == any_(literal(sorted(codes), ARRAY(String))),
            )
        )
        named = [tax_rate(tax) for tax in rows]
    return _Taxes(
        named=tuple(named),
        add_ons=await taxes_of_add_ons(ctx, [add_on.id for add_on in add_ons]),
        customer=await taxes_of_customer(ctx, customer),
    )


def _fee(sent: OneOffFeeInput, add_on: AddOn, currency: str, now: datetime, taxes: _Taxes) -> FeeDraft:
    """``amount_cents = round(unit_amount_cents * units)``, the precise amount unrounded."""
    start, end = _boundaries(sent, now)
    units = Decimal(1) if sent.units is None else sent.units
    unit_amount_cents = add_on.amount_cents if sent.unit_amount_cents is None else sent.unit_amount_cents
    unit_amount = from_minor_units(unit_amount_cents, currency)
    if unit_amount >= MAX_UNIT_AMOUNT:
        raise ValidationFailed(unit_amount_cents="value_is_out_of_range")
    precise = PRECISE.multiply(Decimal(unit_amount_cents), units)
    return FeeDraft(
        fee_type="add_on",
        subscription=None,
        amount_cents=int(round_half_up(precise)),
        precise_amount_cents=precise,
        units=units,
        precise_unit_amount=unit_amount,
        from_datetime=start,
        to_datetime=end,
        charges_from_datetime=None,
        charges_to_datetime=None,
        charges_duration=None,
        timestamp=now,
        taxes=taxes.of(add_on, sent.tax_codes),
        add_on_id=add_on.id,
        description=add_on.description if sent.description is None else sent.description,
        invoice_display_name=sent.invoice_display_name or None,
        item={
            "type": "add_on",
            "item_type": "AddOn",
            "id": str(add_on.id),
            "code": add_on.code,
            "name": add_on.name,
            "description": add_on.description,
            "invoice_display_name": add_on.invoice_display_name or add_on.name,
        },
        explanation={"unit_amount_cents": unit_amount_cents},
    )


def _boundaries(sent: OneOffFeeInput, now: datetime) -> tuple[datetime, datetime]:
    """Both or neither, in order; neither is now."""
    if sent.from_datetime is None and sent.to_datetime is None:
        return now, now
    start = parse_instant(sent.from_datetime) if sent.from_datetime else None
    end = parse_instant(sent.to_datetime) if sent.to_datetime else None
    if start is None or end is None or start > end:
        raise ValidationFailed(boundaries="values_are_invalid")
    return start, end
