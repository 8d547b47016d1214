"""Local calendar days and the UTC instants at which they start and end (spec 03 §3.1, §3.2).

Everything is cached by zone name and date: a billing tick asks for the same few days for every subscription.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

_MICROSECOND = timedelta(microseconds=1)
_ONE_DAY = timedelta(days=1)
_NOT_PLACES = frozenset({"Factory", "localtime", "posixrules"})


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones()) - _NOT_PLACES


def is_timezone(name: str) -> bool:
    """Whether ``name`` is an IANA time zone name, spelled exactly."""
    return name in _names()


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone called ``name``. Raises ``ValueError`` for an unknown name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {name!r}") from error


def wall_clock(instant: datetime, tz: str) -> datetime:
    """Naive local time of ``instant`` in ``tz``. Raises ``ValueError`` for a naive ``instant``."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(zone(tz)).replace(tzinfo=None)


def local_date(instant: datetime, tz: str) -> date:
    """Calendar date of ``instant`` in ``tz`` (``ld(x)`` of the spec). Raises ``ValueError`` for a naive ``instant``."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(zone(tz)).date()


@lru_cache(maxsize=65536)
def start_of_day(day: date, tz: str) -> datetime:
    """Earliest instant (UTC) whose date in ``tz`` is ``day``: ``sod(D)`` of spec 03 §3.2.

    Where clocks skip midnight this is the instant of the change (America/Santiago, 8 September 2024: 04:00Z); where
    midnight occurs twice, the first one. A day that a zone skipped altogether (Pacific/Apia, 30 December 2011)
    starts where the next one does, so that days always tile time.
    """
    info = zone(tz)
    midnight = datetime.combine(day, time(), info)
    before = midnight.utcoffset()
    after = midnight.replace(fold=1).utcoffset()
    if before is None or after is None:
        raise ValueError(f"{tz!r} has no offset on {day}")
    instant = midnight.astimezone(UTC)
    if after <= before:
        return instant
    # Midnight falls into a gap: the change lies in (instant - gap, instant]; it is the first second past midnight.
    early, late = instant - (after - before), instant
    naive = midnight.replace(tzinfo=None)
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if middle.astimezone(info).replace(tzinfo=None) >= naive:
            late = middle
        else:
            early = middle
    return late


@lru_cache(maxsize=65536)
def end_of_day(day: date, tz: str) -> datetime:
    """Last microsecond (UTC) before the next local day starts: ``eod(D)`` of spec 03 §3.2."""
    return start_of_day(day + _ONE_DAY, tz) - _MICROSECOND
