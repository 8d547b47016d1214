"""Checks that several concepts share: countries, time zones, document locales, e-mail and web addresses."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator

from billwright.billing.kernel.inputs import (
    _text,  # pyright: ignore[reportPrivateUsage]
    refuse,
)

COUNTRIES: frozenset[str] = frozenset(
    """AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB
    GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG
    KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB
    SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US
    UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW""".split()
)
"""ISO 3166-1 alpha-2 codes."""

EU_COUNTRIES: frozenset[str] = frozenset(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE".split()
)

DOCUMENT_LOCALES: tuple[str, ...] = ("en", "fr", "de", "it", "es", "sv", "nb", "pt-BR", "zh-TW")
"""Languages of documents (spec 04 §20)."""

_EMAIL = re.compile(
    r"^[^@\s,;<>()\[\]\\\"\x00-\x1f]{1,64}@(?:[^@\s.,;<>()\[\]\\\"_]{1,63}\.)+[^@\s.,;<>()\[\]\\\"_\d]{2,63}$"
)
_TIME_ZONES = available_timezones() - {"localtime", "Factory"}


def is_email(text: str) -> bool:
    """Whether ``text`` is one plausible e-mail address (the mail server has the last word)."""
    return len(text) <= 254 and ".." not in text and _EMAIL.match(text) is not None


def is_time_zone(name: str) -> bool:
    """Whether ``name`` is an IANA time zone."""
    if name not in _TIME_ZONES:
        return False
    ZoneInfo(name)
    return True


def is_web_address(text: str) -> bool:
    """Whether ``text`` is an absolute http(s) URL with a host."""
    if len(text) > 2048 or re.search(r"[\s\x00-\x1f\\]", text):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")


def normal_email(text: str) -> str:
    """An e-mail address as identities keep it: trimmed, lower case, plain dashes, nothing invisible (spec 07 §3.1)."""
    return _DASHES.sub("-", _INVISIBLE.sub("", text)).strip().lower()


def _country(value: str) -> str:
    if value.upper() not in COUNTRIES:
        raise refuse("not_a_valid_country_code")
    return value.upper()


def _time_zone(value: str) -> str:
    if not is_time_zone(value):
        raise refuse("invalid_timezone")
    return value


def _locale(value: str) -> str:
    if value not in DOCUMENT_LOCALES:
        raise refuse("not_a_valid_language_code")
    return value


def _email(value: str) -> str:
    if not is_email(value.strip()):
        raise refuse("invalid_email_format")
    return value.strip()


def _web_address(value: str) -> str:
    if not is_web_address(value):
        raise refuse("url_is_invalid")
    return value


CountryCode = Annotated[str, BeforeValidator(_text), AfterValidator(_country)]
"""ISO alpha-2, any case in, upper case kept (``not_a_valid_country_code``)."""
TimeZoneName = Annotated[str, BeforeValidator(_text), AfterValidator(_time_zone)]
"""IANA name (``invalid_timezone``)."""
DocumentLocale = Annotated[str, BeforeValidator(_text), AfterValidator(_locale)]
"""A language of documents (``not_a_valid_language_code``)."""
EmailAddress = Annotated[str, BeforeValidator(_text), AfterValidator(_email)]
"""One e-mail address, trimmed (``invalid_email_format``)."""
WebAddress = Annotated[str, BeforeValidator(_text), AfterValidator(_web_address)]
"""An absolute http(s) URL (``url_is_invalid``)."""
