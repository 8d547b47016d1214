"""Document languages: one data file per language, English for whatever a file leaves out (spec 04 §20).

Adding a language is adding ``locales/<code>.json``. Names that users give (plans, metrics, taxes, coupons) are never
translated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, cast

from babel import Locale as BabelLocale

DEFAULT_LOCALE = "en"
_FOLDER = resources.files("billwright.billing.documents") / "locales"


@dataclass(frozen=True, slots=True, eq=False)
class DocumentLocale:
    """A language and its formats.

    ``date_pattern`` uses ``{d} {dd} {m} {mm} {mon} {yyyy}``; ``symbol_pattern`` uses ``{symbol} {amount}`` and
    ``iso_pattern`` ``{code} {amount}``; ``group`` and ``decimal`` are the separators of amounts.
    ``fonts``: families of which one must be installed, where the shipped font lacks the script.
    """

    code: str
    name: str
    territories: str
    date_pattern: str
    months: tuple[str, ...]
    group: str
    decimal: str
    symbol_pattern: str
    iso_pattern: str
    texts: dict[str, str]
    fonts: tuple[str, ...] = ()

    def text(self, key: str, **values: object) -> str:
        """The wording of ``key`` with its placeholders filled. Raises ``KeyError`` for an unknown key."""
        template = self.texts[key]
        return template.format(**values) if values else template

    def country_name(self, country: str | None) -> str:
        """Name of an ISO 3166 alpha-2 country in this language, the code itself when unknown, ``""`` for none."""
        if not country:
            return ""
        names = cast("dict[str, str]", BabelLocale.parse(self.territories).territories)
        return names.get(country.upper(), country.upper())


@cache
def supported_locales() -> tuple[str, ...]:
    """Codes accepted as ``document_locale``, in alphabetical order."""
    return tuple(sorted(entry.name[:-5] for entry in _FOLDER.iterdir() if entry.name.endswith(".json")))


@cache
def load_locale(code: str | None) -> DocumentLocale:
    """The language ``code``; ``None`` or an unsupported code gives English (spec 04 §20)."""
    wanted = code if code in supported_locales() else DEFAULT_LOCALE
    data = read_locale_file(wanted)
    english = read_locale_file(DEFAULT_LOCALE)
    formats: dict[str, Any] = {**english["formats"], **data.get("formats", {})}
    return DocumentLocale(
        code=wanted,
        name=data.get("name", wanted),
        territories=data.get("territories", wanted.replace("-", "_")),
        date_pattern=formats["date"],
        months=tuple(formats["months"]),
        group=formats["group"],
        decimal=formats["decimal"],
        symbol_pattern=formats["symbol"],
        iso_pattern=formats["iso"],
        texts={**english["texts"], **data.get("texts", {})},
        fonts=tuple(data.get("fonts", ())),
    )


def read_locale_file(code: str) -> dict[str, Any]:
    """The raw content of ``locales/<code>.json``."""
    return json.loads((_FOLDER / f"{code}.json").read_text(encoding="utf-8"))
