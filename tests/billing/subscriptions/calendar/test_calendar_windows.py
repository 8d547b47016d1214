"""Spec 03 §3.5-§3.7, §8.3: the windows of an invoice row."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from billwright.billing.subscriptions.calendar.due import billing_days
from billwright.billing.subscriptions.calendar.periods import Period
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.timezones import end_of_day, start_of_day
from billwright.billing.subscriptions.calendar.windows import (
    Case,
    PreviousRow,
    Unbilled,
    Windows,
    is_zero_length,
    windows,
)
from tests.billing.subscriptions.calendar.calendar_support import at, day, terms, wire


def shown(row: Windows) -> tuple[str, str, str, str]:
    return (
        wire(row.from_datetime),
        wire(row.to_datetime),
        wire(row.charges_from_datetime),
        wire(row.charges_to_datetime),
    )


ADVANCE = terms("2024-08-10T09:30", advance=True)
ARREARS = terms("2024-08-10T09:30")
ADVANCE_ANNIVERSARY = terms("2024-08-10T09:30", advance=True, time="anniversary")
YEARLY = terms("2024-01-31T01:00", interval="yearly", time="anniversary", monthly_charges=True)
YEARLY_ADVANCE = terms("2024-01-31T01:00", interval="yearly", time="anniversary", monthly_charges=True, advance=True)
TERMINATED = terms("2024-01-01T00:00", ended="2024-02-12T06:00")
DENVER = terms("2023-06-16T05:00", interval="weekly", tz="America/Denver")


@pytest.mark.parametrize(
    ("case", "of", "t", "expected", "fee", "charges"),
    [
        (
            Case.starting,
            ADVANCE,
            "2024-08-10T09:30",
            ("2024-08-10T00:00:00Z", "2024-08-31T23:59:59Z", "2024-08-10T09:30:00Z", "2024-08-10T09:30:00Z"),
            True,
            False,
        ),
        (
            Case.periodic,
            ADVANCE,
            "2024-09-01T00:00",
            ("2024-09-01T00:00:00Z", "2024-09-30T23:59:59Z", "2024-08-10T09:30:00Z", "2024-08-31T23:59:59Z"),
            True,
            True,
        ),
        (
            Case.periodic,
            ARREARS,
            "2024-09-01T00:00",
            ("2024-08-10T00:00:00Z", "2024-08-31T23:59:59Z", "2024-08-10T09:30:00Z", "2024-08-31T23:59:59Z"),
            True,
            True,
        ),
        (
            Case.starting,
            ADVANCE_ANNIVERSARY,
            "2024-08-10T09:30",
            ("2024-08-10T00:00:00Z", "2024-09-09T23:59:59Z", "2024-08-10T09:30:00Z", "2024-08-10T09:30:00Z"),
            True,
            False,
        ),
        (
            Case.periodic,
            YEARLY,
            "2024-02-29T00:00",
            ("2024-01-31T00:00:00Z", "2024-01-31T01:00:00Z", "2024-01-31T01:00:00Z", "2024-02-28T23:59:59Z"),
            False,
            True,
        ),
        (
            Case.periodic,
            YEARLY,
            "2025-01-31T00:00",
            ("2024-01-31T00:00:00Z", "2025-01-30T23:59:59Z", "2024-12-31T00:00:00Z", "2025-01-30T23:59:59Z"),
            True,
            True,
        ),
        (
            Case.periodic,
            YEARLY_ADVANCE,
            "2024-02-29T00:00",
            ("2024-01-31T00:00:00Z", "2025-01-30T23:59:59Z", "2024-01-31T01:00:00Z", "2024-02-28T23:59:59Z"),
            False,
            True,
        ),
        (
            Case.terminating,
            TERMINATED,
            "2024-02-12T06:00",
            ("2024-02-01T00:00:00Z", "2024-02-12T06:00:00Z", "2024-02-01T00:00:00Z", "2024-02-12T06:00:00Z"),
            True,
            True,
        ),
        (
            Case.starting,
            DENVER,
            "2023-06-16T05:00",
            ("2023-06-15T06:00:00Z", "2023-06-19T05:59:59Z", "2023-06-16T05:00:00Z", "2023-06-16T05:00:00Z"),
            False,  # in arrears: §3.6 shows the window only
            False,
        ),
    ],
)
def test_3_6_examples(
    case: Case, of: Terms, t: str, expected: tuple[str, str, str, str], fee: bool, charges: bool
) -> None:
    row = windows(case, of, at(t))
    assert shown(row) == expected
    assert (row.bills_subscription_fee, row.bills_charges) == (fee, charges)
    assert row.charges_window_is_empty is (expected[2] == expected[3])


ENDED = "2024-05-20T10:00"
TIDY = {"P": ("2024-05-15", "2024-06-14"), "P-": ("2024-04-15", "2024-05-14")}


@pytest.mark.parametrize(
    ("case", "advance", "fee", "fee_cut", "charges", "charges_cut", "bills_fee", "bills_charges", "reason"),
    [
        (Case.starting, True, "P", False, "P-", False, True, False, "subscription_starting"),
        (Case.periodic, True, "P", False, "P-", False, True, True, "subscription_periodic"),
        (Case.periodic, False, "P-", False, "P-", False, True, True, "subscription_periodic"),
        (Case.terminating, False, "P", True, "P", True, True, True, "subscription_terminating"),
        (Case.terminating, True, "P", True, "P", True, False, True, "subscription_terminating"),
        (Case.upgrade_old, False, "P", True, "P", True, True, True, "subscription_terminating"),
        (Case.upgrade_old, True, "P", True, "P", True, False, True, "subscription_terminating"),
        (Case.downgrade_old, False, "P-", False, "P-", False, True, True, "subscription_terminating"),
        (Case.downgrade_old, True, "P", True, "P-", False, False, True, "subscription_terminating"),
        (Case.plan_change_new, True, "P", False, "P-", False, True, False, "subscription_starting"),
        (Case.plan_change_new, False, "P", False, "P-", False, False, False, "subscription_starting"),
        (Case.progressive, True, "P", False, "P", False, False, True, "progressive_billing"),
        (Case.progressive, False, "P", False, "P", False, False, True, "progressive_billing"),
        (Case.in_advance_charge, True, "P", False, "P", False, False, True, "in_advance_charge"),
        (Case.current_usage, True, "P", False, "P", False, False, True, None),
        (Case.current_usage, False, "P", False, "P", False, False, True, None),
    ],
)
def test_3_6_choice_of_period(
    case: Case,
    advance: bool,
    fee: str,
    fee_cut: bool,
    charges: str,
    charges_cut: bool,
    bills_fee: bool,
    bills_charges: bool,
    reason: str | None,
) -> None:
    """Every line of the table, on a subscription that is old enough for no clamp but the cut to act."""
    ends = case in (Case.terminating, Case.upgrade_old)
    switch = case is Case.downgrade_old
    t = at(ENDED) if ends else at("2024-05-15T00:00")
    of = terms(
        "2023-11-15T00:00",
        time="anniversary",
        advance=advance,
        ended=ENDED if ends else "2024-05-15T00:00" if switch else None,
    )
    row = windows(case, of, t)
    assert row.fee_period == Period(day(TIDY[fee][0]), day(TIDY[fee][1]))
    assert row.charges_period == Period(day(TIDY[charges][0]), day(TIDY[charges][1]))
    assert row.from_datetime == start_of_day(row.fee_period.start, "UTC")
    assert row.to_datetime == (of.terminated_at if fee_cut else end_of_day(row.fee_period.end, "UTC"))
    assert row.charges_from_datetime == start_of_day(row.charges_period.start, "UTC")
    assert row.charges_to_datetime == (of.terminated_at if charges_cut else end_of_day(row.charges_period.end, "UTC"))
    assert (row.bills_subscription_fee, row.bills_charges, row.case.reason) == (bills_fee, bills_charges, reason)
    assert row.recurring is (case is Case.periodic)
    upgraded = case is Case.upgrade_old
    assert (row.drops_fee_day, row.drops_charges_day, row.excludes_end) == (upgraded, upgraded, upgraded)
    assert row.day == t.date()


@pytest.mark.parametrize("case", [Case.terminating, Case.upgrade_old])
@pytest.mark.parametrize("advance", [False, True])
def test_3_6_ending_on_an_unbilled_billing_day(case: Case, advance: bool) -> None:
    of = terms("2024-01-01T00:00", advance=advance, ended="2024-10-01T00:15")
    row = windows(case, of, at("2024-10-01T00:15"), unbilled=Unbilled(fee=True, charges=True))
    september = ("2024-09-01T00:00:00Z", "2024-09-30T23:59:59Z")
    october = ("2024-10-01T00:00:00Z", "2024-10-31T23:59:59Z")
    assert shown(row) == (*(october if advance else september), *september)
    assert (row.bills_subscription_fee, row.bills_charges) == (not advance, True)
    assert (row.drops_fee_day, row.drops_charges_day, row.excludes_end) == (False, False, False)
    assert row.charges_window_days == 30


def test_6_7_fee_and_charges_are_judged_separately() -> None:
    """Yearly in arrears with monthly charges, ended on the first of a month that was not billed yet."""
    of = terms("2024-01-01T00:00", interval="yearly", monthly_charges=True, ended="2024-10-01T00:15")
    row = windows(Case.upgrade_old, of, at("2024-10-01T00:15"), unbilled=Unbilled(fee=False, charges=True))
    assert shown(row) == (
        "2024-01-01T00:00:00Z",
        "2024-10-01T00:15:00Z",
        "2024-09-01T00:00:00Z",
        "2024-09-30T23:59:59Z",
    )
    assert (row.drops_fee_day, row.drops_charges_day) == (True, False)


def test_an_ending_needs_its_instant() -> None:
    for case in (Case.terminating, Case.upgrade_old, Case.downgrade_old):
        with pytest.raises(ValueError, match="terminated_at"):
            windows(case, ARREARS, at("2024-09-01T00:00"))


def test_3_6_instants_keep_their_microseconds() -> None:
    started = at("2024-06-10T14:25:36") + timedelta(microseconds=123_456)
    ended = at("2024-07-03T08:00:00") + timedelta(microseconds=7)
    of = Terms(
        interval=ARREARS.interval,
        billing_time=ARREARS.billing_time,
        pay_in_advance=False,
        bill_charges_monthly=False,
        subscription_at=started,
        started_at=started,
        terminated_at=None,
        tz="America/New_York",
    )
    first = windows(Case.periodic, of, at("2024-07-01T04:00"))  # spec 01 §5.1 example 6
    assert first.charges_from_datetime == started
    assert first.charges_to_datetime == at("2024-07-01T04:00") - timedelta(microseconds=1)
    assert first.charges_duration_days == 30
    last = windows(Case.terminating, terms("2024-01-01T00:00", ended=ended.isoformat()[:-6]), ended)
    assert (last.to_datetime, last.charges_to_datetime) == (ended, ended)
    assert all(x.tzinfo is UTC for x in (first.from_datetime, first.to_datetime, first.charges_to_datetime))


def test_3_5_yearly_in_advance_with_monthly_charges() -> None:
    of = terms("2024-03-15T00:00", interval="yearly", monthly_charges=True, advance=True)
    boundaries = list(billing_days(of, before=day("2025-01-02"), created_at=of.started_at))
    assert boundaries == [day(f"2024-{m:02}-01") for m in range(4, 13)] + [day("2025-01-01")]
    rows = [windows(Case.periodic, of, start_of_day(d, "UTC")) for d in boundaries]
    assert [row.bills_subscription_fee for row in rows] == [False] * 9 + [True]
    assert all(row.bills_charges for row in rows)
    assert [row.charges_duration_days for row in rows[:3]] == [31, 30, 31]
    assert shown(rows[-1]) == (
        "2025-01-01T00:00:00Z",
        "2025-12-31T23:59:59Z",
        "2024-12-01T00:00:00Z",
        "2024-12-31T23:59:59Z",
    )


def test_3_5_yearly_in_arrears_with_monthly_charges() -> None:
    of = terms("2024-03-15T00:00", interval="yearly", monthly_charges=True)
    row = windows(Case.periodic, of, at("2025-01-01T00:00"))
    assert row.bills_subscription_fee
    assert shown(row) == (
        "2024-03-15T00:00:00Z",
        "2024-12-31T23:59:59Z",
        "2024-12-01T00:00:00Z",
        "2024-12-31T23:59:59Z",
    )
    assert not windows(Case.periodic, of, at("2024-12-01T00:00")).bills_subscription_fee


def test_3_5_the_flag_means_nothing_for_short_intervals() -> None:
    of = terms("2024-03-15T00:00", interval="quarterly", monthly_charges=True)
    row = windows(Case.periodic, of, at("2024-07-01T00:00"))
    assert row.charges_period == row.fee_period == Period(day("2024-04-01"), day("2024-06-30"))


def test_3_6_denominators_are_whole_periods() -> None:
    row = windows(Case.periodic, ARREARS, at("2024-09-01T00:00"))
    assert (row.fee_period_days, row.charges_duration_days) == (31, 31)
    # The period chosen precedes the start: the one holding the window's start counts.
    start = windows(Case.starting, terms("2024-03-10T09:30", advance=True), at("2024-03-10T09:30"))
    assert start.charges_period == Period(day("2024-02-01"), day("2024-02-29"))
    assert start.charges_duration_days == 31
    degenerate = windows(Case.periodic, YEARLY, at("2024-02-29T00:00"))
    assert degenerate.fee_period == Period(day("2023-01-31"), day("2024-01-30"))
    assert degenerate.fee_period_days == 366


def test_3_7_timezone_change() -> None:
    of = terms("2021-06-01T00:00", time="calendar", tz="America/Los_Angeles")
    previous = PreviousRow(
        at("2022-01-01T00:00"), at("2022-01-31T23:59:59") + timedelta(microseconds=999_999), tz="UTC"
    )
    row = windows(Case.periodic, of, at("2022-03-02T00:00"), previous=previous)
    assert wire(row.charges_from_datetime) == "2022-02-01T00:00:00Z"
    assert wire(row.from_datetime) == "2022-02-01T08:00:00Z"
    assert row.charges_duration_days == 28
    # Truncated ends, as read from the wire, lead to the same instant.
    truncated = PreviousRow(at("2022-01-01T00:00"), at("2022-01-31T23:59:59"), tz="UTC")
    assert windows(Case.periodic, of, at("2022-03-02T00:00"), previous=truncated) == row


def test_3_7_applies_only_to_a_change_and_to_the_window_before() -> None:
    of = terms("2021-06-01T00:00", tz="America/Los_Angeles")
    t = at("2022-03-01T08:00")
    plain = windows(Case.periodic, of, t)
    assert wire(plain.charges_from_datetime) == "2022-02-01T08:00:00Z"
    january = (at("2022-01-01T00:00"), at("2022-01-31T23:59:59"))
    assert windows(Case.periodic, of, t, previous=PreviousRow(*january, tz=of.tz)) == plain
    for hours, moved in ((26, True), (-26, True), (27, False), (-27, False)):
        end = at("2022-02-01T08:00") + timedelta(hours=hours, microseconds=-1)
        row = windows(Case.periodic, of, t, previous=PreviousRow(january[0], end, tz="UTC"))
        assert (row.charges_from_datetime == end + timedelta(microseconds=1)) is moved
        assert (row == plain) is not moved


def test_3_7_nothing_is_lost_after_a_start_invoice() -> None:
    """A zero-length window covers nothing, so the next one starts with it and not a second later."""
    of = terms("2022-02-01T00:00", advance=True, tz="America/Los_Angeles")
    previous = PreviousRow(at("2022-02-01T00:00"), at("2022-02-01T00:00"), tz="UTC")
    row = windows(Case.periodic, of, at("2022-03-01T08:00"), previous=previous)
    assert wire(row.charges_from_datetime) == "2022-02-01T00:00:00Z"


def test_3_7_never_before_the_start() -> None:
    of = terms("2022-02-01T09:00", tz="America/Los_Angeles")
    previous = PreviousRow(at("2022-01-01T00:00"), at("2022-01-31T23:59:59"), tz="UTC")
    row = windows(Case.periodic, of, at("2022-03-01T08:00"), previous=previous)
    assert wire(row.charges_from_datetime) == "2022-02-01T09:00:00Z"


def test_current_usage_before_the_start_looks_at_the_first_period() -> None:
    row = windows(Case.current_usage, terms("2024-09-10T12:00"), at("2024-08-20T00:00"))
    assert (wire(row.charges_from_datetime), wire(row.charges_to_datetime)) == (
        "2024-09-10T12:00:00Z",
        "2024-09-30T23:59:59Z",
    )


def test_terminated_before_the_window_ends_in_nothing() -> None:
    of = terms("2024-02-12T06:00", ended="2024-02-12T06:00", anchor="2024-01-01T00:00")
    row = windows(Case.upgrade_old, of, at("2024-02-12T06:00"))
    assert row.charges_window_is_empty
    assert not row.bills_charges
    assert row.charges_window_days == 0
    assert is_zero_length(row.charges_from_datetime, row.charges_to_datetime)
    assert not is_zero_length(row.from_datetime, row.to_datetime)


@pytest.mark.parametrize(
    ("interval", "time", "anchor", "expected"),
    [
        ("weekly", "calendar", "2024-01-10T12:00", ("2024-03-25", "2024-03-31")),
        ("monthly", "calendar", "2024-01-10T12:00", ("2024-03-01", "2024-03-31")),
        ("monthly", "anniversary", "2024-01-01T12:00", ("2024-03-01", "2024-03-31")),
    ],
)
def test_8_3_new_york_customer_on_monday_1_april_2024(
    interval: str, time: str, anchor: str, expected: tuple[str, str]
) -> None:
    of = terms(anchor, interval=interval, time=time, tz="America/New_York")
    row = windows(Case.periodic, of, at("2024-04-01T04:00"))
    assert row.fee_period == row.charges_period == Period(day(expected[0]), day(expected[1]))
    assert row.bills_subscription_fee
    assert row.bills_charges


def test_2_pricing_1_3_window_days_and_end_day_of_an_upgrade() -> None:
    """Spec 02 §9: minimum of 1000 terminated or upgraded on 25 February, and started on 8 January."""
    of = terms("2023-01-01T00:00", ended="2023-02-25T06:00")
    kept = windows(Case.terminating, of, at("2023-02-25T06:00"))
    lost = windows(Case.upgrade_old, of, at("2023-02-25T06:00"))
    assert (kept.charges_window_days, kept.charges_end_day, kept.charges_duration_days) == (25, day("2023-02-25"), 28)
    assert (lost.charges_window_days, lost.charges_end_day, lost.charges_duration_days) == (24, day("2023-02-24"), 28)
    started = windows(Case.periodic, terms("2023-01-08T00:00"), at("2023-02-01T00:00"))
    assert (started.charges_window_days, started.charges_duration_days) == (24, 31)


def test_ending_at_the_first_instant_of_a_billed_period_has_a_fee_day_but_no_usage() -> None:
    of = terms("2024-01-01T00:00", ended="2024-10-01T00:00")
    row = windows(Case.terminating, of, at("2024-10-01T00:00"))
    assert row.bills_subscription_fee
    assert row.charges_window_is_empty
    assert row.charges_window_days == 0
    assert not row.bills_charges


def test_2_pricing_12_active_days_of_commitments() -> None:
    yearly = terms("2024-03-05T10:00", interval="yearly", monthly_charges=True)
    assert yearly.active_days(yearly.fee_period(day("2024-06-01"))) == 302
    monthly = terms("2024-02-28T10:00", advance=True)
    assert monthly.active_days(monthly.previous_fee_period(day("2024-03-01"))) == 2
    ended = terms("2024-01-01T00:00", ended="2024-06-15T10:00")
    assert ended.active_days(ended.fee_period(day("2024-06-15"))) == 15
    assert ended.active_days(Period(day("2024-07-01"), day("2024-07-31"))) == 0
