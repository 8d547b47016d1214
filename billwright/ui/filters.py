"""Filters of lists: read from the address, kept in the address, shown as removable chips (spec 07 §7.5).

A list names its filters once (``FILTERS``), and ``read_filters`` gives both what the query needs and what
``ui.filter_bar`` shows. Several values of one filter combine with OR, filters with AND. Values that a filter does not
know are left out, as if nobody had written them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from billwright.ui import formatting

Kind = Literal["choices", "choice", "texts", "text", "whole", "dates", "amount", "pairs"]
RANGES = frozenset({"whole", "dates", "amount"})
MOST = 50
"""Values of one filter that are read: an address is not endless."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter, by its key in the address.

    ``choices`` takes several of ``options``, ``choice`` one; ``texts`` several words (typed with commas), ``text`` one;
    ``whole``, ``dates`` and ``amount`` are ranges with the keys ``<key>_from`` and ``<key>_to``, both ends included and
    either may be open; ``pairs`` are ``name=value`` (typed with commas), where a name alone means that it is not set.
    ``quick`` gives the filter a button of its own, the others stand together behind "More filters". ``shown`` says in
    words what is no option.
    """

    key: str
    label: str
    kind: Kind
    options: Sequence[tuple[str, str]] = ()
    quick: bool = False
    hint: str | None = None
    upper: bool = False
    shown: Mapping[str, str] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """What it writes into the address."""
        return (f"{self.key}_from", f"{self.key}_to") if self.kind in RANGES else (self.key,)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for. ``bar`` is for ``ui.filter_bar``."""

    chosen: Mapping[str, Sequence[str]]
    bar: Mapping[str, Any]

    def __bool__(self) -> bool:
        return any(self.chosen.values())

    def many(self, key: str) -> list[str] | None:
        """The values of a ``choices`` or ``texts`` filter, ``None`` without any."""
        return list(self.chosen[key]) or None

    def one(self, key: str) -> str | None:
        """The value of a ``choice`` or ``text`` filter."""
        return next(iter(self.chosen[key]), None)

    def flag(self, key: str) -> bool | None:
        """A ``choice`` between ``yes`` and ``no``."""
        return {"yes": True, "no": False}.get(self.one(key) or "")

    def span(self, key: str) -> tuple[str | None, str | None]:
        """The ends of a range, as written: whole numbers, ISO dates or amounts; ``None`` where it is open."""
        low, high = self.chosen[key] or ("", "")
        return low or None, high or None

    def pairs(self, key: str) -> dict[str, str]:
        """The names and values of a ``pairs`` filter; the value of a name that is not to be set is empty."""
        split = (text.partition("=") for text in self.chosen[key])
        return {name.strip(): value.strip() for name, _, value in split if name.strip()}


YES_OR_NO = (("yes", "Yes"), ("no", "No"))


def read_filters(url: str, filters: Sequence[Filter]) -> Filters:
    """What the list at ``url`` is filtered by."""
    query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    chosen = {item.key: _values(item, query) for item in filters}
    chips = [chip for item in filters for chip in _chips(item, chosen[item.key], url)]
    own = {key for item in filters for key in item.keys}
    bar = {
        "path": urlsplit(url).path,
        "quick": [_shown(item, chosen[item.key], url) for item in filters if item.quick],
        "more": [_shown(item, chosen[item.key], url) for item in filters if not item.quick],
        "kept": _without(url, {key for item in filters if not item.quick for key in item.keys}),
        "chips": chips,
        "clear": _address(url, [pair for pair in query if pair[0] not in own]),
    }
    return Filters(chosen, bar)


def _values(item: Filter, query: Sequence[tuple[str, str]]) -> list[str]:
    def given(key: str) -> list[str]:
        return [value.strip().upper() if item.upper else value.strip() for name, value in query if name == key]

    if item.kind in RANGES:
        ends = [_end(item.kind, next(iter(given(key)), "")) for key in item.keys]
        return ends if any(ends) else []
    found = [value for value in given(item.key) if value]
    if item.kind in ("texts", "pairs"):
        found = [word.strip() for value in found for word in value.split(",") if word.strip()]
    if item.options:
        known = {value for value, _ in item.options}
        found = [value for value in found if value in known]
    found = list(dict.fromkeys(found))
    return found[:1] if item.kind in ("choice", "text") else found[:MOST]


def _end(kind: Kind, text: str) -> str:
    """One end of a range, empty if it is open or cannot be read."""
    if kind == "dates":
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            return ""
    if kind == "whole":
        return text if text.isascii() and text.isdigit() and len(text) < 10 else ""
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return ""
    return format(number, "f") if number.is_finite() and abs(number) < 10**12 else ""


def _chips(item: Filter, values: Sequence[str], url: str) -> list[dict[str, str]]:
    if not values:
        return []
    if item.kind in RANGES:
        return [{"label": item.label, "shown": _span(item, values), "href": _address(url, _without(url, item.keys))}]
    names = {**dict(item.options), **(item.shown or {})}
    return [
        {
            "label": item.label,
            "shown": names.get(value, value) if item.kind != "pairs" or "=" in value else f"{value} not set",
            "href": _rewritten(url, item, [other for other in values if other != value]),
        }
        for value in values
    ]


def _span(item: Filter, ends: Sequence[str]) -> str:
    low, high = ends

    def shown(end: str) -> str:
        return formatting.plain_date(end) if item.kind == "dates" else end

    if low and high:
        return shown(low) if low == high else f"{shown(low)} – {shown(high)}"
    if low:
        return f"{'from' if item.kind == 'dates' else 'at least'} {shown(low)}"
    return f"{'until' if item.kind == 'dates' else 'at most'} {shown(high)}"


def _without(url: str, keys: Sequence[str] | set[str]) -> list[tuple[str, str]]:
    """The pairs of the address without ``keys`` and the page."""
    return formatting.query_pairs(url, *keys, "page")


def _address(url: str, pairs: Sequence[tuple[str, str]]) -> str:
    query = urlencode([pair for pair in pairs if pair[0] != "page"])
    return urlsplit(url).path + (f"?{query}" if query else "")


def _rewritten(url: str, item: Filter, values: Sequence[str]) -> str:
    """``url`` with these values of the filter instead of its own."""
    return _address(url, [*_without(url, item.keys), *((item.key, value) for value in values)])


def _shown(item: Filter, values: Sequence[str], url: str) -> dict[str, Any]:
    """One filter for the macro: its inputs with what is in force."""
    low, high = (values or ("", "")) if item.kind in RANGES else ("", "")
    return {
        "key": item.key,
        "label": item.label,
        "kind": item.kind,
        "options": [{"value": value, "label": label, "on": value in values} for value, label in item.options],
        "text": "" if item.kind in RANGES else ", ".join(values),
        "ends": [
            {"name": f"{item.key}_from", "label": "From", "value": low},
            {"name": f"{item.key}_to", "label": "To", "value": high},
        ],
        "hint": item.hint,
        "on": bool(values),
        "kept": _without(url, item.keys),
    }
