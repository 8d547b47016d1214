"""Events as they were received: the latest first, one in full, and what is wrong with it (spec 07 §7.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from billwright.ui import formatting
from billwright.ui.views.customers import customer_href, shown_name
from billwright.ui.views.developers import tabs
from billwright.ui.views.subscriptions import subscription_href, subscription_name
from billwright.ui.views.support import Refused, View

Data = Mapping[str, Any]
SIZE = 50
SAMPLE = {
    "event": {
        "transaction_id": "a-unique-id",
        "external_subscription_id": "your-subscription",
        "code": "your_metric",
        "properties": {"amount": 1},
    }
}


async def event_list(view: View) -> Response:
    """``GET /{slug}/developers/events``; ``?after=`` goes on behind an event, ``?transaction=`` shows one in full."""
    if view.query("transaction"):
        return await _event(view)
    wanted = view.query("search") or None
    after = None if wanted else view.query("after") or None
    try:
        data = await view.ask("EventList", limit=SIZE, after=after, transactionId=wanted)
    except Refused as refused:
        if after is None or refused.status != 422:
            raise
        return view.redirect(f"{view.base}/developers/events")
    found = data["events"]["collection"]
    path = f"{view.base}/developers/events"
    content = {
        "title": "Events",
        "url": view.url,
        "tabs": tabs(view, "events"),
        "path": path,
        "search": wanted or "",
        "filtered": wanted is not None,
        "further": after is not None,
        "events": [_row(path, item) for item in found],
        "older": formatting.url_with(view.url, after=found[-1]["cursor"]) if len(found) == SIZE else None,
        "sample": formatting.curl("POST", f"{view.settings.api_url}/api/v1/events", SAMPLE),
        "api": view.api("EventList", "GET", "/events"),
    }
    return await view.page("developers/events.html", "developers", content)


def _row(path: str, item: Data) -> dict[str, Any]:
    return {
        "href": f"{path}?{urlencode(_identity(item))}",
        "code": item["code"],
        "metric": item["billableMetricName"],
        "transaction_id": item["transactionId"],
        "subscription": item["externalSubscriptionId"],
        "received_at": item["receivedAt"],
        "warning": warning(item),
    }


def _identity(item: Data) -> dict[str, str]:
    """What names an event: ids are unique for a subscription."""
    named = {"transaction": item["transactionId"], "subscription": item["externalSubscriptionId"]}
    return {key: value for key, value in named.items() if value}


def warning(item: Data) -> str | None:
    """What is wrong, in a word; an unknown code says all that there is to say (spec 07 §10 trap 27)."""
    if not item["matchBillableMetric"]:
        return "Unknown code"
    return None if item["matchCustomField"] else "Property missing"


async def _event(view: View) -> Response:
    item = (
        await view.ask(
            "EventPage",
            transactionId=view.query("transaction"),
            externalSubscriptionId=view.query("subscription") or None,
        )
    )["event"]
    metric, subscription = item["billableMetric"], item["subscription"]
    content = {
        "title": item["transactionId"],
        "url": view.url,
        "back": f"{view.base}/developers/events",
        "event": {
            "code": item["code"],
            "transaction_id": item["transactionId"],
            "external_id": item["externalSubscriptionId"],
            "received_at": item["receivedAt"],
            "timestamp": item["timestamp"],
            "timezone": item["customerTimezone"],
            "amount": item["payload"].get("precise_total_amount_cents"),
            "ip": item["ipAddress"],
            "client": item["apiClient"],
            "source": None if item["source"] == "api" else item["source"],
            "payload": formatting.json_text(item["payload"]),
        },
        "metric": {"name": metric["name"], "href": f"{view.base}/billable-metric/{metric['id']}"} if metric else None,
        "subscription": None if subscription is None else {
            "name": subscription_name(subscription), "href": subscription_href(view, subscription),
        },
        "customer": None if subscription is None else {
            "name": shown_name(subscription["customer"]), "href": customer_href(view, subscription["customer"]),
        },
        "banner": _banner(view, item),
        "api": view.api("EventPage", "GET", f"/events/{item['transactionId']}"),
    }  # fmt: skip
    return await view.page("developers/event.html", "developers", content)


def _banner(view: View, item: Data) -> dict[str, Any] | None:
    """The warning in a sentence, with what mends it."""
    if not item["matchBillableMetric"]:
        text = f"No billable metric has the code {item['code']}: the event is kept, and nothing counts it."
        action = {"label": "Create a metric", "href": f"{view.base}/create/billable-metric"}
        return {"text": text, "action": action if view.may("billable_metrics:create") else None}
    if not item["matchCustomField"]:
        wanted = item["billableMetric"]["fieldName"]
        text = f"The metric aggregates the property {wanted}, which this event does not have: it counts as nothing."
        return {"text": text, "action": None}
    return None
