"""Dates and times as forms write them, and back."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from billwright.billing.kernel.clock import iso_ms
from billwright.ui import formatting


def local_instant(text: str, zone: str) -> str | None:
    """A local date and time of ``zone`` as ISO 8601 in UTC; ``None`` for anything else."""
    try:
        local = datetime.fromisoformat(text)
        return iso_ms(local.replace(tzinfo=ZoneInfo(zone)) if local.tzinfo is None else local)
    except (ValueError, OverflowError):
        return None


def local_text(value: str | None, zone: str, *, day: bool = False) -> str:
    """An instant as ``datetime-local`` inputs (``date`` inputs with ``day``) show it; empty for none."""
    if not value:
        return ""
    local = formatting.instant(value).astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d}" if day else f"{local:%Y-%m-%dT%H:%M}"
