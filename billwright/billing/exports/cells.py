"""CSV text: comma, ``\\n``, quotes only where needed, nothing that a spreadsheet would run (spec 04 §23, 07 §7.5)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from billwright.billing.kernel.clock import iso
from billwright.billing.kernel.db import encoded
from billwright.billing.kernel.money import decimal_string

Cell = str | int | bool | date | datetime | Decimal | UUID | dict[str, str] | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def csv_lines(rows: Iterable[Sequence[Cell]]) -> str:
    """Rows as CSV text, each ended by ``\\n``."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows([cell_text(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def cell_text(value: Cell) -> str:
    """One value: empty for null, ``true``/``false``, ISO dates, JSON for objects.

    Text that a spreadsheet would take for a formula begins with ``'``; what is a number stays one.
    """
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    return "" if value is None else str(value)


def _text(value: str) -> str:
    if value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        value = f"'{value}"
    return value.replace("\x00", "")


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    str: _text,
    bool: lambda value: "true" if value else "false",
    datetime: lambda value: iso(value) or "",
    date: date.isoformat,
    Decimal: decimal_string,
    dict: encoded,
}
