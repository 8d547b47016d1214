"""Text for people: money, units, dates in their zone, shares, and shell-safe curl commands.

Pure functions, no markup. Amounts come in as integer minor units (``int`` or GraphQL's ``BigInt`` text) or as exact
decimals; nothing here rounds money except unit prices, which the document's rule shortens (spec 04 §20).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo

import msgspec

from billwright.billing.kernel.clock import system_now
from billwright.billing.kernel.db import encoded
from billwright.billing.kernel.money import exponent, from_minor_units, round_half_up

MINUS = "−"
NBSP = "\N{NO-BREAK SPACE}"

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()
_SYMBOLS = {
    **dict.fromkeys("USD AUD CAD NZD SGD HKD MXN ARS CLP COP".split(), "$"),
    "EUR": "€",
    **dict.fromkeys("GBP GIP FKP SHP".split(), "£"),
    **dict.fromkeys("JPY CNY".split(), "¥"),
}


# --- money and numbers -------------------------------------------------------------------------------------------


def _grouped(value: Decimal, places: int) -> str:
    return f"{abs(value):,.{places}f}"


def money(amount_cents: int | str, currency: str) -> str:
    """Minor units as figures without the currency, which stands in the column head or on hover (ui.md).

    ``941055, "USD"`` -> ``"9,410.55"``; ``-1000, "JPY"`` -> ``"−1,000"``; ``100, "BHD"`` -> ``"0.100"``.
    """
    value = from_minor_units(int(amount_cents), currency)
    return (MINUS if value < 0 else "") + _grouped(value, exponent(currency))


def money_with_currency(amount_cents: int | str, currency: str) -> str:
    """Minor units with the currency as English documents write it (spec 04 §20): ``€1,234.50``, ``CHF 1,234.50``."""
    value = from_minor_units(int(amount_cents), currency)
    return _with_currency(_grouped(value, exponent(currency)), currency, negative=value < 0)


def unit_price(amount: str | Decimal, currency: str) -> str:
    """A price per unit in currency units (spec 04 §20): at most 6 decimals from 1 up, 6 significant digits below,
    never fewer decimals than the currency has. ``"0.000000012345", "USD"`` -> ``"$0.000000012345"``."""
    value = Decimal(amount)
    shortened = _shortened(value)
    places = max(exponent(currency), _decimals(shortened))
    return _with_currency(_grouped(shortened, places), currency, negative=value < 0)


def units(value: str | int | Decimal) -> str:
    """A quantity (spec 04 §20): 6 decimals from 1 up, 6 significant digits below, no trailing zeros; thousands grouped
    for the screen. ``"123.0000456789"`` -> ``"123.000046"``."""
    number = Decimal(value)
    shortened = _shortened(number)
    return (MINUS if number < 0 else "") + _grouped(shortened, _decimals(shortened))


def percent(value: str | float | Decimal, places: int = 1) -> str:
    """A rate that is already in percent: ``20`` -> ``"20.0%"``."""
    number = round_half_up(Decimal(str(value)), places)
    return (MINUS if number < 0 else "") + f"{abs(number):.{places}f}%"


def rate(value: str | float | Decimal) -> str:
    """A rate in percent with all its digits: ``2.25`` -> ``"2.25%"``, ``"20.0"`` -> ``"20%"``."""
    number = Decimal(str(value))
    return (MINUS if number < 0 else "") + f"{format(abs(number).normalize(), 'f')}%"


def tax_line(name: str, percent: str, base_cents: int | str, currency: str) -> str:
    """A tax below the lines of a document: ``VAT (20% on €15.00)``."""
    return f"{name} ({rate(percent)} on {money_with_currency(base_cents, currency)})"


def tax_names(taxes: Iterable[Mapping[str, str]]) -> str:
    """Taxes with their rates: ``VAT 20%, City 1.125%``; empty for none."""
    return ", ".join(f"{tax['name']} {rate(tax['rate'])}" for tax in taxes)


def share(part: int | str | Decimal, whole: int | str | Decimal) -> Decimal:
    """``part`` of ``whole`` in percent with one decimal, exact inside; 0 when there is no whole. May exceed 100."""
    total = Decimal(whole)
    return round_half_up(Decimal(part) * 100 / total, 1) if total > 0 else Decimal(0)


def change(now: int | str | Decimal, before: int | str | Decimal) -> str:
    """Relative change with its sign: ``"+12.4%"``, ``"−3.0%"``; ``"new"`` from zero, ``"0.0%"`` when nothing moved."""
    base, current = Decimal(before), Decimal(now)
    if not base:
        return "new" if current else "0.0%"
    moved = round_half_up((current - base) * 100 / abs(base), 1)
    return ("+" if moved > 0 else "") + percent(moved)


def _with_currency(figures: str, currency: str, *, negative: bool) -> str:
    symbol = _SYMBOLS.get(currency)
    return (MINUS if negative else "") + (f"{symbol}{figures}" if symbol else f"{currency}{NBSP}{figures}")


def _shortened(value: Decimal) -> Decimal:
    if not value or abs(value) >= 1:
        return round_half_up(value, 6)
    return round_half_up(value, 5 - value.adjusted())


def _decimals(value: Decimal) -> int:
    text = format(value, "f")
    return len(text.partition(".")[2].rstrip("0"))


# --- dates ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ZoneLine:
    """One line of the time zone tooltip: who, the offset (``UTC-05:00``) and the local time."""

    label: str
    offset: str
    text: str


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def instant(value: str | datetime) -> datetime:
    """ISO 8601 text (``Z`` or offset) or an aware ``datetime``; ``ValueError`` for a naive one."""
    parsed = datetime.fromisoformat(value) if isinstance(value, str) else value
    if parsed.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return parsed


def plain_date(value: str | date) -> str:
    """A date without a zone (issuing and due dates): ``Jan 15, 2024``."""
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


def local_date(value: str | datetime, zone: str) -> str:
    """The calendar date of an instant in ``zone`` in the medium format of spec 07 §7.1."""
    return plain_date(instant(value).astimezone(_zone(zone)).date())


def local_time(value: str | datetime, zone: str) -> str:
    """Date and minute of an instant in ``zone``: ``Jan 15, 2024, 18:30``."""
    local = instant(value).astimezone(_zone(zone))
    return f"{plain_date(local.date())}, {local:%H:%M}"


def zone_lines(value: str | datetime, organization_zone: str, customer_zone: str | None = None) -> list[ZoneLine]:
    """The tooltip of an instant: customer (when one is in context), organization, UTC (spec 07 §7.1)."""
    moment = instant(value)
    named = [("Organization", organization_zone), ("UTC", "UTC")]
    if customer_zone:
        named.insert(0, ("Customer", customer_zone))
    lines: list[ZoneLine] = []
    for label, zone in named:
        local = moment.astimezone(_zone(zone))
        text = f"{_DAYS[local.weekday()]}, {plain_date(local.date())} {local:%H:%M:%S}"
        lines.append(ZoneLine(label, _offset(local), text))
    return lines


def zone_offset(zone: str) -> str:
    """What a zone's clocks differ from UTC at this moment: ``UTC+01:00``."""
    return _offset(system_now().astimezone(_zone(zone)))


