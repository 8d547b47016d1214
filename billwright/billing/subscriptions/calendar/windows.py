"""The windows an invoice row stores for one subscription (spec 03 §3.6, §3.7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from billwright.billing.subscriptions.calendar.days import days
from billwright.billing.subscriptions.calendar.periods import Period, period_containing
from billwright.billing.subscriptions.calendar.periods import previous_period as _previous
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.timezones import end_of_day, local_date, start_of_day

_ONE_DAY = timedelta(days=1)
_ONE_SECOND = timedelta(seconds=1)
TIMEZONE_SLACK = timedelta(hours=26)
"""Widest distance two zones can be apart, and thus a window's start from the end of the one before (spec 03 §3.7)."""


class Case(StrEnum):
    """Why windows are asked for: a line of the table of spec 03 §3.6."""

    starting = "starting"
    """Creation today, activation or end of trial."""
    periodic = "periodic"
    terminating = "terminating"
    upgrade_old = "upgrade_old"
    downgrade_old = "downgrade_old"
    plan_change_new = "plan_change_new"
    """The successor after an upgrade or downgrade; its terms have the new interval and the inherited anchor."""
    progressive = "progressive"
    in_advance_charge = "in_advance_charge"
    current_usage = "current_usage"

    @property
    def reason(self) -> str | None:
        """The row's ``invoicing_reason``; ``None`` for current usage, which is not an invoice."""
        return _REASONS[self]


_REASONS: dict[Case, str | None] = {
    Case.starting: "subscription_starting",
    Case.periodic: "subscription_periodic",
    Case.terminating: "subscription_terminating",
    Case.upgrade_old: "subscription_terminating",
    Case.downgrade_old: "subscription_terminating",
    Case.plan_change_new: "subscription_starting",
    Case.progressive: "progressive_billing",
    Case.in_advance_charge: "in_advance_charge",
    Case.current_usage: None,
}
_STARTS = frozenset({Case.starting, Case.plan_change_new})
_TERMINATIONS = frozenset({Case.terminating, Case.upgrade_old})
_ENDS = frozenset({Case.terminating, Case.upgrade_old, Case.downgrade_old})


@dataclass(frozen=True, slots=True)
class Unbilled:
    """Which sides of the period before an ending's day are unbilled (spec 03 §6.7); see ``unbilled_at``.

    Either one makes ``terminating`` and ``upgrade_old`` bill that whole period instead of the day itself.
    """

    fee: bool = False
    charges: bool = False


NOTHING_UNBILLED = Unbilled()


