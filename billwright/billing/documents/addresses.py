"""Postal addresses as the country of the addressee writes them (spec 04 §19.2)."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources

from billwright.billing.documents.invoice_document import Address
from billwright.billing.documents.locales import DocumentLocale

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def seller_address_lines(address: Address, locale: DocumentLocale) -> list[str]:
    """The seller's block: line 1, line 2, ``zip, city``, state, country name; empty values print no line."""
    zip_city = ", ".join(part for part in (address.zipcode, address.city) if part)
    lines = [address.line1, address.line2, zip_city, address.state, locale.country_name(address.country)]
    return [line for line in lines if line]


def customer_address_lines(address: Address, locale: DocumentLocale) -> list[str]:
    """The addressee's block in the order of its own country, then the country's name in the document's language."""
    values = {
        "lines": "\n".join(line for line in (address.line1, address.line2) if line),
        "zip": address.zipcode or "",
        "city": address.city or "",
        "state": address.state or "",
    }
    lines: list[str] = []
    for template in _template(address.country).split("|"):
        lines += [line for line in _fill(template, values).splitlines() if line.strip()]
    country = locale.country_name(address.country)
    return [*lines, country] if country else lines


def _fill(template: str, values: dict[str, str]) -> str:
    """One line; a separator is printed only between two values that are there."""
    text, separator, position = "", "", 0
    for match in _PLACEHOLDER.finditer(template):
        separator = template[position : match.start()] or separator
        position = match.end()
        value = values[match.group(1)]
        if value:
            text = f"{text}{separator}{value}" if text else value
    return text


@cache
def _formats() -> tuple[str, dict[str, str]]:
    data = json.loads(
        (resources.files("billwright.billing.documents") / "address_formats.json").read_text(encoding="utf-8")
    )
    return data["default"], {code: text for text, codes in data["formats"].items() for code in codes.split()}


def _template(country: str | None) -> str:
    default, by_country = _formats()
    return by_country.get((country or "").upper(), default)
