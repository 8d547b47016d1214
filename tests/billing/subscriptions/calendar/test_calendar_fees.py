"""Spec 03 §4, §5, §6.6, §6.8, §6.9: subscription fees and trials."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from billwright.billing.subscriptions.calendar.days import calendar_days, days
from billwright.billing.subscriptions.calendar.due import next_billing_at
from billwright.billing.subscriptions.calendar.starts import StartDay, bills_at_start
from billwright.billing.subscriptions.calendar.subscription_fee import FeeAmount, fee_is_due, subscription_fee
from billwright.billing.subscriptions.calendar.terms import Terms
from billwright.billing.subscriptions.calendar.trial import Trial, ended_at_creation, trial_end
from billwright.billing.subscriptions.calendar.windows import Case, Unbilled, windows
from tests.billing.subscriptions.calendar.calendar_support import at, day, terms


def fee(
    cents: int,
    of: Terms,
    case: Case,
    t: str,
    *,
    trial: str | None = None,
    unbilled: Unbilled | None = None,
) -> tuple[int, int, int]:
    row = windows(case, of, at(t), unbilled=unbilled or Unbilled())
    amount = subscription_fee(cents, row, trial_end=at(trial) if trial else None)
    assert amount.precise == Fraction(cents * amount.days, amount.period_days)
    return amount.days, amount.period_days, amount.amount_cents


@pytest.mark.parametrize(
    ("number", "cents", "of", "case", "t", "expected"),
    [
        ("1", 5000, terms("2024-08-10T09:30", advance=True), Case.starting, "2024-08-10T09:30", (22, 31, 3548)),
        ("1 arrears", 5000, terms("2024-08-10T09:30"), Case.periodic, "2024-09-01T00:00", (22, 31, 3548)),
        (
            "2",
            5000,
            terms("2024-08-10T09:30", advance=True, time="anniversary"),
            Case.starting,
            "2024-08-10T09:30",
            (31, 31, 5000),
        ),
        ("3", 9000, terms("2024-02-10T00:00", interval="quarterly"), Case.periodic, "2024-04-01T00:00", (51, 91, 5044)),
        (
            "4 of 2024",
            12000,
            terms("2024-03-15T00:00", interval="yearly", advance=True),
            Case.starting,
            "2024-03-15T00:00",
            (292, 366, 9574),
        ),
        (
            "4 of 2023",
            12000,
            terms("2023-03-15T00:00", interval="yearly", advance=True),
            Case.starting,
            "2023-03-15T00:00",
            (292, 365, 9600),
        ),
        (
            "5 Denver",
            700,
            terms("2023-06-16T05:00", interval="weekly", tz="America/Denver"),
            Case.periodic,
            "2023-06-19T06:00",
            (4, 7, 400),
        ),
        (
            "5 Halifax",
            700,
            terms("2023-06-16T05:00", interval="weekly", tz="America/Halifax"),
            Case.periodic,
            "2023-06-19T03:00",
            (3, 7, 300),
        ),
        (
            "6 Paris",
            700,
            terms("2023-06-16T20:00", interval="weekly", tz="Europe/Paris"),
            Case.periodic,
            "2023-06-18T22:00",
            (3, 7, 300),
        ),
        (
            "6 Karachi",
            700,
            terms("2023-06-16T20:00", interval="weekly", tz="Asia/Karachi"),
            Case.periodic,
            "2023-06-18T19:00",
            (2, 7, 200),
        ),
        (
            "7",
            3100,
            terms("2024-03-09T14:00", tz="America/New_York"),
            Case.periodic,
            "2024-04-01T04:00",
            (23, 31, 2300),
        ),
        (
            "8",
            2900,
            terms("2024-01-01T00:00", ended="2024-02-12T06:00"),
            Case.terminating,
            "2024-02-12T06:00",
            (12, 29, 1200),
        ),
        (
            "9",
            2900,
            terms("2024-01-01T00:00", ended="2024-02-12T06:00"),
            Case.upgrade_old,
            "2024-02-12T06:00",
            (11, 29, 1100),
        ),
        (
            "10 in advance",
            29000,
            terms("2024-02-12T06:00", anchor="2024-01-01T00:00", advance=True),
            Case.plan_change_new,
            "2024-02-12T06:00",
            (18, 29, 18000),
        ),
        (
            "10 in arrears",
            29000,
            terms("2024-02-12T06:00", anchor="2024-01-01T00:00"),
            Case.periodic,
            "2024-03-01T00:00",
            (18, 29, 18000),
        ),
        (
            "11 old",
            10000,
            terms("2023-06-01T00:00", ended="2024-01-15T11:00"),
            Case.upgrade_old,
            "2024-01-15T11:00",
            (14, 31, 4516),
        ),
        (
            "11 new",
            20000,
            terms("2024-01-15T11:00", anchor="2023-06-01T00:00"),
            Case.periodic,
            "2024-02-01T00:00",
            (17, 31, 10968),
        ),
        (
            "12",
            91000,
            terms(
                "2024-05-20T08:00",
                interval="quarterly",
                time="anniversary",
                anchor="2024-01-15T00:00",
                ended="2024-06-20T08:00",
            ),
            Case.terminating,
            "2024-06-20T08:00",
            (32, 91, 32000),
        ),
        (
            "13",
            91000,
            terms("2024-05-20T08:00", interval="quarterly", ended="2024-06-20T08:00"),
            Case.terminating,
            "2024-06-20T08:00",
            (32, 91, 32000),
        ),
        (
            "14",
            1000,
            terms("2024-01-01T00:00", ended="2024-10-01T00:15"),
            Case.terminating,
            "2024-10-01T00:15",
            (1, 31, 32),
        ),
        ("16", 3100, terms("2024-05-10T00:00"), Case.periodic, "2024-06-01T00:00", (22, 31, 2200)),
        ("17", 3100, terms("2024-03-10T00:00"), Case.periodic, "2024-06-01T00:00", (31, 31, 3100)),
    ],
)
def test_4_3_examples(number: str, cents: int, of: Terms, case: Case, t: str, expected: tuple[int, int, int]) -> None:
    assert fee(cents, of, case, t) == expected, number
    assert fee_is_due(windows(case, of, at(t)), of), number


def test_4_3_example_15_september_not_billed_yet() -> None:
    of = terms("2024-01-01T00:00", ended="2024-10-01T00:15")
    both = Unbilled(fee=True, charges=True)
    assert fee(1000, of, Case.terminating, "2024-10-01T00:15", unbilled=both) == (30, 30, 1000)
    # The same rule protects an upgrade, without its one-day reduction (§6.7).
    assert fee(1000, of, Case.upgrade_old, "2024-10-01T00:15", unbilled=both) == (30, 30, 1000)


def test_4_3_examples_16_and_17_are_first_billed_on_1_june() -> None:
    for started in ("2024-05-10T00:00", "2024-03-10T00:00"):
        assert next_billing_at(terms(started), created_at=at("2024-05-15T09:00")) == at("2024-06-01T00:00")


def test_0_rounding_is_half_away_from_zero() -> None:
    """122 cents x 7/28 = 30.5."""
    of = terms("2023-01-01T00:00", ended="2023-02-07T12:00")
    assert fee(122, of, Case.terminating, "2023-02-07T12:00") == (7, 28, 31)


def test_12_5_a_termination_at_local_midnight_bills_that_day() -> None:
    of = terms("2024-01-01T00:00", ended="2024-02-12T00:00")
    assert fee(2900, of, Case.terminating, "2024-02-12T00:00") == (12, 29, 1200)
    first = terms("2024-02-12T00:00", ended="2024-02-12T00:00")
    assert fee(2900, first, Case.terminating, "2024-02-12T00:00") == (1, 29, 100)


@pytest.mark.parametrize(
    ("a", "b", "tz", "expected"),
    [
        ("2024-02-01T00:00:00", "2024-02-29T23:59:59", "UTC", 29),
        ("2024-02-01T00:00:00", "2024-02-01T00:00:00", "UTC", 1),
        ("2024-02-01T00:00:00", "2024-02-02T00:00:00", "UTC", 2),
        ("2024-03-09T05:00:00", "2024-03-11T03:59:59", "America/New_York", 2),  # 23 hours on the 10th
        ("2024-11-02T04:00:00", "2024-11-04T04:59:59", "America/New_York", 2),  # 25 hours on the 3rd
        ("2024-11-02T04:00:00", "2024-11-04T05:00:00", "America/New_York", 3),
        ("2024-02-10T15:00:00", "2024-02-12T06:00:00", "UTC", 2),
        ("2024-02-10T15:00:00", "2024-02-12T15:00:00", "UTC", 2),
        ("2024-02-10T15:00:00", "2024-02-12T15:00:01", "UTC", 3),
        ("2024-02-12T06:00:00", "2024-02-10T15:00:00", "UTC", 0),
    ],
)
def test_4_1_days(a: str, b: str, tz: str, expected: int) -> None:
    assert days(at(a), at(b), tz) == expected


def test_calendar_days_counts_both_ends() -> None:
    assert calendar_days(day("2024-02-01"), day("2024-02-29")) == 29
    assert calendar_days(day("2024-02-29"), day("2024-02-29")) == 1
    assert calendar_days(day("2024-03-01"), day("2024-02-29")) == 0
    assert calendar_days(day("2024-03-05"), day("2024-02-29")) == 0


# ---- §4.2 when a fee is created ----


def test_4_2_guard_against_two_fees_on_one_day() -> None:
    t = at("2024-09-01T00:00")
    advance, arrears = terms("2024-08-10T09:30", advance=True), terms("2024-08-10T09:30")
    assert not fee_is_due(windows(Case.periodic, advance, t), advance, fee_on_same_day=True)
    assert fee_is_due(windows(Case.periodic, advance, t), advance)
    assert fee_is_due(windows(Case.periodic, arrears, t), arrears, fee_on_same_day=True)


def test_4_2_trial() -> None:
    t = at("2024-09-01T00:00")
    for advance in (True, False):
        of = terms("2024-08-10T09:30", advance=advance)
        row = windows(Case.periodic, of, t)
        assert not fee_is_due(row, of, trial=Trial(at("2024-09-02T00:00")))
        assert fee_is_due(row, of, trial=Trial(at("2024-09-01T23:59")))
        assert fee_is_due(row, of, trial=Trial(at("2024-09-01T00:00")))
        assert fee_is_due(row, of, trial=Trial(at("2024-08-20T00:00")))
        assert fee_is_due(row, of, trial=Trial(None))
        # Redone as a draft after the trial ended on 2 September: still no fee.
        ended = at("2024-09-02T00:00")
        assert not fee_is_due(row, of, trial=Trial(ended, ended_at=ended))


def test_4_2_terminated_in_advance() -> None:
    t = at("2024-09-01T00:00")
    gone = terms("2024-08-10T09:30", advance=True, ended="2024-08-31T12:00")
    assert not fee_is_due(windows(Case.periodic, gone, t), gone)
    later = terms("2024-08-10T09:30", advance=True, ended="2024-09-05T12:00")
    assert fee_is_due(windows(Case.periodic, later, t), later)
    at_once = terms("2024-08-10T09:30", advance=True, ended="2024-08-10T09:30")
    assert fee_is_due(windows(Case.starting, at_once, at("2024-08-10T09:30")), at_once)
    assert not fee_is_due(windows(Case.terminating, at_once, at("2024-08-10T09:30")), at_once)


def test_4_2_a_fee_of_zero_is_still_a_fee() -> None:
    of = terms("2024-04-11T10:00", ended="2024-04-11T18:00")
    row = windows(Case.upgrade_old, of, at("2024-04-11T18:00"))
    assert fee_is_due(row, of)
    assert subscription_fee(3000, row) == FeeAmount(0, 30, 0, Fraction(0))
    whole = windows(Case.periodic, terms("2024-04-01T00:00"), at("2024-05-01T00:00"))
    assert subscription_fee(3000, whole, trial_end=at("2024-05-01T00:00")).amount_cents == 0


def test_4_1_a_trial_ending_with_the_window_leaves_nothing() -> None:
    of = terms("2024-02-01T00:00", ended="2024-02-12T00:00")
    assert fee(2900, of, Case.terminating, "2024-02-12T00:00", trial="2024-02-12T00:00") == (0, 29, 0)
    assert fee(2900, of, Case.terminating, "2024-02-12T00:00", trial="2024-02-11T23:59:59") == (1, 29, 100)


# ---- §5 trials ----


def test_5_trial_end() -> None:
    start = at("2024-03-05T12:12")
    assert trial_end(start, 10) == at("2024-03-15T12:12")
    assert trial_end(start, Decimal("0.5")) == at("2024-03-06T00:12")
    assert trial_end(start, Fraction(1, 24)) == at("2024-03-05T13:12")
    assert trial_end(start, None) is None
    assert trial_end(start, 0) is None


def test_5_row_1_ten_days() -> None:
    of = terms("2024-03-05T12:12", advance=True)
    end = trial_end(of.started_at, 10)
    trial = Trial(end)
    assert not bills_at_start(StartDay.today, pay_in_advance=True, in_trial=trial.is_running(of.started_at))
    assert not fee_is_due(windows(Case.starting, of, of.started_at), of, trial=trial)
    assert end == at("2024-03-15T12:12")
    assert not trial.job_is_due(at("2024-03-15T12:11:59"))
    assert trial.job_is_due(end)
    assert trial.bills_at_end(pay_in_advance=True, started_at=of.started_at, fee_billed=False)
    row = windows(Case.starting, of, end)
    assert fee_is_due(row, of, trial=trial)
    assert not row.bills_charges
    assert fee(5_000_000, of, Case.starting, "2024-03-15T12:12", trial="2024-03-15T12:12") == (17, 31, 2_741_935)


def test_5_row_2_upgraded_to_another_trial_length() -> None:
    new = terms("2024-03-10T09:00", anchor="2024-03-05T12:12", advance=True)
    end = trial_end(at("2024-03-05T12:12"), 13)
    assert end == at("2024-03-18T12:12")
    assert Trial(end).is_running(new.started_at)
    assert not fee_is_due(windows(Case.plan_change_new, new, new.started_at), new, trial=Trial(end))
    assert fee(10_000_000, new, Case.starting, "2024-03-18T12:12", trial="2024-03-18T12:12") == (14, 31, 4_516_129)


def test_5_row_3_longer_than_the_period() -> None:
    of = terms("2024-03-05T12:12", advance=True)
    end = trial_end(of.started_at, 45)
    assert end == at("2024-04-19T12:12")
    april = windows(Case.periodic, of, at("2024-04-01T00:00"))
    assert not fee_is_due(april, of, trial=Trial(end))
    assert april.bills_charges
    assert fee(5_000_000, of, Case.starting, "2024-04-19T12:12", trial="2024-04-19T12:12") == (12, 30, 2_000_000)
    may = windows(Case.periodic, of, at("2024-05-01T00:00"))
    assert fee_is_due(may, of, trial=Trial(end, ended_at=end))
    assert subscription_fee(5_000_000, may, trial_end=end).amount_cents == 5_000_000


def test_5_row_4_ending_on_a_billing_day_in_paris() -> None:
    of = terms("2024-03-22T01:12", advance=True, tz="Europe/Paris")
    end = trial_end(of.started_at, 10)
    assert end == at("2024-04-01T01:12")
    boundary = next_billing_at(of, created_at=of.started_at)
    assert boundary == at("2024-03-31T22:00")
    row = windows(Case.periodic, of, boundary)
    assert fee_is_due(row, of, trial=Trial(end))
    # 29.9 days begun: the whole of 1 April counts.
    assert subscription_fee(5_000_000, row, trial_end=end) == FeeAmount(30, 30, 5_000_000, Fraction(5_000_000))
    assert not Trial(end).bills_at_end(pay_in_advance=True, started_at=of.started_at, fee_billed=True)


def test_5_row_5_ending_the_day_after_in_tokyo() -> None:
    of = terms("2024-03-22T18:12", advance=True, tz="Asia/Tokyo")
    end = trial_end(of.started_at, 10)
    assert end == at("2024-04-01T18:12")
    boundary = next_billing_at(of, created_at=of.started_at)
    assert boundary == at("2024-03-31T15:00")
    row = windows(Case.periodic, of, boundary)
    assert not fee_is_due(row, of, trial=Trial(end))
    assert row.bills_charges
    assert fee(5_000_000, of, Case.starting, "2024-04-01T18:12", trial="2024-04-01T18:12") == (29, 30, 4_833_333)


def test_5_row_6_in_arrears() -> None:
    of = terms("2024-04-11T10:00")
    assert trial_end(of.started_at, 7) == at("2024-04-18T10:00")
    assert fee(3000, of, Case.periodic, "2024-05-01T00:00", trial="2024-04-18T10:00") == (13, 30, 1300)
    trial = Trial(at("2024-04-18T10:00"))
    assert not trial.bills_at_end(pay_in_advance=False, started_at=of.started_at, fee_billed=False)


def test_5_row_7_anniversary_in_advance() -> None:
    of = terms("2024-04-11T10:00", advance=True, time="anniversary")
    assert fee(3000, of, Case.starting, "2024-04-18T10:00", trial="2024-04-18T10:00") == (23, 30, 2300)


def test_5_row_8_the_chain_shares_the_trial() -> None:
    first = at("2024-03-04T21:00")
    end = trial_end(first, 7)
    assert end == at("2024-03-11T21:00")
    old = terms("2024-03-04T21:00", advance=True)
    assert fee(3500, old, Case.starting, "2024-03-11T21:00", trial="2024-03-11T21:00") == (21, 31, 2371)
    again = terms("2024-03-11T23:05", advance=True)
    assert not Trial(end).is_running(again.started_at)
    assert fee(3500, again, Case.starting, "2024-03-11T23:05", trial="2024-03-11T21:00") == (21, 31, 2371)
    # The start invoice billed it: the trial job only stamps.
    assert not Trial(end).bills_at_end(pay_in_advance=True, started_at=again.started_at, fee_billed=False)


def test_5_past_start_with_an_elapsed_trial() -> None:
    now = at("2024-05-15T00:00")
    assert ended_at_creation(at("2024-05-01T00:00"), now) == at("2024-05-01T00:00")
    assert ended_at_creation(now, now) == now
    assert ended_at_creation(at("2024-05-16T00:00"), now) is None
    assert ended_at_creation(None, now) is None
    stamped = Trial(at("2024-05-01T00:00"), ended_at=at("2024-05-01T00:00"))
    assert not stamped.job_is_due(now)


# ---- §6.6, §6.8, §6.9 ----


@pytest.mark.parametrize(("tz", "t"), [("Europe/Paris", "2023-09-05T22:00"), ("America/Bogota", "2023-09-05T05:00")])
def test_6_6_ending_the_day_after_the_start(tz: str, t: str) -> None:
    of = terms("2023-09-05T00:00", time="anniversary", tz=tz, ended=t)
    assert fee(1000, of, Case.terminating, t) == (2, 30, 67)


def test_6_6_ending_on_a_billing_day() -> None:
    t = "2023-10-05T00:00"
    both = Unbilled(fee=True, charges=True)
    arrears = terms("2023-09-05T00:00", time="anniversary", ended=t)
    row = windows(Case.terminating, arrears, at(t), unbilled=both)
    assert (row.fee_period.start, row.fee_period.end) == (day("2023-09-05"), day("2023-10-04"))
    assert fee(1000, arrears, Case.terminating, t, unbilled=both) == (30, 30, 1000)
    advance = terms("2023-09-05T00:00", time="anniversary", ended=t, advance=True)
    assert not fee_is_due(windows(Case.terminating, advance, at(t), unbilled=both), advance)


@pytest.mark.parametrize(
    ("name", "cents", "of", "t", "expected"),
    [
        (
            "advance, 12 Feb 2024",
            29000,
            terms("2024-02-12T10:00", anchor="2024-02-01T00:00", advance=True),
            "2024-02-12T10:00",
            (18, 29, 18000),
        ),
        (
            "monthly to yearly",
            12000,
            terms("2023-09-28T10:00", anchor="2023-06-29T00:00", interval="yearly", time="anniversary", advance=True),
            "2023-09-28T10:00",
            (275, 366, 9016),
        ),
        ("first", 1000, terms("2024-03-05T10:00", advance=True), "2024-03-05T10:00", (27, 31, 871)),
        (
            "second",
            1500,
            terms("2024-03-12T10:00", anchor="2024-03-05T10:00", advance=True),
            "2024-03-12T10:00",
            (20, 31, 968),
        ),
        (
            "third",
            1900,
            terms("2024-03-12T11:00", anchor="2024-03-05T10:00", advance=True),
            "2024-03-12T11:00",
            (20, 31, 1226),
        ),
        (
            "second anniversary",
            1500,
            terms("2024-03-12T10:00", anchor="2024-03-05T10:00", advance=True, time="anniversary"),
            "2024-03-12T10:00",
            (24, 31, 1161),
        ),
        (
            "third anniversary",
            1900,
            terms("2024-03-12T11:00", anchor="2024-03-05T10:00", advance=True, time="anniversary"),
            "2024-03-12T11:00",
            (24, 31, 1471),
        ),
        (
            "6.9 downgrade to yearly",
            118800,
            terms("2023-11-19T00:00", anchor="2023-07-19T00:00", interval="yearly", time="anniversary", advance=True),
            "2023-11-19T00:00",
            (243, 366, 78875),
        ),
    ],
)
def test_6_8_and_6_9_new_sides(name: str, cents: int, of: Terms, t: str, expected: tuple[int, int, int]) -> None:
    assert fee(cents, of, Case.plan_change_new, t) == expected, name


def test_6_8_started_and_upgraded_on_the_same_day() -> None:
    of = terms("2024-03-05T10:00", ended="2024-03-05T15:00")
    assert fee(3100, of, Case.upgrade_old, "2024-03-05T15:00") == (0, 31, 0)


def test_6_9_downgrade_of_a_plan_in_arrears_bills_the_whole_month() -> None:
    of = terms("2023-06-01T00:00", ended="2024-03-01T00:00")
    row = windows(Case.downgrade_old, of, at("2024-03-01T00:00"))
    assert fee(10000, of, Case.downgrade_old, "2024-03-01T00:00") == (29, 29, 10000)
    assert (row.charges_window_days, row.bills_charges) == (29, True)
    new = terms("2024-03-01T00:00", anchor="2023-06-01T00:00")
    assert next_billing_at(new, created_at=at("2024-02-10T00:00")) == at("2024-04-01T00:00")
