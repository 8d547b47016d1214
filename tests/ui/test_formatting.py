"""Text for people: figures, dates with their zones, addresses, commands."""

from __future__ import annotations

import json
import shlex

import pytest

from billwright.ui import formatting as f


@pytest.mark.parametrize(
    ("cents", "currency", "bare", "full"),
    [
        (123450, "EUR", "1,234.50", "€1,234.50"),  # spec 04 §20, English row of the table
        (123450, "CHF", "1,234.50", "CHF\u00a01,234.50"),
        (100, "BHD", "0.100", "BHD\u00a00.100"),
        (1000, "JPY", "1,000", "¥1,000"),
        (-5, "USD", "−0.05", "−$0.05"),
        (0, "USD", "0.00", "$0.00"),
        ("9007199254740993", "USD", "90,071,992,547,409.93", "$90,071,992,547,409.93"),  # beyond a float's integers
        (123456, "HUF", "123,456", "HUF\u00a0123,456"),  # 0 decimals here, 2 in Babel's table
    ],
)
def test_money(cents: int | str, currency: str, bare: str, full: str) -> None:
    assert f.money(cents, currency) == bare
    assert f.money_with_currency(cents, currency) == full


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("123.12345678", "$123.123457"),
        ("0.000000012345", "$0.000000012345"),
        ("0.100000012345", "$0.10"),
        ("2", "$2.00"),
        ("-0.5", "−$0.50"),
    ],
)
def test_unit_prices_of_spec_04_20(price: str, text: str) -> None:
    assert f.unit_price(price, "USD") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("123.0000456789", "123.000046"), ("123", "123"), ("0.0000000009", "0.0000000009"), ("0", "0"),
     ("1834200", "1,834,200")],
)  # fmt: skip
def test_units_of_spec_04_20(value: str, text: str) -> None:
    assert f.units(value) == text


def test_zone_tooltip_of_spec_07_7_1() -> None:
    lines = f.zone_lines("2024-01-15T23:30:00Z", "America/New_York", "Asia/Tokyo")
    assert [(line.label, line.offset, line.text) for line in lines] == [
        ("Customer", "UTC+09:00", "Tue, Jan 16, 2024 08:30:00"),
        ("Organization", "UTC-05:00", "Mon, Jan 15, 2024 18:30:00"),
        ("UTC", "UTC+00:00", "Mon, Jan 15, 2024 23:30:00"),
    ]
    assert f.local_date("2024-01-15T23:30:00Z", "America/New_York") == "Jan 15, 2024"
    assert [line.label for line in f.zone_lines("2024-01-15T23:30:00Z", "UTC")] == ["Organization", "UTC"]


def test_offsets_with_minutes_and_summer_time() -> None:
    assert f.zone_lines("2024-01-15T00:00:00Z", "Asia/Kathmandu")[0].offset == "UTC+05:45"
    assert f.zone_lines("2024-07-15T00:00:00Z", "America/St_Johns")[0].offset == "UTC-02:30"


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        f.instant("2024-01-15T23:30:00")


@pytest.mark.parametrize(
    ("value", "text"),
    [("2.25", "2.25%"), ("20.0", "20%"), ("100", "100%"), ("0", "0%"), (19.6, "19.6%"), ("-1.5", "−1.5%")],
)
def test_rates_keep_their_digits(value: str | float, text: str) -> None:
    assert f.rate(value) == text


def test_relative_values() -> None:
    assert f.change(112, 100) == "+12.0%"
    assert f.change(97, 100) == "−3.0%"
    assert f.change(5, 0) == "new"
    assert f.change(0, 0) == "0.0%"
    assert str(f.share(1, 3)) == "33.3"
    assert f.share(1, 0) == 0
    assert f.relative_days("2024-03-31", "2024-03-15") == "in 16 days"
    assert f.relative_days("2024-03-14", "2024-03-15") == "1 day ago"
    assert f.relative_days("2024-03-15", "2024-03-15") == "today"


def test_addresses_keep_what_they_do_not_change() -> None:
    url = "/acme/invoices?status=draft&status=failed&search=a%26b&page=3"
    assert f.url_with(url, page=4) == "/acme/invoices?status=draft&status=failed&search=a%26b&page=4"
    assert f.url_with(url, status=None, page=None) == "/acme/invoices?search=a%26b"
    assert f.query_pairs(url, "page", "status") == [("search", "a&b")]


def test_curl_survives_the_shell() -> None:
    body = {"customer": {"name": "O'Brien $(id) `x`"}}
    words = shlex.split(f.curl("POST", "https://h/api/v1/customers?a=1&b=2", body).replace("\\\n", ""))
    assert words[:4] == ["curl", "-X", "POST", "https://h/api/v1/customers?a=1&b=2"]
    assert json.loads(words[words.index("-d") + 1]) == body


def test_rates_keep_all_their_digits() -> None:
    assert f.tax_line("GST", "12.345678", "1000000", "USD") == "GST (12.345678% on $10,000.00)"
    assert f.tax_names([{"name": "VAT", "rate": "20.0"}, {"name": "City", "rate": "1.0000025"}]) == (
        "VAT 20%, City 1.0000025%"
    )
