# ruff: noqa: E501
"""Sample data of the gallery: plans, metrics, subscriptions and forms. Development only."""

from __future__ import annotations

from typing import Any

from billwright.ui import formatting
from billwright.ui.gallery_samples import API, BASE, CLOCK, calls, frame, uid

Data = dict[str, Any]
OPERATION = 'query One {\n  one(id: "…") {\n    id\n  }\n}'


def plan_page() -> Data:
    tiers = [{"label": "First 10,000", "value": "$0.00"}, {"label": "10,000 to 1,000,000", "value": "$0.0015"},
             {"label": "1,000,000 and above", "value": "$0.0012 + $256.26 flat"}]  # fmt: skip
    return {
        "title": "Scale", "frame": frame("plans", CLOCK),
        "plan": {"id": uid(5), "name": "Scale", "code": "scale", "description": "For teams in production", "overridden": False,
                 "currency": "USD", "facts": [{"label": "Interval", "value": "Monthly"}, {"label": "Billed", "value": "In advance"},
                                              {"label": "Trial", "value": "14 days"}]},
        "figures": [{"label": "Fee", "value": "$990.00", "note": "Monthly, in advance"}, {"label": "Active subscriptions", "value": "41"},
                    {"label": "Customers", "value": "38"}, {"label": "Draft invoices", "value": "0"}],
        "charges": [
            {"id": uid(1), "name": "Search requests", "code": "search", "metric": {"name": "Search requests", "href": f"{BASE}/billable-metric/1"},
             "notes": "Graduated, in arrears", "prices": [{"name": None, "rows": tiers}, {"name": "Region: EU", "rows": tiers[:1]}]},
            {"id": uid(2), "name": "Seats", "code": "seats", "metric": {"name": "Seats", "href": f"{BASE}/billable-metric/1"},
             "notes": "Package, in arrears, prorated", "prices": [{"name": None, "rows": [{"label": "Each package of 5", "value": "$49.00"}]}]}],
        "thresholds": [{"label": "First thousand", "value": "$1,000.00"}, {"label": "Then each time", "value": "every $2,500.00"}],
        "subscriptions_href": f"{BASE}/subscriptions?plan=scale",
        "api": calls("GET", "/plans/scale", OPERATION),
    }  # fmt: skip


def metric_page() -> Data:
    event = {"event": {"transaction_id": "a-unique-id", "external_subscription_id": "your-subscription",
                       "code": "search_requests", "properties": {"volume": 1}}}  # fmt: skip
    return {
        "title": "Search requests", "can": {"create": True, "edit": True, "delete": True}, "plans": 2, "frame": frame("metrics"),
        "metric": {"id": uid(6), "name": "Search requests", "code": "search_requests", "description": None,
                   "created_at": "2024-01-15T23:30:00Z",
                   "facts": [{"label": "Aggregation", "value": "Sum"}, {"label": "Property", "value": "volume"}]},
        "sample": formatting.curl("POST", API + "/events", event),
        "api": calls("GET", "/billable_metrics/search_requests", OPERATION),
    }  # fmt: skip
