"""What several forms choose from: countries, time zones, currencies, languages of documents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from zoneinfo import available_timezones

from babel import Locale

from billwright.billing.kernel.money import CURRENCIES
from billwright.billing.kernel.validators import DOCUMENT_LOCALES
from billwright.ui import formatting

Options = list[dict[str, str]]
_NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"})


@cache
def country_names() -> Mapping[str, str]:
    """English names by ISO code, by name."""
    names: Mapping[str, str] = dict(Locale("en").territories.items())
    codes = {code for code in names if len(code) == 2 and code.isalpha()} - _NO_COUNTRIES
    return {code: names[code] for code in sorted(codes, key=lambda each: names[each])}


def countries() -> Options:
    """None, then all countries by name."""
    return [{"value": "", "label": "None"}, *({"value": c, "label": n} for c, n in country_names().items())]


def timezones() -> Options:
    """IANA zones with what their clocks differ from UTC now."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
    return [{"value": zone, "label": f"{zone} ({formatting.zone_offset(zone)})"} for zone in zones]


def currencies() -> Options:
    """All currencies with their English names."""
    names = Locale("en").currencies
    return [{"value": code, "label": f"{code} · {names.get(code, code)}"} for code in sorted(CURRENCIES)]


def language(locale: str) -> str:
    """English name of a language of documents."""
    return Locale.parse(locale, sep="-").get_display_name("en") or locale


def languages() -> Options:
    """Languages that documents are written in."""
    return [{"value": name, "label": language(name)} for name in DOCUMENT_LOCALES]
