"""Setting the fees of a draft by hand, and taking it back (spec 02 §14). Each change rebuilds the draft."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from billwright.billing.access.context import Context
from billwright.billing.adjusted_fees.models import AdjustedFee
from billwright.billing.adjusted_fees.queries import Target, fees_by_key, find_adjusted, target_of
from billwright.billing.adjusted_fees.schemas import FeeAdjustment, FeeTarget
from billwright.billing.invoicing.drafts import locked_invoice, refresh_invoice
from billwright.billing.invoicing.models import Fee, FeeTax, Invoice
from billwright.billing.invoicing.presenting import taxes_of_fees
from billwright.billing.kernel.errors import Forbidden, NotFound, Problems, ValidationFailed
from billwright.billing.kernel.ids import new_id, parse_id
from billwright.billing.previewing.dry_run import dry_run
from billwright.billing.pricing import vocabulary as v


@dataclass(frozen=True, slots=True)
class PreviewedFee:
    """A fee that was never stored, with its taxes."""

    fee: Fee
    taxes: list[FeeTax]
    adjusted: AdjustedFee


async def create_adjusted_fee(ctx: Context, inp: FeeAdjustment) -> Fee:
    """Set a fee of a draft, or add one that usage did not produce; the draft is rebuilt. The fee as it is then.

    Raises ``NotFound`` (``invoice``, ``fee``, ``subscription``, ``charge``, ``charge_filter``),
    ``Forbidden("feature_unavailable")`` unless the invoice is a draft, ``ValidationFailed``: ``units``,
    ``unit_precise_amount`` (out of range, or missing), ``charge: invalid_charge_model`` for units alone where the model
    needs events, ``adjusted_fee: already_exists``.
    """
    invoice = await _draft(ctx, inp)
    target = await target_of(ctx, invoice, inp)
    adding = inp.fee_id is None
    _check(inp, target, adding=adding)
    if await find_adjusted(ctx, invoice.id, target.key) is not None:
        raise ValidationFailed(adjusted_fee="already_exists")
    ctx.session.add(_stored(ctx, invoice, target, inp))
    await ctx.session.flush()
    await refresh_invoice(ctx, invoice.id)
    fee = (await fees_by_key(ctx, invoice.id)).get(target.key)
    if fee is None:
        raise NotFound("fee")
    return fee


async def preview_adjusted_fee(ctx: Context, inp: FeeAdjustment) -> PreviewedFee:
    """The fee that ``create_adjusted_fee`` would answer with, taxes included; nothing is stored. Raises the same.

    A fee that was set before is previewed as if that were taken back first.
    """
    async with dry_run(ctx) as trial:
        invoice = await _draft(trial, inp)
        target = await target_of(trial, invoice, inp)
        known = await find_adjusted(trial, invoice.id, target.key)
        if known is not None:
            await trial.session.delete(known)
            await trial.session.flush()
        fee = await create_adjusted_fee(trial, inp)
        taxes = (await taxes_of_fees(trial, [fee.id])).get(fee.id, [])
        stored = await find_adjusted(trial, invoice.id, target.key)
        assert stored is not None
        return PreviewedFee(
            Fee(**fee.model_dump()),
            [FeeTax(**row.model_dump()) for row in taxes],
            AdjustedFee(**stored.model_dump()),
        )


async def destroy_adjusted_fee(ctx: Context, inp: FeeTarget) -> Fee | None:
    """Forget what was set for a fee of a draft and rebuild it from usage; the fee as it is then, if there is any.

    Raises what ``create_adjusted_fee`` raises for the invoice and the fee, and ``NotFound("adjusted_fee")``.
    """
    invoice = await _draft(ctx, inp)
    target = await target_of(ctx, invoice, inp)
    stored = await find_adjusted(ctx, invoice.id, target.key)
    if stored is None:
        raise NotFound("adjusted_fee")
    await ctx.session.delete(stored)
    await ctx.session.flush()
    await refresh_invoice(ctx, invoice.id)
    return (await fees_by_key(ctx, invoice.id)).get(target.key)


async def _draft(ctx: Context, inp: FeeTarget) -> Invoice:
    """The draft, locked together with its customer."""
    invoice, _ = await locked_invoice(ctx, parse_id(inp.invoice_id or "") or UUID(int=0))
    if invoice.status != "draft":
        raise Forbidden("feature_unavailable")
    return invoice


def _check(inp: FeeAdjustment, target: Target, *, adding: bool) -> None:
    problems = Problems()
    names = bool((inp.invoice_display_name or "").strip())
    if inp.units is None and (adding or inp.unit_precise_amount is not None or not names):
        problems.add("units", "value_is_mandatory")
    for name, value in (("units", inp.units), ("unit_precise_amount", inp.unit_precise_amount)):
        if value is not None and value < 0:
            problems.add(name, "value_is_out_of_range")
    if inp.units is not None and inp.unit_precise_amount is None and _needs_events(target):
        problems.add("charge", "invalid_charge_model")
    problems.raise_if_any()


def _needs_events(target: Target) -> bool:
    """Whether units alone do not say what the charge's model would ask for."""
    charge = target.charge
    if charge is None:
        return False
    return charge.charge_model == v.PERCENTAGE or (charge.charge_model == v.GRADUATED and charge.prorated)


def _stored(ctx: Context, invoice: Invoice, target: Target, inp: FeeAdjustment) -> AdjustedFee:
    now = ctx.now()
    subscription_id, fee_type, charge_id, charge_filter_id, digest = target.key
    return AdjustedFee(
        id=new_id(),
        created_at=now,
        updated_at=now,
        organization_id=ctx.organization_id,
        invoice_id=invoice.id,
        subscription_id=subscription_id,
        fee_type=fee_type,
        charge_id=charge_id,
        charge_filter_id=charge_filter_id,
        grouped_by=dict(target.grouped_by),
        group_key=digest,
        units=inp.units,
        unit_precise_amount=inp.unit_precise_amount,
        invoice_display_name=(inp.invoice_display_name or "").strip() or None,
    )
