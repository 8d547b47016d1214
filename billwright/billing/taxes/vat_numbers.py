"""EU VAT identification numbers: normal form, country, syntax (spec 05 A7, 08 A13). Pure.

Syntax is the published structure per member state and nothing more: a number with a wrong check digit is well-formed,
and the VIES service decides about it. (python-stdnum would refuse it, and so the worked example of spec 05 A6.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FILLERS = re.compile(r"[\s.\-\u00ad\u2010-\u2015]+")

_SYNTAX = {
    country: re.compile(pattern, re.ASCII)
    for country, pattern in {
        "AT": r"U\d{8}",
        "BE": r"[01]\d{9}",
        "BG": r"\d{9,10}",
        "CY": r"\d{8}[A-Z]",
        "CZ": r"\d{8,10}",
        "DE": r"\d{9}",
        "DK": r"\d{8}",
        "EE": r"\d{9}",
        "ES": r"[A-Z]\d{7}[A-Z0-9]|\d{8}[A-Z]",
        "FI": r"\d{8}",
        "FR": r"[A-HJ-NP-Z0-9]{2}\d{9}",
        "GR": r"\d{9}",
        "HR": r"\d{11}",
        "HU": r"\d{8}",
        "IE": r"\d[A-Z0-9+*]\d{5}[A-Z]{1,2}",
        "IT": r"\d{11}",
        "LT": r"\d{9}|\d{12}",
        "LU": r"\d{8}",
        "LV": r"\d{11}",
        "MT": r"\d{8}",
        "NL": r"[A-Z0-9+*]{9}B\d{2}",
        "PL": r"\d{10}",
        "PT": r"\d{9}",
        "RO": r"\d{2,10}",
        "SE": r"\d{12}",
        "SI": r"\d{8}",
        "SK": r"\d{10}",
        "XI": r"\d{9}|\d{12}|(?:GD|HA)\d{3}",
    }.items()
}
"""Numbers without their prefix, by ISO country (``XI``: Northern Ireland)."""


@dataclass(frozen=True, slots=True)
class VatNumber:
    """``country`` is the ISO code that the prefix means (Greece: ``GR``), ``number`` what follows it."""

    country: str
    number: str

    @classmethod
    def read(cls, text: str | None) -> VatNumber:
        """The number in normal form, whatever it is: upper case, no spaces, dots and hyphens."""
        plain = _FILLERS.sub("", text or "").upper()
        return cls(iso_country(plain[:2]), plain[2:])

    @property
    def is_known_country(self) -> bool:
        """Whether VIES answers for the country."""
        return self.country in _SYNTAX

    @property
    def is_well_formed(self) -> bool:
        """Whether the number has the structure of its country's numbers."""
        pattern = _SYNTAX.get(self.country)
        return pattern is not None and pattern.fullmatch(self.number) is not None


def iso_country(prefix: str) -> str:
    """The ISO code of a VIES prefix: ``EL`` is Greece."""
    return "GR" if prefix == "EL" else prefix


def vies_prefix(country: str) -> str:
    """The VIES prefix of an ISO code."""
    return "EL" if country == "GR" else country
