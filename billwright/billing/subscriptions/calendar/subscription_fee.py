"""The subscription fee of a window: whether there is one, and how much (spec 03 §4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from billwright.billing.kernel.money import round_half_up
from billwright.billing.subscriptions.calendar.days import days
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.trial import NO_TRIAL, Trial
from billwright.billing.subscriptions.calendar.windows import Windows


@dataclass(frozen=True, slots=True)
class FeeAmount:
    """``amount_cents`` rounded once, half away from zero; ``precise`` is the unrounded value in minor units."""

    days: int
    period_days: int
    amount_cents: int
    precise: Fraction


def fee_is_due(windows: Windows, terms: Terms, *, trial: Trial = NO_TRIAL, fee_on_same_day: bool = False) -> bool:
    """Whether a subscription fee (possibly of 0 cents) is created: the column of spec 03 §3.6 and the rest of §4.2.

    ``fee_on_same_day``: the subscription already got a subscription fee on another non-voided invoice whose row's
    timestamp lies on the same local day; only plans in advance are guarded by it.
    """
    if not windows.bills_subscription_fee:
        return False
    # A subscription ended at or after the billing instant keeps the fee when an earlier draft is refreshed.
    ended = terms.terminated_at is not None and terms.terminated_at < windows.timestamp
    if terms.pay_in_advance and (fee_on_same_day or ended):
        return False
    return not trial.waives_fee(windows.timestamp, windows.tz)


def subscription_fee(amount_cents: int, windows: Windows, *, trial_end: datetime | None = None) -> FeeAmount:
    """``round(amount_cents * n / L)`` for the fee window (spec 03 §4.1).

    A trial ending inside the window moves its start to that instant (whose day is billed); one outliving it makes the
    fee 0. The window of an upgrade's old side loses its last day.
    """
    first, last, length = windows.from_datetime, windows.to_datetime, windows.fee_period_days
    if trial_end is not None and trial_end >= last:
        count = 0
    else:
        if trial_end is not None and trial_end > first:
            first = trial_end
        count = days(first, last, windows.tz)
        if windows.drops_fee_day:
            count = max(count - 1, 0)
    precise = Fraction(amount_cents * count, length)
    return FeeAmount(count, length, int(round_half_up(precise)), precise)
