"""Putting what was set by hand on the fees that a draft's rebuild computes (spec 02 §14)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.adjusted_fees.models import AdjustedFee
from billwright.billing.catalog.snapshot import ChargeSnapshot, FilterSnapshot
from billwright.billing.invoicing.fee_drafts import FeeDraft, group_key
from billwright.billing.kernel.money import decimal_string, from_minor_units, round_half_up
from billwright.billing.pricing.exact import exact
from billwright.billing.pricing.fee_amounts import FeeAmounts, adjusted_amounts, fee_amounts
from billwright.billing.pricing.models import price
from billwright.billing.pricing.usage import Usage

Key = tuple[UUID, str, UUID | None, UUID | None, str]
"""Subscription, fee type, charge, filter, digest of the group."""
Adjustments = Mapping[Key, AdjustedFee]
EmptyFee = Callable[[FilterSnapshot | None, dict[str, str | None]], FeeDraft]
"""Makes the fee of a bucket and group without usage."""
NO_ADJUSTMENTS: Adjustments = {}


def key_of(stored: AdjustedFee) -> Key:
    return (stored.subscription_id, stored.fee_type, stored.charge_id, stored.charge_filter_id, stored.group_key)


def _key(fee: FeeDraft) -> Key | None:
    if fee.subscription is None:
        return None
    return (fee.subscription.id, fee.fee_type, fee.charge_id, fee.charge_filter_id, group_key(fee.grouped_by))


async def adjustments_of(ctx: Context, invoice_id: UUID | None) -> Adjustments:
    """What was set by hand on an invoice; ``None`` stands for one that is being made."""
    if invoice_id is None:
        return NO_ADJUSTMENTS
    rows = await ctx.session.scalars(
        select(AdjustedFee)
        .where(col(AdjustedFee.organization_id) == ctx.organization_id, col(AdjustedFee.invoice_id) == invoice_id)
        .order_by(col(AdjustedFee.id))
    )
    return {key_of(row): row for row in rows}


def adjusted_subscription_fee(adjustments: Adjustments, fee: FeeDraft | None, currency: str) -> FeeDraft | None:
    """The subscription fee as it was set: units times the computed, prorated amount, or units times a unit price."""
    key = None if fee is None else _key(fee)
    stored = None if key is None else adjustments.get(key)
    if fee is None or stored is None:
        return fee
    if stored.kind == "adjusted_units":
        return _with_amounts(fee, stored, _multiplied(fee, stored.units or Decimal(0), currency))
    return _set(fee, stored, currency)


@exact
def _multiplied(fee: FeeDraft, units: Decimal, currency: str) -> FeeAmounts:
    precise = fee.precise_amount_cents * units
    return FeeAmounts(
        units=units,
        amount_cents=int(round_half_up(precise)),
        precise_amount_cents=precise,
        precise_unit_amount=from_minor_units(fee.precise_amount_cents, currency),
        amount_details=fee.amount_details,
    )


def adjusted_charge_fees(
    adjustments: Adjustments,
    subscription_id: UUID,
    charge: ChargeSnapshot,
    fees: Sequence[FeeDraft],
    empty: EmptyFee,
    currency: str,
) -> list[FeeDraft]:
    """Fees of one charge of one subscription as they were set, and those that usage did not produce.

    ``fees``: one per bucket and group that was measured, before any is left out. ``empty`` makes the others.
    """
    if not adjustments:
        return list(fees)
    wanted = {key: row for key, row in adjustments.items() if key[0] == subscription_id and key[2] == charge.id}
    filters = {item.id: item for item in charge.filters}
    found: list[FeeDraft] = []
    for fee in fees:
        key = _key(fee)
        stored = wanted.pop(key, None) if key is not None else None
        found.append(fee if stored is None else _charged(charge, fee, stored, currency))
    for stored in wanted.values():
        chosen = filters.get(stored.charge_filter_id) if stored.charge_filter_id else None
        if stored.charge_filter_id is None or chosen is not None:
            found.append(_charged(charge, empty(chosen, dict(stored.grouped_by)), stored, currency))
    return found


def _charged(charge: ChargeSnapshot, fee: FeeDraft, stored: AdjustedFee, currency: str) -> FeeDraft:
    if stored.kind == "adjusted_units":
        return _with_amounts(fee, stored, repriced(charge, fee, stored.units or Decimal(0), currency))
    return _set(fee, stored, currency)


def repriced(charge: ChargeSnapshot, fee: FeeDraft, units: Decimal, currency: str) -> FeeAmounts:
    """What the charge's model asks for ``units`` without any event, at the properties of the fee's bucket."""
    prorated = charge.prorated
    answer = price(
        charge.charge_model,
        fee.item["properties"],
        Usage(
            units=units,
            events_count=0,
            full_units=units if prorated else None,
            event_values=(),
            custom_amount=Decimal(0),
            prorated_entries=(),
        ),
        currency,
        aggregation_type=charge.metric.aggregation_type,
        prorated=prorated,
    )
    return fee_amounts(replace(answer, units=units), currency)


def _set(fee: FeeDraft, stored: AdjustedFee, currency: str) -> FeeDraft:
    """The fee at units and unit price, or only with its name."""
    if stored.units is None or stored.unit_precise_amount is None:
        return replace(fee, invoice_display_name=stored.invoice_display_name, adjusted=True)
    return _with_amounts(fee, stored, adjusted_amounts(stored.units, stored.unit_precise_amount, currency))


def _with_amounts(fee: FeeDraft, stored: AdjustedFee, amounts: FeeAmounts) -> FeeDraft:
    charged = fee.fee_type == "charge"
    details = {} if stored.kind == "adjusted_amount" else amounts.amount_details
    return replace(
        fee,
        amount_cents=amounts.amount_cents,
        precise_amount_cents=amounts.precise_amount_cents,
        units=amounts.units,
        precise_unit_amount=amounts.precise_unit_amount,
        total_aggregated_units=amounts.units if charged else fee.total_aggregated_units,
        events_count=0 if charged else fee.events_count,
        amount_details=details,
        invoice_display_name=stored.invoice_display_name or fee.invoice_display_name,
        explanation={**fee.explanation, "adjusted": stored.kind, "priced_units": decimal_string(amounts.units)},
        adjusted=True,
    )
