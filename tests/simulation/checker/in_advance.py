"""Fees of single events on charges paid in advance (spec 01 §7, 02 §10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from tests.simulation.checker.calendar import end_of_day, local_date, start_of_day
from tests.simulation.checker.fees import LIMITED
from tests.simulation.checker.model import Charge, Event, Fee, Filter, Subscription
from tests.simulation.checker.money import ZERO, ceiled, cents, exponent
from tests.simulation.checker.prices import price
from tests.simulation.checker.usage import (
    Window,
    active_values,
    as_number,
    as_text,
    bucket_of,
    group_of,
    measure,
    relevant,
)
from tests.simulation.checker.windows import charge_period, plan_period, zone_of


@dataclass
class State:
    """The high-water mark of one bucket and group in one period, and what each event billed."""

    current: Fraction = ZERO
    highest: Fraction = ZERO
    seen: bool = False
    values: list[Fraction] = field(default_factory=list)


def window_at(subscription: Subscription, event: Event) -> Window:
    zone = zone_of(subscription)
    period = charge_period(subscription, local_date(event.at, zone))
    assert subscription.started_at is not None
    start = max(start_of_day(period.start, zone), subscription.started_at)
    end = end_of_day(period.end, zone)
    ended = subscription.terminated_at
    if ended is None or ended > end:
        return Window(start, end, period, zone)
    end = ended - timedelta(microseconds=1) if subscription.replaced_by else ended
    return Window(start, end, period, zone, less_one_day=subscription.upgraded)


def triggers(charge: Charge, event: Event) -> bool:
    metric = charge.metric
    if not charge.pay_in_advance or metric.code != event.code:
        return False
    return metric.aggregation == "count_agg" or as_text(event.properties.get(metric.field_name or "")) not in (None, "")


def event_fee(
    subscription: Subscription,
    charge: Charge,
    event: Event,
    events: Sequence[Event],
    states: dict[tuple, State],
) -> Fee:
    """``events``: all of the subscription's external id that were sent up to and with this one."""
    window = window_at(subscription, event)
    bucket = bucket_of(charge, event)
    group = group_of(charge, bucket, event)
    order = (event.at, event.received)
    mine = [
        other
        for other in relevant(charge.metric, events, window)
        if (other.at, other.received) <= order
        and bucket_of(charge, other) is bucket
        and group_of(charge, bucket, other) == group
    ]
    key = (id(subscription), id(charge), id(bucket), group, window.period.start)
    state = states.setdefault(key, State())
    billed, applied = _billable(charge, event, mine, state)
    state.values.append(billed)
    scale = 10 ** exponent(subscription.plan.currency)
    amount = _amount(charge, bucket, event, mine, window, billed, state.values, scale)
    amount = max(amount, ZERO)
    shown = billed or max(applied, ZERO)
    zone = window.zone
    return Fee(
        "charge", cents(amount * scale), amount * scale, shown, subscription, charge.metric.code,
        bucket.values if bucket else None, dict(group), charge, transaction_id=event.transaction_id, events=1,
        days=(window.first_day, local_date(window.end, zone)), usage_end=window.end,
        counts_for=plan_period(subscription, local_date(event.at, zone)),
    )  # fmt: skip


def _billable(charge: Charge, event: Event, mine: list[Event], state: State) -> tuple[Fraction, Fraction]:
    """Units to bill, and units that the event itself applied."""
    metric = charge.metric
    if metric.aggregation == "count_agg":
        return Fraction(1), Fraction(1)
    if metric.aggregation == "sum_agg":
        value = as_number(event, metric) or ZERO
        if not state.seen:
            billed = max(value, ZERO)
            state.current = state.highest = value
        else:
            state.current += value
            billed = max(state.current - state.highest, ZERO)
            if billed:
                state.highest = max(state.current, state.current - state.highest)
        state.seen = True
        return billed, value
    value = as_text(event.properties.get(metric.field_name or "")) or ""
    active = value in active_values(metric, mine[:-1])
    operation = as_text(event.properties.get("operation_type")) or "add"
    applied = Fraction(1 if operation == "add" and not active else 0)
    if not state.seen:
        state.current = state.highest = billed = applied
    else:
        state.current += applied if operation == "add" else Fraction(-1 if active else 0)
        billed = Fraction(1 if state.current > state.highest else 0)
        state.highest = max(state.highest, state.current)
    state.seen = True
    return billed, applied


def _amount(
    charge: Charge,
    bucket: Filter | None,
    event: Event,
    mine: list[Event],
    window: Window,
    billed: Fraction,
    values: list[Fraction],
    scale: int,
) -> Fraction:
    properties = charge.properties if bucket is None else bucket.properties
    if charge.model == "dynamic":
        return event.money / scale
    if charge.model == "percentage":
        limited = charge.metric.aggregation in LIMITED
        whole, less = (
            price("percentage", properties, sum(part, ZERO), events=len(part), values=part, limited=limited)
            for part in (values, values[:-1])
        )
        return whole - less
    if not billed:
        return ZERO
    if charge.prorated:
        day = local_date(event.at, window.zone)
        days = max((window.last_day - day + timedelta(days=1)).days, 0)
        return price(charge.model, properties, ceiled(billed * days / window.period.days))
    # Usage below zero counts as zero: what is billed then starts at the first unit.
    start = max(measure(charge, mine, window).units - billed, ZERO)
    less = ZERO if charge.model.startswith("graduated") and not start else price(charge.model, properties, start)
    return price(charge.model, properties, start + billed) - less
