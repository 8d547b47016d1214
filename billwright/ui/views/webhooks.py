"""Webhook endpoints and the log of their deliveries (spec 07 §7.9, 06 §16)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from billwright.billing.notifications.event_types import EVENT_TYPES
from billwright.ui import formatting
from billwright.ui.components import status_of
from billwright.ui.filters import Filter, read_filters
from billwright.ui.views.developers import tabs
from billwright.ui.views.keys import masked
from billwright.ui.views.support import View
from billwright.ui.views.words import field_errors, in_words, toast_words

STATUSES = ("pending", "retrying", "succeeded", "failed")
FILTERS = (
    Filter("type", "Event", "choices", [(name, name) for name in EVENT_TYPES], quick=True),
    Filter("answer", "Answer", "texts", quick=True, hint="404, 4xx, 200-204 or timeout, separated by commas."),
    Filter("day", "Day", "dates", quick=True, hint="Days in UTC on which they were last touched."),
)
"""Filters of the log beside its states (spec 07 §7.5)."""
_ANSWERS = re.compile(r"timeout|[1-5]xx|\d{3}(\s*-\s*\d{3})?", re.IGNORECASE)
_NO_ANSWER = "000"
"""What no server answers: asked for where nothing that was written can be an answer."""


def _href(view: View, endpoint: str) -> str:
    return f"{view.base}/developers/webhooks/{endpoint}"


async def endpoint_list(view: View) -> Response:
    """``GET /{slug}/developers/webhooks``."""
    data = await view.ask("WebhookEndpointList", **view.paging(), searchTerm=view.search or None)
    found = data["webhookEndpoints"]
    content = {
        "title": "Webhooks",
        "url": view.url,
        "tabs": tabs(view, "webhooks"),
        "search": view.query("search"),
        "filtered": bool(view.search),
        "endpoints": [
            {
                "id": item["id"],
                "href": _href(view, item["id"]),
                "name": item["name"] or item["webhookUrl"],
                "url": item["webhookUrl"],
                "types": _types(item["eventTypes"]),
                "signature": item["signatureAlgo"],
                "created_at": item["createdAt"],
            }
            for item in found["collection"]
        ],
        "page": view.pager(found["metadata"]),
        "hmac": _hmac(data),
        "full": found["metadata"]["totalCount"] >= 10,
    }
    return await view.page("developers/webhooks.html", "developers", content)


def _hmac(data: Mapping[str, Any]) -> dict[str, str] | None:
    """The organization's HMAC key: all of it to be copied, its end to be seen."""
    key = data["organization"]["hmacKey"]
    return {"value": key, "masked": masked(key)} if key else None


def _types(types: Sequence[str] | None) -> str:
    if types is None:
        return "All types"
    return f"{len(types)} type{'' if len(types) == 1 else 's'}" if types else "None"


# --- form ----------------------------------------------------------------------------------------------------------


async def new_endpoint(view: View) -> Response:
    """``GET /{slug}/developers/webhooks/new``."""
    values = {"url": "", "name": "", "signature": "jwt"}
    return await _form(view, None, values, None, {})


async def edit_endpoint(view: View) -> Response:
    """``GET /{slug}/developers/webhooks/{id}/edit``."""
    data = await view.ask("WebhookEndpointForm", id=view.path("endpoint"))
    item = data["webhookEndpoint"]
    values = {"url": item["webhookUrl"], "name": item["name"] or "", "signature": item["signatureAlgo"]}
    return await _form(view, item, values, item["eventTypes"], {}, data=data)


async def create(view: View) -> Response:
    """``POST /{slug}/developers/webhooks``."""
    values, types = _posted(view)
    outcome = await view.change("CreateWebhookEndpoint", **_input(values, types))
    if not outcome.ok:
        return await _form(view, None, values, types, outcome.fields, outcome.code)
    return view.redirect(_href(view, outcome.data["createWebhookEndpoint"]["id"]), ("positive", "Webhook created"))


async def change(view: View) -> Response:
    """``POST /{slug}/developers/webhooks/{id}/edit``."""
    data = await view.ask("WebhookEndpointForm", id=view.path("endpoint"))
    values, types = _posted(view)
    outcome = await view.change("UpdateWebhookEndpoint", id=view.path("endpoint"), **_input(values, types))
    if not outcome.ok:
        return await _form(view, data["webhookEndpoint"], values, types, outcome.fields, outcome.code, data=data)
    return view.redirect(_href(view, view.path("endpoint")), ("positive", "Saved"))


async def delete(view: View) -> Response:
    """``POST /{slug}/developers/webhooks/{id}/delete``."""
    outcome = await view.change("DestroyWebhookEndpoint", id=view.path("endpoint"))
    toast = ("positive", "Webhook deleted") if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    return view.redirect(f"{view.base}/developers/webhooks", toast)


def _posted(view: View) -> tuple[dict[str, str], list[str] | None]:
    values = {name: view.posted(name) for name in ("url", "name", "signature")}
    types = [str(value) for value in view.form.getlist("type")]
    return values, None if view.posted("all") == "yes" else types


def _input(values: Mapping[str, str], types: list[str] | None) -> dict[str, Any]:
    return {
        "webhookUrl": values["url"],
        "name": values["name"] or None,
        "signatureAlgo": "hmac" if values["signature"] == "hmac" else "jwt",
        "eventTypes": types,
    }


