"""Spec 03 §6.3, §6.7, §6.8 and 05 C4: price comparison, billing-day rule, unused days and credit-note bases."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.kernel.money import round_down, round_half_up
from billwright.billing.subscriptions.calendar.due import is_due
from billwright.billing.subscriptions.calendar.periods import Interval
from billwright.billing.subscriptions.calendar.prices import is_upgrade, yearly_amount_cents
from billwright.billing.subscriptions.calendar.subscription_fee import subscription_fee
from billwright.billing.subscriptions.calendar.termination import (
    UnusedDays,
    credit_note_base,
    current_fee_window,
    is_first_period,
    unbilled_at,
    unused_days,
    used_days,
)
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.timezones import start_of_day
from billwright.billing.subscriptions.calendar.windows import Case, Unbilled, windows
from tests.billing.subscriptions.calendar.calendar_support import any_terms, at, day, terms, wire


@pytest.mark.parametrize(
    ("cents", "of", "t", "upgrade", "fee", "unused", "base"),
    [
        (2900, terms("2024-01-01T00:00", advance=True), "2024-02-12T06:00", False, 2900, (17, 29), "1700.00"),
        (2900, terms("2024-01-01T00:00", advance=True), "2024-02-12T06:00", True, 2900, (18, 29), "1800.00"),
        (2900, terms("2024-02-01T10:00", advance=True), "2024-02-01T18:00", False, 2900, (28, 29), "2800.00"),
        (5000, terms("2023-02-08T00:00", advance=True), "2023-02-08T00:00", False, 3750, (20, 28), "3571.43"),
        (
            5000,
            terms("2023-02-08T00:00", advance=True, tz="America/Los_Angeles"),
            "2023-02-08T00:00",
            False,
            3929,
            (21, 28),
            "3750.00",
        ),
        (
            5000,
            terms("2023-02-08T00:00", advance=True, time="anniversary"),
            "2023-02-08T00:00",
            False,
            5000,
            (27, 28),
            "4821.43",
        ),
        (10000, terms("2025-02-08T00:00", advance=True), "2025-02-21T09:00", False, 7500, (7, 28), "2500.00"),
    ],
)
def test_6_7_credit_note_bases(
    cents: int, of: Terms, t: str, upgrade: bool, fee: int, unused: tuple[int, int], base: str
) -> None:
    row = windows(Case.starting, of, at(t))
    assert subscription_fee(cents, row).amount_cents == fee
    rest = unused_days(of, at(t), upgrade=upgrade)
    assert (rest.days, rest.period_days) == unused
    assert round_half_up(credit_note_base(cents, rest, fee_amount_cents=fee), 2) == Decimal(base)


def test_6_7_used_part_of_a_refund() -> None:
    """10000 from 8 Feb 2025, terminated 21 Feb: used 14/28."""
    of = terms("2025-02-08T00:00", advance=True)
    assert used_days(of, at("2025-02-08T00:00"), at("2025-02-21T09:00")) == 14
    assert used_days(of, at("2025-02-08T00:00"), at("2025-02-21T09:00"), trial_end=at("2025-02-15T12:00")) == 7
    assert used_days(of, at("2025-02-08T00:00"), at("2025-02-21T09:00"), trial_end=at("2025-01-15T12:00")) == 14


@pytest.mark.parametrize(
    ("name", "cents", "of", "t", "fee", "base"),
    [
        (
            "monthly to yearly",
            1000,
            terms("2023-06-29T00:00", advance=True, time="anniversary"),
            "2023-09-28T10:00",
            1000,
            "32.26",
        ),
        ("first", 1000, terms("2024-03-05T10:00", advance=True), "2024-03-12T10:00", 871, "645.16"),
        (
            "second",
            1500,
            terms("2024-03-12T10:00", anchor="2024-03-05T10:00", advance=True),
            "2024-03-12T11:00",
            968,
            "967.74",
        ),
        (
            "first anniversary",
            1000,
            terms("2024-03-05T10:00", advance=True, time="anniversary"),
            "2024-03-12T10:00",
            1000,
            "774.19",
        ),
        (
            "second anniversary, capped",
            1500,
            terms("2024-03-12T10:00", anchor="2024-03-05T10:00", advance=True, time="anniversary"),
            "2024-03-12T11:00",
            1161,
            "1161.00",
        ),
    ],
)
def test_6_8_credits_of_upgrades(name: str, cents: int, of: Terms, t: str, fee: int, base: str) -> None:
    value = credit_note_base(cents, unused_days(of, at(t), upgrade=True), fee_amount_cents=fee)
    assert round_half_up(value, 2) == Decimal(base), name


@pytest.mark.parametrize(
    ("cents", "of", "t", "upgrade", "item"),
    [
        (3000, terms("2024-01-01T00:00", advance=True), "2024-04-10T08:00", False, "2000"),
        (3000, terms("2024-01-01T00:00", advance=True), "2024-04-10T08:00", True, "2100"),
        (20000, terms("2024-04-01T00:00", advance=True), "2024-04-01T08:00", False, "19333.33333"),
        (2999, terms("2024-04-01T00:00", advance=True, interval="weekly"), "2024-04-01T08:00", False, "2570.57142"),
        (4990, terms("2024-01-01T00:00", advance=True), "2024-05-07T08:00", False, "3863.22580"),
        (16000, terms("2024-04-01T00:00", advance=True), "2024-04-01T08:00", False, "15466.66666"),
    ],
)
def test_credits_chapter_c4_items(cents: int, of: Terms, t: str, upgrade: bool, item: str) -> None:
    value = credit_note_base(cents, unused_days(of, at(t), upgrade=upgrade), fee_amount_cents=cents)
    assert round_down(value, 5) == Decimal(item)


def test_6_7_base_is_reduced_by_earlier_credit_notes() -> None:
    rest = UnusedDays(17, 29)
    assert credit_note_base(2900, rest, fee_amount_cents=2900, already_credited_cents=Decimal("500.5")) == Fraction(
        2399, 2
    )
    assert credit_note_base(2900, rest, fee_amount_cents=2900, already_credited_cents=1700) == 0
    assert credit_note_base(2900, rest, fee_amount_cents=2900, already_credited_cents=2900) == 0
    assert credit_note_base(2900, rest, fee_amount_cents=0) == 0
    assert credit_note_base(2900, rest, fee_amount_cents=1000, already_credited_cents=400) == 600


@pytest.mark.parametrize(
    ("trial", "upgrade", "expected"),
    [
        ("2024-03-11T21:00", False, 21),  # §5 last row: ended earlier on the day of T, 11..31 March given back
        ("2024-03-11T23:30", False, 21),  # later that day
        ("2024-03-15T00:00", False, 17),  # after T: from the trial's last day
        ("2024-03-31T12:00", False, 1),
        ("2024-04-01T00:00", False, 0),  # after the period
        ("2024-03-10T12:00", False, 20),  # over before: the plain rule
        ("2024-03-10T12:00", True, 22),  # an upgrade's first unused day is the 11th, the day before counts
        ("2024-03-09T12:00", True, 21),
        ("2024-03-12T12:00", True, 20),
    ],
)
def test_6_7_unused_days_and_trials(trial: str, upgrade: bool, expected: int) -> None:
    of = terms("2024-03-04T21:00", advance=True)
    assert unused_days(of, at("2024-03-11T23:00"), upgrade=upgrade, trial_end=at(trial)) == UnusedDays(expected, 31)


def test_5_row_8_credit_of_the_whole_fee() -> None:
    of = terms("2024-03-04T21:00", advance=True)
    rest = unused_days(of, at("2024-03-11T23:00"), trial_end=at("2024-03-11T21:00"))
    assert round_half_up(credit_note_base(3500, rest, fee_amount_cents=2371)) == 2371


# ---- billing-day rule ----


def test_6_7_billing_day_rule() -> None:
    of = terms("2024-01-10T00:00")
    t = at("2024-10-01T00:15")
    long_ago = at("2024-01-10T00:00")
    assert unbilled_at(of, t, created_at=long_ago, last_billed_on=day("2024-09-01")) == Unbilled(True, True)
    assert unbilled_at(of, t, created_at=long_ago, last_billed_on=None) == Unbilled(True, True)
    assert unbilled_at(of, t, created_at=long_ago, last_billed_on=day("2024-10-01")) == Unbilled()
    assert unbilled_at(of, at("2024-10-02T00:15"), created_at=long_ago, last_billed_on=None) == Unbilled()
    # started_at and created_at must both precede the day
    assert unbilled_at(of, t, created_at=at("2024-10-01T00:00"), last_billed_on=None) == Unbilled()
    assert unbilled_at(of, t, created_at=at("2024-09-30T23:59"), last_billed_on=None) == Unbilled(True, True)
    fresh = terms("2024-10-01T00:00")
    assert unbilled_at(fresh, t, created_at=long_ago, last_billed_on=None) == Unbilled()


def test_6_7_a_month_inside_a_year_is_open_for_charges_only() -> None:
    of = terms("2024-01-10T00:00", interval="yearly", monthly_charges=True)
    created = of.started_at
    assert unbilled_at(of, at("2024-10-01T00:15"), created_at=created, last_billed_on=None) == Unbilled(False, True)
    assert unbilled_at(of, at("2025-01-01T00:15"), created_at=created, last_billed_on=None) == Unbilled(True, True)


@given(any_terms(), st.integers(0, 500), st.timedeltas(timedelta(0), timedelta(hours=22)))
def test_the_billing_day_rule_is_what_the_periodic_run_would_bill(of: Terms, after: int, late: timedelta) -> None:
    d = of.local(of.started_at) + timedelta(days=after)
    t = start_of_day(d, of.tz) + late
    found = unbilled_at(of, t, created_at=of.started_at, last_billed_on=None)
    assert (found.fee or found.charges) is is_due(of, t, created_at=of.started_at)
    if t < of.started_at:
        return
    ended = Terms(
        interval=of.interval,
        billing_time=of.billing_time,
        pay_in_advance=of.pay_in_advance,
        bill_charges_monthly=of.bill_charges_monthly,
        subscription_at=of.subscription_at,
        started_at=of.started_at,
        terminated_at=t,
        tz=of.tz,
    )
    last = windows(Case.terminating, ended, t, unbilled=found)
    if found.charges:
        periodic = windows(Case.periodic, of, t)
        assert last.charges_from_datetime == periodic.charges_from_datetime
        assert last.charges_to_datetime == periodic.charges_to_datetime
        if found.fee:
            assert (last.from_datetime, last.to_datetime) == (periodic.from_datetime, periodic.to_datetime)
    else:
        assert last.charges_to_datetime == last.to_datetime == t


@given(any_terms(), st.timedeltas(timedelta(0), timedelta(days=420)))
def test_used_and_unused_days_make_the_billed_fee(of: Terms, age: timedelta) -> None:
    t = of.started_at + age
    row = windows(Case.progressive, of, t)
    billed = subscription_fee(1, row).days
    kept, given_back = used_days(of, row.from_datetime, t), unused_days(of, t).days
    assert kept + given_back == billed
    assert kept >= 1
    assert unused_days(of, t, upgrade=True).days == given_back + 1


def test_6_7_row_of_the_current_period() -> None:
    of = terms("2024-01-10T09:00", advance=True, tz="Europe/Paris")

    def window(t: datetime) -> tuple[str, str]:
        first, last = current_fee_window(of, t)
        return wire(first), wire(last)

    assert window(at("2024-01-20T00:00")) == ("2024-01-09T23:00:00Z", "2024-01-31T22:59:59Z")
    assert window(at("2024-02-20T00:00")) == ("2024-01-31T23:00:00Z", "2024-02-29T22:59:59Z")
    assert is_first_period(of, at("2024-01-31T22:59:59"))
    assert not is_first_period(of, at("2024-01-31T23:00"))
    # The row written by the periodic run, whatever happens to the subscription later.
    assert current_fee_window(of, at("2024-02-20T00:00")) == (
        windows(Case.periodic, of, at("2024-01-31T23:00")).from_datetime,
        windows(Case.periodic, of, at("2024-01-31T23:00")).to_datetime,
    )


# ---- §6.3 ----


def test_6_3_yearly_prices() -> None:
    for interval, cents in (
        (Interval.weekly, 300),
        (Interval.monthly, 1300),
        (Interval.quarterly, 3900),
        (Interval.semiannual, 7800),
        (Interval.yearly, 15600),
    ):
        assert yearly_amount_cents(interval, cents) == 15600
        assert is_upgrade((Interval.weekly, 300), (interval, cents))
        assert not is_upgrade((Interval.weekly, 300), (interval, cents - 1))
        assert is_upgrade((interval, cents), (Interval.weekly, 300))
        assert not is_upgrade((interval, cents + 1), (Interval.weekly, 300))


def test_6_9_example_is_a_downgrade() -> None:
    assert yearly_amount_cents(Interval.monthly, 12900) == 154800
    assert not is_upgrade((Interval.monthly, 12900), (Interval.yearly, 118800))
