"""Spec 03 §6.4, §6.6, §6.9, §8.2, §8.5: due dates, start, ending and alert dates."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billwright.billing.subscriptions.calendar.due import (
    billing_days,
    is_billing_day,
    is_due,
    is_switch_day,
    next_billing_at,
    next_billing_day,
    switch_day,
)
from billwright.billing.subscriptions.calendar.starts import (
    StartDay,
    activation_at,
    alert_dates,
    bills_at_start,
    ending_instant,
    is_alert_day,
    next_alert_at,
    start_day,
    started_at,
)
from billwright.billing.subscriptions.calendar.subscription_fee import subscription_fee
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.timezones import start_of_day
from billwright.billing.subscriptions.calendar.windows import Case, windows
from tests.billing.subscriptions.calendar.calendar_support import any_terms, at, day, terms, wire

OLD = "2023-01-01T00:00"


def test_8_2_every_condition_of_the_due_test() -> None:
    of = terms("2024-01-10T12:00")
    t = at("2024-03-01T00:00")
    assert is_due(of, t, created_at=at("2024-01-10T12:00"))
    assert is_due(of, t + timedelta(hours=23), created_at=at("2024-01-10T12:00"))
    assert not is_due(of, at("2024-03-02T00:00"), created_at=at("2024-01-10T12:00"))
    # ld(started_at) < d
    assert not is_due(terms("2024-03-01T00:00"), t, created_at=at("2024-01-10T12:00"))
    assert is_due(terms("2024-02-29T23:59"), t, created_at=at("2024-01-10T12:00"))
    # ld(created_at) < d: a backdated subscription created on a billing day waits for the next one
    assert not is_due(of, t, created_at=t)
    assert next_billing_at(of, created_at=t) == at("2024-04-01T00:00")
    assert is_due(of, t, created_at=t - timedelta(microseconds=1))
    # ending_at null or ld(ending_at) > d
    assert not is_due(of, t, created_at=of.started_at, ending_at=at("2024-03-01T23:00"))
    assert is_due(of, t, created_at=of.started_at, ending_at=at("2024-03-02T00:00"))
    # no recurring row on d or later
    assert not is_due(of, t, created_at=of.started_at, last_billed_on=day("2024-03-01"))
    assert not is_due(of, t, created_at=of.started_at, last_billed_on=day("2024-03-02"))
    assert is_due(of, t, created_at=of.started_at, last_billed_on=day("2024-02-01"))


def test_8_2_next_billing_at() -> None:
    of = terms("2024-01-10T12:00", tz="America/New_York")
    created = of.started_at
    assert next_billing_at(of, created_at=created) == at("2024-02-01T05:00")
    assert next_billing_at(of, created_at=created, last_billed_on=day("2024-03-01")) == at("2024-04-01T04:00")
    assert next_billing_at(of, created_at=created, ending_at=at("2024-02-01T05:00")) is None
    assert next_billing_at(of, created_at=created, ending_at=at("2024-02-01T04:59")) is None
    assert next_billing_at(of, created_at=created, ending_at=at("2024-02-02T05:00")) == at("2024-02-01T05:00")


def test_8_2_moving_west_on_a_billing_day_does_not_bill_it_again() -> None:
    """Billed at 00:00 UTC on 1 March; in Los Angeles 1 March is still to come."""
    moved = terms(OLD, tz="America/Los_Angeles")
    t = at("2024-03-01T08:00")
    assert not is_due(moved, t, created_at=at(OLD), last_billed_on=day("2024-03-01"))
    assert next_billing_at(moved, created_at=at(OLD), last_billed_on=day("2024-03-01")) == at("2024-04-01T07:00")


def test_8_2_moving_east_makes_a_past_instant_due_at_once() -> None:
    now = at("2024-02-29T20:00")
    moved = terms(OLD, tz="Asia/Tokyo")
    due = next_billing_at(moved, created_at=at(OLD), last_billed_on=day("2024-02-01"))
    assert due == at("2024-02-29T15:00")
    assert due < now


def test_3_4_and_8_2_monthly_charges_make_monthly_billing_days() -> None:
    of = terms("2024-01-31T01:00", interval="yearly", time="anniversary", monthly_charges=True)
    assert next_billing_day(of, created_at=of.started_at) == day("2024-02-29")
    assert is_billing_day(of, day("2024-02-29"))
    assert is_billing_day(of, day("2025-01-31"))
    assert not is_billing_day(of, day("2024-03-29"))
    plain = terms("2024-01-31T01:00", interval="yearly", time="anniversary")
    assert next_billing_day(plain, created_at=of.started_at) == day("2025-01-31")


@pytest.mark.parametrize(
    ("interval", "time", "anchor"),
    [
        ("weekly", "calendar", "2024-01-10T12:00"),
        ("monthly", "calendar", "2024-01-10T12:00"),
        ("monthly", "anniversary", "2024-01-01T12:00"),
    ],
)
def test_8_3_new_york_customer_on_monday_1_april_2024(interval: str, time: str, anchor: str) -> None:
    of = terms(anchor, interval=interval, time=time, tz="America/New_York")
    last = day("2024-03-25") if interval == "weekly" else day("2024-03-01")
    assert next_billing_at(of, created_at=of.started_at, last_billed_on=last) == at("2024-04-01T04:00")
    assert is_due(of, at("2024-04-01T04:00"), created_at=of.started_at, last_billed_on=last)


def test_8_5_catching_up() -> None:
    of = terms("2024-01-10T12:00")
    created = of.started_at
    missed = list(billing_days(of, before=day("2024-04-20"), created_at=created, last_billed_on=None))
    assert missed == [day("2024-02-01"), day("2024-03-01"), day("2024-04-01")]
    assert list(billing_days(of, before=day("2024-04-01"), created_at=created, last_billed_on=day("2024-02-01"))) == [
        day("2024-03-01")
    ]
    assert list(billing_days(of, before=day("2024-04-20"), created_at=created, ending_at=at("2024-03-01T00:00"))) == [
        day("2024-02-01")
    ]


def test_6_9_switch_day() -> None:
    of = terms("2023-07-19T00:00", time="anniversary", advance=True)
    assert switch_day(of, day("2023-11-09")) == day("2023-11-19")
    assert is_switch_day(of, day("2023-11-19"))
    yearly = terms("2023-07-19T00:00", interval="yearly", time="anniversary", monthly_charges=True)
    assert switch_day(yearly, day("2023-11-09")) == day("2024-07-19")
    assert is_billing_day(yearly, day("2023-11-19"))
    assert not is_switch_day(yearly, day("2023-11-19"))


# ---- §6.4 ----


def test_6_4_today_past_future() -> None:
    now = at("2024-05-15T12:00")
    for text, expected in (
        ("2024-05-15T00:00", StartDay.today),
        ("2024-05-15T23:59", StartDay.today),
        ("2024-05-14T23:59", StartDay.past),
        ("2024-05-16T00:00", StartDay.future),
    ):
        assert start_day(at(text), now, "UTC") is expected
    # 02:00Z of the 16th is still the 15th in New York; 20:00Z of the 14th is already the 15th in Tokyo.
    assert start_day(at("2024-05-16T02:00"), now, "America/New_York") is StartDay.today
    assert start_day(at("2024-05-14T20:00"), now, "Asia/Tokyo") is StartDay.today


def test_6_4_started_at() -> None:
    now = at("2024-05-15T12:00")
    assert started_at(at("2024-05-15T18:00"), now, "UTC") == at("2024-05-15T18:00")
    assert started_at(at("2024-05-15T02:00"), now, "UTC") == at("2024-05-15T02:00")
    assert started_at(at("2024-05-16T00:00"), now, "UTC") is None
    assert started_at(at("2024-03-10T08:00"), now, "UTC") == at("2024-03-10T08:00")
    until = at("2024-04-20T09:00")
    assert started_at(at("2024-03-10T08:00"), now, "UTC", invoiced_until=until) == until
    assert started_at(at("2024-05-01T08:00"), now, "UTC", invoiced_until=until) == at("2024-05-01T08:00")


def test_6_4_start_invoice() -> None:
    assert bills_at_start(StartDay.today, pay_in_advance=True, in_trial=False)
    assert not bills_at_start(StartDay.today, pay_in_advance=False, in_trial=False)
    assert not bills_at_start(StartDay.today, pay_in_advance=True, in_trial=True)
    for start in (StartDay.past, StartDay.future):
        assert not bills_at_start(start, pay_in_advance=True, in_trial=False)


def test_6_4_activation_in_bogota() -> None:
    assert activation_at(at("2023-08-25T10:00"), "America/Bogota") == at("2023-08-25T05:00")


def test_6_4_past_example() -> None:
    """In advance 3100 calendar, created 15 May with subscription_at 10 March."""
    of = terms("2024-03-10T00:00", advance=True)
    assert next_billing_at(of, created_at=at("2024-05-15T10:00")) == at("2024-06-01T00:00")
    row = windows(Case.periodic, of, at("2024-06-01T00:00"))
    assert (wire(row.from_datetime), wire(row.to_datetime)) == ("2024-06-01T00:00:00Z", "2024-06-30T23:59:59Z")
    assert (wire(row.charges_from_datetime), wire(row.charges_to_datetime)) == (
        "2024-05-01T00:00:00Z",
        "2024-05-31T23:59:59Z",
    )
    assert subscription_fee(3100, row).amount_cents == 3100


# ---- §6.6 ----


@pytest.mark.parametrize(
    ("tz", "ending", "expected"),
    [
        ("Europe/Paris", "2023-09-06T00:00", "2023-09-05T22:00"),
        ("America/Bogota", "2023-09-06T00:00", "2023-09-05T05:00"),
        ("UTC", "2023-10-05T00:00", "2023-10-05T00:00"),
        ("UTC", "2023-10-05T23:59", "2023-10-05T00:00"),
    ],
)
def test_6_6_ending_instant(tz: str, ending: str, expected: str) -> None:
    assert ending_instant(at(ending), tz) == at(expected)


def test_6_6_the_periodic_run_skips_the_ending_day() -> None:
    of = terms("2023-09-05T00:00", time="anniversary")
    assert not is_due(of, at("2023-10-05T00:00"), created_at=of.started_at, ending_at=at("2023-10-05T00:00"))
    assert next_billing_at(of, created_at=of.started_at, ending_at=at("2023-10-05T00:00")) is None


def test_6_6_alerts() -> None:
    ending = at("2024-12-31T23:30")
    assert alert_dates(ending) == (day("2024-11-16"), day("2024-12-16"))
    assert next_alert_at(ending, after=at("2024-11-01T00:00")) == at("2024-11-16T00:50")
    assert next_alert_at(ending, after=at("2024-11-16T00:50")) == at("2024-11-16T00:50")
    assert next_alert_at(ending, after=at("2024-11-16T00:50:01")) == at("2024-12-16T00:50")
    assert next_alert_at(ending, after=at("2024-12-17T00:00")) is None
    assert is_alert_day(ending, at("2024-12-16T23:59"))
    assert not is_alert_day(ending, at("2024-12-17T00:00"))
    assert alert_dates(ending, (1, 1, 30)) == (day("2024-12-01"), day("2024-12-30"))
    # A configured list may be a one-shot iterable.
    assert is_alert_day(ending, at("2024-12-30T10:00"), iter((1, 30)))


# ---- properties ----

ages = st.timedeltas(timedelta(days=-1), timedelta(days=70))
optional_days = st.none() | st.integers(-40, 400)


@settings(max_examples=200)
@given(any_terms(), ages, optional_days, optional_days)
def test_next_billing_at_is_the_first_day_meeting_the_due_test(
    of: Terms, age: timedelta, ends: int | None, billed: int | None
) -> None:
    created = of.started_at + age
    ending = None if ends is None else created + timedelta(days=ends)
    last = None if billed is None else of.local(created) + timedelta(days=billed)
    first = min(of.local(of.started_at), of.local(created))
    floor = max(of.local(of.started_at), of.local(created), last or first)

    def due(of_day: date) -> bool:
        t = start_of_day(of_day, of.tz)
        return is_due(of, t, created_at=created, ending_at=ending, last_billed_on=last)

    candidates = (first + timedelta(days=n) for n in range((floor - first).days + 370))
    expected = next((d for d in candidates if due(d)), None)
    found = next_billing_day(of, created_at=created, ending_at=ending, last_billed_on=last)
    assert found == expected
    instant = next_billing_at(of, created_at=created, ending_at=ending, last_billed_on=last)
    assert instant == (None if found is None else start_of_day(found, of.tz))


@given(any_terms())
def test_windows_of_consecutive_billing_days_tile(of: Terms) -> None:
    """No usage is missed or counted twice, and every plan period after the start is billed once."""
    horizon = of.local(of.started_at) + timedelta(days=800)
    due = list(billing_days(of, before=horizon, created_at=of.started_at))
    assert due == sorted(set(due))
    rows = [windows(Case.periodic, of, start_of_day(d, of.tz)) for d in due]
    assert rows[0].charges_from_datetime == of.started_at
    for earlier, later in pairwise(rows):
        assert earlier.charges_to_datetime + timedelta(microseconds=1) == later.charges_from_datetime
    for row, d in zip(rows, due, strict=True):
        assert row.charges_to_datetime + timedelta(microseconds=1) == start_of_day(d, of.tz)
        assert row.bills_charges
        assert row.charges_window_days <= row.charges_duration_days
    billed = [row for row in rows if row.bills_subscription_fee]
    assert {row.timestamp for row in rows if not row.bills_subscription_fee} <= {
        row.timestamp for row in rows if of.charges_interval != of.interval
    }
    for earlier, later in pairwise(billed):
        assert earlier.to_datetime + timedelta(microseconds=1) == later.from_datetime
    for row in billed[1:]:
        assert subscription_fee(12_345, row).amount_cents == 12_345
    if of.pay_in_advance:
        start = windows(Case.starting, of, of.started_at)
        assert start.to_datetime + timedelta(microseconds=1) == billed[0].from_datetime


@given(any_terms(), st.timedeltas(timedelta(0), timedelta(days=420)))
def test_days_of_the_old_and_the_new_plan_make_the_period(of: Terms, age: timedelta) -> None:
    """Upgrade between plans of one interval: the days around it add up to those without it (trap 4)."""
    switch = of.started_at + age
    fields = ("interval", "billing_time", "pay_in_advance", "bill_charges_monthly", "subscription_at")
    common = {name: getattr(of, name) for name in fields}
    old = Terms(**common, started_at=of.started_at, terminated_at=switch, tz=of.tz)
    new = Terms(**common, started_at=switch, terminated_at=None, tz=of.tz)
    before = windows(Case.upgrade_old, old, switch)
    after = windows(Case.plan_change_new, new, switch)
    whole = windows(Case.progressive, of, switch)
    assert before.fee_period == after.fee_period == whole.fee_period
    parts = [subscription_fee(1000, row).days for row in (before, after)]
    assert sum(parts) == subscription_fee(1000, whole).days
    if of.local(of.started_at) <= whole.fee_period.start:
        assert sum(parts) == whole.fee_period.days == before.fee_period_days
    usage = windows(Case.current_usage, new, switch)
    assert before.charges_to_datetime == usage.charges_from_datetime == switch
    assert before.excludes_end
