"""Formats and languages, row by row (spec 04 §20)."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billwright.billing.documents.formats import (
    format_coupon_rate,
    format_date,
    format_money,
    format_rate,
    format_unit_price,
    format_units,
)
from billwright.billing.documents.locales import load_locale, read_locale_file, supported_locales

EN = load_locale("en")

FORMATS = [
    ("en", "Jan 05, 2025", "€1,234.50", "CHF 1,234.50"),
    ("fr", "5 janv. 2025", "1 234,50 €", "1 234,50 CHF"),
    ("de", "05. Jan. 2025", "€1.234,50", "CHF 1.234,50"),
    ("it", "05 gen 2025", "1.234,50 €", "1.234,50 CHF"),
    ("es", "5 de ene. de 2025", "€1,234.50", "CHF 1,234.50"),
    ("sv", "05 jan. 2025", "1 234,50 €", "1 234,50 CHF"),
    ("nb", "05. jan. 2025", "€1 234,50", "CHF 1 234,50"),
    ("pt-BR", "05/01/2025", "€ 1.234,50", "CHF 1.234,50"),
    ("zh-TW", "2025年1月5日", "€1,234.50", "CHF 1,234.50"),
]

MONTHS = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "fr": "janv. févr. mars avr. mai juin juill. août sept. oct. nov. déc.",
    "de": "Jan. Feb. Mär. Apr. Mai Jun. Jul. Aug. Sep. Okt. Nov. Dez.",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "es": "ene. feb. mar. abr. may. jun. jul. ago. sep. oct. nov. dic.",
    "sv": "jan. feb. mars apr. maj juni juli aug. sep. okt. nov. dec.",
    "nb": "jan. feb. mars apr. mai juni juli aug. sep. okt. nov. des.",
}

TITLES = {
    "en": ("Invoice", "Tax invoice", "Credit note"),
    "fr": ("Facture", "Facture fiscale", "Avoir"),
    "de": ("Rechnung", "Steuerrechnung", "Gutschrift"),
    "it": ("Fattura", "Fattura fiscale", "Nota di Credito"),
    "es": ("Factura", "Factura fiscal", "Nota de crédito"),
    "sv": ("Faktura", "Skattefaktura", "Kreditfaktura"),
    "nb": ("Faktura", "Skattefaktura", "Kreditnota"),
    "pt-BR": ("Fatura", "Nota fiscal", "Nota de crédito"),
}


@pytest.mark.parametrize(("code", "day", "euro", "francs"), FORMATS)
def test_dates_and_money_of_every_locale(code: str, day: str, euro: str, francs: str) -> None:
    locale = load_locale(code)
    assert format_date(locale, date(2025, 1, 5)) == day
    assert format_money(locale, 123450, "EUR") == euro
    assert format_money(locale, 123450, "CHF") == francs


@pytest.mark.parametrize("code", MONTHS)
def test_abbreviated_months(code: str) -> None:
    assert " ".join(load_locale(code).months) == MONTHS[code]


@pytest.mark.parametrize("code", TITLES)
def test_titles_of_spec_04_19_1(code: str) -> None:
    locale = load_locale(code)
    titles = tuple(locale.text(key) for key in ("title_invoice", "title_tax_invoice", "title_credit_note"))
    assert titles == TITLES[code]


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [
        (123450, "USD", "$1,234.50"),
        (123450, "AUD", "$1,234.50"),
        (123450, "CAD", "$1,234.50"),
        (123450, "NZD", "$1,234.50"),
        (123450, "SGD", "$1,234.50"),
        (123450, "HKD", "$1,234.50"),
        (123450, "MXN", "$1,234.50"),
        (123450, "GBP", "£1,234.50"),
        (1234, "JPY", "¥1,234"),
        (123450, "CNY", "¥1,234.50"),
        (100, "BHD", "BHD 0.100"),
        (100, "SEK", "SEK 1.00"),
        (-123456789, "EUR", "-€1,234,567.89"),
        (-5, "CHF", "-CHF 0.05"),
        (0, "EUR", "€0.00"),
    ],
)
def test_currencies_and_their_decimals(cents: int, currency: str, text: str) -> None:
    assert format_money(EN, cents, currency) == text


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("123.12345678", "$123.123457"),
        ("0.000000012345", "$0.000000012345"),
        ("0.100000012345", "$0.10"),
        ("5", "$5.00"),
        ("0", "$0.00"),
        ("1234.5", "$1,234.50"),
        ("0.00335", "$0.00335"),
        ("0.9999999", "$1.00"),
        ("-0.4", "-$0.40"),
    ],
)
def test_unit_prices(price: str, text: str) -> None:
    assert format_unit_price(EN, Decimal(price), "USD") == text


def test_unit_prices_follow_the_locale_and_the_exponent() -> None:
    assert format_unit_price(load_locale("fr"), Decimal("1234.1234567"), "EUR") == "1 234,123457 €"
    assert format_unit_price(EN, Decimal(5), "JPY") == "¥5"
    assert format_unit_price(EN, Decimal("0.1"), "BHD") == "BHD 0.100"


@pytest.mark.parametrize(
    ("units", "text"),
    [
        ("123.0000456789", "123.000046"),
        ("123", "123"),
        ("123.0", "123"),
        ("0.0000000009", "0.0000000009"),
        ("0", "0"),
        ("0.0", "0"),
        ("1E+6", "1000000"),
        ("0.12345678", "0.123457"),
        ("-2.50", "-2.5"),
    ],
)
def test_units(units: str, text: str) -> None:
    assert format_units(Decimal(units)) == text


def test_rates() -> None:
    assert [format_rate(Decimal(rate)) for rate in ("20", "5.5", "8.875", "0")] == ["20.0", "5.5", "8.875", "0.0"]
    assert format_coupon_rate(Decimal(10)) == "10.00"


@given(st.integers(-(10**15), 10**15), st.sampled_from(["EUR", "JPY", "BHD", "CHF"]), st.sampled_from(sorted(MONTHS)))
def test_printed_money_reads_back(cents: int, currency: str, code: str) -> None:
    """Only digits and the decimal separator carry the value, in every locale."""
    locale = load_locale(code)
    text = format_money(locale, cents, currency)
    number = re.sub(rf"[^0-9{re.escape(locale.decimal)}]", "", text).replace(locale.decimal, ".")
    places = {"JPY": 0, "BHD": 3}.get(currency, 2)
    assert Decimal(number) * 10**places == abs(cents)
    assert text.startswith("-") == (cents < 0)


def test_the_required_languages_are_there() -> None:
    assert set(supported_locales()) == {code for code, *_ in FORMATS}


@pytest.mark.parametrize("code", sorted(set(supported_locales()) - {"en"}))
def test_locale_files_have_only_known_keys_and_the_placeholders_of_english(code: str) -> None:
    english, data = read_locale_file("en"), read_locale_file(code)
    assert set(data) <= {*english, "fonts"}
    assert data["language"] == code
    assert set(data["formats"]) <= set(english["formats"])
    assert set(data["texts"]) <= set(english["texts"])
    for key, text in data["texts"].items():
        placeholders = re.compile(r"\{\w+\}")
        assert sorted(placeholders.findall(text)) == sorted(placeholders.findall(english["texts"][key])), key


def test_missing_keys_fall_back_to_english(monkeypatch: pytest.MonkeyPatch) -> None:
    import billwright.billing.documents.locales as module

    def without_total(code: str) -> dict[str, object]:
        data = read_locale_file(code)
        if code == "fr":
            data = json.loads(json.dumps(data))
            del data["texts"]["total"], data["formats"]["group"]
        return data

    monkeypatch.setattr(module, "read_locale_file", without_total)
    french = load_locale.__wrapped__("fr")
    assert french.text("total") == "Total"
    assert french.group == ","
    assert french.text("title_invoice") == "Facture"


def test_unsupported_locales_print_english() -> None:
    assert load_locale("xx").code == "en"
    assert load_locale(None).code == "en"


def test_country_names() -> None:
    assert load_locale("fr").country_name("DE") == "Allemagne"
    assert load_locale("pt-BR").country_name("us") == "Estados Unidos"
    assert load_locale("zh-TW").country_name("FR") == "法國"
    assert load_locale("en").country_name("XQ") == "XQ"
    assert load_locale("en").country_name(None) == ""
