"""The table of EU value added tax: standard rates and territories by country and date (spec 05 A5). Pure.

The data is ``eu_rates.json``; an operator whose law has moved on names a corrected copy in ``EU_TAX_RATES_FILE``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from billwright.billing.kernel.validators import EU_COUNTRIES

__all__ = [
    "EU_COUNTRIES",
    "PREFIX",
    "REVERSE_CHARGE",
    "TAX_EXEMPT",
    "EuRates",
    "EuTax",
    "configure_eu_rates",
    "eu_rates",
    "exception_code",
    "is_eu",
    "standard_code",
]

PREFIX = "lago_eu_"
"""Begins the codes of all automatic taxes; kept for wire compatibility."""
REVERSE_CHARGE = f"{PREFIX}reverse_charge"
TAX_EXEMPT = f"{PREFIX}tax_exempt"
DEFAULT_FILE = Path(__file__).with_name("eu_rates.json")
_FILLERS = re.compile(r"[\s\-\u00ad\u2010-\u2015]+")
_COUNTRY_PREFIX = re.compile(r"^[A-Z]{2}(?=\d)")


def standard_code(country: str) -> str:
    """``lago_eu_fr_standard``."""
    return f"{PREFIX}{country.lower()}_standard"


def exception_code(country: str, slug: str) -> str:
    """``lago_eu_fr_exception_reunion``."""
    return f"{PREFIX}{country.lower()}_exception_{slug}"


def is_eu(country: str | None) -> bool:
    """Whether an ISO code is that of a member state."""
    return country in EU_COUNTRIES


class _Exception(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    slug: str
    name: str
    postal_code: str
    rate: Decimal


class _Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    effective_from: date
    standard: Decimal
    exceptions: tuple[_Exception, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    countries: dict[str, tuple[_Period, ...]]


@dataclass(frozen=True, slots=True)
class EuTax:
    """An automatic tax; ``rate`` in percent."""

    code: str
    name: str
    rate: Decimal


@dataclass(frozen=True)
class EuRates:
    """Rates by country, each a sequence of periods, oldest first. Dates begin at 00:00 UTC."""

    countries: Mapping[str, Sequence[_Period]]

    @classmethod
    def read(cls, path: Path) -> EuRates:
        """The table of a file. Raises ``ValueError`` for one that is incomplete or malformed, ``OSError``."""
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_File)
        except msgspec.MsgspecError as failure:
            raise ValueError(str(failure)) from None
        missing = EU_COUNTRIES ^ found.countries.keys()
        if missing:
            raise ValueError(f"the countries must be those of the EU: {', '.join(sorted(missing))}")
        for country, periods in found.countries.items():
            _check(country, periods)
        return cls(found.countries)

    def taxes_at(self, instant: datetime) -> list[EuTax]:
        """All automatic taxes with the rates in force, by country."""
        taxes: list[EuTax] = []
        for country in sorted(self.countries):
            period = self._period(country, instant)
            taxes.append(EuTax(standard_code(country), f"{country} Standard", period.standard))
            taxes += [
                EuTax(exception_code(country, item.slug), f"{country} {item.name} Standard", item.rate)
                for item in period.exceptions
            ]
        taxes.append(EuTax(REVERSE_CHARGE, "Reverse Charge", Decimal(0)))
        taxes.append(EuTax(TAX_EXEMPT, "Tax Exempt", Decimal(0)))
        return taxes

    def territory(self, country: str | None, postal_code: str | None, instant: datetime) -> str | None:
        """The slug of the territory in which the address lies; ``None`` for the mainland and outside the EU."""
        if country is None or country not in self.countries:
            return None
        wanted = normal_postal_code(postal_code)
        if not wanted:
            return None
        period = self._period(country, instant)
        return next((item.slug for item in period.exceptions if re.fullmatch(item.postal_code, wanted, re.ASCII)), None)

    def next_change(self, after: datetime) -> datetime | None:
        """The first instant later than ``after`` at which some rate changes."""
        return next((instant for instant in self._changes if instant > after), None)

    @cached_property
    def _changes(self) -> list[datetime]:
        return sorted({_start(period) for periods in self.countries.values() for period in periods[1:]})

    def _period(self, country: str, instant: datetime) -> _Period:
        """The latest period that has begun; before the first one, the first."""
        periods = self.countries[country]
        return next((item for item in reversed(periods) if _start(item) <= instant), periods[0])


def normal_postal_code(value: str | None) -> str:
    """A postal code without spaces, hyphens and a country prefix, in upper case."""
    return _COUNTRY_PREFIX.sub("", _FILLERS.sub("", value or "").upper())


def _start(period: _Period) -> datetime:
    return datetime.combine(period.effective_from, time(tzinfo=UTC))


def _check(country: str, periods: Sequence[_Period]) -> None:
    starts = [period.effective_from for period in periods]
    if not starts or starts != sorted(set(starts)):
        raise ValueError(f"{country}: periods must be there and begin one after the other")
    for period in periods:
        slugs = [item.slug for item in period.exceptions]
        rates = [period.standard, *(item.rate for item in period.exceptions)]
        if any(not rate.is_finite() or not 0 <= rate <= 100 for rate in rates):
            raise ValueError(f"{country}: rates are percentages")
        if len(set(slugs)) < len(slugs) or not all(re.fullmatch(r"[a-z0-9_]+", slug) for slug in slugs):
            raise ValueError(f"{country}: slugs are unique, of a-z, 0-9 and _")
        for item in period.exceptions:
            try:
                re.compile(item.postal_code)
            except re.error as failure:
                raise ValueError(f"{country}: {item.postal_code!r}: {failure}") from None


_in_use: dict[str, Any] = {}


def configure_eu_rates(path: str | Path | None) -> None:
    """Use the table of ``path`` in this process, or the shipped one. Raises as ``EuRates.read``."""
    _in_use["rates"] = EuRates.read(Path(path) if path else DEFAULT_FILE)


def eu_rates() -> EuRates:
    """The table in use."""
    if "rates" not in _in_use:
        configure_eu_rates(None)
    found: EuRates = _in_use["rates"]
    return found
