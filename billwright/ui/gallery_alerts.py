"""Samples of alerts for the gallery. Development only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billwright.ui.gallery_access import AT
from billwright.ui.gallery_samples import BASE, CLOCK, calls, frame, uid
from billwright.ui.views.alerts import OF_METRIC, ON_SUBSCRIPTION

Data = dict[str, Any]
HREF = f"{BASE}/alert/1/edit"
QUERY = 'query Alert {\n  alert(id: "…") {\n    code\n    previousValue\n  }\n}'


def section(*, is_wallet: bool, empty: bool = False, ended: bool = False) -> Data:
    """The alerts on the page of a wallet or of a subscription."""
    low = {
        "name": "Running low", "href": HREF, "watches": "Ongoing balance", "thresholds": "$100.00, $500.00",
        "now": "$812.50", "told_at": None, "told": None,
    }  # fmt: skip
    spend = {
        "name": "Spend", "href": HREF, "watches": "Usage of the period", "thresholds": "$1,000.00, $2,500.00, then every $500.00",
        "now": "$2,731.20", "told_at": AT, "told": "$2,500.00",
    }  # fmt: skip
    units = {
        "name": "search-units", "href": HREF, "watches": "Units of Search requests", "thresholds": "1,000,000 units",
        "now": "812,044 units", "told_at": None, "told": None,
    }  # fmt: skip
    return {
        "create_href": None if ended else f"{BASE}/subscription/1/alerts/create",
        "is_wallet": is_wallet,
        "call": calls("POST", "/subscriptions/sub_acme/alerts", QUERY)[-1]["text"],
        "rows": [] if empty else [low] if is_wallet else [spend, units],
    }


def form(*, is_new: bool = True) -> Data:
    rows: list[tuple[str, str, str | None]] = [("", "", None)] * 3
    if not is_new:
        rows = [("1000.00", "warn", None), ("25oo", "", "This is not a number."), *rows]
    fixed = [
        {"value": value, "code": code, "recurring": "", "error": error, "field": f"value-{at}"}
        for at, (value, code, error) in enumerate(rows)
    ]
    step = {"value": "" if is_new else "500.00", "code": "", "recurring": "yes", "error": None, "field": "every"}
    return {
        "title": "Alert", "heading": "New alert" if is_new else "Spend", "frame": frame("subscriptions", CLOCK),
        "back": f"{BASE}/subscription/1/usage", "owner": {"name": "Production search", "currency": "USD", "falls": False},
        "action": "#", "delete": None if is_new else "#", "watches": None if is_new else "Usage of the period",
        "now": None if is_new else "$2,731.20", "types": [{"value": key, "label": label} for key, label in ON_SUBSCRIPTION.items()],
        "metrics": [{"value": uid(6), "label": "Search requests"}], "of_metric": " ".join(OF_METRIC),
        "values": {"name": "" if is_new else "Spend", "code": "" if is_new else "spend", "type": "current_usage_amount", "metric": ""},
        "rows": [*fixed, step], "money": None if is_new else True,
        "errors": dict.fromkeys(("name", "code", "type", "metric", "thresholds")), "error": None,
        "api": calls("POST", "/subscriptions/sub_acme/alerts", QUERY),
    }  # fmt: skip


ALERT_PAGES: dict[str, tuple[str, str, Callable[[str], Data]]] = {
    "/acme/subscription/1/alerts/create": ("New alert", "alerts/form.html", lambda _: form()),
    "/acme/alert/1/edit": ("Edit an alert", "alerts/form.html", lambda _: form(is_new=False)),
}
"""Address -> (label, template, context of an address), as in ``gallery.PAGES``."""
