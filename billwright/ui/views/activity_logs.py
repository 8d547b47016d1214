"""The log of changes: the list, and one with what it changed (spec 07 §7.9, §9.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from billwright.billing.activity_logs.subjects import RESOURCE_TYPES
from billwright.billing.activity_logs.types import ACTIVITY_TYPES
from billwright.ui import formatting
from billwright.ui.filters import Filter, read_filters
from billwright.ui.views.activity_changes import change_lines
from billwright.ui.views.developers import tabs
from billwright.ui.views.support import View

Data = Mapping[str, Any]
_SETTINGS = ("AddOn", "ApiKey", "AuthenticationMethod", "Invite", "Member", "Tax", "WebhookEndpoint")
_WORDS = {"Api": "API", "ApiKey": "API key", "Billing entities": "Billing entity"}
_PAGES = {
    "AddOn": "add-on",
    "BillableMetric": "billable-metric",
    "Coupon": "coupon",
    "CreditNote": "credit-note",
    "Customer": "customer",
    "Invoice": "invoice",
    "Plan": "plan",
    "Subscription": "subscription",
    "Wallet": "wallet",
}
"""Kind of object -> its page."""
SOURCES = {"api": "API", "front": "Back office", "system": "Billwright"}


def _spaced(name: str) -> str:
    """``BillableMetric`` as "Billable metric"."""
    return (
        _WORDS.get(name)
        or "".join(f" {sign.lower()}" if sign.isupper() else sign for sign in name).strip().capitalize()
    )


def words(activity_type: str) -> str:
    """``invoice.payment_status_updated`` as "Invoice payment status updated"."""
    thing, _, done = activity_type.partition(".")
    shown = thing.replace("_", " ").capitalize()
    first, _, rest = shown.partition(" ")
    shown = _WORDS.get(shown) or f"{_WORDS.get(first, first)} {rest}".strip()
    return f"{shown} {done.replace('_', ' ')}"


FILTERS = (
    Filter(
        "kind", "Kind", "choices", tuple((name, _spaced(name)) for name in (*RESOURCE_TYPES, *_SETTINGS)), quick=True
    ),
    Filter("source", "Through", "choices", tuple(SOURCES.items()), quick=True),
    Filter("member", "Member", "texts", quick=True, hint="E-mail addresses, separated by commas."),
    Filter("day", "Day", "dates", quick=True, hint="Days in UTC."),
    Filter("activity", "Activity", "choices", tuple((name, words(name)) for name in ACTIVITY_TYPES)),
    Filter("customer", "Customer", "text", hint="External id, whole."),
    Filter("subscription", "Subscription", "text", hint="External id, whole."),
)


async def log_list(view: View) -> Response:
    """``GET /{slug}/developers/activity-logs``: newest first; ``?id=`` shows one change in full."""
    if view.query("id"):
        return await _change(view)
    filters = read_filters(view.url, FILTERS)
    since, until = filters.span("day")
    data = await view.ask(
        "ActivityLogList",
        **view.paging(),
        fromDate=since,
        toDate=until,
        activityTypes=filters.many("activity"),
        activitySources=filters.many("source"),
        userEmails=filters.many("member"),
        externalCustomerId=filters.one("customer"),
        externalSubscriptionId=filters.one("subscription"),
        resourceIds=[view.search] if view.search else None,
        resourceTypes=filters.many("kind"),
    )
    found = data["activityLogs"]
    path = f"{view.base}/developers/activity-logs"
    content = {
        "title": "Activity logs",
        "url": view.url,
        "tabs": tabs(view, "activity-logs"),
        "path": path,
        "search": view.query("search"),
        "filters": filters.bar,
        "filtered": bool(filters) or bool(view.search),
        "page": view.pager(found["metadata"]),
        "logs": [_row(path, item) for item in found["collection"]],
        "sample": formatting.curl("GET", f"{view.settings.api_url}/api/v1/activity_logs?activity_types[]=plan.updated"),
        "api": view.api("ActivityLogList", "GET", "/activity_logs?per_page=20"),
    }
    return await view.page("developers/activity_logs.html", "developers", content)


def _row(path: str, item: Data) -> dict[str, Any]:
    return {
        "href": f"{path}?{urlencode({'id': item['activityId']})}",
        "what": words(item["activityType"]),
        "object": item["objectName"],
        "by": _by(item),
        "at": item["loggedAt"],
    }


def _by(item: Data) -> str:
    """Who did it, in a word or an address."""
    if item["activitySource"] == "front":
        return item["userEmail"] or SOURCES["front"]
    if item["activitySource"] == "api":
        return f"API key {item['apiKeyName']}" if item["apiKeyName"] else "API key"
    return SOURCES["system"]


async def _change(view: View) -> Response:
    item = (await view.ask("ActivityLogPage", id=view.query("id")))["activityLog"]
    path = f"{view.base}/developers/activity-logs"
    gone = item["activityType"].endswith(".deleted") and not item["activityType"].startswith("applied_coupon.")
    page = None if gone else _PAGES.get(item["resourceType"])
    content = {
        "title": words(item["activityType"]),
        "url": view.url,
        "back": path,
        "log": {
            "id": item["activityId"],
            "type": item["activityType"],
            "what": words(item["activityType"]),
            "name": item["objectName"],
            "by": _by(item),
            "source": SOURCES[item["activitySource"]],
            "api_key_id": item["apiKeyId"],
            "kind": _spaced(item["resourceType"]),
            "resource_id": item["resourceId"],
            "href": f"{view.base}/{page}/{item['resourceId']}" if page else None,
            "more": f"{path}?{urlencode({'search': item['resourceId']})}",
            "customer": item["externalCustomerId"],
            "subscription": item["externalSubscriptionId"],
            "at": item["loggedAt"],
            "before": gone,
            "changes": change_lines(item["activityObjectChanges"]),
            "object": formatting.json_text(item["activityObject"]),
        },
        "api": view.api("ActivityLogPage", "GET", f"/activity_logs/{item['activityId']}"),
    }
    return await view.page("developers/activity_log.html", "developers", content)