def _offset(local: datetime) -> str:
    delta = local.utcoffset() or timedelta()
    minutes = round(delta.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def relative_days(day: str | date, today: str | date) -> str:
    """Distance of two plain dates in words: ``today``, ``in 3 days``, ``1 day ago``."""
    first = date.fromisoformat(day) if isinstance(day, str) else day
    second = date.fromisoformat(today) if isinstance(today, str) else today
    distance = (first - second).days
    if not distance:
        return "today"
    count = f"{abs(distance)} day{'' if abs(distance) == 1 else 's'}"
    return f"in {count}" if distance > 0 else f"{count} ago"


# --- addresses and commands ------------------------------------------------------------------------------------


def url_with(url: str, **changes: str | int | Sequence[str] | None) -> str:
    """``url`` with query keys replaced (``None`` removes, a sequence repeats the key); other keys keep their order."""
    parts = urlsplit(url)
    kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k not in changes]
    for key, value in changes.items():
        if value is None:
            continue
        values: Iterable[str | int] = [value] if isinstance(value, str | int) else value
        kept += [(key, str(item)) for item in values]
    query = urlencode(kept)
    return parts.path + (f"?{query}" if query else "")


def own_path(url: str | None) -> str | None:
    """Path and query of an address on this server, whatever name it was asked by; ``None`` for none."""
    if url is None:
        return None
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def query_pairs(url: str, *left_out: str) -> list[tuple[str, str]]:
    """The pairs of the address's query, without the keys ``left_out``."""
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return [pair for pair in pairs if pair[0] not in left_out]


def curl(method: str, url: str, body: Mapping[str, object] | None = None) -> str:
    """A REST call as a command that can be pasted: every argument shell-quoted, the key taken from ``$API_KEY``."""
    lines = [f"curl {shlex.quote(url)}"] if method == "GET" else [f"curl -X {method} {shlex.quote(url)}"]
    lines.append('-H "Authorization: Bearer $API_KEY"')
    if body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append("-d " + shlex.quote(json.dumps(body, indent=2, ensure_ascii=False)))
    return " \\\n  ".join(lines)


def json_text(value: object) -> str:
    """JSON to be read: indented, numbers with all of their digits."""
    return msgspec.json.format(encoded(value), indent=2)
