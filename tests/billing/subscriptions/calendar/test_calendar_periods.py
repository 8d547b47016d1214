"""Spec 03 §3.3: periods."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billwright.billing.subscriptions.calendar.periods import (
    BillingTime,
    Interval,
    Period,
    next_period,
    period_containing,
    previous_period,
)
from tests.billing.subscriptions.calendar.calendar_support import day


@pytest.mark.parametrize(
    ("interval", "anchor", "starts", "lengths"),
    [
        (
            "monthly",
            "2024-01-31",
            ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30", "2024-07-31"],
            [29, 31, 30, 31, 30, 31],
        ),
        ("monthly", "2023-01-31", ["2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30"], [28, 31, 30]),
        ("monthly", "2024-01-30", ["2024-01-30", "2024-02-29", "2024-03-30", "2024-04-30"], [30, 30, 31]),
        ("monthly", "2023-01-29", ["2023-01-29", "2023-02-28", "2023-03-29", "2023-04-29"], [30, 29, 31]),
        ("monthly", "2022-02-28", ["2022-02-28", "2022-03-28", "2022-04-28"], [28, 31]),
        (
            "quarterly",
            "2023-08-31",
            ["2023-08-31", "2023-11-30", "2024-02-29", "2024-05-31", "2024-08-31"],
            [91, 91, 92, 92],
        ),
        ("semiannual", "2024-08-31", ["2024-08-31", "2025-02-28", "2025-08-31"], [181, 184]),
        (
            "yearly",
            "2024-02-29",
            ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29", "2029-02-28"],
            [365, 365, 365, 366, 365],
        ),
        ("yearly", "2023-06-29", ["2023-06-29", "2024-06-29"], [366]),
        ("weekly", "2023-02-01", ["2023-02-01", "2023-02-08"], [7]),
    ],
)
def test_3_3_anniversary_periods(interval: str, anchor: str, starts: list[str], lengths: list[int]) -> None:
    kind = Interval(interval)
    period = period_containing(kind, BillingTime.anniversary, day(anchor), day(anchor))
    for start, following, length in zip(starts[:-1], starts[1:], lengths, strict=True):
        assert period == Period(day(start), day(following) - timedelta(days=1))
        assert period.days == length
        period = next_period(kind, BillingTime.anniversary, day(anchor), period)


@pytest.mark.parametrize(
    ("interval", "of", "start", "end", "length"),
    [
        ("quarterly", "2024-01-01", "2024-01-01", "2024-03-31", 91),
        ("quarterly", "2024-06-30", "2024-04-01", "2024-06-30", 91),
        ("quarterly", "2024-08-15", "2024-07-01", "2024-09-30", 92),
        ("quarterly", "2024-12-31", "2024-10-01", "2024-12-31", 92),
        ("semiannual", "2024-06-30", "2024-01-01", "2024-06-30", 182),
        ("semiannual", "2024-07-01", "2024-07-01", "2024-12-31", 184),
        ("yearly", "2023-05-01", "2023-01-01", "2023-12-31", 365),
        ("yearly", "2024-05-01", "2024-01-01", "2024-12-31", 366),
        ("weekly", "2023-02-01", "2023-01-30", "2023-02-05", 7),
        ("monthly", "2024-02-10", "2024-02-01", "2024-02-29", 29),
    ],
)
def test_3_3_calendar_periods(interval: str, of: str, start: str, end: str, length: int) -> None:
    period = period_containing(Interval(interval), BillingTime.calendar, day("2019-05-17"), day(of))
    assert period == Period(day(start), day(end))
    assert period.days == length


dates = st.dates(date(2015, 1, 1), date(2032, 12, 31))
late_dates = st.builds(
    lambda year, month, late: min(
        date(year, month, 28) + timedelta(days=late), date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    ),
    st.integers(2015, 2032),
    st.integers(1, 12),
    st.integers(1, 3),
)


@given(st.sampled_from(Interval), st.sampled_from(BillingTime), dates | late_dates, dates | late_dates)
@example(Interval.yearly, BillingTime.anniversary, date(2024, 2, 29), date(2100, 2, 28))
@example(Interval.monthly, BillingTime.anniversary, date(2024, 1, 31), date(2023, 2, 28))
def test_periods_tile_without_gap_or_overlap(interval: Interval, time: BillingTime, anchor: date, of: date) -> None:
    period = period_containing(interval, time, anchor, of)
    assert period.start <= of <= period.end
    for inside in (period.start, period.end):
        assert period_containing(interval, time, anchor, inside) == period
    before = previous_period(interval, time, anchor, period)
    after = next_period(interval, time, anchor, period)
    assert before.end + timedelta(days=1) == period.start
    assert period.end + timedelta(days=1) == after.start
    assert previous_period(interval, time, anchor, after) == period
    shortest, longest = {
        Interval.weekly: (7, 7),
        Interval.monthly: (28, 31),
        Interval.quarterly: (89, 92),
        Interval.semiannual: (181, 184),
        Interval.yearly: (365, 366),
    }[interval]
    assert shortest <= period.days <= longest
    if time is BillingTime.anniversary:
        assert period_containing(interval, time, anchor, anchor).start == anchor


@given(st.integers(-300, 300), dates | late_dates, st.sampled_from([i for i in Interval if i is not Interval.weekly]))
def test_anniversary_starts_keep_the_anchor_day_or_the_month_end(k: int, anchor: date, interval: Interval) -> None:
    months = {"monthly": 1, "quarterly": 3, "semiannual": 6, "yearly": 12}[interval.value]
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + k * months, 12)
    if not 2 <= year <= 9990:
        return
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    month_end = following - timedelta(days=1)
    expected = month_end.replace(day=min(anchor.day, month_end.day))
    assert period_containing(interval, BillingTime.anniversary, anchor, expected).start == expected


@given(dates | late_dates, st.sampled_from(BillingTime), st.sampled_from([Interval.yearly, Interval.semiannual]), dates)
def test_every_plan_boundary_is_a_monthly_boundary(
    anchor: date, time: BillingTime, interval: Interval, of: date
) -> None:
    start = period_containing(interval, time, anchor, of).start
    assert period_containing(Interval.monthly, time, anchor, start).start == start
