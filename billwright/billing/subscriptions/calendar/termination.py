"""Ending a subscription: billing-day rule and what an in-advance period gives back (spec 03 §6.7, §6.8; 05 C4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from billwright.billing.subscriptions.calendar.days import calendar_days
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.timezones import start_of_day
from billwright.billing.subscriptions.calendar.windows import NOTHING_UNBILLED, Case, Unbilled, windows

_ONE_DAY = timedelta(days=1)


def unbilled_at(terms: Terms, t: datetime, *, created_at: datetime, last_billed_on: date | None) -> Unbilled:
    """The billing-day rule: what the periodic run of the day of ``t`` has not billed yet.

    Fee and charges are judged separately: on a monthly boundary inside a yearly plan only the charges of the month
    before are open. ``last_billed_on``: latest local date of a recurring row, in the timezone of its invoice.
    Earlier missed billing days must have been brought up to date first (spec 03 §8.5).
    """
    day = terms.local(t)
    midnight = start_of_day(day, terms.tz)
    if terms.started_at >= midnight or created_at >= midnight:
        return NOTHING_UNBILLED
    if last_billed_on is not None and last_billed_on >= day:
        return NOTHING_UNBILLED
    return Unbilled(fee=terms.fee_period(day).start == day, charges=terms.charges_period(day).start == day)


@dataclass(frozen=True, slots=True)
class UnusedDays:
    """Days of the running plan period given back, of ``period_days``."""

    days: int
    period_days: int


def unused_days(terms: Terms, t: datetime, *, upgrade: bool = False, trial_end: datetime | None = None) -> UnusedDays:
    """Days from the one after ``t`` (on an upgrade: from the day of ``t``) to the end of the plan period.

    A trial ending no earlier than the day before the first unused day moves that first day to the trial's last one,
    which the fee was billed from.
    """
    day = terms.local(t)
    period = terms.fee_period(day)
    first = day if upgrade else day + _ONE_DAY
    if trial_end is not None:
        trial_day = terms.local(trial_end)
        if trial_day >= first - _ONE_DAY:
            first = trial_day
    return UnusedDays(calendar_days(first, period.end), period.days)


def used_days(terms: Terms, fee_from: datetime, t: datetime, *, trial_end: datetime | None = None) -> int:
    """Days from the fee window's start, or the trial's end if later, to the day of ``t``, both included (05 C4)."""
    first = terms.local(fee_from)
    if trial_end is not None:
        first = max(first, terms.local(trial_end))
    return calendar_days(first, terms.local(t))


def credit_note_base(
    plan_amount_cents: int, unused: UnusedDays, *, fee_amount_cents: int, already_credited_cents: Decimal | int = 0
) -> Fraction:
    """Base of the termination credit note in minor units, exact and before coupons and taxes; 0 means no credit note.

    ``plan_amount_cents`` is the price recorded on the last subscription fee, ``fee_amount_cents`` that fee's amount,
    ``already_credited_cents`` the items of earlier credit notes on it.
    """
    value = min(Fraction(plan_amount_cents * unused.days, unused.period_days), Fraction(fee_amount_cents))
    return max(value - Fraction(already_credited_cents), Fraction(0))


def current_fee_window(terms: Terms, t: datetime) -> tuple[datetime, datetime]:
    """The in-advance fee window ``[from, to]`` of the plan period holding ``t``: the row to look for (spec 03 §6.7)."""
    row = windows(Case.starting, terms, t)
    return row.from_datetime, row.to_datetime


def is_first_period(terms: Terms, t: datetime) -> bool:
    """Whether ``t`` lies in the plan period in which the subscription started, whose fee counts as billed."""
    return terms.local(terms.started_at) in terms.fee_period(terms.local(t))
