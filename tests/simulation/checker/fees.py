"""The fees of one subscription on an invoice (spec 02 §7-10, §12; 03 §4)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction

from tests.simulation.checker.calendar import Period, days_between, end_of_day, local_date, start_of_day
from tests.simulation.checker.model import Charge, Event, Fee, Row
from tests.simulation.checker.money import ZERO, cents, exponent, rounded_units
from tests.simulation.checker.prices import graduated_by_days, price
from tests.simulation.checker.usage import Usage, Window, measure, partition, relevant
from tests.simulation.checker.windows import charge_period, plan_period, zone_of

LIMITED = ("count_agg", "sum_agg", "unique_count_agg")


def subscription_fee(row: Row, trial_end: datetime | None) -> Fee:
    """The plan's price for the row's window (spec 03 §4.1)."""
    plan = row.subscription.plan
    zone = zone_of(row.subscription)
    begin, end = row.fee_window
    days = 0
    if trial_end is None or trial_end < end:
        days = days_between(max(begin, trial_end) if trial_end else begin, end, zone)
        if row.less_one_day:
            days = max(days - 1, 0)
    exact = Fraction(plan.amount * days, row.fee_period.days)
    return Fee(
        "subscription", cents(exact), exact, Fraction(1), row.subscription,
        days=(local_date(begin, zone), local_date(end, zone)), plan_amount=plan.amount, fee_period=row.fee_period,
        fee_start=max(begin, trial_end) if trial_end else begin,
        counts_for=row.fee_period,
    )  # fmt: skip


def window_of(row: Row) -> Window | None:
    if row.charge_window is None:
        return None
    return Window(
        *row.charge_window, row.charge_period, zone_of(row.subscription), row.excludes_end, row.charges_less_one_day
    )


def billed(charge: Charge, row: Row) -> bool:
    """Which charges an invoice of the row bills (spec 02 §8)."""
    if charge.pay_in_advance:
        return charge.metric.recurring and row.renews
    successor = row.replaced_by
    # Weighted sums prorate themselves: what they measured until the switch nobody else will bill.
    kept = charge.metric.recurring and not charge.prorated and charge.metric.aggregation != "weighted_sum_agg"
    if row.charges_less_one_day and successor and kept:
        return all(other.metric is not charge.metric for other in successor.plan.charges)
    return True


def charge_fees(row: Row, events: Iterable[Event], *, standalone: bool = False) -> list[Fee]:
    """``standalone``: only the renewals that belong on no invoice, else all the others."""
    window = window_of(row)
    if window is None:
        return []
    found: list[Fee] = []
    events = list(events)
    for charge in row.subscription.plan.charges:
        if billed(charge, row) and charge.invoiceable != standalone:
            found += _fees_of_charge(charge, row, window, events)
    return found


def amount_of(charge: Charge, properties: dict, usage: Usage, currency: str) -> tuple[Fraction, Fraction]:
    """Shown units and exact amount in currency units."""
    metric = charge.metric
    units = rounded_units(usage.units, metric.rounding_function, metric.rounding_precision)
    full = rounded_units(usage.full, metric.rounding_function, metric.rounding_precision)
    if charge.prorated and charge.model == "graduated":
        amount = graduated_by_days(properties["graduated_ranges"], usage.steps, units)
    elif charge.prorated and charge.model == "volume":
        whole = price("volume", properties, full)
        tier = next(
            tier
            for tier in properties["volume_ranges"]
            if tier["to_value"] is None or full <= Fraction(str(tier["to_value"]))
        )
        amount = whole - (full - units) * Fraction(tier["per_unit_amount"])
    else:
        amount = price(
            charge.model, properties, units, events=usage.events, values=usage.values,
            limited=metric.aggregation in LIMITED, money=usage.money / 10 ** exponent(currency),
        )  # fmt: skip
    shown = full if charge.prorated else units
    return (ZERO, ZERO) if units < 0 or full < 0 or amount < 0 else (shown, amount)


def _fees_of_charge(charge: Charge, row: Row, window: Window, events: list[Event]) -> list[Fee]:
    plan = row.subscription.plan
    zone = window.zone
    scale = 10 ** exponent(plan.currency)
    renewal = charge.pay_in_advance
    days = (window.first_day, local_date(window.end, zone))
    counts_for: Period | None = plan_period(row.subscription, window.period.start)
    if renewal:
        following = charge_period(row.subscription, window.period.end + timedelta(days=1))
        days = (following.start, following.end)
        counts_for = plan_period(row.subscription, following.start)
    made: list[Fee] = []
    for bucket, group, taken in partition(charge, relevant(charge.metric, events, window)):
        properties = charge.properties if bucket is None else bucket.properties
        usage = measure(charge, taken, window)
        if renewal:
            usage.units = usage.full
        shown, amount = amount_of(charge, properties, usage, plan.currency)
        if renewal and not shown:
            amount = ZERO  # flat amounts in advance come with the first unit (spec 02, trap 3)
        if group and not taken and renewal:
            continue
        if group and not taken:
            # A bucket in groups without any event has no fee (spec 01 §4.5), unless a true-up needs a parent.
            group, shown, amount = (), ZERO, ZERO
        made.append(
            Fee(
                "charge", cents(amount * scale), amount * scale, shown, row.subscription, charge.metric.code,
                bucket.values if bucket else None, dict(group), charge, events=usage.events, days=days,
                counts_for=counts_for, total_units=usage.total,
            )
        )  # fmt: skip
    kept = [fee for fee in made if fee.units or fee.amount or fee.events or not charge.invoiceable]
    if charge.minimum and not renewal:
        length = days_between(*window_days(window), zone)
        less = 1 if window.less_one_day else 0
        due = Fraction(charge.minimum * max(length - less, 0), window.period.days)
        used = sum(fee.amount for fee in made)
        if used < due:
            parent = next((fee for fee in made if fee.filter_values is None), None)
            if parent and parent not in kept:
                kept.append(parent)
            kept.append(
                Fee(
                    "charge", cents(due - used), due - sum((fee.precise for fee in made), ZERO), Fraction(1),
                    row.subscription, charge.metric.code, None, {}, charge, true_up=True, events=0, days=days,
                    counts_for=counts_for,
                )
            )  # fmt: skip
    return kept


def window_days(window: Window) -> tuple[datetime, datetime]:
    return window.start, window.end


def commitment_fee(row: Row, counted: Iterable[Fee]) -> Fee | None:
    """What is missing to the minimum of the row's interval (spec 02 §12); ``counted``: fees paid for it."""
    subscription, period = row.subscription, row.commitment_period
    plan = subscription.plan
    if not plan.commitment or period is None:
        return None
    zone = zone_of(subscription)
    assert subscription.started_at is not None
    start, end = start_of_day(period.start, zone), end_of_day(period.end, zone)
    first = max(local_date(subscription.started_at, zone), period.start)
    last = min(subscription.terminated_at, end) if subscription.terminated_at else end
    due = cents(
        Fraction(plan.commitment * days_between(start_of_day(first, zone), last, zone), days_between(start, end, zone))
    )
    fees = [fee for fee in counted if fee.counts_for == period]
    missing = due - sum(fee.amount for fee in fees)
    if missing <= 0:
        return None
    shown = (first, local_date(last, zone))
    precise = Fraction(due) - sum((fee.precise for fee in fees), ZERO)
    return Fee(
        "commitment", missing, precise, Fraction(1), subscription, days=shown, fee_period=period
    )  # fmt: skip