@dataclass(frozen=True, slots=True)
class PreviousRow:
    """The charges window and the timezone of the invoice before, for the continuity rule of spec 03 §3.7.

    Take the subscription's latest row that opened or closed a charges period; rows of the running period (progressive,
    per event) end in its future and say nothing about where it starts.
    """

    charges_from: datetime
    charges_to: datetime
    tz: str

    @property
    def following(self) -> datetime:
        """First instant not covered: the next whole second, or the end itself of a zero-length window."""
        if self.charges_from >= self.charges_to:
            return self.charges_to
        return self.charges_to.replace(microsecond=0) + _ONE_SECOND


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one subscription on one invoice. Instants are UTC, both ends included.

    ``fee_period`` and ``charges_period`` are the whole, unclamped periods; ``fee_period_days`` and
    ``charges_duration_days`` the denominators of proration (those of the period holding the window's start).
    ``bills_subscription_fee`` is the column of §3.6; trials and same-day fees are judged by
    ``subscription_fee.fee_is_due``. ``bills_charges`` is false where charges are skipped or the window is empty.
    ``drops_fee_day`` and ``drops_charges_day``: cut by an upgrade, so the last local day belongs to the new plan.
    ``excludes_end``: a plan switch; an event at exactly ``charges_to_datetime`` belongs to the successor.
    """

    case: Case
    timestamp: datetime
    tz: str
    from_datetime: datetime
    to_datetime: datetime
    charges_from_datetime: datetime
    charges_to_datetime: datetime
    fee_period: Period
    charges_period: Period
    fee_period_days: int
    charges_duration_days: int
    bills_subscription_fee: bool
    bills_charges: bool
    drops_fee_day: bool
    drops_charges_day: bool
    excludes_end: bool

    @property
    def day(self) -> date:
        """``d``: local date of the billing instant."""
        return local_date(self.timestamp, self.tz)

    @property
    def recurring(self) -> bool:
        """Whether the row is a periodic one (the ``recurring`` column)."""
        return self.case == Case.periodic

    @property
    def charges_window_is_empty(self) -> bool:
        """A zero-length window: no charge fees."""
        return is_zero_length(self.charges_from_datetime, self.charges_to_datetime)

    @property
    def charges_window_days(self) -> int:
        """``d_window`` of spec 02 §1.3, one less when cut by an upgrade, not below 0; 0 for an empty window."""
        if self.charges_window_is_empty:
            return 0
        counted = days(self.charges_from_datetime, self.charges_to_datetime, self.tz)
        return max(counted - 1, 0) if self.drops_charges_day else counted

    @property
    def charges_end_day(self) -> date:
        """``end_day`` of spec 02 §1.3: last local day of prorated units, one earlier when cut by an upgrade."""
        last = local_date(self.charges_to_datetime, self.tz)
        return last - _ONE_DAY if self.drops_charges_day else last


def is_zero_length(from_datetime: datetime, to_datetime: datetime) -> bool:
    """Whether a window holds nothing (spec 03 §3.6, clamp 5)."""
    return from_datetime >= to_datetime


def windows(
    case: Case,
    terms: Terms,
    t: datetime,
    *,
    unbilled: Unbilled = NOTHING_UNBILLED,
    previous: PreviousRow | None = None,
) -> Windows:
    """Windows of ``terms`` at billing instant ``t`` (spec 03 §3.6 and §3.7).

    ``unbilled`` matters for ``terminating`` and ``upgrade_old`` only. Raises ``ValueError`` when an ending is asked for
    terms without ``terminated_at``.
    """
    terminated_at = terms.terminated_at
    if case in _ENDS and terminated_at is None:
        raise ValueError(f"{case} needs terminated_at")
    tz, started_at = terms.tz, terms.started_at
    if case == Case.current_usage and t < started_at:
        t = started_at
    day, anchor = local_date(t, tz), local_date(terms.subscription_at, tz)
    interval, charges_interval, billing_time = terms.interval, terms.charges_interval, terms.billing_time
    fee_here = period_containing(interval, billing_time, anchor, day)
    same = charges_interval == interval
    charges_here = fee_here if same else period_containing(charges_interval, billing_time, anchor, day)

    advance = terms.pay_in_advance
    ending = case in _TERMINATIONS
    fee_is_previous = not advance and (case == Case.periodic or case == Case.downgrade_old or (ending and unbilled.fee))
    charges_are_previous = (
        case == Case.periodic or case == Case.downgrade_old or case in _STARTS or (ending and unbilled.charges)
    )
    fee_period = _previous(interval, billing_time, anchor, fee_here) if fee_is_previous else fee_here
    charges_period = (
        _previous(charges_interval, billing_time, anchor, charges_here) if charges_are_previous else charges_here
    )
    fee_cut = (ending and not unbilled.fee) or (case == Case.downgrade_old and advance)

    from_datetime, to_datetime, fee_days = _fee_window(terms, anchor, fee_period, terminated_at if fee_cut else None)
    charges_from, charges_to, charges_days = _charges_window(terms, anchor, charges_period, previous)

    if case in _STARTS:
        bills_fee, bills_charges = advance, False
    elif case == Case.periodic:
        bills_fee, bills_charges = day == fee_here.start, day == charges_here.start
    elif case in _ENDS:
        bills_fee, bills_charges = not advance, True
    else:
        bills_fee, bills_charges = False, True
    upgraded = case == Case.upgrade_old
    return Windows(
        case=case,
        timestamp=t,
        tz=tz,
        from_datetime=from_datetime,
        to_datetime=to_datetime,
        charges_from_datetime=charges_from,
        charges_to_datetime=charges_to,
        fee_period=fee_period,
        charges_period=charges_period,
        fee_period_days=fee_days,
        charges_duration_days=charges_days,
        bills_subscription_fee=bills_fee,
        bills_charges=bills_charges and charges_from < charges_to,
        drops_fee_day=upgraded and not unbilled.fee,
        drops_charges_day=upgraded and not unbilled.charges,
        excludes_end=upgraded and not unbilled.charges,
    )


def _fee_window(terms: Terms, anchor: date, period: Period, cut_at: datetime | None) -> tuple[datetime, datetime, int]:
    tz, started_at = terms.tz, terms.started_at
    period_days = period.days
    from_datetime, to_datetime = start_of_day(period.start, tz), end_of_day(period.end, tz)
    if from_datetime < started_at:
        first_day = local_date(started_at, tz)
        from_datetime = start_of_day(first_day, tz)
        if first_day > period.end:
            period_days = period_containing(terms.interval, terms.billing_time, anchor, first_day).days
    if cut_at is not None and to_datetime > cut_at:
        to_datetime = cut_at
    return from_datetime, max(to_datetime, started_at), period_days


def _charges_window(
    terms: Terms, anchor: date, period: Period, previous: PreviousRow | None
) -> tuple[datetime, datetime, int]:
    tz, started_at, terminated_at = terms.tz, terms.started_at, terms.terminated_at
    period_days = period.days
    charges_from, charges_to = start_of_day(period.start, tz), end_of_day(period.end, tz)
    if previous is not None and previous.tz != tz:
        following = previous.following
        if abs(charges_from - following) <= TIMEZONE_SLACK:
            charges_from = following
    if charges_from < started_at:
        charges_from = started_at
        first_day = local_date(started_at, tz)
        if first_day > period.end:
            period_days = period_containing(terms.charges_interval, terms.billing_time, anchor, first_day).days
    if terminated_at is not None and terminated_at <= charges_to:
        charges_to = terminated_at
    return charges_from, max(charges_to, started_at), period_days
