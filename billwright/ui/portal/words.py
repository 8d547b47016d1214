"""Texts, dates and numbers of the portal in the nine languages of documents (spec 07 §5.2).

``locales/<code>.json`` holds the texts; formats, months and names of languages are those of documents.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from babel import Locale as BabelLocale

from billwright.billing.documents.formats import (
    NARROW_SYMBOLS,
    format_date,
    format_money,
    format_number,
    format_unit_price,
)
from billwright.billing.documents.locales import DocumentLocale, load_locale, supported_locales
from billwright.billing.kernel.money import round_half_up

_FOLDER = resources.files("billwright.ui.portal") / "locales"
ONE = {"credits": "credits_one", "bought": "bought_one"}
"""Texts that count something, and what they are in the singular."""


@cache
def read_texts(code: str) -> dict[str, str]:
    """The raw texts of ``locales/<code>.json``."""
    return json.loads((_FOLDER / f"{code}.json").read_text(encoding="utf-8"))


class Words:
    """A language as templates use it. ``zone`` is the customer's time zone."""

    def __init__(self, locale: DocumentLocale, zone: str) -> None:
        self.locale = locale
        self.code = locale.code
        self.zone = zone
        self._texts = read_texts(locale.code)

    def t(self, key: str, **values: object) -> str:
        """The text of ``key`` with its placeholders filled. Raises ``KeyError`` for an unknown key."""
        text = self._texts[key]
        return text.format(**values) if values else text

    def counted(self, key: str, number: str | Decimal) -> str:
        """The text of ``key`` (of ``ONE``) for a number, in the form that the language has for it."""
        form = BabelLocale.parse(self.locale.territories).plural_form(Decimal(number).normalize())
        return self.t(ONE[key] if form == "one" else key, count=self.number(number))

    def money(self, amount_cents: int | str, currency: str) -> str:
        """Minor units with the narrow symbol of the currency."""
        return format_money(self.locale, int(amount_cents), currency, NARROW_SYMBOLS)

    def unit_price(self, price: str, currency: str) -> str:
        return format_unit_price(self.locale, Decimal(price), currency, NARROW_SYMBOLS)

    def number(self, value: str | Decimal) -> str:
        return format_number(self.locale, Decimal(value))

    def read_number(self, text: str) -> str:
        """Plain decimal text of what was typed as the language writes numbers (``1.234,5``), or with either separator
        before the decimals; anything else as it is."""
        typed = "".join(text.split())
        group, decimal = self.locale.group.strip(), self.locale.decimal
        whole = rf"\d{{1,3}}(?:{re.escape(group)}\d{{3}})+|\d+"
        if re.fullmatch(rf"(?:{whole})(?:{re.escape(decimal)}\d+)?", typed, re.ASCII):
            return typed.replace(group, "").replace(decimal, ".")
        return typed.replace(",", ".") if re.fullmatch(r"\d+,\d+", typed, re.ASCII) else text

    def percent(self, part: float | str | Decimal) -> str:
        """A share of 1 in percent with at most one decimal, without the sign."""
        return format_number(self.locale, round_half_up(Decimal(str(part)) * 100, 1))

    def date(self, day: str) -> str:
        """A calendar date as it is."""
        return format_date(self.locale, date.fromisoformat(day))

    def day(self, instant: str) -> str:
        """The customer's day of an instant."""
        return format_date(self.locale, self.local_date(instant))

    def moment(self, instant: str) -> str:
        """The customer's day and time of an instant."""
        local = self._local(instant)
        return f"{format_date(self.locale, local.date())}, {local:%H:%M}"

    def country(self, code: str | None) -> str:
        return self.locale.country_name(code)

    def local_date(self, instant: str) -> date:
        """The calendar date of an instant where the customer is."""
        return self._local(instant).date()

    def _local(self, instant: str) -> datetime:
        return datetime.fromisoformat(instant).astimezone(ZoneInfo(self.zone))


def words_of(code: str | None, zone: str = "UTC") -> Words:
    """The language ``code``, English for one that is not there."""
    return Words(load_locale(code), zone)


def preferred(accept_language: str) -> Words:
    """The language that a browser asks for, for pages that may not say whose they are."""
    known = {code.lower(): code for code in supported_locales()}
    for entry in accept_language.split(","):
        wanted = entry.partition(";")[0].strip().lower()
        language = wanted.partition("-")[0]
        aliases = {"pt": "pt-br", "zh": "zh-tw", "no": "nb", "nn": "nb"}
        for candidate in (wanted, language, aliases.get(language, "")):
            if candidate in known:
                return words_of(known[candidate])
    return words_of(None)


def languages() -> list[tuple[str, str]]:
    """Code and own name of every language, by name."""
    return sorted(((code, load_locale(code).name) for code in supported_locales()), key=lambda item: item[1].casefold())
