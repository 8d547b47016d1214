"""The changes behind a recurring charge, day by day, for its breakdown page (spec 04 §19.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from billwright.billing.access.context import Context
from billwright.billing.catalog.models import Charge
from billwright.billing.catalog.snapshot import ChargeSnapshot, plan_snapshots
from billwright.billing.documents.invoice_document import RecurringBreakdown, UnitChange
from billwright.billing.invoicing.charge_usage import ALL_USAGE, UsageWindow, usage_query
from billwright.billing.invoicing.models import Fee
from billwright.billing.metering.aggregation.exact import decimal_exactly
from billwright.billing.metering.store.protocol import Query, Result, ResultKey
from billwright.billing.pricing.filters import ChargeFilter, ordered_buckets
from billwright.billing.subscriptions.calendar.timezones import local_date, start_of_day

_MILLISECOND = timedelta(milliseconds=1)
_EXPLAINED = ("sum_agg", "unique_count_agg")


async def recurring_breakdown(ctx: Context, fee: Fee, tz: str) -> RecurringBreakdown | None:
    """What changed on which local day of the fee's window; ``None`` for fees that have no breakdown.

    Sums and unique counts of recurring metrics billed in arrears have one. Changes of one day are shown as one; units
    carried into the window are a change of its first day.
    """
    item = fee.item
    arrears = not fee.pay_in_advance and "paid_period" not in item
    explained = arrears and item.get("recurring") and item.get("aggregation_type") in _EXPLAINED
    if fee.fee_type != "charge" or not explained or fee.units <= 0 or ctx.event_store is None:
        return None
    charge = await _charge(ctx, fee)
    if charge is None or fee.charges_from_datetime is None or fee.charges_to_datetime is None:
        return None
    start_day, end_day = local_date(fee.charges_from_datetime, tz), local_date(fee.charges_to_datetime, tz)
    window = UsageWindow(
        external_subscription_id=fee.external_subscription_id or "",
        lower=_floor(fee.charges_from_datetime),
        upper=_floor(fee.charges_to_datetime) + _MILLISECOND,
        days=fee.charges_duration or 1,
        timezone=tz,
        start_day=start_day,
        end_day=end_day,
    )
    buckets = ordered_buckets(
        [ChargeFilter(each.id, each.values, each.created_at) for each in charge.filters], charge.metric.filters
    )
    query = replace(
        usage_query(ctx, charge, window, buckets, {}, ALL_USAGE), proration=None, values=None, prorated_entries=False
    )
    key = _key(fee, query)
    changes = await _changes(ctx, query, key, window, counts_days=item["aggregation_type"] == "unique_count_agg")
    return RecurringBreakdown(
        metric_name=str(item.get("name") or ""), prorated=bool(item.get("prorated")), changes=tuple(changes)
    )


async def _changes(
    ctx: Context, query: Query, key: ResultKey, window: UsageWindow, *, counts_days: bool
) -> Sequence[UnitChange]:
    """``counts_days``: unique counts, where a removed unit still counts on the day of its removal."""
    found: list[UnitChange] = []

    def add(day: date, units: Decimal) -> None:
        if not units:
            return
        used = (window.end_day - day).days + (0 if counts_days and units < 0 else 1)
        found.append(UnitChange(day=day, units=units, days_used=max(used, 0), days_total=window.days))

    before: Decimal | None = None
    day = window.start_day
    while day <= window.end_day:
        following = start_of_day(day + timedelta(days=1), window.timezone)
        upper = min(following, window.upper)
        result = (await ctx.events.aggregate(replace(query, upper=upper))).get(key, Result())
        if before is None:
            before = decimal_exactly(result.carried)
            add(window.start_day, before)
        after = decimal_exactly(result.value)
        add(day, after - before)
        before = after
        day += timedelta(days=1)
    return found


async def _charge(ctx: Context, fee: Fee) -> ChargeSnapshot | None:
    """The fee's charge as the catalogue has it; ``None`` once it is deleted."""
    stored = await ctx.session.get(Charge, fee.charge_id) if fee.charge_id else None
    if stored is None or stored.organization_id != ctx.organization_id:
        return None
    plans = await plan_snapshots(ctx.session, ctx.organization.catalog_revision, [stored.plan_id])
    return next((charge for charge in plans[stored.plan_id].charges if charge.id == fee.charge_id), None)


def _key(fee: Fee, query: Query) -> ResultKey:
    """The fee's bucket and group among the query's results."""
    bucket_id = str(fee.charge_filter_id) if fee.charge_filter_id else None
    bucket = next((spec for spec in query.buckets if spec.id == bucket_id), query.buckets[-1])
    return bucket_id, tuple(fee.grouped_by.get(name) or None for name in query.group_keys(bucket))


def _floor(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
