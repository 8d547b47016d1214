"""The list of customers with its filters (spec 07 §7.5, §7.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from billwright.billing.kernel.money import CURRENCIES
from billwright.ui.filters import YES_OR_NO, Filter, Filters, read_filters
from billwright.ui.views.choices import country_names
from billwright.ui.views.customers import PROVIDERS, customer_href, shown_name
from billwright.ui.views.support import View

_COMMON = ("USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD")


def filters(chosen_currencies: Sequence[str] = ()) -> tuple[Filter, ...]:
    """The filters; currencies are the common ones and those that the address names."""
    known = [code.upper() for code in chosen_currencies if code.upper() in CURRENCIES]
    currencies = [(code, code) for code in dict.fromkeys([*_COMMON, *known])]
    kinds = (("company", "Company"), ("individual", "Individual"), ("none", "Not set"))
    return (
        Filter("currency", "Currency", "choices", currencies, quick=True, upper=True),
        Filter("type", "Type", "choice", kinds, quick=True),
        Filter("country", "Country", "texts", upper=True, shown=country_names(), hint="Codes such as DE, FR."),
        Filter("state", "State", "texts"),
        Filter("zipcode", "Postal code", "texts"),
        Filter("tax_id", "Has a tax id", "choice", YES_OR_NO),
        Filter("subscriptions", "Active subscriptions", "whole"),
        Filter("external_id", "External id", "text", hint="The whole of it."),
        Filter("metadata", "Metadata", "pairs", hint="tier=gold finds this value, tier alone who has no tier."),
    )


def _variables(chosen: Filters) -> dict[str, Any]:
    kind = chosen.one("type")
    low, high = chosen.span("subscriptions")
    return {
        "currencies": chosen.many("currency"),
        "countries": chosen.many("country"),
        "states": chosen.many("state"),
        "zipcodes": chosen.many("zipcode"),
        "customerType": kind if kind != "none" else None,
        "hasCustomerType": False if kind == "none" else None,
        "hasTaxId": chosen.flag("tax_id"),
        "subscriptionsFrom": int(low) if low else None,
        "subscriptionsTo": int(high) if high else None,
        "externalId": chosen.one("external_id"),
        "metadata": [{"key": key, "value": value} for key, value in chosen.pairs("metadata").items()],
    }


async def customer_list(view: View) -> Response:
    """``GET /{slug}/customers``."""
    chosen = read_filters(view.url, filters(view.query_all("currency")))
    data = await view.ask("CustomerList", **view.paging(), searchTerm=view.search or None, **_variables(chosen))
    found = data["customers"]
    content = {
        "title": "Customers",
        "url": view.url,
        "can": {
            "create": view.may("customers:create"),
            "edit": view.may("customers:update"),
            "delete": view.may("customers:delete"),
        },
        "search": view.query("search"),
        "filters": chosen.bar,
        "customers": [_row(view, item) for item in found["collection"]],
        "page": view.pager(found["metadata"]),
        "api": view.api(
            "CustomerList", "POST", "/customers",
            {"customer": {"external_id": "acme-001", "name": "Acme Corporation", "currency": "USD"}},
        ),
    }  # fmt: skip
    return await view.page("customers/list.html", "customers", content)


def _row(view: View, item: Mapping[str, Any]) -> dict[str, Any]:
    currency = item["currency"]
    return {
        "id": item["id"],
        "href": customer_href(view, item),
        "name": shown_name(item),
        "external_id": item["externalId"],
        "email": item["email"],
        "country": item["country"],
        "currency": currency,
        "active_subscriptions": item["activeSubscriptionsCount"],
        "overdue": _balances(item["overdueBalances"], currency),
        "gross": _balances(item["grossRevenues"], currency),
        "provider": PROVIDERS.get(item["paymentProvider"] or ""),
        "created_at": item["createdAt"],
    }


def _balances(balances: list[Mapping[str, Any]] | None, currency: str | None) -> list[dict[str, Any]]:
    """What is not zero, in every currency; the customer's own first."""
    shown = [(int(balance["amountCents"]), balance["currency"]) for balance in balances or []]
    ordered = sorted(shown, key=lambda balance: (balance[1] != currency, balance[1]))
    return [{"amount_cents": cents, "currency": code} for cents, code in ordered if cents]
