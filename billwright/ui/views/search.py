"""The search bar: a few hits of everything that the person may see (spec 07 §7.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.rendering import render
from billwright.ui.views import developers, settings
from billwright.ui.views.customers import shown_name
from billwright.ui.views.support import SHORTEST_SEARCH, View

Hit = dict[str, Any]


async def search(view: View) -> Response:
    """``GET /{slug}/search?term=``: the hits, grouped, each group with the way to its list."""
    term = view.query("term")
    groups: list[dict[str, Any]] = []
    if len(term) >= SHORTEST_SEARCH:
        found = (await view.ask("Search", term=term))["search"]
        for label, icon, path, show, hits in (
            ("Customers", "users", "customers", _customer, found["customers"]),
            ("Invoices", "file-text", "invoices", _invoice, found["invoices"]),
            ("Subscriptions", "repeat", "subscriptions", _subscription, found["subscriptions"]),
            ("Plans", "layers", "plans", _coded("plan"), found["plans"]),
            ("Billable metrics", "ruler", "billable-metrics", _coded("billable-metric"), found["billableMetrics"]),
            ("Coupons", "ticket-percent", "coupons", _coded("coupon"), found["coupons"]),
            ("Add-ons", "package", "add-ons", _coded("add-on"), found["addOns"]),
            ("Credit notes", "receipt-text", "credit-notes", _credit_note, found["creditNotes"]),
        ):
            if hits:
                more = formatting.url_with(f"{view.base}/{path}", search=term)
                items = [show(view, item) for item in hits]
                groups.append({"label": label, "icon": icon, "more": more, "items": items})
        pages = _pages(view, term)
        if pages:
            groups.append({"label": "Pages", "icon": "corner-down-left", "more": None, "items": pages})
    return render(view.request, "search_results.html", {"groups": groups})


def _pages(view: View, term: str) -> list[Hit]:
    """Pages below the entries of the navigation, which the browser finds by itself."""
    known = [
        *(("Settings", tab) for tab in settings.tabs(view, "")),
        *(("Developers", tab) for tab in developers.tabs(view, "")),
    ]
    if view.may("invoices:export") or view.may("credit_notes:export"):
        known.append(("Files", {"label": "Exports", "href": f"{view.base}/exports"}))
    return [
        _hit(tab["label"], place, tab["href"], code=False)
        for place, tab in known
        if term.lower() in f"{place} {tab['label']}".lower()
    ]


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


def _credit_note(view: View, item: Mapping[str, Any]) -> Hit:
    href = f"{view.base}/credit-note/{item['id']}"
    return _hit(item["number"], shown_name(item["customer"]), href, ("credit", item["creditStatus"]), code=False)


def _coded(place: str) -> Callable[[View, Mapping[str, Any]], Hit]:
    """Objects with a name and a code; only coupons have a status."""

    def show(view: View, item: Mapping[str, Any]) -> Hit:
        status = (place, item["status"]) if "status" in item else None
        return _hit(item["name"], item["code"], f"{view.base}/{place}/{item['id']}", status)

    return show
