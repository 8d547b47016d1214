"""The 15-minute grid of rollups and its integer clock: microseconds since 1970 UTC (spec 08 C3 "Quarters")."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

QUARTER_US = 900_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAR_PAST_US = -62_135_596_800_000_000
"""0001-01-01T00:00Z, on the grid: no event is older."""

_MICROSECOND = timedelta(microseconds=1)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970, exact."""
    return (instant - EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """The instant, in UTC."""
    return EPOCH + timedelta(microseconds=us)


def floor_quarter(us: int) -> int:
    """Start of the quarter that contains ``us``."""
    return us // QUARTER_US * QUARTER_US


def ceil_quarter(us: int) -> int:
    """First quarter edge at or after ``us``."""
    return -(-us // QUARTER_US) * QUARTER_US