async def _form(
    view: View,
    endpoint: Mapping[str, Any] | None,
    values: Mapping[str, str],
    types: Sequence[str] | None,
    fields: Mapping[str, list[str]],
    code: str | None = None,
    *,
    data: Mapping[str, Any] | None = None,
) -> Response:
    found: Mapping[str, Any] = data if data is not None else await view.ask("NewWebhookEndpoint")
    groups: dict[str, list[dict[str, Any]]] = {}
    for item in found["eventTypes"]:
        groups.setdefault(item["category"], []).append(
            {"name": item["name"], "on": types is None or item["name"] in types}
        )
    errors = field_errors(fields)
    known = {"webhookUrl": "url", "name": "name", "signatureAlgo": "signature", "eventTypes": "types"}
    content = {
        "title": "Edit webhook" if endpoint else "New webhook",
        "url": view.url,
        "heading": (endpoint["name"] or endpoint["webhookUrl"]) if endpoint else "New webhook",
        "action": f"{_href(view, endpoint['id'])}/edit" if endpoint else f"{view.base}/developers/webhooks",
        "back": _href(view, endpoint["id"]) if endpoint else f"{view.base}/developers/webhooks",
        "submit": "Save" if endpoint else "Create webhook",
        "values": values,
        "all": types is None,
        "groups": [{"name": name.replace("_", " ").capitalize(), "types": items} for name, items in groups.items()],
        "hmac": _hmac(found),
        "errors": {form: errors.get(name) for name, form in known.items()},
        "error": next((text for name, text in errors.items() if name not in known), None)
        or (in_words(code) if code and not errors else None),
    }
    return await view.page("developers/webhook_form.html", "developers", content, status_code=422 if code else 200)


# --- log -----------------------------------------------------------------------------------------------------------


async def log(view: View) -> Response:
    """``GET /{slug}/developers/webhooks/{id}``: deliveries, last touched first."""
    return await _log(view)


async def _log(view: View, toast: tuple[str, str] | None = None) -> Response:
    endpoint_id = view.path("endpoint")
    status = view.query("status") if view.query("status") in STATUSES else None
    filters = read_filters(view.url, FILTERS)
    since, until = filters.span("day")
    answers = filters.many("answer")
    data = await view.ask(
        "WebhookLog",
        id=endpoint_id,
        **view.paging(),
        searchTerm=view.search or None,
        statuses=[status] if status else None,
        eventTypes=filters.many("type"),
        httpStatuses=answers and ([each for each in answers if _ANSWERS.fullmatch(each)] or [_NO_ANSWER]),
        fromDate=since and f"{since}T00:00:00Z",
        toDate=until and f"{until}T23:59:59.999999Z",
    )
    endpoint, found = data["webhookEndpoint"], data["webhooks"]
    base = _href(view, endpoint_id)
    content = {
        "title": endpoint["name"] or endpoint["webhookUrl"],
        "url": view.url,
        "endpoint": {
            "id": endpoint["id"],
            "href": base,
            "name": endpoint["name"] or endpoint["webhookUrl"],
            "url": endpoint["webhookUrl"],
            "types": _types(endpoint["eventTypes"]),
            "signature": endpoint["signatureAlgo"],
        },
        "search": view.query("search"),
        "quick": [
            {
                "label": status_of("delivery", each).word if each else "All",
                "href": formatting.url_with(view.url, status=each, page=None),
                "current": status == each,
                "count": None,
            }
            for each in (None, *STATUSES)
        ],
        "filters": filters.bar,
        "filtered": bool(status or filters or view.search),
        "deliveries": [
            {
                "id": item["id"],
                "href": f"{base}/log/{item['id']}",
                "type": item["webhookType"],
                "object": f"{item['objectType']} {item['objectId'] or ''}".strip(),
                "status": item["status"],
                "answer": item["httpStatus"],
                "retries": item["retries"],
                "at": item["updatedAt"],
            }
            for item in found["collection"]
        ],
        "page": view.pager(found["metadata"]),
        "waiting": any(item["status"] in ("pending", "retrying") for item in found["collection"]),
    }  # fmt: skip
    return await view.page("developers/webhook.html", "developers", content, toast=toast)


async def delivery(view: View) -> Response:
    """``GET /{slug}/developers/webhooks/{id}/log/{delivery}``."""
    item = (await view.ask("WebhookDelivery", id=view.path("delivery")))["webhook"]
    base = _href(view, view.path("endpoint"))
    content = {
        "title": item["webhookType"],
        "url": view.url,
        "back": base,
        "delivery": {
            "id": item["id"],
            "type": item["webhookType"],
            "status": item["status"],
            "retries": item["retries"],
            "answer": item["httpStatus"],
            "endpoint": item["endpoint"],
            "payload": _pretty(item["payload"]),
            "response": item["response"] or "",
            "created_at": item["createdAt"],
            "updated_at": item["updatedAt"],
            "next_at": item["nextAttemptAt"],
        },
        "retry": f"{base}/log/{item['id']}/retry" if item["status"] != "succeeded" else None,
    }
    return await view.page("developers/delivery.html", "developers", content)


async def retry(view: View) -> Response:
    """``POST /{slug}/developers/webhooks/{id}/log/{delivery}/retry``."""
    outcome = await view.change("RetryWebhook", id=view.path("delivery"))
    toast = ("positive", "It is sent again") if outcome.ok else ("negative", toast_words(outcome.code, outcome.fields))
    return view.redirect(f"{_href(view, view.path('endpoint'))}/log/{view.path('delivery')}", toast)


def _pretty(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except ValueError:
        return payload
