"""Time. Nothing else in the domain asks the system for the time of day.

Two clocks exist (spec 00 rule 8): the organization's clock governs billing; the system clock governs security
lifetimes and retries. Instants are timezone-aware UTC ``datetime`` values with microseconds.
"""

from __future__ import annotations

from datetime import UTC, date, datetime


def system_now() -> datetime:
    """System time in UTC: for sessions, tokens, signatures, retries. Billing uses ``Context.now()``."""
    return datetime.now(UTC)


def iso(instant: datetime | None) -> str | None:
    """Wire form of an instant: UTC, truncated to the second, ``Z`` (spec 07 §1.2)."""
    if instant is None:
        return None
    return _utc(instant).isoformat(timespec="seconds")[:19] + "Z"


def iso_ms(instant: datetime | None) -> str | None:
    """Wire form with milliseconds, truncated (``event.timestamp``, ``subscription.started_at``)."""
    if instant is None:
        return None
    return _utc(instant).isoformat(timespec="milliseconds")[:23] + "Z"


def _utc(instant: datetime) -> datetime:
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)


def parse_instant(text: str) -> datetime | None:
    """ISO 8601 with ``Z`` or offset; a date alone means 00:00 UTC; no offset means UTC. ``None`` if unparsable."""
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        parsed = datetime.fromisoformat(text)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None


def parse_date(text: str) -> date | None:
    """ISO 8601 calendar date (the date part of a date-time is accepted); ``None`` if unparsable."""
    try:
        return date.fromisoformat(text)
    except (ValueError, TypeError):
        instant = parse_instant(text)
        return instant.date() if instant else None
