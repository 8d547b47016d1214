"""Charge fees of an invoice row: which charges are billed and how each bucket becomes a fee (spec 02 §7, §8)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billwright.billing.access.context import Context
from billwright.billing.adjusted_fees.applying import NO_ADJUSTMENTS, Adjustments, adjusted_charge_fees
from billwright.billing.catalog.snapshot import ChargeSnapshot, FilterSnapshot, TaxRate, plan_snapshots
from billwright.billing.explaining.lines import charge_facts
from billwright.billing.in_advance.buckets import unused_is_free
from billwright.billing.invoicing.charge_usage import PricedBucket, empty_bucket, price_charge, price_charges, window_of
from billwright.billing.invoicing.fee_drafts import FeeDraft
from billwright.billing.invoicing.rows import Row
from billwright.billing.kernel.ids import new_id
from billwright.billing.kernel.money import decimal_string, from_minor_units
from billwright.billing.pricing.filters import filter_display_name
from billwright.billing.pricing.true_up import TrueUp, Window, true_up
from billwright.billing.subscriptions.calendar.windows import Case
from billwright.billing.subscriptions.models import Subscription

_CARRIED = ("sum_agg", "unique_count_agg")
"""Aggregations that look at all events ever sent, so that a plan knows the units that came before it (01 §5.1)."""


async def charges_in_arrears(ctx: Context, row: Row) -> list[ChargeSnapshot]:
    """The table of spec 02 §8 for charges in arrears; charges in advance are billed per event, and renewed.

    Carried units that are not prorated are billed once per period: a plan upgraded to that charges their metric in
    arrears bills them for the whole period (01 §6.5). A period that ended before the upgrade is never left to it.
    """
    listed = [charge for charge in row.plan.charges if not charge.pay_in_advance]
    if not row.windows.drops_charges_day or not any(_carries_whole_units(charge) for charge in listed):
        return listed
    taken = await _metrics_of_successor(ctx, row)
    return [charge for charge in listed if not (_carries_whole_units(charge) and charge.metric.id in taken)]


def _carries_whole_units(charge: ChargeSnapshot) -> bool:
    return charge.metric.recurring and not charge.prorated and charge.metric.aggregation_type in _CARRIED


async def _metrics_of_successor(ctx: Context, row: Row) -> set[UUID]:
    """Metrics charged in arrears by the plan that took over."""
    plan_id = await ctx.session.scalar(
        select(col(Subscription.plan_id)).where(
            col(Subscription.organization_id) == ctx.organization_id,
            col(Subscription.previous_subscription_id) == row.subscription.id,
            col(Subscription.status) != "canceled",
        )
    )
    if plan_id is None:
        return set()
    plans = await plan_snapshots(ctx.session, ctx.organization.catalog_revision, [plan_id])
    return {charge.metric.id for charge in plans[plan_id].charges if not charge.pay_in_advance}


async def charge_fees_of(
    ctx: Context, row: Row, customer_taxes: tuple[TaxRate, ...], adjustments: Adjustments = NO_ADJUSTMENTS
) -> list[FeeDraft]:
    """Fees of all charges billed by ``row``, as they were set by hand; empty ones are left out (spec 02 §7, §14)."""
    window = window_of(row.subscription.external_id, row.windows)
    billed = await charges_in_arrears(ctx, row)
    priced = await price_charges(ctx, billed, window, row.plan.amount_currency, remember=True)
    measured = dict(zip((charge.id for charge in billed), priced, strict=True))
    fees: list[FeeDraft] = []
    for charge in row.plan.charges:
        taxes = charge.taxes or row.plan.taxes or customer_taxes
        if renews(charge, row) and charge.invoiceable:
            renewed = await renewal_fees(ctx, row, charge, taxes)
            fees.extend(fee for fee in _adjusted(adjustments, row, charge, renewed, taxes) if not fee.is_empty)
        if charge.id in measured:
            drafts = [charge_fee(row, bucket, taxes) for bucket in measured[charge.id]]
            drafts = _adjusted(adjustments, row, charge, drafts, taxes)
            fees.extend(_stored_fees(row, charge, drafts, taxes))
    return fees


def _adjusted(
    adjustments: Adjustments, row: Row, charge: ChargeSnapshot, fees: list[FeeDraft], taxes: tuple[TaxRate, ...]
) -> list[FeeDraft]:
    def unused(chosen: FilterSnapshot | None, grouped_by: dict[str, str | None]) -> FeeDraft:
        bucket = empty_bucket(charge)
        properties = chosen.properties if chosen else charge.properties
        fee = charge_fee(row, replace(bucket, filter=chosen, properties=properties, grouped_by=grouped_by), taxes)
        return _for_next_period(row, fee) if renews(charge, row) else fee

    if not adjustments:
        return fees
    return adjusted_charge_fees(adjustments, row.subscription.id, charge, fees, unused, row.plan.amount_currency)


def renews(charge: ChargeSnapshot, row: Row) -> bool:
    """Whether ``row`` opens a period for which the charge bills its active units in advance (spec 02 §8, §10.6)."""
    opens = row.windows.case in (Case.periodic, Case.downgrade_old)
    return charge.pay_in_advance and charge.metric.recurring and opens


async def renewal_fees(ctx: Context, row: Row, charge: ChargeSnapshot, taxes: tuple[TaxRate, ...]) -> list[FeeDraft]:
    """One fee per bucket and group for the units active when the closed period ended, never prorated.

    Its boundaries are those of the closed period; ``item["paid_period"]`` holds the days of the one it pays for.
    """
    window = window_of(row.subscription.external_id, row.windows)
    whole = replace(charge, prorated=False)
    priced = await price_charge(ctx, whole, window, row.plan.amount_currency, remember=True)
    return [_for_next_period(row, charge_fee(row, unused_is_free(bucket), taxes)) for bucket in priced]


def _for_next_period(row: Row, fee: FeeDraft) -> FeeDraft:
    paid = row.terms.charges_period(row.windows.day)
    period = {"from": paid.start.isoformat(), "to": paid.end.isoformat()}
    return replace(fee, item={**fee.item, "paid_period": period})


def _stored_fees(
    row: Row, charge: ChargeSnapshot, drafts: list[FeeDraft], taxes: tuple[TaxRate, ...]
) -> list[FeeDraft]:
    """Fees that are kept, with the charge's true-up behind its parent (spec 02 §7, §9)."""
    missing = None
    window = Window(row.windows.charges_window_days, row.windows.charges_duration_days)
    charged_cents = sum(draft.amount_cents for draft in drafts)
    if charge.min_amount_cents > 0:
        missing = true_up(
            charge.min_amount_cents,
            window,
            [draft.amount_cents for draft in drafts],
            [draft.precise_amount_cents for draft in drafts],
        )
    if missing is None:
        return [draft for draft in drafts if not draft.is_empty]
    parent = next((draft for draft in drafts if draft.charge_filter_id is None), None)
    if parent is None:
        parent = charge_fee(row, empty_bucket(charge), taxes)
        drafts.append(parent)
    kept = [draft for draft in drafts if draft is parent or not draft.is_empty]
    return [*kept, _true_up_fee(parent, missing, window, charged_cents, row.plan.amount_currency)]


