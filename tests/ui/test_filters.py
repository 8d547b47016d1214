"""Filters of lists: what an address asks for, its chips, and the bar (spec 07 §7.5)."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from billwright.ui.components import Macros
from billwright.ui.filters import YES_OR_NO, Filter, read_filters
from billwright.ui.rendering import environment

FILTERS = (
    Filter("status", "Status", "choices", (("active", "Active"), ("pending", "Pending")), quick=True),
    Filter("type", "Type", "choice", (("company", "Company"), ("individual", "Individual"))),
    Filter("tax_id", "Has a tax id", "choice", YES_OR_NO),
    Filter("country", "Country", "texts", upper=True, shown={"FR": "France"}),
    Filter("number", "Number", "text"),
    Filter("subscriptions", "Subscriptions", "whole"),
    Filter("issued", "Issued", "dates"),
    Filter("amount", "Amount", "amount"),
    Filter("metadata", "Metadata", "pairs"),
)


def chips(url: str) -> list[tuple[str, str, str]]:
    return [(chip["label"], chip["shown"], chip["href"]) for chip in read_filters(url, FILTERS).bar["chips"]]


def test_values_of_every_kind() -> None:
    found = read_filters(
        "/l?status=active&status=pending&status=nonsense&type=company&type=individual&tax_id=no&country=fr, de"
        "&country=it&number= A-1 &subscriptions_from=2&issued_to=2024-02-29&amount_from=10,5&amount_to=20"
        "&metadata=plan=gold,region",
        FILTERS,
    )
    assert found
    assert found.many("status") == ["active", "pending"], "what is no option is left out"
    assert found.one("type") == "company"
    assert found.flag("tax_id") is False
    assert found.many("country") == ["FR", "DE", "IT"]
    assert found.one("number") == "A-1"
    assert found.span("subscriptions") == ("2", None)
    assert found.span("issued") == (None, "2024-02-29")
    assert found.span("amount") == ("10.5", "20")
    assert found.pairs("metadata") == {"plan": "gold", "region": ""}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "page=2&search=acme",
        "status=&country= , &subscriptions_from=&metadata=",
        "subscriptions_from=-1&subscriptions_to=1.5&issued_from=yesterday&issued_to=2024-02-30&amount_from=nan&amount_to=1e99",
    ],
)
def test_what_cannot_be_read_filters_nothing(query: str) -> None:
    found = read_filters(f"/l?{query}", FILTERS)
    assert not found
    assert found.bar["chips"] == []
    assert found.many("status") is None
    assert found.span("amount") == (None, None)


def test_chips_remove_one_value_and_go_back_to_the_first_page() -> None:
    url = "/l?search=acme&status=active&status=pending&country=FR,DE&per_page=50&page=3"
    kept = "/l?search=acme"
    assert chips(url) == [
        ("Status", "Active", f"{kept}&country=FR%2CDE&per_page=50&status=pending"),
        ("Status", "Pending", f"{kept}&country=FR%2CDE&per_page=50&status=active"),
        ("Country", "France", f"{kept}&status=active&status=pending&per_page=50&country=DE"),
        ("Country", "DE", f"{kept}&status=active&status=pending&per_page=50&country=FR"),
    ]
    assert read_filters(url, FILTERS).bar["clear"] == "/l?search=acme&per_page=50"
    assert all(read_filters(href, FILTERS).bar["chips"] for _, _, href in chips(url))


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("subscriptions_from=2&subscriptions_to=5", "2 – 5"),
        ("subscriptions_from=2&subscriptions_to=2", "2"),
        ("subscriptions_from=2", "at least 2"),
        ("amount_to=9.99", "at most 9.99"),
        ("issued_from=2024-01-15", "from Jan 15, 2024"),
        ("issued_from=2024-01-15&issued_to=2024-01-31", "Jan 15, 2024 – Jan 31, 2024"),
        ("metadata=plan=gold", "plan=gold"),
        ("metadata=plan", "plan not set"),
    ],
)
def test_ranges_and_pairs_in_words(query: str, shown: str) -> None:
    assert [(text, href) for _, text, href in chips(f"/l?{query}")] == [(shown, "/l")]


def test_every_form_keeps_the_other_filters() -> None:
    url = "/l?search=a%26b&status=active&country=FR&page=2"
    bar = read_filters(url, FILTERS).bar
    (status,) = bar["quick"]
    assert status["kept"] == [("search", "a&b"), ("country", "FR")]
    assert bar["kept"] == [("search", "a&b"), ("status", "active")]
    markup = str(Macros(environment()).filter_bar(bar))
    assert markup.count("<form") == 2
    assert '<input type="hidden" name="search" value="a&amp;b">' in markup
    assert 'value="active" checked' in markup
    assert "Remove filter Country France" in markup
    assert dict(parse_qsl(urlsplit(bar["clear"]).query)) == {"search": "a&b"}
