"""Sample data of the gallery: plans, metrics, subscriptions and forms. Development only."""

from __future__ import annotations

from typing import Any

from billwright.ui import formatting
from billwright.ui.gallery_samples import API, calls, frame, uid

Data = dict[str, Any]
OPERATION = 'query One {\n  one(id: "…") {\n    id\n  }\n}'


def metric_page() -> Data:
    event = {"event": {"transaction_id": "a-unique-id", "external_subscription_id": "your-subscription",
                       "code": "search_requests", "properties": {"volume": 1}}}  # fmt: skip
    return {
        "title": "Search requests", "can": {"create": True, "edit": True, "delete": True}, "affected": {"plans": 2, "subscriptions": 14, "drafts": 3}, "frame": frame("metrics"),
        "metric": {"id": uid(6), "name": "Search requests", "code": "search_requests", "description": None,
                   "created_at": "2024-01-15T23:30:00Z",
                   "facts": [{"label": "Aggregation", "value": "Sum"}, {"label": "Property", "value": "volume"}],
                   "source": "def aggregate(event, state, properties):\n    return state"},
        "sample": formatting.curl("POST", API + "/events", event),
        "api": calls("GET", "/billable_metrics/search_requests", OPERATION),
    }  # fmt: skip
