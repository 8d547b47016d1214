"""The months that a figure looks at (spec 07 §8.1): calendar months, UTC, of the organization's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date

from billwright.billing.access.context import Context


@dataclass(frozen=True, slots=True)
class Months:
    """From the first day ``start`` to the day before ``end``, which is the first day of the next month."""

    start: date
    end: date


def months_until_now(ctx: Context, months: str | None) -> Months:
    """The window of the parameter ``months``: that many, the current one included; anything below 2, or no number, is
    the current month; absent means since the organization's creation, before which no window starts.
    """
    now = ctx.now().astimezone(UTC)
    created = ctx.organization.created_at.astimezone(UTC).date().replace(day=1)
    current = now.date().replace(day=1)
    start = created if months is None else _back(current, _count(months) - 1)
    return Months(max(start, created), _back(current, -1))


def of_window(months: Months) -> list[date]:
    """First days of the window's months."""
    found = [months.start]
    while shifted(found[-1], 1) < months.end:
        found.append(shifted(found[-1], 1))
    return found


def shifted(month: date, count: int) -> date:
    """The first day of the month ``count`` months later, earlier for negative numbers."""
    return _back(month, -count)


def month_text(month: date) -> str:
    """A month on the wire: its first instant."""
    return f"{month:%Y-%m}-01T00:00:00.000Z"


def _count(months: str) -> int:
    text = months.strip()
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return 1
    return min(max(int(digits[:6]), 1), 12_000)


def _back(month: date, count: int) -> date:
    number = max(month.year * 12 + month.month - 1 - count, 12)
    return date(number // 12, number % 12 + 1, 1)
