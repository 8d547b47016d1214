"""CSV text: comma, ``\\n``, quotes only where needed, nothing that a spreadsheet would run (spec 04 §23, 07 §7.5)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
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
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return iso(value) or ""
        case date():
            return value.isoformat()
        case Decimal():
            return decimal_string(value)
        case dict():
            return encoded(value)
        case str():
            text = value.replace("\x00", "")
            return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
        case _:
            return str(value)
