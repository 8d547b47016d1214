"""The search bar: a few hits of everything that the person may see (spec 07 §7.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.rendering import render
from billwright.ui.views.customers import shown_name
from billwright.ui.views.support import SHORTEST_SEARCH, View

Hit = dict[str, Any]


async def search(view: View) -> Response:
    """``GET /{slug}/search?term=``: the hits, grouped, each group with the way to its list."""
    term = view.query("term")
    groups: list[dict[str, Any]] = []
    if len(term) >= SHORTEST_SEARCH:
        found = (await view.ask("Search", term=term))["search"]
        for label, icon, path, hits in (
            ("Customers", "users", "customers", [_customer(view, item) for item in found["customers"]]),
            ("Invoices", "file-text", "invoices", [_invoice(view, item) for item in found["invoices"]]),
            ("Subscriptions", "repeat", "subscriptions", [_subscription(view, i) for i in found["subscriptions"]]),
            ("Plans", "layers", "plans", [_coded(view, "plan", item) for item in found["plans"]]),
            (
                "Billable metrics",
                "ruler",
                "billable-metrics",
                [_coded(view, "billable-metric", item) for item in found["billableMetrics"]],
            ),
        ):
            if hits:
                more = formatting.url_with(f"{view.base}/{path}", search=term)
                groups.append({"label": label, "icon": icon, "more": more, "items": hits})
    return render(view.request, "search_results.html", {"groups": groups})


def _hit(name: str, detail: str, href: str, status: tuple[str, str] | None = None, *, code: bool = True) -> Hit:
    shown = {"kind": status[0], "code": status[1]} if status else None
    return {"name": name, "detail": detail, "code": code, "href": href, "status": shown}


def _customer(view: View, item: Mapping[str, Any]) -> Hit:
    return _hit(shown_name(item), item["externalId"], f"{view.base}/customer/{item['id']}")


def _invoice(view: View, item: Mapping[str, Any]) -> Hit:
    href = f"{view.base}/invoice/{item['id']}"
    status = ("invoice", item["status"])
    return _hit(item["number"] or "No number yet", shown_name(item["customer"]), href, status, code=False)


def _subscription(view: View, item: Mapping[str, Any]) -> Hit:
    name = item["name"] or item["plan"]["name"]
    href = f"{view.base}/subscription/{item['id']}"
    return _hit(name, item["externalId"], href, ("subscription", item["status"]))


def _coded(view: View, place: str, item: Mapping[str, Any]) -> Hit:
    return _hit(item["name"], item["code"], f"{view.base}/{place}/{item['id']}")
