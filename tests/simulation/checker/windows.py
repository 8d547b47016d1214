"""Which period, window and fee belongs to a subscription on an invoice (spec 03 §3.5, §3.6, §5, §6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from tests.simulation.checker import calendar
from tests.simulation.checker.calendar import Period, end_of_day, local_date, start_of_day
from tests.simulation.checker.model import Plan, Row, Subscription

_DAY = timedelta(days=1)
_PER_YEAR = {"weekly": 52, "monthly": 12, "quarterly": 4, "semiannual": 2, "yearly": 1}


def zone_of(subscription: Subscription) -> str:
    return subscription.customer.zone


def anchor(subscription: Subscription) -> date:
    return local_date(subscription.subscription_at, zone_of(subscription))


def plan_period(subscription: Subscription, day: date) -> Period:
    return calendar.period(subscription.plan.interval, subscription.billing_time, anchor(subscription), day)


def charge_period(subscription: Subscription, day: date) -> Period:
    interval = "monthly" if subscription.plan.charges_monthly else subscription.plan.interval
    return calendar.period(interval, subscription.billing_time, anchor(subscription), day)


def yearly_price(plan: Plan) -> int:
    return plan.amount * _PER_YEAR[plan.interval]


def next_billing_day(subscription: Subscription) -> date:
    """The first day of a plan or charges period after everything billed so far (spec 03 §8.2)."""
    zone = zone_of(subscription)
    assert subscription.started_at is not None
    after = max(local_date(subscription.started_at, zone), local_date(subscription.created_at, zone))
    if subscription.billed_until:
        after = max(after, subscription.billed_until)
    return min(plan_period(subscription, after).end, charge_period(subscription, after).end) + _DAY


def next_switch_day(subscription: Subscription) -> date:
    """The first day of the plan period after the one that was running when a downgrade was asked for."""
    after = next_billing_day(subscription) - _DAY
    return plan_period(subscription, after).end + _DAY


def trial_end(subscription: Subscription, chain: Iterable[Subscription]) -> datetime | None:
    """``chain``: every subscription of the customer with this external id."""
    if not subscription.plan.trial:
        return None
    started = [item.started_at for item in chain if item.started_at]
    if not started:
        return None
    return min(started) + timedelta(seconds=float(subscription.plan.trial * 86400))


def _row(
    subscription: Subscription,
    reason: str,
    t: datetime,
    fee_period: Period,
    usage_period: Period,
    *,
    bills_fee: bool,
    usage: bool = True,
    cut_fee: bool = False,
) -> Row:
    zone = zone_of(subscription)
    started, ended = subscription.started_at, subscription.terminated_at
    assert started is not None
    begin = start_of_day(fee_period.start, zone)
    if begin < started:
        begin = start_of_day(local_date(started, zone), zone)
    end = end_of_day(fee_period.end, zone)
    if cut_fee and ended and end > ended:
        end = ended
    end = max(end, started)
    usage_begin = max(start_of_day(usage_period.start, zone), started)
    usage_end = end_of_day(usage_period.end, zone)
    if ended and ended <= usage_end:
        usage_end = ended
    usage_end = max(usage_end, started)
    window = (usage_begin, usage_end) if usage and usage_begin < usage_end else None
    return Row(
        subscription, reason, t, fee_period, (begin, end), bills_fee, usage_period, window,
        excludes_end=bool(window and subscription.replaced_by and usage_end == ended),
        replaced_by=subscription.replaced_by,
    )  # fmt: skip


def starting(subscription: Subscription, t: datetime) -> Row:
    day = local_date(t, zone_of(subscription))
    period = plan_period(subscription, day)
    return _row(subscription, "subscription_starting", t, period, period, bills_fee=True, usage=False)


def running(subscription: Subscription, t: datetime) -> Row:
    """The whole charges period that runs at ``t``, as a progressive invoice bills it."""
    day = local_date(t, zone_of(subscription))
    period = plan_period(subscription, day)
    return _row(subscription, "progressive_billing", t, period, charge_period(subscription, day), bills_fee=False)


def periodic(subscription: Subscription, t: datetime, *, has_invoice: bool) -> Row:
    day = local_date(t, zone_of(subscription))
    current = plan_period(subscription, day)
    before = plan_period(subscription, current.start - _DAY)
    boundary = day == current.start
    in_advance = subscription.plan.in_advance
    usage = charge_period(subscription, charge_period(subscription, day).start - _DAY)
    fee_period = current if in_advance else before
    row = _row(subscription, "subscription_periodic", t, fee_period, usage, bills_fee=boundary)
    row.renews = True
    if boundary and (has_invoice or not in_advance):
        row.commitment_period = before
    return row


def terminating(
    subscription: Subscription,
    t: datetime,
    *,
    upgrade: bool,
    fee_unbilled: bool,
    usage_unbilled: bool,
    has_invoice: bool,
) -> Row:
    """The last row; ``*_unbilled``: it ends on a billing day whose closed period is not billed (spec 03 §6.7)."""
    day = local_date(t, zone_of(subscription))
    in_advance = subscription.plan.in_advance
    current = plan_period(subscription, day)
    usage = charge_period(subscription, day)
    before = plan_period(subscription, current.start - _DAY)
    if usage_unbilled:
        usage = charge_period(subscription, usage.start - _DAY)
    fee_period = before if fee_unbilled and not in_advance else current
    row = _row(
        subscription, "subscription_terminating", t, fee_period, usage,
        bills_fee=not in_advance, cut_fee=not fee_unbilled,
    )  # fmt: skip
    row.less_one_day = upgrade and not fee_unbilled
    row.charges_less_one_day = upgrade and not usage_unbilled
    if has_invoice or not in_advance:
        row.commitment_period = before if fee_unbilled else current
    return row


def downgrading(subscription: Subscription, t: datetime, *, has_invoice: bool) -> Row:
    day = local_date(t, zone_of(subscription))
    in_advance = subscription.plan.in_advance
    current = plan_period(subscription, day)
    before = plan_period(subscription, day - _DAY)
    usage = charge_period(subscription, charge_period(subscription, day).start - _DAY)
    row = _row(
        subscription, "subscription_terminating", t, current if in_advance else before, usage,
        bills_fee=not in_advance, cut_fee=True,
    )  # fmt: skip
    row.renews = True
    if has_invoice or not in_advance:
        row.commitment_period = before
    return row
