"""Spec 03 §3.2: local days and instants."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.subscriptions.calendar.days import days
from billwright.billing.subscriptions.calendar.periods import BillingTime, Interval, period_containing
from billwright.billing.subscriptions.calendar.timezones import (
    end_of_day,
    is_timezone,
    local_date,
    start_of_day,
    wall_clock,
    zone,
)
from tests.billing.subscriptions.calendar.calendar_support import ZONES, at, day, wire


@pytest.mark.parametrize(
    ("tz", "of", "start", "end", "length"),
    [
        ("America/New_York", "2024-03-15", "2024-03-01T05:00:00Z", "2024-04-01T03:59:59Z", 31),
        ("America/New_York", "2024-11-15", "2024-11-01T04:00:00Z", "2024-12-01T04:59:59Z", 30),
        ("Europe/Paris", "2024-03-15", "2024-02-29T23:00:00Z", "2024-03-31T21:59:59Z", 31),
        ("Europe/Paris", "2024-10-15", "2024-09-30T22:00:00Z", "2024-10-31T22:59:59Z", 31),
        ("Asia/Kolkata", "2023-02-15", "2023-01-31T18:30:00Z", "2023-02-28T18:29:59Z", 28),
        ("Africa/Cairo", "2024-10-15", "2024-09-30T21:00:00Z", "2024-10-31T21:59:59Z", 31),
    ],
)
def test_3_2_calendar_months_across_clock_changes(tz: str, of: str, start: str, end: str, length: int) -> None:
    month = period_containing(Interval.monthly, BillingTime.calendar, day(of), day(of))
    first, last = start_of_day(month.start, tz), end_of_day(month.end, tz)
    assert (wire(first), wire(last), month.days) == (start, end, length)
    assert last.microsecond == 999_999
    assert days(first, last, tz) == length


def test_3_2_santiago_has_no_midnight() -> None:
    assert start_of_day(day("2024-09-08"), "America/Santiago") == at("2024-09-08T04:00")
    assert wall_clock(at("2024-09-08T04:00"), "America/Santiago") == datetime(2024, 9, 8, 1, 0)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("tz", "of", "start"),
    [
        ("America/Havana", "2024-11-03", "2024-11-03T04:00"),  # midnight twice: 01:00 goes back to 00:00
        ("Asia/Beirut", "2024-10-27", "2024-10-26T22:00"),  # 24:00 of the 26th goes back to 23:00
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30"),  # 23:30 of the 30th goes to 00:30
        ("America/St_Johns", "2010-11-07", "2010-11-07T02:30"),  # 00:01 goes back to 23:01
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00"),  # a day that never was
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00"),
    ],
)
def test_odd_midnights(tz: str, of: str, start: str) -> None:
    assert start_of_day(day(of), tz) == at(start)


@given(st.sampled_from(ZONES), st.dates(date(2012, 1, 1), date(2036, 12, 31)))
def test_days_tile_time_and_start_at_their_earliest_instant(tz: str, of: date) -> None:
    first = start_of_day(of, tz)
    assert local_date(first, tz) == of
    before = first - timedelta(microseconds=1)
    assert local_date(before, tz) == of - timedelta(days=1)
    assert end_of_day(of - timedelta(days=1), tz) == before
    assert local_date(end_of_day(of, tz), tz) == of
    # No instant of the two days around it is earlier and has the date too.
    probes = (first - timedelta(minutes=15 * n) for n in range(1, 192))
    assert all(local_date(probe, tz) < of for probe in probes)


def test_names() -> None:
    assert is_timezone("Europe/Paris")
    assert is_timezone("UTC")
    for wrong in ("", "europe/paris", "Paris", "localtime", "Factory", "../etc/passwd", "America"):
        assert not is_timezone(wrong)
    for wrong in ("", "Paris", "../etc/passwd", "America"):
        with pytest.raises(ValueError, match="time zone"):
            zone(wrong)


def test_naive_instants_are_refused() -> None:
    naive = datetime(2024, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        local_date(naive, "UTC")
    with pytest.raises(ValueError, match="time zone"):
        wall_clock(naive, "UTC")
