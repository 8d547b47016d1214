"""Lives with several plan changes: periods, usage windows and fee days tile without gap or overlap (03 §6.8, §6.9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.subscriptions.calendar.days import calendar_days
from billwright.billing.subscriptions.calendar.due import billing_days, switch_day
from billwright.billing.subscriptions.calendar.periods import BillingTime, Interval
from billwright.billing.subscriptions.calendar.subscription_fee import fee_is_due, subscription_fee
from billwright.billing.subscriptions.calendar.termination import unbilled_at, unused_days
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.timezones import start_of_day
from billwright.billing.subscriptions.calendar.windows import Case, Windows, windows
from tests.billing.subscriptions.calendar.calendar_support import ZONES


@dataclass(frozen=True)
class Change:
    """After ``age`` under a plan: an upgrade at once, or a downgrade at the end of its period."""

    age: timedelta
    upgrade: bool
    interval: Interval
    advance: bool
    monthly: bool


changes = st.builds(
    Change,
    age=st.timedeltas(timedelta(0), timedelta(days=300)),
    upgrade=st.booleans(),
    interval=st.sampled_from(Interval),
    advance=st.booleans(),
    monthly=st.booleans(),
)


@dataclass
class Life:
    """Rows of every invoice, with the terms that they were made for."""

    rows: list[tuple[Terms, Windows]]
    given_back: list[tuple[Terms, int]]


def lived(first: Terms, plan_changes: list[Change], end: timedelta, *, punctual: bool) -> Life:
    """What the engine bills over a life: periodic days, changes and the termination, each as its use case does it.

    ``punctual``: the periodic run of a day comes before an upgrade or a termination on it, as it does but for a minute.
    """
    life = Life([], [])
    terms = first
    created = first.started_at
    _start(life, terms, Case.starting)
    for change in plan_changes:
        asked = terms.started_at + change.age
        at = asked if change.upgrade else start_of_day(switch_day(terms, terms.local(asked)), terms.tz)
        last = _periodic(life, terms, created, at, today=punctual and change.upgrade)
        ended = replace(terms, terminated_at=at)
        if change.upgrade:
            unbilled = unbilled_at(terms, at, created_at=created, last_billed_on=last)
            life.rows.append((ended, windows(Case.upgrade_old, ended, at, unbilled=unbilled)))
            if terms.pay_in_advance and not unbilled.fee:
                life.given_back.append((ended, unused_days(ended, at, upgrade=True).days))
        else:
            life.rows.append((ended, windows(Case.downgrade_old, ended, at)))
        created = asked
        terms = Terms(
            interval=change.interval,
            billing_time=terms.billing_time,
            pay_in_advance=change.advance,
            bill_charges_monthly=change.monthly,
            subscription_at=terms.subscription_at,
            started_at=at,
            terminated_at=None,
            tz=terms.tz,
        )
        _start(life, terms, Case.plan_change_new)
    at = terms.started_at + end
    last = _periodic(life, terms, created, at, today=punctual)
    ended = replace(terms, terminated_at=at)
    unbilled = unbilled_at(terms, at, created_at=created, last_billed_on=last)
    life.rows.append((ended, windows(Case.terminating, ended, at, unbilled=unbilled)))
    if terms.pay_in_advance and not unbilled.fee:
        life.given_back.append((ended, unused_days(ended, at).days))
    return life


def _start(life: Life, terms: Terms, case: Case) -> None:
    if terms.pay_in_advance:
        life.rows.append((terms, windows(case, terms, terms.started_at)))


def _periodic(life: Life, terms: Terms, created: datetime, until: datetime, *, today: bool) -> date | None:
    last = None
    before = terms.local(until) + timedelta(days=int(today))
    for day in billing_days(terms, before=before, created_at=created):
        life.rows.append((terms, windows(Case.periodic, terms, start_of_day(day, terms.tz))))
        last = day
    return last


@given(
    anchor=st.datetimes(datetime(2022, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    first=changes,
    billing_time=st.sampled_from(BillingTime),
    tz=st.sampled_from(ZONES),
    plan_changes=st.lists(changes, max_size=4),
    end=st.timedeltas(timedelta(0), timedelta(days=300)),
    punctual=st.booleans(),
)
def test_usage_windows_and_paid_days_tile_a_life(
    anchor: datetime,
    first: Change,
    billing_time: BillingTime,
    tz: str,
    plan_changes: list[Change],
    end: timedelta,
    punctual: bool,
) -> None:
    of = Terms(
        interval=first.interval,
        billing_time=billing_time,
        pay_in_advance=first.advance,
        bill_charges_monthly=first.monthly,
        subscription_at=anchor,
        started_at=anchor,
        terminated_at=None,
        tz=tz,
    )
    life = lived(of, plan_changes, end, punctual=punctual)
    used = [row for _, row in life.rows if row.bills_charges]
    if used:
        assert used[0].charges_from_datetime == anchor
    for (terms, earlier), (_, later) in pairwise((terms, row) for terms, row in life.rows if row.bills_charges):
        gap = later.charges_from_datetime - earlier.charges_to_datetime
        open_day = terms.terminated_at is not None and earlier.charges_to_datetime < terms.terminated_at
        if open_day and earlier.case is Case.upgrade_old:
            # The billing-day rule bills the period before and nothing of the day itself (spec 03 §6.7).
            assert not punctual
            assert later.charges_from_datetime == terms.terminated_at
            assert terms.local(earlier.charges_to_datetime + timedelta(microseconds=1)) == terms.local(
                later.charges_from_datetime
            )
        else:
            assert gap == (timedelta(0) if earlier.excludes_end else timedelta(microseconds=1))
    paid = sum(subscription_fee(1000, row).days for terms, row in life.rows if fee_is_due(row, terms))
    given_back = sum(days for _, days in life.given_back)
    last, final = life.rows[-1]
    assert last.terminated_at is not None
    covered_to = last.local(last.terminated_at)
    on_open_day = final.to_datetime < last.terminated_at or (
        last.pay_in_advance
        and last.fee_period(covered_to).start == covered_to
        and not _is_billed(life, last, covered_to)
    )
    if on_open_day and _started_before(last, covered_to):
        covered_to -= timedelta(days=1)  # trap 14, examples 14 and 15: that day bills nothing more
    assert paid - given_back == calendar_days(of.local(anchor), covered_to)


def _is_billed(life: Life, terms: Terms, day: date) -> bool:
    """Whether the plan period that starts on ``day`` has been billed in advance."""
    return any(
        row.bills_subscription_fee and row.timestamp >= start_of_day(day, terms.tz) and known.pay_in_advance
        for known, row in life.rows
        if known.started_at == terms.started_at
    )


def _started_before(terms: Terms, day: date) -> bool:
    return terms.local(terms.started_at) < day