def _true_up_fee(parent: FeeDraft, missing: TrueUp, window: Window, charged_cents: int, currency: str) -> FeeDraft:
    return replace(
        parent,
        id=new_id(),
        amount_cents=missing.amount_cents,
        precise_amount_cents=missing.precise_amount_cents,
        units=Decimal(1),
        precise_unit_amount=from_minor_units(missing.amount_cents, currency),
        total_aggregated_units=Decimal(1),
        events_count=0,
        amount_details={},
        grouped_by={},
        true_up_parent=parent,
        item={**parent.item, "true_up": True, "min_prorated": window.billed_days < window.period_days},
        explanation={
            "minimum": parent.item["min_amount_cents"],
            "days": window.billed_days,
            "period_days": window.period_days,
            "charged_cents": charged_cents,
            "timezone": parent.explanation["timezone"],
        },
    )


def charge_fee(row: Row, bucket: PricedBucket, taxes: tuple[TaxRate, ...]) -> FeeDraft:
    """The fee of one bucket and group, with a snapshot of what priced it."""
    charge, chosen, metric = bucket.charge, row.windows, bucket.charge.metric
    return FeeDraft(
        fee_type="charge",
        subscription=row.subscription,
        amount_cents=bucket.amount_cents,
        precise_amount_cents=bucket.precise_amount_cents,
        units=bucket.units,
        precise_unit_amount=bucket.price.unit_amount,
        from_datetime=chosen.from_datetime,
        to_datetime=chosen.to_datetime,
        charges_from_datetime=chosen.charges_from_datetime,
        charges_to_datetime=chosen.charges_to_datetime,
        charges_duration=chosen.charges_duration_days,
        timestamp=chosen.timestamp,
        taxes=taxes,
        total_aggregated_units=bucket.total_aggregated_units,
        events_count=bucket.events_count,
        amount_details=bucket.price.amount_details,
        charge_id=charge.id,
        charge_filter_id=bucket.filter.id if bucket.filter else None,
        grouped_by=bucket.grouped_by,
        invoiceable=charge.invoiceable,
        item={
            "type": "charge",
            "item_type": "BillableMetric",
            "id": str(metric.id),
            "code": metric.code,
            "name": metric.name,
            "description": metric.description,
            "invoice_display_name": charge.invoice_display_name or metric.name,
            "filters": bucket.filter.values if bucket.filter else None,
            "filter_invoice_display_name": filter_display_name(bucket.filter.values, bucket.filter.invoice_display_name)
            if bucket.filter
            else None,
            "charge_code": charge.code,
            "charge_model": charge.charge_model,
            "prorated": charge.prorated,
            "min_amount_cents": charge.min_amount_cents,
            "properties": bucket.properties,
            "aggregation_type": metric.aggregation_type,
            "recurring": metric.recurring,
            "interval": row.plan.interval,
        },
        explanation={
            "priced_units": decimal_string(bucket.usage.units),
            "timezone": chosen.tz,
            "rounding_function": metric.rounding_function,
            "rounding_precision": metric.rounding_precision,
            "field_name": metric.field_name,
            **charge_facts(bucket),
        },
    )
