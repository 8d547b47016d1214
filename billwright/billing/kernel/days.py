"""Lists bounded by calendar days in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapped


def within_days(column: Mapped[datetime], first: date | None, last: date | None) -> list[ColumnElement[bool]]:
    """Conditions that an instant lies within the days ``first`` to ``last``, both inclusive; null is open."""
    found: list[Any] = []
    if first is not None:
        found.append(column >= _midnight(first))
    if last is not None and last < date.max:
        found.append(column < _midnight(last + timedelta(days=1)))
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
